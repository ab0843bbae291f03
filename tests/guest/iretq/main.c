// SPDX-License-Identifier: MIT
// Claim: a guest's kernel can return to itself by the processor's own `iretq`,
// as Linux does to synchronise a core. QEMU 7 raises a page fault there when
// SMAP is on; where it does, the hypervisor does the return, and does it as the
// processor would: flags, stack and selectors from the frame, events as they
// were, and a page fault of any other instruction stays the guest's.
#include "ipc.h"

static u64 stack[64] __attribute__((aligned(16)));
static struct {
	u64 rsp, rflags, cs, ss;
} after;

// iretq to the next instruction from a frame that says this.
static void iretq_try(u64 cs, u64 ss, u64 rsp, u64 rflags)
{
	memset(&after, 0, sizeof(after));
	TRY("mov %%rsp, %%rbx; push %1; push %2; push %3; push %0;"
	    "pushq $773f; iretq; 773:"
	    "mov %%rsp, after; mov %%rbx, %%rsp; pushfq; popq after + 8;"
	    "mov %%cs, after + 16; mov %%ss, after + 24",
	    :
	    : "r"(cs), "r"(ss), "r"(rsp), "r"(rflags)
	    : "rbx", "memory", "cc");
	asm volatile("cld; pushfq; andl $~0x240400, (%%rsp); popfq" ::: "cc");
}

static void say(const char *name, u64 cs, u64 ss, u64 rflags)
{
	u64 rsp = (u64)&stack[48];

	iretq_try(cs, ss, rsp, rflags);
	if (trap_last.vector == TRAP_NONE) {
		printf("%s: flags %lx cs %lx ss %lx, %s, mask %x\n", name,
		       after.rflags, after.cs, after.ss,
		       after.rsp == rsp ? "the frame's stack" : "another stack",
		       vcpu_info()->evtchn_upcall_mask);
	} else {
		printf("%s: vector %x error %x\n", name, trap_last.vector,
		       trap_last.error);
	}
}

int guest_main(void)
{
	const u64 cs = FLAT_USER_CS64, ss = FLAT_USER_SS64;
	bool all = true;

	say("plain", cs, ss, 0x202);
	say("arithmetic and direction", cs, ss, 0xed7);
	say("AC", cs, ss, 0x40202);
	say("ID", cs, ss, 0x200202);
	for (int i = 0; i < 1000; i++) {
		iretq_try(cs, ss, (u64)&stack[48], 0x202);
		all &= trap_last.vector == TRAP_NONE && after.cs == cs &&
		       after.rsp == (u64)&stack[48];
	}
	ok(all, "a thousand of them");
	TRY("movq $0x1000, %%rax; mov (%%rax), %%rax", ::: "rax", "memory");
	printf("a read of nothing: vector %x error %x cr2 %lx\n",
	       trap_last.vector, trap_last.error, trap_last.cr2);
	return failed_count != 0;
}
