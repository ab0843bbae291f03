// SPDX-License-Identifier: MIT
// User mode: its own root, with one region that the kernel's root has too.
#include "trap.h"

u64 *user_root;
static struct regs *user_regs; // of the user_run() that is on its way
static void *user_code;

void user_enter(struct regs *regs);
_Noreturn void user_leave(void);
bool user_trapped(struct regs *regs); // for trap.c

// Was it user mode that trapped? Then user_run() returns.
bool user_trapped(struct regs *regs)
{
	if (!user_regs || (regs->cs & 3) != 3 ||
	    regs->vector == TRAP_FAILSAFE) {
		return false;
	}
	*user_regs = *regs;
	user_regs = NULL;
	user_leave();
}

void user_run(struct regs *regs)
{
	user_regs = regs;
	user_enter(regs);
}

void user_init(void)
{
	u64 slot = USER_CODE >> 39 & 511, mfn;

	user_code = page_alloc();
	page_map(USER_CODE, virt_to_mfn(user_code), PTE_RO);
	page_map(USER_DATA, virt_to_mfn(page_alloc()), PTE_DATA);
	page_map(USER_STACK - PAGE_SIZE, virt_to_mfn(page_alloc()), PTE_DATA);
	user_root = page_alloc();
	user_root[slot] = *pte_find(USER_CODE, 4);
	page_protect(user_root);
	mfn = virt_to_mfn(user_root);
	if (mmuext(MMUEXT_PIN_L4_TABLE, mfn, 0) ||
	    mmuext(MMUEXT_NEW_USER_BASEPTR, mfn, 0)) {
		PANIC("user root");
	}
}

void user_run_code(struct regs *regs, const void *start, const void *end)
{
	memcpy(user_code, start, (const char *)end - (const char *)start);
	regs->rip = USER_CODE;
	regs->cs = USER_CS;
	regs->mask = 0;
	regs->rsp = USER_STACK;
	regs->ss = USER_SS;
	user_run(regs);
}
