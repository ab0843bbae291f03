// SPDX-License-Identifier: MIT
// L1 entries for granted frames. Who owns the references: wabe/mmu.h.
#include <wabe/mapcache.h>

#include "entry.h"

// The entry that `addr` means: its table, with a type reference, and index.
static struct page *entry_find(struct vcpu *v, u64 addr, bool is_pte_maddr,
			       u32 *index)
{
	struct pt_walk w = {.l1 = maddr_to_mfn(addr),
			    .index = (addr & PAGE_OFFSET_MASK) / 8};
	enum page_type type;
	struct page *table;

	if (is_pte_maddr ? addr % 8 != 0
			 : pt_walk(v->kernel_root, addr, &w) != 0) {
		return NULL;
	}
	table = page_lookup(w.l1);
	type = table ? page_get_table(table, v->domain) : PAGE_NONE;
	if (type == PAGE_L1) {
		*index = w.index;
		return table;
	}
	if (type != PAGE_NONE) {
		page_drop_type(table);
	}
	return NULL;
}

int grant_pte_map(struct vcpu *v, u64 addr, bool is_pte_maddr, u64 pte)
{
	struct page *table;
	u32 index;
	u64 *t;

	table = entry_find(v, addr, is_pte_maddr, &index);
	if (!table) {
		return -EINVAL;
	}
	t = page_map(page_mfn(table));
	l1_drop(
	    __atomic_exchange_n(&t[index], l1_stored(pte), __ATOMIC_SEQ_CST));
	page_unmap(t);
	page_put_type(table);
	return 0;
}

// A or D may be set by the processor meanwhile, and the guest may change what
// else is its own: only frame, RW and presence must be as expected.
static int entry_clear(u64 *slot, u64 expect, u64 replace_with)
{
	u64 old = READ_ONCE(*slot);

	do {
		if (!(old & PTE_P) || ((old ^ expect) & (PTE_FRAME | PTE_RW))) {
			return -EINVAL;
		}
	} while (!__atomic_compare_exchange_n(slot, &old, replace_with, false,
					      __ATOMIC_SEQ_CST,
					      __ATOMIC_SEQ_CST));
	return 0;
}

int grant_pte_unmap(struct vcpu *v, u64 addr, bool is_pte_maddr, u64 expect,
		    u64 replace_with)
{
	struct page *table;
	u32 index;
	u64 *t;
	int rc;

	table = entry_find(v, addr, is_pte_maddr, &index);
	if (!table) {
		return -EINVAL;
	}
	t = page_map(page_mfn(table));
	rc = entry_clear(&t[index], expect, replace_with);
	page_unmap(t);
	page_put_type(table);
	return rc;
}
