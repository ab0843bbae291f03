// SPDX-License-Identifier: MIT
// Exceptions from kernel mode.
#include "traps.h"

#define SAY(name, ...)            \
	do {                      \
		TRY(__VA_ARGS__); \
		say(name);        \
	} while (0)

static void faults(void)
{
	volatile u32 word = 0x037b; // x87: division by zero not masked
	u32 zero = 0;

	SAY("division by zero", "div %0", : : "r"(zero) : "rax", "rdx");
	SAY("ud2", "ud2", :);
	SAY("lock nop", ".byte 0xf0, 0x90", :);
	SAY("non-canonical load", "mov (%0), %%al", : : "r"(1UL << 62) : "rax");
	SAY("non-canonical load by rbp",
	    "mov %%rbp, %%rbx; mov %0, %%rbp;"
	    "movq $772f, trap_resume(%%rip); mov (%%rbp), %%al;"
	    "772: mov %%rbx, %%rbp",
	    :
	    : "r"(1UL << 62)
	    : "rax", "rbx");
	SAY("read of an absent page", "mov (%0), %%al",
	    :
	    : "r"(page_np)
	    : "rax");
	SAY("write to an absent page", "movb $0, (%0)", : : "r"(page_np));
	SAY("write to a read-only page", "movb $0, (%0)", : : "r"(page_ro));
	SAY("jump to an absent page", "jmp *%0", : : "r"(page_np));
	SAY("jump to a no-execute page", "jmp *%0", : : "r"(page_nx));
	SAY("read of the hypervisor", "mov (%0), %%al",
	    :
	    : "r"(0xffff830000000000UL)
	    : "rax");
	SAY("write to m2p", "movb $0, (%0)", : : "r"(machine_to_phys_mapping));
	SAY("x87 division by zero",
	    "fninit; fldcw %0; fld1; fldz; fdivrp; fwait; fninit",
	    :
	    : "m"(word));
	asm volatile("fninit");
	ok(!CALL(fpu_taskswitch, 1, 0, 0, 0, 0), "fpu_taskswitch(1)");
	SAY("x87 after fpu_taskswitch(1)", "fnop", :);
	SAY("x87 again", "fnop", :);
	ok(!CALL(fpu_taskswitch, 0, 0, 0, 0, 0), "fpu_taskswitch(0)");
	SAY("x87 after fpu_taskswitch(0)", "fnop", :);
}

static void software(void)
{
	SAY("int3", "int3", :);
	SAY("int $3", ".byte 0xcd, 3", :);
	SAY("int $4", "int $4", :);
	SAY("int1", ".byte 0xf1", :);
	SAY("int $0x80, gate for user", "int $0x80", :);
	SAY("int $0x81, gate for kernel", "int $0x81", :);
	SAY("int $0x82, no gate", "int $0x82", :);
	SAY("int $14, gate for kernel", "int $14", :);
	SAY("int $2, gate for kernel", "int $2", :);
	SAY("single step", "pushfq; orl $0x100, (%%rsp); popfq; nop; nop", :);
	printf("dr6 %lx\n", (u64)CALL(get_debugreg, 6, 0, 0, 0, 0));
}

void kernel_traps(void)
{
	printf("kernel mode\n");
	faults();
	software();
}

// Where the frame is, and what the handler starts with.
void kernel_frames(void)
{
	for (int shift = 0; shift < 32; shift += 8) {
		u64 rsp = 0;

		TRY("mov %%rsp, %%rbx; sub %1, %%rsp; mov %%rsp, %0;"
		    "movq $772f, trap_resume(%%rip); ud2;"
		    "772: mov %%rbx, %%rsp",
		    : "=&r"(rsp)
		    : "r"((u64)shift)
		    : "rbx");
		ok(trap_last.regs.rsp == rsp, "the frame has rsp");
		printf("rsp %lx: frame %lx below\n", rsp & 15,
		       (rsp & ~15) - trap_last.entry_rsp);
	}
	TRY("mov (%0), %%al", : : "r"(page_np) : "rax");
	printf("with an error code: frame %lx below\n",
	       (trap_last.regs.rsp & ~15) - trap_last.entry_rsp);
	TRY("pushfq; orl $0x240400, (%%rsp); popfq; ud2", :);
	printf("flags %lx become %lx, cs %lx ss %lx\n",
	       trap_last.regs.rflags & ~ARITHMETIC,
	       trap_last.entry_rflags & ~ARITHMETIC, trap_last.entry_cs,
	       trap_last.entry_ss);
	asm volatile("pushfq; andl $~0x240400, (%%rsp); popfq" ::: "cc");
}

