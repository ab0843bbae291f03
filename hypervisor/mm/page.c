// SPDX-License-Identifier: MIT
// The state word of frames: taking and letting go of references and types.
// wabe/page.h says what the parts mean; this file and state.h are the only ones
// that change them (alloc.c and heap.c set them where a frame's life begins).
//
// TLB rule, and where it is kept: a frame whose last type reference goes is
// stamped before anyone can see that it went, and a frame that takes another
// type is made busy, flushed by its stamp, and only then used (type_begin()).
// What is freed is stamped by frame_release() and flushed by the allocator.
#include <wabe/alloc.h>
#include <wabe/tlb.h>

#include "state.h"

struct page *page_lookup(mfn_t m)
{
	return ram_frame(m.n);
}

enum page_type page_type_now(const struct page *p)
{
	return state_type(READ_ONCE(p->state));
}

struct domain *page_owner(const struct page *p)
{
	return domain_by_id(READ_ONCE(p->owner));
}

// --- plain references -------------------------------------------------------

bool page_get(struct page *p, struct domain *d)
{
	return get_fast(p, d);
}

// `less` was subtracted and `s` is left; the last reference frees the frame.
static void dropped(struct page *p, u64 s)
{
	if (unlikely(!(s & PAGE_REFS_MASK))) {
		frame_release(p, page_owner(p));
	}
}

void page_put(struct page *p)
{
	u64 s = __atomic_sub_fetch(&p->state, PAGE_REF_ONE, __ATOMIC_SEQ_CST);

	ASSERT((s & PAGE_REFS_MASK) != PAGE_REFS_MASK);
	dropped(p, s);
}

// --- ends of the busy state -------------------------------------------------

// The type's last reference, that of the busy frame, goes.
void busy_end_none(struct page *p)
{
	if (page_type_now(p) == PAGE_L4) {
		root_leave(p);
	}
	p->stamp = tlb_stamp_now();
	dropped(p, __atomic_sub_fetch(&p->state, VALID_BUSY + TYPE_ONE,
				      __ATOMIC_SEQ_CST));
}

void busy_end_partial(struct page *p, u16 flag)
{
	p->flags |= flag;
	__atomic_add_fetch(&p->state, VALID_PARTIAL - VALID_BUSY,
			   __ATOMIC_SEQ_CST);
}

// --- taking a type ----------------------------------------------------------

// Entries [0, partial) are counted, or, of a failed table, are being let go.
static int validate(struct page *p, struct domain *d)
{
	bool failed = p->flags & PAGE_F_FAILED;
	int rc = failed ? table_drop(p) : table_take(p, d);

	if (rc == -ERESTART) {
		busy_end_partial(p, 0);
		return rc;
	}
	if (rc || failed) {
		busy_end_none(p);
		return rc ? rc : -EINVAL;
	}
	__atomic_add_fetch(&p->state, VALID_YES - VALID_BUSY, __ATOMIC_SEQ_CST);
	return 0;
}

// The frame has its new type, one reference of it, and is busy.
static int type_begin(struct page *p, struct domain *d, enum page_type old)
{
	p->flags &= (u16) ~(PAGE_F_LETGO | PAGE_F_FAILED);
	p->partial = 0;
	if (unlikely(!owned_by(p, d))) {
		busy_end_none(p);
		return -EINVAL;
	}
	// A table that becomes the same kind of table again needs no flush.
	// What a processor still caches of it leads only where the entries lead
	// that it had, and what those named is flushed when it gets another
	// role.
	if (old != PAGE_NONE && old != page_type_now(p)) {
		tlb_flush_stamped(p->stamp);
	}
	if (page_type_now(p) == PAGE_WRITABLE) {
		__atomic_sub_fetch(&p->state, VALID_BUSY, __ATOMIC_SEQ_CST);
		return 0;
	}
	return validate(p, d);
}

// The frame was partial, and is busy now.
static int type_resume(struct page *p, struct domain *d)
{
	if (unlikely(!owned_by(p, d)) || (p->flags & PAGE_F_LETGO)) {
		busy_end_partial(p, 0);
		return -EINVAL;
	}
	return validate(p, d);
}

// The state of a frame without type references that becomes `type`: busy, if
// anything is to be done before others may rely on the type.
static u64 state_begun(u64 s, enum page_type type)
{
	bool plain = type == PAGE_WRITABLE && (state_type(s) == PAGE_NONE ||
					       state_type(s) == PAGE_WRITABLE);

	return ((s & ~ROLE_MASK) | TYPED(type) |
		(plain ? VALID_NOT : VALID_BUSY)) +
	       TYPE_ONE;
}

