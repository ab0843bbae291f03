// SPDX-License-Identifier: MIT
// Claim: a guest debugs itself, and only itself.
//
// Breakpoints on execution, on writing and on reading of its own memory, in its
// kernel and in user mode; single steps, also over hypercalls and system calls,
// which the hypervisor must not take for its own; breakpoints on what the
// hypervisor itself reads and writes for the guest. Each line: the exception,
// where, and what dr6 then says.
#include "ipc.h"

static volatile u64 watched[8] __attribute__((aligned(64)));

// dr7: enable breakpoint 0, condition and length.
#define ON(condition, length) \
	(0x401UL | (u64)(condition) << 16 | (u64)(length) << 18)
#define EXECUTE ON(0, 0)
#define WRITE_8 ON(1, 2)
#define ACCESS_8 ON(3, 2)
#define WRITE_1 ON(1, 0)

static void set(u64 address, u64 control)
{
	CALL(set_debugreg, 7, 0x400, 0, 0, 0);
	CALL(set_debugreg, 0, address, 0, 0, 0);
	CALL(set_debugreg, 6, 0, 0, 0, 0);
	CALL(set_debugreg, 7, control, 0, 0, 0);
}

static void say(const char *name)
{
	u64 dr6 = CALL(get_debugreg, 6, 0, 0, 0, 0);
	const struct trap_record *t = &trap_last;

	CALL(set_debugreg, 7, 0x400, 0, 0, 0);
	printf("%s: %s", name, trap_name(t->vector));
	if (t->vector != TRAP_NONE) {
		printf(" rip+%lx flags %lx", t->regs.rip - trap_start,
		       t->regs.rflags & 0x10100);
	}
	printf(", dr6 %lx\n", dr6);
}

static void kernel(void)
{
	extern const char break_here[];
	static char text[64];

	set((u64)&watched[1], WRITE_8);
	TRY("movq $1, (%0); nop", : : "r"(&watched[1]) : "memory");
	say("a write to what is watched");
	set((u64)&watched[1], WRITE_8);
	TRY("movb $1, 7(%0); nop", : : "r"(&watched[1]) : "memory");
	say("to its last byte");
	set((u64)&watched[1], WRITE_8);
	TRY("movb $1, 8(%0); nop", : : "r"(&watched[1]) : "memory");
	say("to the byte behind");
	set((u64)&watched[1], WRITE_8);
	TRY("mov (%0), %%rax; nop", : : "r"(&watched[1]) : "rax");
	say("a read of what is watched for writes");
	set((u64)&watched[1], ACCESS_8);
	TRY("mov (%0), %%rax; nop", : : "r"(&watched[1]) : "rax");
	say("a read of what is watched for both");
	set((u64)&watched[1], WRITE_1 & ~1UL);
	TRY("movq $1, (%0); nop", : : "r"(&watched[1]) : "memory");
	say("not enabled");
	set((u64)break_here, EXECUTE);
	TRY("nop; .globl break_here; break_here: nop; nop", :);
	say("a breakpoint");
	set((u64)text, WRITE_1);
	TRY("mov $17, %%eax; mov $1, %%edi; syscall; nop",
	    :
	    : "S"(text)
	    : "rax", "rdi", "rcx", "r11", "memory");
	say("what a hypercall writes");
	set((u64)&watched[2], ACCESS_8);
	TRY("mov $32, %%eax; mov $4, %%edi; syscall; nop",
	    :
	    : "S"(&watched[2])
	    : "rax", "rdi", "rcx", "r11", "memory");
	say("what a hypercall reads");
}

static void steps(void)
{
	CALL(set_debugreg, 6, 0, 0, 0, 0);
	TRY("pushfq; orl $0x100, (%%rsp); popfq; mov $17, %%eax; nop",
	    :
	    :
	    : "rax");
	say("a step");
	CALL(set_debugreg, 6, 0, 0, 0, 0);
	TRY("mov $17, %%eax; xor %%edi, %%edi; pushfq; orl $0x100, (%%rsp);"
	    "popfq; syscall; nop; nop",
	    :
	    :
	    : "rax", "rdi", "rcx", "r11", "memory");
	say("a step over a hypercall");
	CALL(set_debugreg, 6, 0, 0, 0, 0);
	TRY("pushfq; orl $0x100, (%%rsp); popfq; int3; nop", :);
	say("a step over int3");
	CALL(set_debugreg, 6, 0, 0, 0, 0);
	TRY("pushfq; orl $0x100, (%%rsp); popfq; mov %%ss, %%eax;"
	    "mov %%eax, %%ss; nop; nop",
	    :
	    :
	    : "rax");
	say("steps over a load of ss");
}

USER_SNIPPET(user_break, "nop; nop; nop; nop; ud2");
USER_SNIPPET(user_write, "movabs $"
			 "0x10000002000"
			 ", %rax; movq $1, (%rax);"
			 "nop; ud2");
USER_SNIPPET(user_step, "pushfq; orl $0x100, (%rsp); popfq; syscall; nop");

static void user_say(const char *name, const char *start, const char *end)
{
	struct regs r = {.rflags = 0x202};

	user_run_code(&r, start, end);
	printf("user, %s: %s rip+%lx flags %lx, dr6 %lx\n", name,
	       trap_name(r.vector), r.rip - USER_CODE, r.rflags & 0x10100,
	       (u64)CALL(get_debugreg, 6, 0, 0, 0, 0));
	CALL(set_debugreg, 7, 0x400, 0, 0, 0);
	events_mask();
}

static void user(void)
{
	user_init();
	set(USER_CODE + 2, EXECUTE);
	user_say("a breakpoint", user_break_start, user_break_end);
	set(USER_CODE + 2, EXECUTE & ~1UL);
	user_say("not enabled", user_break_start, user_break_end);
	set(USER_DATA, WRITE_8);
	user_say("a write", user_write_start, user_write_end);
	set(0, 0x400);
	user_say("a step over syscall", user_step_start, user_step_end);
}

int guest_main(void)
{
	kernel();
	steps();
	user();
	return failed_count != 0;
}
