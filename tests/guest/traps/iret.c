// SPDX-License-Identifier: MIT
// The iret hypercall.
#include "traps.h"

// irets to the next instruction with these; TRAP_FAILSAFE if refused.
static struct {
	u64 rax, rcx, r11, rflags, cs, ss;
} after;

static void iret_try(u64 cs, u64 ss, u64 rflags, u64 vgcf)
{
	memset(&after, 0, sizeof(after));
	TRY("mov %%rsp, %%rax; push %1; push %%rax; push %2; push %0;"
	    "pushq $773f; push %3; pushq $0x33; pushq $0x22; pushq $0x11;"
	    "jmp hypercall_iret; 773:"
	    "mov %%rax, after; mov %%rcx, after + 8; mov %%r11, after + 16;"
	    "pushfq; popq after + 24;"
	    "mov %%cs, after + 32; mov %%ss, after + 40",
	    :
	    : "r"(cs), "r"(ss), "r"(rflags), "r"(vgcf)
	    : "rax", "rcx", "r11", "memory", "cc");
}

static void say_iret(const char *name, u64 cs, u64 ss, u64 rflags, u64 vgcf)
{
	const struct trap_record *t = &trap_last;

	iret_try(cs, ss, rflags, vgcf);
	if (t->vector == TRAP_NONE) {
		printf("iret, %s: rax %lx rcx %s r11 %lx flags %lx cs %lx ss "
		       "%lx mask %x\n",
		       name, after.rax, after.rcx == 0x33 ? "33" : "else",
		       after.r11, after.rflags, after.cs, after.ss,
		       vcpu_info()->evtchn_upcall_mask);
	} else {
		printf("iret, %s: %s(%x) cs %x mask %x ss %lx flags %lx, in "
		       "the handler mask %x, on the %s stack, ds %x es %x\n",
		       name, trap_name(t->vector), t->error, t->regs.cs,
		       t->regs.mask, t->regs.ss, t->regs.rflags, t->entry_mask,
		       t->entry_rsp > (u64)stack_top ? "trap" : "same",
		       t->selectors[0], t->selectors[1]);
	}
	events_mask();
}

void irets(void)
{
	const u64 cs = KERNEL_CS, ss = FLAT_KERNEL_SS;

	say_iret("plain", cs, ss, 0x202, 0);
	say_iret("IF clear", cs, ss, 0x2, 0);
	say_iret("in_syscall", cs, ss, 0x202, VGCF_in_syscall);
	say_iret("rubbish above cs", cs | 0xabcd00110000, ss, 0x202, 0);
	say_iret("IOPL 3", cs, ss, 0x3202, 0);
	say_iret("NT", cs, ss, 0x4202, 0);
	say_iret("RF", cs, ss, 0x10202, 0);
	say_iret("VM", cs, ss, 0x20202, 0);
	say_iret("AC", cs, ss, 0x40202, 0);
	say_iret("ID", cs, ss, 0x200202, 0);
	say_iret("VIF and VIP", cs, ss, 0x180202, 0);
	say_iret("reserved flags", cs, ss, 0xffffffff00008228, 0);
	say_iret("direction and arithmetic", cs, ss, 0xed7, 0);
	asm volatile("cld; pushfq; andl $~0x240400, (%%rsp); popfq" ::: "cc");
	say_iret("cs of ring 1", 0xe031, ss, 0x202, 0);
	say_iret("cs null", 0, ss, 0x202, 0);
	say_iret("cs of a data segment", 0xe028, ss, 0x202, 0);
	say_iret("cs of the hypervisor", 0xe008, ss, 0x202, 0);
	say_iret("cs behind the table", 0xfff8, ss, 0x202, 0);
	say_iret("cs not present", 0x10, ss, 0x202, 0);
	say_iret("cs in an empty local table", 0x14, ss, 0x202, 0);
	say_iret("ss null", cs, 0, 0x202, 0);
	say_iret("ss null, ring 3", cs, 3, 0x202, 0);
	say_iret("ss of ring 0", cs, 0xe028, 0x202, 0);
	say_iret("ss of a code segment", cs, 0xe033, 0x202, 0);
	say_iret("ss of the hypervisor", cs, 0xe010, 0x202, 0);
	say_iret("ss behind the table", cs, 0xfffb, 0x202, 0);
	say_iret("ss not present", cs, 0x13, 0x202, 0);
	say_iret("user's cs null", 3, ss, 0x202, 0);
	say_iret("user's cs not present", 0x13, ss, 0x202, 0);
	say_iret("user's cs of the hypervisor", 0xe00b, ss, 0x202, 0);
	say_iret("user's ss null", USER_CS, 0, 0x202, 0);
	say_iret("own ss", cs, 0xb, 0x202, 0);
	asm volatile("mov %w0, %%ss" : : "r"((u16)FLAT_KERNEL_SS));
	asm volatile("mov %w0, %%ds; mov %w0, %%es" : : "r"((u16)0xe02b));
	say_iret("cs null, events unmasked after it, segments", 0, ss, 0x202,
		 0);
	asm volatile("mov %w0, %%ds; mov %w0, %%es" : : "r"((u16)0));
}