// Heap frames that a domain may map are never tables; those of the hypervisor
// (DOMID_XEN) nobody writes to. A dying domain gets no new tables.
static bool may_begin(u64 s, const struct domain *d, enum page_type type)
{
	return type == PAGE_WRITABLE ? !(s & PAGE_HEAP) || d != &dom_xen
				     : !(s & PAGE_HEAP) && !READ_ONCE(d->dying);
}

int get_type_slow(struct page *p, struct domain *d, enum page_type type,
		  bool join)
{
	u64 s = READ_ONCE(p->state);

	while (state_referable(s) && owned_by(p, d)) {
		u64 valid = s & PAGE_VALID_MASK;
		u64 to = state_begun(s, type);

		if (!(s & PAGE_TYPES_MASK)) {
			if (join || !may_begin(s, d, type)) {
				break;
			}
			if (state_change(p, &s, to)) {
				return to & VALID_BUSY
					   ? type_begin(p, d, state_type(s))
				       : type_stays(p, d) ? 0
							  : -EINVAL;
			}
		} else if (state_type(s) != type) {
			break;
		} else if (valid == VALID_BUSY) {
			cpu_relax_serving();
			s = READ_ONCE(p->state);
		} else if (valid == VALID_PARTIAL) {
			if (join) {
				break;
			}
			if (state_change(p, &s, s - valid + VALID_BUSY)) {
				return type_resume(p, d);
			}
		} else if (state_change(p, &s, s + TYPE_ONE)) {
			return type_stays(p, d) ? 0 : -EINVAL;
		}
	}
	return -EINVAL;
}

int page_get_type(struct page *p, struct domain *d, enum page_type type)
{
	return get_type_fast(p, d, type);
}

enum page_type get_table_slow(struct page *p, struct domain *d)
{
	enum page_type type = page_type_now(p);

	return type >= PAGE_L1 && type <= PAGE_L4 &&
		       !get_type_slow(p, d, type, true)
		   ? type
		   : PAGE_NONE;
}

// --- letting go of a type ---------------------------------------------------

// The last reference goes: the frame is busy, with `partial` entries counted.
static int type_end(struct page *p)
{
	int rc = table_drop(p);

	if (rc) {
		busy_end_partial(p, PAGE_F_LETGO);
		return rc;
	}
	busy_end_none(p);
	return 0;
}

int page_put_type_sliced(struct page *p)
{
	u64 s = READ_ONCE(p->state);

	for (;;) {
		u64 valid = s & PAGE_VALID_MASK;

		if ((s & PAGE_TYPES_MASK) > 1) {
			if (state_change(p, &s, s - TYPE_ONE)) {
				return 0;
			}
		} else if (valid == VALID_BUSY) {
			cpu_relax_serving();
			s = READ_ONCE(p->state);
		} else if (state_change(p, &s, s - valid + VALID_BUSY)) {
			// Busy also for a moment where nothing is to be let go
			// of: nobody uses the frame while it is stamped.
			if (valid == VALID_NOT) {
				busy_end_none(p);
				return 0;
			}
			if (valid == VALID_YES) {
				p->partial = PAGE_TABLE_ENTRIES;
			}
			return type_end(p);
		}
	}
}

void page_put_type(struct page *p)
{
	if (unlikely(!put_type_fast(p))) {
		BUG_ON(page_put_type_sliced(p));
	}
}

// --- pins -------------------------------------------------------------------

static bool pin_clear(struct page *p)
{
	return __atomic_fetch_and(&p->state, ~PAGE_PINNED, __ATOMIC_SEQ_CST) &
	       PAGE_PINNED;
}

int page_pin(struct page *p, struct domain *d, enum page_type type)
{
	int rc = READ_ONCE(d->dying) ? -EINVAL : page_get_type(p, d, type);

	if (rc) {
		return rc;
	}
	// It is pinned already; or pages_relinquish() may have passed it before
	// it was.
	if ((__atomic_fetch_or(&p->state, PAGE_PINNED, __ATOMIC_SEQ_CST) &
	     PAGE_PINNED) ||
	    (unlikely(READ_ONCE(d->dying)) && pin_clear(p))) {
		page_drop_type(p);
		return -EINVAL;
	}
	return 0;
}

int page_unpin(struct page *p, struct domain *d)
{
	bool pinned;

	if (!page_get(p, d)) {
		return -EINVAL;
	}
	pinned = pin_clear(p);
	if (pinned) {
		page_drop_type(p);
	}
	page_put(p);
	return pinned ? 0 : -EINVAL;
}
