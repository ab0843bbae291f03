// SPDX-License-Identifier: MIT
// PCI configuration space, reached through ports 0xcf8 and 0xcfc, which dom0
// uses too (its accesses come here, so that the two of us do not spoil each
// other's address). The extended space, and segments other than 0, are dom0's
// alone, which maps them.
#include <wabe/cpu.h>
#include <wabe/irq.h>
#include <wabe/lock.h>

#define PORT_ADDRESS 0xcf8
#define PORT_DATA 0xcfc

#define REG_STATUS 0x06
#define STATUS_CAPABILITIES BIT(4)
#define REG_CAPABILITIES 0x34
// Capabilities fit into the 192 bytes behind the header, 4 bytes at least.
#define CAPABILITIES_MAX 48

// The pair of ports. Innermost of all locks but console_lock.
static lock_t ports_lock;

u32 port_in(u16 port, u32 bytes)
{
	return bytes == 1 ? inb(port) : bytes == 2 ? inw(port) : inl(port);
}

void port_out(u16 port, u32 bytes, u32 value)
{
	if (bytes == 1) {
		outb(port, value);
	} else if (bytes == 2) {
		outw(port, value);
	} else {
		outl(port, value);
	}
}

u32 pci_read(u32 address, u32 bytes)
{
	u32 value;

	if (!(address & PCI_ENABLE)) {
		return ~0u;
	}
	lock(&ports_lock);
	outl(PORT_ADDRESS, address & ~3u);
	value = port_in(PORT_DATA + (address & 3), bytes);
	unlock(&ports_lock);
	return value;
}

void pci_write(u32 address, u32 bytes, u32 value)
{
	if (!(address & PCI_ENABLE)) {
		return;
	}
	lock(&ports_lock);
	outl(PORT_ADDRESS, address & ~3u);
	port_out(PORT_DATA + (address & 3), bytes, value);
	unlock(&ports_lock);
}

u32 pci_capability(u16 bdf, u8 id)
{
	u32 at, head;

	if (pci_read(PCI_ADDRESS(bdf, 0), 2) == 0xffff ||
	    !(pci_read(PCI_ADDRESS(bdf, REG_STATUS), 2) &
	      STATUS_CAPABILITIES)) {
		return 0;
	}
	at = pci_read(PCI_ADDRESS(bdf, REG_CAPABILITIES), 1) & ~3u;
	for (u32 n = 0; n < CAPABILITIES_MAX && at >= 0x40; n++) {
		head = pci_read(PCI_ADDRESS(bdf, at), 2);
		if ((head & 0xff) == id) {
			return at;
		}
		at = head >> 8 & 0xfc;
	}
	return 0;
}
