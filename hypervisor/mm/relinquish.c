// SPDX-License-Identifier: MIT
// Taking a dying domain's frames apart: nothing of it runs, its vCPUs have let
// go of their roots, nobody can pin for it any more (page_pin()).
//
// Passes over the domain's list, the frame where to go on referenced in
// between, so that it stays in the list. Unpinning, and finishing what is
// partial, lets go of all its tables, as they form no circle; giving the
// allocations back frees what no one else maps.
#include <wabe/alloc.h>
#include <wabe/mmu.h>

#include "state.h"

// The frame after `p` (NULL: the first) of d's list, with a reference, and p's
// dropped. Frames at 0 references are on their way out of the list.
static struct page *frame_after(struct domain *d, struct page *p)
{
	struct page *found = NULL;
	u32 at;

	lock(&d->pages_lock);
	for (at = p ? p->next : d->pages_head; at && !found;
	     at = mfn_page(MFN(at))->next) {
		struct page *q = mfn_page(MFN(at));

		if (page_get(q, d)) {
			found = q;
		}
	}
	unlock(&d->pages_lock);
	if (p) {
		page_put(p);
	}
	return found;
}

// Let go of what a preempted validation left. -ERESTART: not yet all.
static int partial_finish(struct page *p)
{
	u64 s = READ_ONCE(p->state);
	int rc;

	do {
		if ((s & PAGE_VALID_MASK) == VALID_BUSY) {
			return -ERESTART; // another CPU's; see what it leaves
		}
		if ((s & PAGE_VALID_MASK) != VALID_PARTIAL) {
			return 0;
		}
	} while (!state_change(p, &s, s - VALID_PARTIAL + VALID_BUSY));
	if (p->flags & PAGE_F_LETGO) {
		busy_end_partial(p, 0); // its holder goes on with it
		return 0;
	}
	rc = table_drop(p);
	if (rc) {
		busy_end_partial(p, PAGE_F_FAILED);
	} else {
		busy_end_none(p);
	}
	return rc;
}

static int frame_relinquish(struct page *p, struct domain *d, bool *again)
{
	int rc = partial_finish(p);

	if (page_unpin(p, d) == 0) {
		*again = true;
	}
	if (frame_drop_allocation(p)) {
		*again = true;
	}
	return current_vcpu()->put_pending ? -ERESTART : rc;
}

int pages_relinquish(struct domain *d)
{
	struct page *p = d->relinquish_at;
	int rc = put_pending_finish(current_vcpu());

	if (rc) {
		return rc;
	}
	d->relinquish_at = NULL;
	if (!p) {
		d->relinquish_again = false;
		p = frame_after(d, NULL);
	}
	while (p) {
		rc = frame_relinquish(p, d, &d->relinquish_again);
		if (rc || work_spent(8)) {
			d->relinquish_again |= rc != 0;
			d->relinquish_at = p;
			return -ERESTART;
		}
		p = frame_after(d, p);
	}
	return d->relinquish_again ? -ERESTART : 0;
}
