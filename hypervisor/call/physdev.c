// SPDX-License-Identifier: MIT
// physdev_op (public header physdev.h): what dom0 asks about the machine's
// interrupts and PCI functions. The hypervisor programs interrupt
// controllers; everything else of PCI is dom0's.
#include <wabe/guest.h>
#include <wabe/hypercall.h>
#include <wabe/irq.h>
#include <wabe/pirq.h>

#include <xen/physdev.h>

static long eoi(gva_t arg)
{
	struct physdev_eoi q;

	if (copy_from_guest(&q, arg, sizeof(q))) {
		return -EFAULT;
	}
	return pirq_eoi(current_domain(), q.irq);
}

static long irq_status_query(gva_t arg)
{
	struct physdev_irq_status_query q;
	int needs;

	if (copy_from_guest(&q, arg, sizeof(q))) {
		return -EFAULT;
	}
	if (q.irq >= PIRQS) {
		return -EINVAL;
	}
	needs = pirq_needs_eoi(current_domain(), q.irq);
	// A number with nothing behind it needs nothing.
	q.flags = needs > 0 ? XENIRQSTAT_needs_eoi : 0;
	return copy_to_guest(arg, &q, sizeof(q));
}

// Any PV kernel may raise its I/O privilege level: what it may then do is
// decided by who it is (x86/emul_io.c).
static long set_iopl(gva_t arg)
{
	struct physdev_set_iopl q;

	if (copy_from_guest(&q, arg, sizeof(q))) {
		return -EFAULT;
	}
	if (q.iopl > 3) {
		return -EINVAL;
	}
	current_vcpu()->iopl = (u8)q.iopl;
	return 0;
}

// A bitmap of ports that the vCPU's user mode may use (clear bits).
static long set_iobitmap(gva_t arg)
{
	struct physdev_set_iobitmap q;
	struct vcpu *v = current_vcpu();

	if (copy_from_guest(&q, arg, sizeof(q))) {
		return -EFAULT;
	}
	if (q.nr_ports > 0x10000 ||
	    !guest_range_ok(HANDLE_GVA(q.bitmap).a, 0x10000 / 8)) {
		return -EINVAL;
	}
	v->io_bitmap = HANDLE_GVA(q.bitmap).a;
	v->io_ports = q.nr_ports;
	return 0;
}

static long apic_read(gva_t arg)
{
	struct physdev_apic q;
	int error;

	if (copy_from_guest(&q, arg, sizeof(q))) {
		return -EFAULT;
	}
	error = ioapic_read(q.apic_physbase, q.reg, &q.value);
	return error ? error : copy_to_guest(arg, &q, sizeof(q));
}

// The vector a line has is the hypervisor's business; the ABI hands one out
// all the same, and the guest gives it to nobody.
static long alloc_irq_vector(gva_t arg)
{
	struct physdev_irq q;

	if (copy_from_guest(&q, arg, sizeof(q))) {
		return -EFAULT;
	}
	if (q.irq >= ioapic_gsi_count()) {
		return -EINVAL;
	}
	q.vector = q.irq;
	return copy_to_guest(arg, &q, sizeof(q));
}

static int map_msi(const struct physdev_map_pirq *q)
{
	u16 bdf = (u16)((q->bus & 0xff) << 8 | (q->devfn & 0xff));
	u16 segment = q->type == MAP_PIRQ_TYPE_MSI ? 0 : (u16)(q->bus >> 16);

	if (q->entry_nr < 0 || q->entry_nr > 0x7ff) {
		return -EINVAL;
	}
	return pirq_map_msi(current_domain(), q->pirq, segment, bdf,
			    q->table_base != 0, (u16)q->entry_nr);
}

static long map_pirq(gva_t arg)
{
	struct physdev_map_pirq q;
	int got;

	if (copy_from_guest(&q, arg, sizeof(q))) {
		return -EFAULT;
	}
	if (q.domid != DOMID_SELF && q.domid != current_domain()->id) {
		return -EOPNOTSUPP; // no devices for guests
	}
	switch (q.type) {
	case MAP_PIRQ_TYPE_GSI:
		got = pirq_map_gsi(current_domain(), q.index, q.pirq);
		break;
	case MAP_PIRQ_TYPE_MSI:
	case MAP_PIRQ_TYPE_MSI_SEG:
		got = map_msi(&q);
		break;
	case MAP_PIRQ_TYPE_MULTI_MSI: // drivers fall back to one message
		got = -EOPNOTSUPP;
		break;
	default:
		got = -EINVAL;
	}
	if (got < 0) {
		return got;
	}
	q.pirq = got;
	return copy_to_guest(arg, &q, sizeof(q));
}

