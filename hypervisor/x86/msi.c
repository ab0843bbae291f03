// SPDX-License-Identifier: MIT
// Message-signalled interrupts: the capability of a PCI function, or its table
// in the case of MSI-X, is programmed here; dom0 only reads it.
//
// Fixed delivery, physical destination, edge: the vector is the data.
#include <wabe/cpu.h>
#include <wabe/irq.h>
#include <wabe/mapcache.h>

#define CAP_MSI 0x05
#define CAP_MSIX 0x11
#define ADDRESS_BASE 0xfee00000u

// MSI capability: control word at +2.
#define MSI_ENABLE BIT(0)
#define MSI_MULTIPLE_MASK (7u << 4)
#define MSI_64BIT BIT(7)
#define MSI_MASKABLE BIT(8)

// MSI-X entry, in 32-bit words.
enum { ENTRY_ADDRESS, ENTRY_ADDRESS_HIGH, ENTRY_DATA, ENTRY_CONTROL };
#define ENTRY_BYTES 16

static u32 msi_control(const struct msi *m)
{
	return pci_read(m->segment, m->bdf, m->cap + 2u, 2);
}

// Machine address of the MSI-X table: from the function's own BAR, not from
// what dom0 says it is.
static u64 msix_table(const struct msi *m)
{
	u32 where = pci_read(m->segment, m->bdf, m->cap + 4u, 4);
	u32 bar_reg = 0x10 + 4 * (where & 7);
	u64 bar = pci_read(m->segment, m->bdf, bar_reg, 4);

	if ((where & 7) > 5 || (bar & 1)) {
		return 0;
	}
	if ((bar & 6) == 4 && (where & 7) < 5) {
		bar |= (u64)pci_read(m->segment, m->bdf, bar_reg + 4, 4) << 32;
	}
	bar &= ~0xfull;
	return bar ? bar + (where & ~7u) : 0;
}

static int msix_setup(struct msi *m)
{
	u64 table;

	if (m->entry > (msi_control(m) & 0x7ff)) {
		return -EINVAL;
	}
	table = msix_table(m);
	if (!table) {
		return -ENXIO;
	}
	m->table = table;
	m->slot = vmap_mmio(table + (u64)m->entry * ENTRY_BYTES, ENTRY_BYTES);
	return m->slot ? 0 : -ENOMEM;
}

int msi_setup(struct msi *m, u16 segment, u16 bdf, bool msix, u16 entry,
	      u16 count, u64 table)
{
	int error = 0;

	*m = (struct msi){.segment = segment,
			  .bdf = bdf,
			  .msix = msix,
			  .entry = entry,
			  .count = count};
	m->cap = (u16)pci_capability(segment, bdf, msix ? CAP_MSIX : CAP_MSI);
	if (!m->cap) {
		return -ENODEV;
	}
	if (msix) {
		error = msix_setup(m);
	} else if (count != 1) {
		return -EINVAL;
	}
	if (!error) {
		msi_mask(m, true);
	}
	return error;
}

static void msi_write_capability(const struct msi *m, u32 address, u32 data)
{
	u32 control = msi_control(m);
	u32 data_at = control & MSI_64BIT ? 12 : 8;

	pci_write(m->segment, m->bdf, m->cap + 4u, 4, address);
	if (control & MSI_64BIT) {
		pci_write(m->segment, m->bdf, m->cap + 8u, 4, 0);
	}
	pci_write(m->segment, m->bdf, m->cap + data_at, 2, data);
	control &= ~MSI_MULTIPLE_MASK;
	pci_write(m->segment, m->bdf, m->cap + 2u, 2,
		  control | (u32)MSI_ENABLE);
}

// Set where the interrupt goes. A message changed while the function sends
// could be torn: an MSI-X entry is masked meanwhile.
void msi_route(struct msi *m, u8 vector, u32 cpu)
{
	u32 address = ADDRESS_BASE | (cpus[cpu]->apic_id & 0xff) << 12;

	if (m->msix) {
		u32 control = m->slot[ENTRY_CONTROL];

		m->slot[ENTRY_CONTROL] = control | 1;
		m->slot[ENTRY_ADDRESS] = address;
		m->slot[ENTRY_ADDRESS_HIGH] = 0;
		m->slot[ENTRY_DATA] = vector;
		m->slot[ENTRY_CONTROL] = control;
	} else {
		msi_write_capability(m, address, vector);
	}
}

// MSI without mask bits cannot be masked here: its event channel is.
void msi_mask(struct msi *m, bool masked)
{
	u32 control, reg, value;

	if (m->msix) {
		control = m->slot[ENTRY_CONTROL];
		m->slot[ENTRY_CONTROL] = masked ? control | 1 : control & ~1u;
		return;
	}
	control = msi_control(m);
	if (control & MSI_MASKABLE) {
		reg = m->cap + (control & MSI_64BIT ? 16u : 12u);
		value = pci_read(m->segment, m->bdf, reg, 4);
		pci_write(m->segment, m->bdf, reg, 4,
			  masked ? value | 1 : value & ~1u);
	}
}

void msi_teardown(struct msi *m)
{
	msi_mask(m, true);
	if (m->msix) {
		vunmap((void *)m->slot, ENTRY_BYTES);
		m->slot = NULL;
	} else {
		pci_write(m->segment, m->bdf, m->cap + 2u, 2,
			  msi_control(m) & ~(u32)MSI_ENABLE);
	}
}
