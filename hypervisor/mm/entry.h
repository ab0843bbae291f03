// SPDX-License-Identifier: MIT
// What an entry may say, and the references it holds.
//
// Which bits a guest may set: L1: RW, A, D, the bits left to software (9 to 11,
// 52 to 62), NX; PCD, PWT, PAT only a domain that may map devices; G is
// accepted and cleared. L2 to L4: the same without G, and never PCD, PWT, PS.
// US is set for all, as guest kernels run in ring 3.
#ifndef WABE_MM_ENTRY_H
#define WABE_MM_ENTRY_H

#include <wabe/mmu.h>

#include "state.h"

#define PTE_SOFT (BIT(9) | BIT(10) | BIT(11) | 0x7ff0000000000000ull)
#define PTE_CACHE (PTE_PWT | PTE_PCD | PTE_PS)
// Bits that change nothing about references and that any guest may change.
#define PTE_FREE (PTE_SOFT | PTE_NX | PTE_A | PTE_D | PTE_G | PTE_US)
#define UPPER_FREE (PTE_SOFT | PTE_NX | PTE_A | PTE_D | PTE_US | PTE_RW)

// Not-present entries that name machine memory from 1 page up to the limit are
// refused: 0 where the processor does not have L1TF (l1tf_guard()). Of the
// address only the bits of the mask count, those that CPUID tells of: the cache
// looks at no less, and if at more, the address is only the higher for it.
extern u64 l1tf_limit, l1tf_mask;

static inline bool absent_ok(u64 e)
{
	return likely((e & l1tf_mask) >= l1tf_limit) || !(e & PTE_FRAME);
}

// As a present entry is stored.
static inline u64 l1_stored(u64 e)
{
	return (e | PTE_US) & ~PTE_G;
}

// entry.c: entries that are foreign, not RAM, or have cache attributes.
int l1_take_special(u64 *e, struct domain *d, struct domain *pg_owner);

// Take what L1 entry *e of a table of `d` will hold, its frame being owned by
// `pg_owner`; *e becomes what is to be stored. 0; -EINVAL bits, -EBUSY frame or
// type not to be had, -EPERM, -EACCES.
static inline int l1_take(u64 *e, struct domain *d, struct domain *pg_owner)
{
	struct page *p;
	bool ok;

	if (!(*e & PTE_P)) {
		return absent_ok(*e) ? 0 : -EINVAL;
	}
	p = ram_frame(pte_mfn(*e).n);
	if (unlikely(!p || (*e & PTE_CACHE) || d != pg_owner)) {
		return l1_take_special(e, d, pg_owner);
	}
	ok = *e & PTE_RW ? !get_type_fast(p, d, PAGE_WRITABLE) : get_fast(p, d);
	*e = l1_stored(*e);
	return likely(ok) ? 0 : -EBUSY;
}

// Let go of what an L1 entry holds.
static inline void l1_drop(u64 e)
{
	struct page *p = e & PTE_P ? ram_frame(pte_mfn(e).n) : NULL;

	if (!p) {
		return;
	}
	if (e & PTE_RW) {
		page_put_type(p);
	} else {
		page_put(p);
	}
}

// The same for an entry of a table of type `level` (L2..L4), which names a
// table of the type below. -EINVAL, -ERESTART; drop: -ERESTART.
int upper_take(u64 *e, struct domain *d, enum page_type level) MUST_CHECK;
int upper_drop(u64 e) MUST_CHECK;

// Is entry `i` of a table of `type` the hypervisor's?
static inline bool entry_is_ours(enum page_type type, u32 i)
{
	return type == PAGE_L4 && i >= HV_SLOT_FIRST && i <= HV_SLOT_LAST;
}

#endif
