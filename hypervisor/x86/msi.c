// SPDX-License-Identifier: MIT
// Message-signalled interrupts: the capability of a PCI function, or its table
// in the case of MSI-X, is programmed here; dom0 only reads it.
//
// Fixed delivery, physical destination, edge: the vector is the data.
#include <wabe/irq.h>
#include <wabe/mapcache.h>

#define CAP_MSI 0x05
#define CAP_MSIX 0x11
#define ADDRESS_BASE 0xfee00000u

// MSI capability: control word at +2.
#define MSI_ENABLE 1u
#define MSI_MULTIPLE_MASK (7u << 4)
#define MSI_64BIT BIT(7)
#define MSI_MASKABLE BIT(8)

// MSI-X entry, in 32-bit words.
enum { ENTRY_ADDRESS, ENTRY_ADDRESS_HIGH, ENTRY_DATA, ENTRY_CONTROL };
#define ENTRY_BYTES 16

static u32 cap_read(const struct msi *m, u32 at, u32 bytes)
{
	return pci_read(PCI_ADDRESS(m->bdf, m->cap + at), bytes);
}

static void cap_write(const struct msi *m, u32 at, u32 bytes, u32 value)
{
	pci_write(PCI_ADDRESS(m->bdf, m->cap + at), bytes, value);
}

// Machine address of the MSI-X table: from the function's own BAR, not from
// what dom0 says it is. 0: it has none.
static u64 msix_table(const struct msi *m)
{
	u32 where = cap_read(m, 4, 4), index = where & 7;
	u32 bar_at = PCI_ADDRESS(m->bdf, 0x10 + 4 * index);
	u64 bar = pci_read(bar_at, 4);

	if (index > 5 || (bar & 1)) {
		return 0;
	}
	if ((bar & 6) == 4 && index < 5) {
		bar |= (u64)pci_read(bar_at + 4, 4) << 32;
	}
	bar &= ~0xfull;
	return bar ? bar + (where & ~7u) : 0;
}

static int msix_setup(struct msi *m)
{
	u64 table = msix_table(m);

	if (m->entry > (cap_read(m, 2, 2) & 0x7ff)) {
		return -EINVAL;
	}
	if (!table) {
		return -ENXIO;
	}
	m->slot = vmap_mmio(table + (u64)m->entry * ENTRY_BYTES, ENTRY_BYTES);
	return m->slot ? 0 : -ENOMEM;
}

int msi_setup(struct msi *m, u16 bdf, bool msix, u16 entry)
{
	int error;

	*m = (struct msi){.bdf = bdf, .msix = msix, .entry = entry};
	m->cap = pci_capability(bdf, msix ? CAP_MSIX : CAP_MSI);
	if (!m->cap) {
		return -ENODEV;
	}
	error = msix ? msix_setup(m) : 0;
	if (!error) {
		msi_mask(m, true);
	}
	return error;
}

// A message changed while the function sends could be torn: an MSI-X entry is
// masked meanwhile.
void msi_route(struct msi *m, u8 vector, u32 cpu)
{
	u32 address = ADDRESS_BASE | (cpus[cpu]->apic_id & 0xff) << 12;
	u32 control;

	if (m->msix) {
		control = m->slot[ENTRY_CONTROL];
		m->slot[ENTRY_CONTROL] = control | 1;
		m->slot[ENTRY_ADDRESS] = address;
		m->slot[ENTRY_ADDRESS_HIGH] = 0;
		m->slot[ENTRY_DATA] = vector;
		m->slot[ENTRY_CONTROL] = control;
		return;
	}
	control = cap_read(m, 2, 2);
	cap_write(m, 4, 4, address);
	if (control & MSI_64BIT) {
		cap_write(m, 8, 4, 0);
	}
	cap_write(m, control & MSI_64BIT ? 12 : 8, 2, vector);
	cap_write(m, 2, 2, (control & ~MSI_MULTIPLE_MASK) | MSI_ENABLE);
}

// MSI without mask bits cannot be masked here: its event channel is.
void msi_mask(struct msi *m, bool masked)
{
	u32 control, at, value;

	if (m->msix) {
		control = m->slot[ENTRY_CONTROL];
		m->slot[ENTRY_CONTROL] = masked ? control | 1 : control & ~1u;
		return;
	}
	control = cap_read(m, 2, 2);
	if (control & MSI_MASKABLE) {
		at = control & MSI_64BIT ? 16 : 12;
		value = cap_read(m, at, 4);
		cap_write(m, at, 4, masked ? value | 1 : value & ~1u);
	}
}

void msi_teardown(struct msi *m)
{
	msi_mask(m, true);
	if (m->msix) {
		vunmap((void *)m->slot);
	} else {
		cap_write(m, 2, 2, cap_read(m, 2, 2) & ~MSI_ENABLE);
	}
}
