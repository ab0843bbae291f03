// SPDX-License-Identifier: MIT
// Port accesses of guests. dom0's go to the machine, but for the ports the
// hypervisor keeps for itself; another domain reads all ones and its writes
// vanish: no real port is ever touched for it.
//
// One port is different: 0x42, the timer's counter, reads as 0 for domains
// without devices. Linux calibrates against it at boot and gives up at once
// instead of polling a hundred thousand times.
#include <wabe/emul.h>
#include <wabe/guest.h>
#include <wabe/irq.h>
#include <wabe/mapcache.h>
#include <wabe/mmu.h>
#include <wabe/page.h>
#include <wabe/trap.h>

#define PORT_PIT_CHANNEL2 0x42
#define PORT_PIT_MODE 0x43
#define PORT_PCI_ADDRESS 0xcf8
#define PORT_PCI_DATA 0xcfc

// Elements of a string access done at one time; the guest executes the
// instruction again for the rest.
#define STRING_SLICE 256

// Kept from dom0: the interrupt controllers, their trigger modes, the timer
// channels that interrupt.
static bool port_kept(u16 port)
{
	return (port & ~1) == 0x20 || (port & ~1) == 0xa0 ||
	       (port & ~1) == 0x40 || (port & ~1) == 0x4d0 ||
	       serial_owns_port(port);
}

// May dom0 use ports [port, port + bytes)?
static bool ports_open(u16 port, u32 bytes)
{
	for (u32 n = 0; n < bytes; n++) {
		if (port + n > 0xffff || port_kept(port + n)) {
			return false;
		}
	}
	return true;
}

static bool is_pci_data(u16 port, u32 bytes)
{
	return port >= PORT_PCI_DATA && port + bytes <= PORT_PCI_DATA + 4;
}

// What dom0 has chosen by port 0xcf8.
static u32 pci_address(struct domain *d, u16 port)
{
	return (READ_ONCE(d->pci_address) & ~3u) | (port & 3);
}

static u32 port_read(struct domain *d, u16 port, u32 bytes)
{
	if (!d->privileged) {
		return port == PORT_PIT_CHANNEL2 ? 0 : ~0u;
	}
	if (port == PORT_PCI_ADDRESS) {
		return READ_ONCE(d->pci_address);
	}
	if (is_pci_data(port, bytes)) {
		return pci_read(pci_address(d, port), bytes);
	}
	return ports_open(port, bytes) ? port_in(port, bytes) : ~0u;
}

// The timer's mode port commands all channels: dom0 has the third.
static bool write_allowed(u16 port, u32 bytes, u32 value)
{
	if (port <= PORT_PIT_MODE && port + bytes > PORT_PIT_MODE) {
		return port == PORT_PIT_MODE && bytes == 1 && value >> 6 == 2;
	}
	return ports_open(port, bytes);
}

static void port_write(struct domain *d, u16 port, u32 bytes, u32 value)
{
	if (!d->privileged) {
		return;
	}
	if (port == PORT_PCI_ADDRESS && bytes == 4) {
		WRITE_ONCE(d->pci_address, value);
	} else if (is_pci_data(port, bytes)) {
		pci_write(pci_address(d, port), bytes, value);
	} else if (write_allowed(port, bytes, value)) {
		port_out(port, bytes, value);
	}
}

// Ports have no 8-byte accesses: REX.W changes nothing.
static u32 port_bytes(const struct insn *i)
{
	return MIN(i->op_bytes, 4);
}

// Opcodes e4..e7 name the port, ec..ef take it from dx; bit 1: out.
enum emul_outcome emul_in_out(struct vcpu *v, struct cpu_user_regs *regs,
			      const struct insn *i)
{
	u16 port = i->opcode & 8 ? regs->dx : (u8)i->imm;
	u32 bytes = port_bytes(i);

	if (i->opcode & 2) {
		port_write(v->domain, port, bytes,
			   regs->eax & bytes_mask(bytes));
	} else {
		gpr_set_sized(regs, 0, bytes, true,
			      port_read(v->domain, port, bytes));
	}
	return EMUL_DONE;
}

