// SPDX-License-Identifier: MIT
// physdev_op (public header physdev.h): what dom0 asks about the machine's
// interrupts and PCI functions. The hypervisor programs interrupt
// controllers; everything else of PCI is dom0's.
#include <wabe/irq.h>
#include <wabe/pirq.h>

#include <xen/physdev.h>

#include "subop.h"

static long op_eoi(struct domain *d, void *arg)
{
	return pirq_eoi(d, ((struct physdev_eoi *)arg)->irq);
}

// A number with nothing behind it needs nothing.
static long op_irq_status_query(struct domain *d, void *arg)
{
	struct physdev_irq_status_query *q = arg;

	if (q->irq >= PIRQS) {
		return -EINVAL;
	}
	q->flags = pirq_needs_eoi(d, q->irq) > 0 ? XENIRQSTAT_needs_eoi : 0;
	return 0;
}

// Any PV kernel may raise its I/O privilege level: what it may then do is
// decided by who it is (x86/emul_io.c).
static long op_set_iopl(struct domain *d, void *arg)
{
	u32 iopl = ((struct physdev_set_iopl *)arg)->iopl;

	if (iopl > 3) {
		return -EINVAL;
	}
	current_vcpu()->iopl = (u8)iopl;
	return 0;
}

// A bitmap of ports that the vCPU's user mode may use (clear bits).
static long op_set_iobitmap(struct domain *d, void *arg)
{
	const struct physdev_set_iobitmap *q = arg;
	u64 bitmap = HANDLE_GVA(q->bitmap).a;

	if (q->nr_ports > 0x10000 || !guest_range_ok(bitmap, 0x10000 / 8)) {
		return -EINVAL;
	}
	current_vcpu()->io_bitmap = bitmap;
	current_vcpu()->io_ports = q->nr_ports;
	return 0;
}

static long op_apic_read(struct domain *d, void *arg)
{
	struct physdev_apic *q = arg;

	return ioapic_read(q->apic_physbase, q->reg, &q->value);
}

// The vector a line has is the hypervisor's business; the ABI hands one out
// all the same, and the guest gives it to nobody.
static long op_alloc_irq_vector(struct domain *d, void *arg)
{
	struct physdev_irq *q = arg;

	q->vector = q->irq;
	return q->irq < ioapic_gsi_count() ? 0 : -EINVAL;
}

static int map_msi(struct domain *d, const struct physdev_map_pirq *q)
{
	u16 bdf = (u16)((q->bus & 0xff) << 8 | (q->devfn & 0xff));
	u16 segment = q->type == MAP_PIRQ_TYPE_MSI ? 0 : (u16)(q->bus >> 16);

	if (q->entry_nr < 0 || q->entry_nr > 0x7ff) {
		return -EINVAL;
	}
	return pirq_map_msi(d, q->pirq, segment, bdf, q->table_base != 0,
			    (u16)q->entry_nr);
}

// Guests have no devices.
static bool is_own(domid_t id)
{
	return id == DOMID_SELF || id == current_domain()->id;
}

static long op_map_pirq(struct domain *d, void *arg)
{
	struct physdev_map_pirq *q = arg;
	int got = -EINVAL;

	if (!is_own(q->domid)) {
		return -EOPNOTSUPP;
	}
	switch (q->type) {
	case MAP_PIRQ_TYPE_GSI:
		got = pirq_map_gsi(d, q->index, q->pirq);
		break;
	case MAP_PIRQ_TYPE_MSI:
	case MAP_PIRQ_TYPE_MSI_SEG:
		got = map_msi(d, q);
		break;
	case MAP_PIRQ_TYPE_MULTI_MSI: // drivers fall back to one message
		got = -EOPNOTSUPP;
	}
	q->pirq = got;
	return MIN(got, 0);
}

static long op_unmap_pirq(struct domain *d, void *arg)
{
	const struct physdev_unmap_pirq *q = arg;

	return is_own(q->domid) ? pirq_unmap(d, q->pirq) : -EOPNOTSUPP;
}

static long op_setup_gsi(struct domain *d, void *arg)
{
	const struct physdev_setup_gsi *q = arg;

	return pirq_setup_gsi(q->gsi, q->triggering, q->polarity);
}

static long op_get_free_pirq(struct domain *d, void *arg)
{
	int got = pirq_reserve(d);

	((struct physdev_get_free_pirq *)arg)->pirq = (u32)got;
	return MIN(got, 0);
}

static long op_restore_msi_ext(struct domain *d, void *arg)
{
	const struct physdev_pci_device *q = arg;

	return pirq_restore_msi(d, q->seg, (u16)(q->bus << 8 | q->devfn));
}

// There is nothing to keep about a function: dom0 has them all, and the MSI-X
// table is found when it is needed.
static long known(struct domain *d, void *arg)
{
	return 0;
}

#define OP(op, type, flags) \
	[PHYSDEVOP_##op] = {op_##op, sizeof(struct physdev_##type), flags}
#define KNOWN(op) [PHYSDEVOP_##op] = {known, sizeof(u16), SUBOP_DOM0}

// Not there: pirq_eoi_gmfn (irq_status_query tells instead).
static const struct subop operations[] = {
    OP(irq_status_query, irq_status_query, SUBOP_OUT),
    OP(set_iobitmap, set_iobitmap, 0),
    OP(apic_read, apic, SUBOP_DOM0 | SUBOP_OUT),
    OP(alloc_irq_vector, irq, SUBOP_DOM0 | SUBOP_OUT),
    OP(eoi, eoi, 0),
    OP(map_pirq, map_pirq, SUBOP_DOM0 | SUBOP_OUT),
    OP(unmap_pirq, unmap_pirq, SUBOP_DOM0),
    OP(setup_gsi, setup_gsi, SUBOP_DOM0),
    OP(get_free_pirq, get_free_pirq, SUBOP_DOM0 | SUBOP_OUT),
    OP(restore_msi_ext, pci_device, SUBOP_DOM0),
    KNOWN(manage_pci_add),
    KNOWN(manage_pci_remove),
    KNOWN(manage_pci_add_ext),
    KNOWN(pci_mmcfg_reserved),
    KNOWN(pci_device_add),
    KNOWN(pci_device_remove),
    KNOWN(prepare_msix),
    KNOWN(release_msix),
};

long call_physdev_op(u64 op, u64 arg, u64 a2, u64 a3, u64 a4)
{
	struct physdev_set_iopl iopl;

	if ((u32)op == PHYSDEVOP_set_iopl) { // at each switch of some kernels
		return copy_from_guest(&iopl, GVA(arg), sizeof(iopl))
			   ? -EFAULT
			   : op_set_iopl(NULL, &iopl);
	}
	return subop_run(operations, ARRAY_SIZE(operations), (u32)op, GVA(arg));
}

// The old form: the operation's number and its argument in one structure.
#define OLD_OPS                                                      \
	(BIT(PHYSDEVOP_irq_status_query) | BIT(PHYSDEVOP_set_iopl) | \
	 BIT(PHYSDEVOP_set_iobitmap) | BIT(PHYSDEVOP_apic_read) |    \
	 BIT(PHYSDEVOP_alloc_irq_vector))

long call_physdev_op_compat(u64 arg, u64 a1, u64 a2, u64 a3, u64 a4)
{
	u32 op;

	if (copy_from_guest(&op, GVA(arg), sizeof(op))) {
		return -EFAULT;
	}
	return op < 64 && (OLD_OPS & BIT(op))
		   ? call_physdev_op(op, arg + offsetof(struct physdev_op, u),
				     0, 0, 0)
		   : -EINVAL;
}
