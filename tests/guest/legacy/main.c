// SPDX-License-Identifier: MIT
// Claim: what kernels other than Linux do works too. Callbacks registered the
// old way (set_callbacks) are called; user roots and kernel roots are set in
// any order, pinned or not, and user mode runs on the one that was set last.
#include "ipc.h"

extern char callback_event[], callback_failsafe[], callback_syscall[];

static void say(const char *what, long rc)
{
	printf("%s: %s\n", what, error_name(rc));
}

USER_SNIPPET(call, "mov %rdi, %rax; syscall");

// User mode makes a system call with `number`, which comes back.
static void run(u64 number)
{
	struct regs regs = {.rdi = number};

	user_run_code(&regs, call_start, call_end);
	printf("user mode: %s with %lu, events %s\n", trap_name(regs.vector),
	       regs.rax, regs.mask & 0xff ? "masked" : "open");
}

static void callbacks(void)
{
	u32 port = (u32)event_bind_ipi(0);
	unsigned int before;

	say("set_callbacks", CALL(set_callbacks, callback_event,
				  callback_failsafe, callback_syscall, 0, 0));
	events_unmask();
	before = event_count[port];
	event_send(port);
	printf("the event callback was called: %u\n",
	       event_count[port] - before);
	run(1);
	events_mask();
	run(2);
	event_close(port);
	say("set_callbacks, not canonical",
	    CALL(set_callbacks, 1UL << 60, callback_failsafe, callback_syscall,
		 0, 0));
	trap_init();
}

static u64 mfn_of(const void *page)
{
	return virt_to_mfn(page);
}

// A root with what `from` has, but for the hypervisor's slots.
static u64 *root_copy(const u64 *from)
{
	u64 *root = page_alloc();

	for (unsigned int i = 0; i < 512; i++) {
		root[i] = i >= 256 && i <= 271 ? 0 : from[i];
	}
	page_protect(root);
	return root;
}

static void roots(void)
{
	const u64 *first_kernel = (const u64 *)start_info->pt_base;
	u64 *kernel = root_copy(first_kernel), *user = root_copy(user_root);

	run(10);
	say("a user root that is not pinned",
	    mmuext(MMUEXT_NEW_USER_BASEPTR, mfn_of(user), 0));
	run(11);
	say("unpin what is not pinned",
	    mmuext(MMUEXT_UNPIN_TABLE, mfn_of(user), 0));
	say("the kernel root again",
	    mmuext(MMUEXT_NEW_BASEPTR, mfn_of(first_kernel), 0));
	run(12);
	say("another kernel root, not pinned",
	    mmuext(MMUEXT_NEW_BASEPTR, mfn_of(kernel), 0));
	run(13);
	say("then the first user root",
	    mmuext(MMUEXT_NEW_USER_BASEPTR, mfn_of(user_root), 0));
	run(14);
	say("the kernel's root as the user's",
	    mmuext(MMUEXT_NEW_USER_BASEPTR, mfn_of(kernel), 0));
	run(15);
	say("no user root", mmuext(MMUEXT_NEW_USER_BASEPTR, 0, 0));
	say("the first kernel root",
	    mmuext(MMUEXT_NEW_BASEPTR, mfn_of(first_kernel), 0));
	say("the other user root",
	    mmuext(MMUEXT_NEW_USER_BASEPTR, mfn_of(user), 0));
	run(16);
	say("a write to the root in use",
	    hv_update_va_mapping((u64)user, pte_of(mfn_of(user), PTE_DATA),
				 UVMF_INVLPG));
	say("pin it", mmuext(MMUEXT_PIN_L4_TABLE, mfn_of(user), 0));
	say("the first user root",
	    mmuext(MMUEXT_NEW_USER_BASEPTR, mfn_of(user_root), 0));
	say("unpin the other", mmuext(MMUEXT_UNPIN_TABLE, mfn_of(user), 0));
	page_unprotect(user); // panics if it is a table still
	page_unprotect(kernel);
	run(17);
	printf("no root is kept\n");
}

int guest_main(void)
{
	user_init();
	callbacks();
	roots();
	return 0;
}
