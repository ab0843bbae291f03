// SPDX-License-Identifier: MIT
// Hypercalls of the fake machine, and their continuation.
#include <wabe/hypercall.h>

#include <xen/xen.h>

#include "fake.h"

__thread struct fake_continued fake_continued;

long hypercall_continue(u32 nr, u64 a0, u64 a1, u64 a2, u64 a3, u64 a4)
{
	fake_continued =
	    (struct fake_continued){true, nr, {a0, a1, a2, a3, a4}};
	return nr;
}

static long handle(u32 nr, u64 a0, u64 a1, u64 a2, u64 a3)
{
	switch (nr) {
	case __HYPERVISOR_mmu_update:
		return call_mmu_update(a0, a1, a2, a3, 0);
	case __HYPERVISOR_mmuext_op:
		return call_mmuext_op(a0, a1, a2, a3, 0);
	case __HYPERVISOR_update_va_mapping:
		return call_update_va_mapping(a0, a1, a2, 0, 0);
	case __HYPERVISOR_update_va_mapping_otherdomain:
		return call_update_va_mapping_otherdomain(a0, a1, a2, a3, 0);
	default:
		panic("no such call here: %u", nr);
	}
}

long fake_call(u32 nr, u64 a0, u64 a1, u64 a2, u64 a3, u64 work, u64 times)
{
	u64 a[5] = {a0, a1, a2, a3, 0};
	long rc;

	do {
		fake_continued.again = false;
		fake_work = work;
		rc = handle(nr, a[0], a[1], a[2], a[3]);
		BUG_ON(fake_mapped);
		if (fake_continued.again) {
			BUG_ON(fake_continued.nr != nr);
			memcpy(a, fake_continued.args, sizeof(a));
		}
	} while (fake_continued.again && times--);
	fake_work = ~0ull;
	return rc;
}