static void say_mask(const char *name, u8 mask)
{
	u64 flags;

	vcpu_info()->evtchn_upcall_mask = mask;
	TRY("ud2", :);
	asm volatile("pushfq; pop %0" : "=r"(flags));
	printf(
	    "%s, mask %d: frame %x IF %d, handler %x IF %d, after %x IF %d\n",
	    name, mask, trap_last.regs.mask,
	    !!(trap_last.regs.rflags & RFLAGS_IF), trap_last.entry_mask,
	    !!(trap_last.entry_rflags & RFLAGS_IF),
	    vcpu_info()->evtchn_upcall_mask, !!(flags & RFLAGS_IF));
}

static bool change_if(struct regs *regs)
{
	if (regs->vector != 3) {
		return false;
	}
	regs->rflags ^= RFLAGS_IF;
	return true;
}

void masks(void)
{
	say_mask("interrupt gate", 0);
	say_mask("interrupt gate", 1);
	trap_install(6, 0, trap_stubs[6]);
	say_mask("trap gate", 0);
	say_mask("trap gate", 1);
	trap_install(6, 4, trap_stubs[6]);
	trap_hook = change_if;
	vcpu_info()->evtchn_upcall_mask = 0;
	asm volatile("int3" ::: "memory");
	printf("IF cleared by iret: mask %x\n",
	       vcpu_info()->evtchn_upcall_mask);
	asm volatile("int3" ::: "memory");
	printf("IF set by iret: mask %x\n", vcpu_info()->evtchn_upcall_mask);
	trap_hook = NULL;
	events_mask();
	TRY("cli", :);
	vcpu_info()->evtchn_upcall_mask = 0;
	TRY("cli", :);
	printf("cli: trap %s, mask %x\n", trap_name(trap_last.vector),
	       vcpu_info()->evtchn_upcall_mask);
	events_mask();
	TRY("sti", :);
	printf("sti: trap %s, mask %x\n", trap_name(trap_last.vector),
	       vcpu_info()->evtchn_upcall_mask);
	TRY("pushfq; andl $~0x200, (%%rsp); popfq", :);
	printf("popf without IF: trap %s, mask %x\n",
	       trap_name(trap_last.vector), vcpu_info()->evtchn_upcall_mask);
}

static u64 gdt[512] __attribute__((aligned(4096)));

static void say_selector(const char *name, u16 value)
{
	u16 old;

	asm volatile("mov %%ds, %0" : "=r"(old));
	TRY("mov %0, %%ds", : : "r"(value));
	printf("ds = %s: %s(%x)\n", name, trap_name(trap_last.vector),
	       trap_last.error);
	asm volatile("mov %0, %%ds" : : "r"(old));
}

void selectors(void)
{
	u64 frame;
	u16 ds;

	say_selector("flat ring 3 data", FLAT_RING3_DS64 | 0xe02b);
	say_selector("the hypervisor's data", 0xe010);
	say_selector("the hypervisor's code", 0xe008);
	say_selector("flat ring 3 code", 0xe033);
	say_selector("a table without entries", 0x13);
	say_selector("behind the table", 0xfffb);
	say_selector("a local table without entries", 0x17);
	gdt[1] = 0x00cff3000000ffff; // writable data for ring 3
	gdt[2] = 0x00cf73000000ffff; // not present
	gdt[3] = 0x00cf93000000ffff; // for ring 0
	gdt[4] = 0x00cff7000000ffff; // expand-down
	page_protect(gdt);
	frame = virt_to_mfn(gdt);
	printf("set_gdt: %s\n",
	       error_name(CALL(set_gdt, &frame, 512, 0, 0, 0)));
	say_selector("own data", 0xb);
	say_selector("own, not present", 0x13);
	say_selector("own, for ring 0", 0x1b);
	say_selector("own, expand-down", 0x23);
	say_selector("own, empty", 0x2b);
	TRY("mov %w0, %%ss", : : "r"((u16)0x13));
	printf("ss = not present: %s(%x)\n", trap_name(trap_last.vector),
	       trap_last.error);
	TRY("mov %w0, %%ss", : : "r"((u16)0));
	printf("ss = null: %s(%x)\n", trap_name(trap_last.vector),
	       trap_last.error);
	asm volatile("mov %w0, %%ds" : : "r"((u16)0xb));
	TRY("ud2", :);
	asm volatile("mov %%ds, %0" : "=r"(ds));
	printf("ds after a trap: %x\n", ds);
	asm volatile("mov %w0, %%ds" : : "r"((u16)0));
	printf("update_descriptor: %s\n",
	       error_name(CALL(update_descriptor, maddr_of(&gdt[5]), gdt[1], 0,
			       0, 0)));
	say_selector("the updated one", 0x2b);
	printf("a call gate: %s\n",
	       error_name(CALL(update_descriptor, maddr_of(&gdt[6]),
			       0x0000ec000008f000, 0, 0, 0)));
	printf("a ring 0 code segment: %s, now %lx\n",
	       error_name(CALL(update_descriptor, maddr_of(&gdt[7]),
			       0x00af9b000000ffff, 0, 0, 0)),
	       gdt[7]);
	TRY("movq $0, %0", : "=m"(gdt[1]));
	say("a store to the live table");
}
