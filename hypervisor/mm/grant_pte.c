// SPDX-License-Identifier: MIT
// L1 entries for granted frames. Who owns the references: wabe/mmu.h.
#include "entry.h"

// The entry that `addr` means: its table, opened. NULL: there is none.
static u64 *entry_open(struct pt_table *t, struct vcpu *v, u64 addr,
		       bool is_pte_maddr)
{
	struct pt_walk w = {.l1 = maddr_to_mfn(addr),
			    .index = (addr & PAGE_OFFSET_MASK) / 8};

	if ((is_pte_maddr ? addr % 8 != 0
			  : pt_walk(v->kernel_root, addr, &w) != 0) ||
	    !pt_open_l1(t, v->domain, w.l1)) {
		return NULL;
	}
	return &t->entries[w.index];
}

int grant_pte_map(struct vcpu *v, u64 addr, bool is_pte_maddr, u64 pte)
{
	struct pt_table t;
	u64 *slot = entry_open(&t, v, addr, is_pte_maddr);

	if (!slot) {
		return -EINVAL;
	}
	l1_drop(__atomic_exchange_n(slot, l1_stored(pte), __ATOMIC_SEQ_CST));
	pt_close(&t);
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
		    u64 new_addr)
{
	struct pt_table t, from = {0};
	u64 *slot = entry_open(&t, v, addr, is_pte_maddr), *moved = NULL;
	u64 entry = 0;
	int rc = -EINVAL;

	if (!slot) {
		return rc;
	}
	if (new_addr) {
		moved = entry_open(&from, v, new_addr, false);
	}
	// What the entry holds goes with it.
	if (moved) {
		entry = __atomic_exchange_n(moved, 0, __ATOMIC_SEQ_CST);
	}
	if (moved || !new_addr) {
		rc = entry_clear(slot, expect, entry);
	}
	if (rc && moved) {
		l1_drop(__atomic_exchange_n(moved, entry, __ATOMIC_SEQ_CST));
	}
	if (moved) {
		pt_close(&from);
	}
	pt_close(&t);
	return rc;
}