static long unmap_pirq(gva_t arg)
{
	struct physdev_unmap_pirq q;

	if (copy_from_guest(&q, arg, sizeof(q))) {
		return -EFAULT;
	}
	if (q.domid != DOMID_SELF && q.domid != current_domain()->id) {
		return -EOPNOTSUPP;
	}
	return pirq_unmap(current_domain(), q.pirq);
}

static long setup_gsi(gva_t arg)
{
	struct physdev_setup_gsi q;

	if (copy_from_guest(&q, arg, sizeof(q))) {
		return -EFAULT;
	}
	return pirq_setup_gsi(q.gsi, q.triggering, q.polarity);
}

static long get_free_pirq(gva_t arg)
{
	struct physdev_get_free_pirq q;
	int got;

	if (copy_from_guest(&q, arg, sizeof(q))) {
		return -EFAULT;
	}
	got = pirq_reserve(current_domain());
	if (got < 0) {
		return got;
	}
	q.pirq = (u32)got;
	return copy_to_guest(arg, &q, sizeof(q));
}

static long restore_msi(gva_t arg)
{
	struct physdev_pci_device q;

	if (copy_from_guest(&q, arg, sizeof(q))) {
		return -EFAULT;
	}
	return pirq_restore_msi(current_domain(), q.seg,
				(u16)(q.bus << 8 | q.devfn));
}

static long privileged_op(u32 op, gva_t arg)
{
	u16 function;

	switch (op) {
	case PHYSDEVOP_apic_read:
		return apic_read(arg);
	case PHYSDEVOP_alloc_irq_vector:
		return alloc_irq_vector(arg);
	case PHYSDEVOP_map_pirq:
		return map_pirq(arg);
	case PHYSDEVOP_unmap_pirq:
		return unmap_pirq(arg);
	case PHYSDEVOP_setup_gsi:
		return setup_gsi(arg);
	case PHYSDEVOP_get_free_pirq:
		return get_free_pirq(arg);
	case PHYSDEVOP_restore_msi_ext:
		return restore_msi(arg);
	// There is nothing to keep about a function: dom0 has them all, and
	// the MSI-X table is found when it is needed.
	case PHYSDEVOP_pci_device_add:
	case PHYSDEVOP_pci_device_remove:
	case PHYSDEVOP_manage_pci_add:
	case PHYSDEVOP_manage_pci_add_ext:
	case PHYSDEVOP_manage_pci_remove:
	case PHYSDEVOP_pci_mmcfg_reserved:
	case PHYSDEVOP_prepare_msix:
	case PHYSDEVOP_release_msix:
		return copy_from_guest(&function, arg, sizeof(function));
	default:
		return -ENOSYS;
	}
}

long call_physdev_op(u64 op, u64 arg, u64 a2, u64 a3, u64 a4)
{
	switch (op) {
	case PHYSDEVOP_eoi:
		return eoi(GVA(arg));
	case PHYSDEVOP_irq_status_query:
		return irq_status_query(GVA(arg));
	case PHYSDEVOP_set_iopl:
		return set_iopl(GVA(arg));
	case PHYSDEVOP_set_iobitmap:
		return set_iobitmap(GVA(arg));
	case PHYSDEVOP_pirq_eoi_gmfn_v1:
	case PHYSDEVOP_pirq_eoi_gmfn_v2:
		return -ENOSYS; // eoi: irq_status_query tells
	default:
		if (!current_domain()->privileged) {
			return -EPERM;
		}
		return privileged_op((u32)op, GVA(arg));
	}
}

// The old form: the operation's number and its argument in one structure.
long call_physdev_op_compat(u64 arg, u64 a1, u64 a2, u64 a3, u64 a4)
{
	u32 op;

	if (copy_from_guest(&op, GVA(arg), sizeof(op))) {
		return -EFAULT;
	}
	switch (op) {
	case PHYSDEVOP_irq_status_query:
	case PHYSDEVOP_set_iopl:
	case PHYSDEVOP_set_iobitmap:
	case PHYSDEVOP_apic_read:
	case PHYSDEVOP_alloc_irq_vector:
		return call_physdev_op(op, arg + offsetof(struct physdev_op, u),
				       0, 0, 0);
	default:
		return -EINVAL;
	}
}