// A string access could not reach the guest's memory: its fault, with the
// error code that the processor would have given.
static enum emul_outcome string_fault(struct vcpu *v, u64 a, bool write)
{
	u64 root = v->kernel_mode ? v->kernel_root : v->user_root;
	u32 code = PFEC_U | (write ? PFEC_W : 0);
	struct pt_walk walk;

	if (!guest_addr_ok(a)) {
		return EMUL_REFUSED;
	}
	if (pt_walk(root, a, &walk) == 0 && (walk.entry & PTE_P)) {
		code |= PFEC_P;
	}
	trap_inject_pf(a, code);
	return EMUL_STAY;
}

// Does the bitmap that the kernel gave grant this port? It lies in the kernel's
// address space, which user mode may not have.
static bool port_granted(const struct vcpu *v, u32 port)
{
	u64 a = v->io_bitmap + port / 8, word;
	struct pt_walk walk;
	struct page *p;

	if (port >= v->io_ports || pt_walk(v->kernel_root, a, &walk) ||
	    !(walk.entry & PTE_P)) {
		return false;
	}
	p = page_lookup(pte_mfn(walk.entry));
	if (!p || !page_get(p, v->domain)) {
		return false;
	}
	word = page_read(page_mfn(p), (u32)(a & PAGE_OFFSET_MASK) / 8);
	page_put(p);
	return !(word >> (a % 8 * 8 + port % 8) & 1);
}

bool emul_ports_granted(const struct vcpu *v, const struct cpu_user_regs *regs,
			const struct insn *i)
{
	u32 port =
	    i->opcode >= 0xe4 && i->opcode <= 0xe7 ? (u8)i->imm : regs->dx;
	u32 end = port + port_bytes(i);

	while (port < end && port_granted(v, port)) {
		port++;
	}
	return port == end;
}

// One element of ins. The memory is tried first: what a device has given
// cannot be asked for again.
static bool element_in(struct domain *d, u16 port, u32 bytes, u64 a)
{
	u32 value = 0;

	if (copy_from_guest(&value, GVA(a), bytes) ||
	    copy_to_guest(GVA(a), &value, bytes)) {
		return false;
	}
	value = port_read(d, port, bytes);
	return copy_to_guest(GVA(a), &value, bytes) == 0;
}

static bool element_out(struct domain *d, u16 port, u32 bytes, u64 a)
{
	u32 value = 0;

	if (copy_from_guest(&value, GVA(a), bytes)) {
		return false;
	}
	port_write(d, port, bytes, value);
	return true;
}

// ins writes to es:rdi, outs (bit 1) reads from the segment at rsi.
enum emul_outcome emul_string_io(struct vcpu *v, struct cpu_user_regs *regs,
				 const struct insn *i)
{
	bool out = i->opcode & 2;
	u64 mask = i->address32 ? 0xffffffff : ~0ull;
	u64 base = out ? insn_segment_base(v, i->segment) : 0;
	u64 *pointer = out ? &regs->rsi : &regs->rdi;
	u32 bytes = port_bytes(i);
	u64 step = regs->rflags & RFLAGS_DF ? -(u64)bytes : bytes;

	for (u32 n = 0; n < STRING_SLICE; n++) {
		u64 a = base + (*pointer & mask);

		if (i->rep && !(regs->rcx & mask)) {
			return EMUL_DONE;
		}
		if (!(out ? element_out : element_in)(v->domain, regs->dx,
						      bytes, a)) {
			return string_fault(v, a, !out);
		}
		*pointer = (*pointer + step) & mask;
		if (!i->rep) {
			return EMUL_DONE;
		}
		regs->rcx = (regs->rcx - 1) & mask;
	}
	return EMUL_STAY;
}
