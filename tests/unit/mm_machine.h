// SPDX-License-Identifier: MIT
// For tests of mm/: cmocka, the fake machine, short ways to build tables.
#ifndef MM_MACHINE_H
#define MM_MACHINE_H

#include "../fake/fake.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define RO (PTE_P | PTE_US)
#define RW (PTE_P | PTE_US | PTE_RW)

static inline u64 pte(u64 mfn, u64 flags)
{
	return mfn << PAGE_SHIFT | flags;
}

static inline struct page *page(u64 mfn)
{
	return mfn_page(MFN(mfn));
}

static inline u32 refs(u64 mfn)
{
	return (page(mfn)->state & PAGE_REFS_MASK) >> 28;
}

static inline u32 types(u64 mfn)
{
	return page(mfn)->state & PAGE_TYPES_MASK;
}

static inline bool is_partial(u64 mfn)
{
	return (page(mfn)->state & PAGE_VALID_MASK) >> PAGE_VALID_SHIFT == 2;
}

// All counts are what they should be, no TLB knows what it should not.
#define assert_sound()                                 \
	do {                                           \
		fake_verbose = true;                   \
		assert_int_equal(page_audit(), 0);     \
		fake_verbose = false;                  \
		assert_int_equal(fake_tlb_wrong(), 0); \
		assert_int_equal(fake_mapped, 0);      \
	} while (0)

// L4 -> L3 -> L2 -> `l1s` L1 tables, each with `each` entries naming one data
// frame read-only, from va 0 on. The mfns: L4, L3, L2, data, L1s.
struct tree {
	u64 l4, l3, l2, data, l1[64];
};

static inline struct tree tree_make(struct domain *d, u32 l1s, u32 each)
{
	struct tree t = {
	    fake_alloc(d), fake_alloc(d), fake_alloc(d), fake_alloc(d), {0}};

	fake_frame(t.l4)[0] = pte(t.l3, RW);
	fake_frame(t.l3)[0] = pte(t.l2, RW);
	for (u32 i = 0; i < l1s; i++) {
		t.l1[i] = fake_alloc(d);
		fake_frame(t.l2)[i] = pte(t.l1[i], RW);
		for (u32 n = 0; n < each; n++) {
			fake_frame(t.l1[i])[n] = pte(t.data, RO);
		}
	}
	return t;
}

// Repeats to the digit, in each thread.
static __thread u64 random_state = 88172645463325252ull;

static inline u64 random_next(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state >> 16;
}

static inline u32 random_below(u32 n)
{
	return (u32)(random_next() % n);
}

#endif
