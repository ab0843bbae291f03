// SPDX-License-Identifier: MIT
// Claim: whatever flags and registers a guest enters with, it gets them back,
// and the hypervisor starts with its own.
//
// Each way in is taken with AC, DF, NT and ID set and all other registers full
// of one pattern. The guest says what it can see: that flags and registers are
// as before. What the hypervisor's handlers start with, tests/system/entry.sh
// looks at from outside: it knows the pattern.
#include "ipc.h"

#define PATTERN "0x5ec7e75ec7e75ec7"
#define DIRTY 0x244400UL // ID AC NT DF
#define CLEAN "pushfq; andl $~0x244400, (%%rsp); popfq;"

#define FILL                                                               \
	"movabs $" PATTERN ", %%rbp; mov %%rbp, %%r12; mov %%rbp, %%r13;"  \
	"mov %%rbp, %%r14; mov %%rbp, %%r15; mov %%rbp, %%r8; mov %%rbp, " \
	"%%r9; mov %%rbp, %%r10; mov %%rbp, %%rbx;"                        \
	"pushfq; orl $0x244400, (%%rsp); popfq;"

// What the handler is told about: flags and one of the registers.
static struct regs seen;
static u32 ways;

static bool hook(struct regs *regs)
{
	seen = *regs;
	ways++;
	if (regs->vector == TRAP_EVENT) {
		return false;
	}
	if (regs->vector == 6) {
		regs->rip += 2;
	} else if (regs->vector == 14) {
		regs->rip += 3;
	}
	return true;
}

// rbp is the compiler's: kept by hand.
#define WAY(name, text)                                                        \
	do {                                                                   \
		u64 flags;                                                     \
		asm volatile("push %%rbp;" FILL text "; pushfq; pop %0;" CLEAN \
			     "pop %%rbp"                                       \
			     : "=&a"(flags)                                    \
			     :                                                 \
			     : "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9",  \
			       "r10", "r11", "r12", "r13", "r14", "r15",       \
			       "memory", "cc");                                \
		after(name, flags);                                            \
	} while (0)

static void after(const char *name, u64 flags)
{
	printf("%s: flags after it %lx, in the frame %lx, r15 %lx\n", name,
	       flags & DIRTY, seen.rflags & DIRTY, seen.r15);
	memset(&seen, 0, sizeof(seen));
}

static void event(void)
{
	u32 port = event_bind_virq(VIRQ_TIMER, 0);

	events_unmask();
	// The periodic timer of a new vCPU: an interrupt, then an upcall.
	WAY("an interrupt", "1: cmpl $0, seen + 128; je 1b");
	events_mask();
	event_close(port);
}

USER_SNIPPET(user_dirty,
	     "movabs $" PATTERN ", %rbp; mov %rbp, %r12; mov %rbp, %r13;"
	     "mov %rbp, %r14; mov %rbp, %r15; mov %rbp, %r8; mov %rbp, %r9;"
	     "pushfq; orl $0x244400, (%rsp); popfq; syscall");

USER_SNIPPET(user_sysenter,
	     "pushfq; orl $0x244400, (%rsp); popfq; sysenter; ud2");

extern char callback_syscall32[];

// SYSENTER of 64-bit code is Intel's alone; it saves nothing.
static void sysenter(void)
{
	struct callback_register c = {.type = CALLBACKTYPE_sysenter,
				      .flags = CALLBACKF_mask_events,
				      .address = (u64)callback_syscall32};
	struct regs r = {.rflags = 0x202};
	u32 a = 0, b, cx, d;

	asm volatile("cpuid" : "+a"(a), "=b"(b), "=c"(cx), "=d"(d));
	if (b != 0x756e6547) { // Genu
		return;
	}
	user_run_code(&r, user_sysenter_start, user_sysenter_end);
	printf("sysenter without a callback: vector %x\n", r.vector);
	events_mask();
	hv_callback_op(CALLBACKOP_register, &c);
	r.rflags = 0x202;
	user_run_code(&r, user_sysenter_start, user_sysenter_end);
	printf("sysenter: vector %x rip %lx flags %lx\n", r.vector, r.rip,
	       r.rflags & DIRTY);
	events_mask();
}

static void user(void)
{
	struct regs r = {.rflags = 0x202};

	user_init();
	user_run_code(&r, user_dirty_start, user_dirty_end);
	printf("user's syscall: vector %x flags %lx r15 %lx\n", r.vector,
	       r.rflags & DIRTY, r.r15);
	events_mask();
}

// iret in the middle of a multicall: the caller is gone, and what comes after
// it must not happen in whoever is there instead (XSA-213).
static void multicall_iret(void)
{
	static char text[32];
	static struct multicall_entry list[2];
	u64 left = 0;

	list[0] = (struct multicall_entry){.op = __HYPERVISOR_iret};
	list[1] =
	    (struct multicall_entry){.op = __HYPERVISOR_xen_version,
				     .args = {XENVER_extraversion, (u64)text},
				     .result = 77};
	asm volatile("mov %%rsp, %%rbx; pushq %[ss]; push %%rbx; pushq $0x202;"
		     "pushq %[cs]; pushq $1f; pushq $0; pushq $0x33;"
		     "pushq $0x22; pushq $0x11; syscall; ud2;"
		     "1: mov %%rax, %[left]"
		     : [left] "=r"(left)
		     : "a"((u64)__HYPERVISOR_multicall), "D"(list),
		       "S"(2UL), [ss] "i"(FLAT_KERNEL_SS), [cs] "i"(KERNEL_CS)
		     : "rbx", "rcx", "r11", "memory", "cc");
	events_mask();
	printf("iret in a multicall: rax %lx, the next call's result %lu, "
	       "text %x\n",
	       left, list[1].result, (u8)text[0]);
}

// To an address that is not canonical, as if out of a system call: SYSRET would
// fault in ring 0, on this stack, on Intel's processors (XSA-7).
static void iret_far(u64 rip)
{
	TRY("mov %%rsp, %%rax; push %1; push %%rax; pushq $0x202; push %0;"
	    "push %3; push %2; pushq $0x33; pushq $0x22; pushq $0x11;"
	    "jmp hypercall_iret",
	    :
	    : "r"((u64)KERNEL_CS), "r"((u64)FLAT_KERNEL_SS),
	      "r"((u64)VGCF_in_syscall), "r"(rip)
	    : "rax", "rcx", "r11", "memory", "cc");
	printf("iret in_syscall to %lx: %s(%x) cs %x\n", rip,
	       trap_name(trap_last.vector), trap_last.error, trap_last.regs.cs);
	events_mask();
}

int guest_main(void)
{
	trap_hook = hook;
	WAY("ud2", "ud2");
	WAY("int3", "int3");
	WAY("int $0x80", "int $0x80");
	WAY("a page fault", "mov $0x10, %%edi; movb $0, (%%rdi)");
	WAY("an emulated instruction", "mov $0xc0000102, %%ecx; rdmsr");
	WAY("a hypercall", "mov $17, %%eax; mov $99, %%edi; syscall");
	event();
	ok(ways >= 5, "the handler was told");
	trap_hook = NULL;
	multicall_iret();
	iret_far(1UL << 47);
	iret_far(1UL << 62);
	iret_far(0xffff7fffffffffff);
	user();
	sysenter();
	return failed_count != 0;
}
