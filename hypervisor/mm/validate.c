// SPDX-License-Identifier: MIT
// Making a frame a table: every entry is checked and takes its references, in
// slices; and letting go of them again. wabe/page.h tells the states.
//
// The frame is busy: no one else changes entries or `partial`, no guest has it
// mapped writable, no processor walks it. Tables are mostly empty: empty slots
// are skipped eight at a time.
#include <wabe/context.h>
#include <wabe/mapcache.h>

#include "entry.h"

#define SCAN_UNITS 32 // what looking at 512 empty slots costs

static bool eight_empty(const u64 *t)
{
	return !(t[0] | t[1] | t[2] | t[3] | t[4] | t[5] | t[6] | t[7]);
}

// The first slot at or after `i` that is not zero, or PAGE_TABLE_ENTRIES.
static inline u32 slot_after(const u64 *t, u32 i)
{
	while (i < PAGE_TABLE_ENTRIES) {
		if (!(i & 7)) {
			while (eight_empty(t + i)) {
				i += 8;
				if (i == PAGE_TABLE_ENTRIES) {
					return i;
				}
			}
		}
		if (t[i]) {
			return i;
		}
		i++;
	}
	return i;
}

// One past the last slot below `end` that is not zero, or 0.
static inline u32 slot_before(const u64 *t, u32 end)
{
	while (end) {
		if (!(end & 7)) {
			while (eight_empty(t + end - 8)) {
				end -= 8;
				if (!end) {
					return 0;
				}
			}
		}
		if (t[end - 1]) {
			return end;
		}
		end--;
	}
	return 0;
}

// --- L1 tables: never preempted ---------------------------------------------

static int l1_table_take(struct page *p, struct domain *d, u64 *t)
{
	u32 i = slot_after(t, 0), present = 0;
	int rc = 0;

	while (i < PAGE_TABLE_ENTRIES) {
		u64 e = t[i];

		rc = l1_take(&e, d, d);
		if (unlikely(rc)) {
			break;
		}
		if (unlikely(e != t[i])) {
			t[i] = e;
		}
		present++;
		i = slot_after(t, i + 1);
	}
	p->partial = (u16)i;
	work_add(SCAN_UNITS + present);
	return rc;
}

static void l1_table_drop(struct page *p, const u64 *t)
{
	u32 end = p->partial, present = 0;

	for (u32 i = slot_after(t, 0); i < end; i = slot_after(t, i + 1)) {
		l1_drop(t[i]);
		present++;
	}
	p->partial = 0;
	work_add(SCAN_UNITS + present);
}

// --- L2 to L4 ---------------------------------------------------------------

static int upper_table_take(struct page *p, struct domain *d, u64 *t,
			    enum page_type type)
{
	u32 i = slot_after(t, p->partial);

	while (i < PAGE_TABLE_ENTRIES) {
		u64 e = t[i];
		int rc = entry_is_ours(type, i) ? 0 : upper_take(&e, d, type);

		if (rc) {
			p->partial = (u16)i;
			return rc;
		}
		if (e != t[i]) {
			t[i] = e;
		}
		i = slot_after(t, i + 1);
		if (work_spent(1) && i < PAGE_TABLE_ENTRIES) {
			p->partial = (u16)i;
			return -ERESTART;
		}
	}
	p->partial = PAGE_TABLE_ENTRIES;
	work_add(SCAN_UNITS);
	return 0;
}

static int upper_table_drop(struct page *p, const u64 *t, enum page_type type)
{
	u32 end = slot_before(t, p->partial);

	while (end) {
		if (!entry_is_ours(type, end - 1) && upper_drop(t[end - 1])) {
			p->partial = (u16)end;
			return -ERESTART;
		}
		end = slot_before(t, end - 1);
		if (work_spent(1) && end) {
			p->partial = (u16)end;
			return -ERESTART;
		}
	}
	p->partial = 0;
	work_add(SCAN_UNITS);
	return 0;
}

// --- descriptor pages: hold nothing -----------------------------------------

static int descriptors_take(u64 *t)
{
	for (u32 i = slot_after(t, 0); i < PAGE_TABLE_ENTRIES;
	     i = slot_after(t, i + 1)) {
		if (!descriptor_check(&t[i])) {
			return -EINVAL;
		}
	}
	return 0;
}

// ----------------------------------------------------------------------------

static int entries_take(struct page *p, struct domain *d, u64 *t)
{
	enum page_type type = page_type_now(p);
	int rc;

	if (type == PAGE_SEG) {
		return descriptors_take(t);
	}
	if (type == PAGE_L1) {
		return l1_table_take(p, d, t);
	}
	rc = upper_table_take(p, d, t, type);
	if (!rc && type == PAGE_L4) {
		// Last: a table that is refused remains what the guest wrote.
		memcpy(&t[HV_SLOT_FIRST], hv_slots, sizeof(hv_slots));
		t[HV_SLOT_FIRST] = 0; // the M2P: when it is a kernel root
		p->flags &= (u16)~PAGE_F_M2P;
	}
	return rc;
}

int table_take(struct page *p, struct domain *d)
{
	u64 *t = page_map(page_mfn(p));
	int rc = entries_take(p, d, t);

	page_unmap(t);
	if (!rc || rc == -ERESTART) {
		return rc;
	}
	if (table_drop(p)) {
		p->flags |= PAGE_F_FAILED;
		return -ERESTART;
	}
	return rc;
}

int table_drop(struct page *p)
{
	enum page_type type = page_type_now(p);
	const u64 *t;
	int rc = 0;

	if (type == PAGE_SEG || !p->partial) {
		return 0;
	}
	t = page_map(page_mfn(p));
	if (type == PAGE_L1) {
		l1_table_drop(p, t);
	} else {
		rc = upper_table_drop(p, t, type);
	}
	page_unmap(t);
	return rc;
}
