// SPDX-License-Identifier: MIT
// Claim: exceptions, system calls, iret and privileged instructions look to
// the guest's kernel as they do on Xen.
//
// Values are printed, a line each, for comparison. A trap's line has: its name
// and error code, where rip was from the instruction's start, cs, the event
// mask and flags (less the arithmetic ones) of its frame.
//
// kernel.c: every exception from kernel mode; the frame's place on the stack;
//   what mask and IF become on the way in and out; selectors.
// iret.c: the iret hypercall to kernel and user, and what it refuses.
// user.c: exceptions, int n and syscall from user mode, 64 and 32 bit.
// privileged.c: what the hypervisor does for instructions that need ring 0.
#include "traps.h"

u8 *page_np, *page_ro, *page_nx;

void say_record(const char *name, const struct trap_record *t, u64 start)
{
	if (t->vector == TRAP_NONE) {
		printf("%s: no trap\n", name);
		return;
	}
	printf("%s: %s(%x)", name, trap_name(t->vector), t->error);
	if (t->regs.rip - start < PAGE_SIZE) {
		printf(" rip+%lx", t->regs.rip - start);
	} else {
		printf(" rip elsewhere");
	}
	printf(" cs %x ss %lx mask %x flags %lx", t->regs.cs, t->regs.ss,
	       t->regs.mask, t->regs.rflags & ~ARITHMETIC);
	if (t->vector == 14) {
		printf(" cr2 %s", t->cr2 == (u64)page_np   ? "absent"
				  : t->cr2 == (u64)page_ro ? "read-only"
				  : t->cr2 == (u64)page_nx ? "no-execute"
							   : "else");
	}
	printf("\n");
}

void say(const char *name)
{
	say_record(name, &trap_last, trap_start);
}

static void pages_init(void)
{
	page_np = page_alloc();
	page_ro = page_alloc();
	page_nx = page_alloc();
	page_ro[0] = 0xc3;
	hv_update_va_mapping((u64)page_np, 0, UVMF_INVLPG);
	page_protect(page_ro);
	hv_update_va_mapping((u64)page_nx,
			     pte_of(virt_to_mfn(page_nx), PTE_DATA | PTE_NX),
			     UVMF_INVLPG);
}

int guest_main(void)
{
	pages_init();
	user_init();
	kernel_traps();
	kernel_frames();
	masks();
	selectors();
	irets();
	user_traps();
	user_modes();
	registers();
	privileged();
	msrs();
	ports();
	cpuids();
	halt();
	return failed_count != 0;
}
