// SPDX-License-Identifier: MIT
// PCI configuration space. Segment 0 is reached through ports 0xcf8 and 0xcfc,
// which dom0 uses too (its accesses come here, so that the two of us do not
// spoil each other's address); other segments through the memory window that
// ACPI names. The extended space of segment 0 is dom0's alone, which maps it.
#include <wabe/acpi.h>
#include <wabe/cpu.h>
#include <wabe/emul.h>
#include <wabe/irq.h>
#include <wabe/lib.h>
#include <wabe/lock.h>
#include <wabe/mapcache.h>

#define PORT_ADDRESS 0xcf8
#define PORT_DATA 0xcfc
#define ADDRESS_ENABLE BIT(31)

#define REG_STATUS 0x06
#define STATUS_CAPABILITIES BIT(4)
#define REG_CAPABILITIES 0x34
// Capabilities fit into the 192 bytes behind the header, 4 bytes at least.
#define CAPABILITIES_MAX 48

#define FUNCTION_SHIFT 12
#define BUS_SHIFT 20

// The pair of ports. Innermost of all locks but console_lock.
static lock_t ports_lock = LOCK_INIT;

// Windows of acpi_info.mmcfgs, for segments other than 0. Constant after boot.
static volatile u8 *windows[ARRAY_SIZE(acpi_info.mmcfgs)];

void pci_init(void)
{
	for (u32 n = 0; n < acpi_info.mmcfg_count; n++) {
		const struct acpi_mmcfg *m = &acpi_info.mmcfgs[n];
		u64 buses = m->bus_last - m->bus_first + 1;

		if (!m->segment || m->bus_last < m->bus_first) {
			continue;
		}
		windows[n] =
		    vmap_mmio(m->base + ((u64)m->bus_first << BUS_SHIFT),
			      buses << BUS_SHIFT);
		if (!windows[n]) {
			printk("PCI: no room to map segment %u", m->segment);
		}
	}
}

u32 pci_port_read(u32 address, u32 offset, u32 bytes)
{
	u16 port = PORT_DATA + offset;
	u32 value;

	if (!(address & ADDRESS_ENABLE)) {
		return ~0u;
	}
	lock(&ports_lock);
	outl(PORT_ADDRESS, address);
	value = bytes == 1 ? inb(port) : bytes == 2 ? inw(port) : inl(port);
	unlock(&ports_lock);
	return value;
}

void pci_port_write(u32 address, u32 offset, u32 bytes, u32 value)
{
	u16 port = PORT_DATA + offset;

	if (!(address & ADDRESS_ENABLE)) {
		return;
	}
	lock(&ports_lock);
	outl(PORT_ADDRESS, address);
	if (bytes == 1) {
		outb(port, value);
	} else if (bytes == 2) {
		outw(port, value);
	} else {
		outl(port, value);
	}
	unlock(&ports_lock);
}

// Where a register of a segment other than 0 is mapped, or NULL.
static volatile u8 *window_find(u16 segment, u16 bdf, u32 reg)
{
	u8 bus = bdf >> 8;

	for (u32 n = 0; n < acpi_info.mmcfg_count; n++) {
		const struct acpi_mmcfg *m = &acpi_info.mmcfgs[n];

		if (windows[n] && m->segment == segment &&
		    bus >= m->bus_first && bus <= m->bus_last) {
			u64 first = (u64)m->bus_first << 8;

			return windows[n] + ((bdf - first) << FUNCTION_SHIFT) +
			       reg;
		}
	}
	return NULL;
}

// Naturally aligned, inside the space of `segment`?
static bool register_ok(u16 segment, u32 reg, u32 bytes)
{
	return (bytes == 1 || bytes == 2 || bytes == 4) && reg % bytes == 0 &&
	       reg < (segment ? 4096 : 256);
}

static u32 port_address(u16 bdf, u32 reg)
{
	return ADDRESS_ENABLE | (u32)bdf << 8 | (reg & ~3u);
}

u32 pci_read(u16 segment, u16 bdf, u32 reg, u32 bytes)
{
	volatile u8 *p;

	if (!register_ok(segment, reg, bytes)) {
		return ~0u;
	}
	if (!segment) {
		return pci_port_read(port_address(bdf, reg), reg & 3, bytes);
	}
	p = window_find(segment, bdf, reg);
	if (!p) {
		return ~0u;
	}
	return bytes == 1   ? *p
	       : bytes == 2 ? *(volatile u16 *)p
			    : *(volatile u32 *)p;
}

void pci_write(u16 segment, u16 bdf, u32 reg, u32 bytes, u32 value)
{
	volatile u8 *p;

	if (!register_ok(segment, reg, bytes)) {
		return;
	}
	if (!segment) {
		pci_port_write(port_address(bdf, reg), reg & 3, bytes, value);
		return;
	}
	p = window_find(segment, bdf, reg);
	if (!p) {
		return;
	}
	if (bytes == 1) {
		*p = value;
	} else if (bytes == 2) {
		*(volatile u16 *)p = value;
	} else {
		*(volatile u32 *)p = value;
	}
}

u32 pci_capability(u16 segment, u16 bdf, u8 id)
{
	u32 at;

	if (pci_read(segment, bdf, 0, 2) == 0xffff ||
	    !(pci_read(segment, bdf, REG_STATUS, 2) & STATUS_CAPABILITIES)) {
		return 0;
	}
	at = pci_read(segment, bdf, REG_CAPABILITIES, 1) & ~3u;
	for (u32 n = 0; n < CAPABILITIES_MAX && at >= 0x40; n++) {
		u32 head = pci_read(segment, bdf, at, 2);

		if ((head & 0xff) == id) {
			return at;
		}
		at = head >> 8 & 0xfc;
	}
	return 0;
}
