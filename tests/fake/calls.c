// SPDX-License-Identifier: MIT
// Hypercalls of the fake machine, through the real table, and their
// continuation, which is seen by the registers that it changes.
#include <wabe/hypercall.h>

#include <xen/xen.h>

#include "fake.h"

#define RIP 0x1000 // behind the guest's `syscall`

__thread struct fake_continued fake_continued;
__thread u32 fake_slices;

static long call_once(struct vcpu *v, u32 nr, const u64 a[5])
{
	struct cpu_user_regs *r = &v->regs;
	long rc;

	r->rip = RIP;
	rc = hypercall_table[nr](a[0], a[1], a[2], a[3], a[4]);
	BUG_ON(fake_mapped);
	fake_continued = (struct fake_continued){
	    r->rip != RIP, (u32)rc, {r->rdi, r->rsi, r->rdx, r->r10, r->r8}};
	return rc;
}

long fake_call(u32 nr, u64 a0, u64 a1, u64 a2, u64 a3, u64 work, u64 times)
{
	u64 a[5] = {a0, a1, a2, a3, 0};
	long rc;

	fake_slices = 0;
	do {
		fake_slices++;
		fake_work = (s64)MIN(work, (u64)FAKE_ENDLESS);
		rc = call_once(current_vcpu(), nr, a);
		if (fake_continued.again) {
			BUG_ON(fake_continued.nr != nr);
			memcpy(a, fake_continued.args, sizeof(a));
		}
	} while (fake_continued.again && times--);
	fake_work = FAKE_ENDLESS;
	return rc;
}

long fake_hypercall(u32 nr, u64 a0, u64 a1, u64 a2, u64 a3)
{
	return fake_call(nr, a0, a1, a2, a3, ~0ull, ~0ull);
}
