// SPDX-License-Identifier: MIT
// Traps and callbacks: where they come in, and who wants them.
#include "ipc.h"

struct trap_record trap_last;
u64 trap_resume, trap_start;
bool (*trap_hook)(struct regs *regs);

// For head.S, and from it.
void trap_handle(struct regs *regs);
extern u64 entry_rsp, entry_rflags, entry_cs, entry_ss;
extern u64 failsafe_selectors[4];
extern char trap_stack_top[];
extern char callback_event[], callback_failsafe[], callback_syscall[],
    callback_syscall32[];
bool user_trapped(struct regs *regs);

void trap_expect(void)
{
	memset(&trap_last, 0, sizeof(trap_last));
	trap_last.vector = TRAP_NONE;
}

static void record(const struct regs *regs)
{
	struct trap_record *t = &trap_last;

	t->vector = regs->vector;
	t->error = regs->error;
	t->cr2 = vcpu_info()->arch.cr2;
	t->entry_rsp = entry_rsp;
	t->entry_rflags = entry_rflags;
	t->entry_cs = entry_cs;
	t->entry_ss = entry_ss;
	t->entry_mask = vcpu_info()->evtchn_upcall_mask;
	t->regs = *regs;
	for (int i = 0; i < 4; i++) {
		t->selectors[i] = failsafe_selectors[i];
	}
}

static _Noreturn void unexpected(const struct regs *r)
{
	trap_print("unexpected", &trap_last);
	printf("rip %lx rsp %lx cr2 %lx\n", r->rip, r->rsp, trap_last.cr2);
	printf("rax %lx rbx %lx rcx %lx rdx %lx rsi %lx rdi %lx rbp %lx\n",
	       r->rax, r->rbx, r->rcx, r->rdx, r->rsi, r->rdi, r->rbp);
	printf(
	    "r8 %lx r9 %lx r10 %lx r11 %lx r12 %lx r13 %lx r14 %lx r15 %lx\n",
	    r->r8, r->r9, r->r10, r->r11, r->r12, r->r13, r->r14, r->r15);
	guest_exit(98);
}

void trap_handle(struct regs *regs)
{
	if (trap_hook && trap_hook(regs)) {
		return;
	}
	if (regs->vector == TRAP_EVENT && event_handle(regs)) {
		return;
	}
	record(regs);
	if (user_trapped(regs)) {
		return;
	}
	if (!trap_resume) {
		unexpected(regs);
	}
	regs->rip = trap_resume;
	trap_resume = 0;
	regs->cs = KERNEL_CS; // a failsafe's frame has the refused ones
	regs->ss = FLAT_KERNEL_SS;
	regs->rflags &= ~0x100UL; // no single steps from here
}

const char *trap_name(u32 vector)
{
	static const char *const names[] = {"#DE", "#DB", "NMI", "#BP", "#OF",
					    "#BR", "#UD", "#NM", "#DF", "9",
					    "#TS", "#NP", "#SS", "#GP", "#PF",
					    "15",  "#MF", "#AC", "#MC", "#XM"};
	static const char *const others[] = {"event", "failsafe", "syscall",
					     "syscall32"};

	if (vector < ARRAY_COUNT(names)) {
		return names[vector];
	}
	if (vector >= TRAP_EVENT && vector <= TRAP_SYSCALL32) {
		return others[vector - TRAP_EVENT];
	}
	return vector == TRAP_NONE     ? "none"
	       : vector == VECTOR_USER ? "int80"
				       : "int81";
}

void trap_print(const char *name, const struct trap_record *t)
{
	if (t->vector == TRAP_NONE) {
		printf("%s: none\n", name);
		return;
	}
	printf("%s: %s(%x) cs %x mask %x ss %lx rflags %lx\n", name,
	       trap_name(t->vector), t->error, t->regs.cs, t->regs.mask,
	       t->regs.ss, t->regs.rflags);
}

bool trap_is(u32 vector, u32 error)
{
	return trap_last.vector == vector && trap_last.error == error;
}

void trap_install(u32 vector, u32 flags, void *address)
{
	struct trap_info table[2] = {{.vector = vector,
				      .flags = flags,
				      .cs = FLAT_KERNEL_CS,
				      .address = (u64)address}};

	if (hv_set_trap_table(table)) {
		PANIC("set_trap_table");
	}
}

static void callback_install(u16 type, void *address)
{
	struct callback_register c = {.type = type,
				      .flags = CALLBACKF_mask_events,
				      .address = (u64)address};
	long rc = hv_callback_op(CALLBACKOP_register, &c);

	// Which of the 32-bit ways a processor has differs.
	if (rc && type != CALLBACKTYPE_syscall32) {
		PANIC("callback %d: %ld", type, rc);
	}
}

void trap_init(void)
{
	for (int v = 0; v < 32; v++) {
		trap_install(v, v == 3 || v == 4 ? 4 | 3 : 4, trap_stubs[v]);
	}
	trap_install(VECTOR_USER, 4 | 3, trap_stubs[32]);
	trap_install(VECTOR_KERNEL, 4, trap_stubs[33]);
	callback_install(CALLBACKTYPE_event, callback_event);
	callback_install(CALLBACKTYPE_failsafe, callback_failsafe);
	callback_install(CALLBACKTYPE_syscall, callback_syscall);
	callback_install(CALLBACKTYPE_syscall32, callback_syscall32);
	if (hv_stack_switch(FLAT_KERNEL_SS, (u64)trap_stack_top)) {
		PANIC("stack_switch");
	}
}
