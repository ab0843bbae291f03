// SPDX-License-Identifier: MIT
// Changing an entry of a valid table, and walking tables.
//
// No lock: the new entry takes its references first, then one atomic
// instruction puts it in the place of the old one, whose references are
// dropped last. Whoever got the old value out of the table drops it, so two
// processors at the same entry both come out right. The caller's reference on
// the table keeps it valid meanwhile.
#include <wabe/mapcache.h>

#include "entry.h"

u64 hv_slots[16];

static bool entry_change(u64 *slot, u64 *old, u64 new)
{
	return __atomic_compare_exchange_n(slot, old, new, false,
					   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

// Present before and after, the same frame, differing in `free` bits only: the
// references stay. Other bits are those that were checked when it was set.
static bool references_stay(u64 old, u64 new, u64 free)
{
	return (old & new &PTE_P) && !((old ^ new) & ~free);
}

static u64 with_ad(u64 value, u64 old, bool keep_ad)
{
	return keep_ad ? value | (old & (PTE_A | PTE_D)) : value;
}

// Put `new`, whose references are taken, into the slot: the old value.
static u64 entry_swap(u64 *slot, u64 new, bool keep_ad)
{
	u64 old;

	if (!keep_ad) {
		return __atomic_exchange_n(slot, new, __ATOMIC_SEQ_CST);
	}
	old = READ_ONCE(*slot);
	while (!entry_change(slot, &old, with_ad(new, old, keep_ad))) {
	}
	return old;
}

static int l1_set(struct domain *d, struct domain *pg_owner, u64 *slot,
		  u64 value, bool keep_ad)
{
	u64 old = READ_ONCE(*slot);
	int rc;

	while (references_stay(old, value, PTE_FREE)) {
		if (entry_change(slot, &old,
				 l1_stored(with_ad(value, old, keep_ad)))) {
			return 0;
		}
	}
	rc = l1_take(&value, d, pg_owner);
	if (!rc) {
		l1_drop(entry_swap(slot, value, keep_ad));
	}
	return rc;
}

static int upper_set(struct domain *d, u64 *slot, u64 value,
		     enum page_type type, bool keep_ad)
{
	u64 old = READ_ONCE(*slot);
	int rc;

	while (references_stay(old, value, UPPER_FREE)) {
		if (entry_change(slot, &old,
				 with_ad(value, old, keep_ad) | PTE_US)) {
			return 0;
		}
	}
	rc = upper_take(&value, d, type);
	if (rc) {
		return rc;
	}
	old = entry_swap(slot, value, keep_ad);
	if (old & PTE_P) {
		page_drop_type(ram_frame(pte_mfn(old).n));
	}
	return 0;
}

int pt_set(struct pt_table *t, struct domain *pg_owner, u32 index, u64 value,
	   bool keep_ad)
{
	u64 *slot = &t->entries[index & (PAGE_TABLE_ENTRIES - 1)];

	if (likely(t->type == PAGE_L1)) {
		return l1_set(t->owner, pg_owner, slot, value, keep_ad);
	}
	if (t->owner != pg_owner || entry_is_ours(t->type, index)) {
		return -EINVAL;
	}
	return upper_set(t->owner, slot, value, t->type, keep_ad);
}

bool pt_open(struct pt_table *t, struct domain *d, mfn_t m)
{
	struct page *p = ram_frame(m.n);

	t->type = p ? get_table_fast(p, d) : PAGE_NONE;
	if (t->type == PAGE_NONE) {
		return false;
	}
	t->owner = d;
	t->page = p;
	t->entries = page_map(m);
	return true;
}

bool pt_open_l1(struct pt_table *t, struct domain *d, mfn_t m)
{
	if (!pt_open(t, d, m)) {
		return false;
	}
	if (likely(t->type == PAGE_L1)) {
		return true;
	}
	pt_close(t);
	return false;
}

void pt_close(struct pt_table *t)
{
	page_unmap(t->entries);
	page_drop_type(t->page);
}

int pt_cmpxchg_l1(struct pt_table *t, u32 index, u64 old, u64 value, u64 *now)
{
	u64 *slot = &t->entries[index & (PAGE_TABLE_ENTRIES - 1)];
	int rc;

	*now = READ_ONCE(*slot);
	if (*now != old) {
		return -EAGAIN;
	}
	if (references_stay(old, value, PTE_FREE)) {
		return entry_change(slot, now, l1_stored(value)) ? 0 : -EAGAIN;
	}
	rc = l1_take(&value, t->owner, t->owner);
	if (rc) {
		return rc;
	}
	rc = entry_change(slot, now, value) ? 0 : -EAGAIN;
	l1_drop(rc ? value : old);
	return rc;
}

// --- walking ----------------------------------------------------------------

static bool table_is(mfn_t m, enum page_type type)
{
	const struct page *p = ram_frame(m.n);

	return p &&
	       (READ_ONCE(p->state) & ROLE_MASK) == (TYPED(type) | VALID_YES);
}

// No reference is held on the way. A table that another processor lets go
// meanwhile cannot become anything else, nor another domain's, before this
// processor has flushed its TLB (the rule in page.c and alloc.c), which it does
// only where it waits or leaves the hypervisor. Here is nothing that waits.
int pt_walk(u64 root, u64 va, struct pt_walk *out)
{
	mfn_t table = maddr_to_mfn(root);
	u64 e, all = PTE_RW | PTE_US, any = 0;
	u32 level = PAGE_L4;

	if ((u64)((s64)(va << 16) >> 16) != va) {
		return -ENOENT; // not canonical
	}
	for (;;) {
		if (!table_is(table, level)) {
			return -ENOENT;
		}
		e = page_read(table, pt_index(va, level));
		all &= e;
		any |= e;
		if (level == PAGE_L1) {
			break;
		}
		if (!(e & PTE_P)) {
			return -ENOENT;
		}
		table = pte_mfn(e);
		level--;
	}
	out->l1 = table;
	out->index = pt_index(va, PAGE_L1);
	out->entry = e;
	out->flags = all | (any & PTE_NX);
	return 0;
}
