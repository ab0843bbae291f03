// SPDX-License-Identifier: MIT
// The state word of a frame (wabe/page.h), for the files of mm/ that count:
// its parts, and the fast paths of taking and dropping references inline.
#ifndef WABE_MM_STATE_H
#define WABE_MM_STATE_H

#include <wabe/domain.h>
#include <wabe/page.h>

#define VALIDITY(v) ((u64)(v) << PAGE_VALID_SHIFT)
#define VALID_NOT VALIDITY(0)
#define VALID_BUSY VALIDITY(1)
#define VALID_PARTIAL VALIDITY(2)
#define VALID_YES VALIDITY(3)
#define TYPED(t) ((u64)(t) << PAGE_TYPE_SHIFT)
#define ROLE_MASK (PAGE_TYPE_MASK | PAGE_VALID_MASK)

#define PAGE_TABLE_ENTRIES 512

// A type reference: it counts as a reference as well.
#define TYPE_ONE (PAGE_REF_ONE + 1)

static inline enum page_type state_type(u64 s)
{
	return (enum page_type)((s & PAGE_TYPE_MASK) >> PAGE_TYPE_SHIFT);
}

// May one more reference be taken? Not of a free frame, and not when half of
// what can be counted is reached.
static inline bool state_referable(u64 s)
{
	return (s & PAGE_REFS_MASK) - PAGE_REF_ONE < PAGE_REFS_MASK / 2;
}

// Compare and set; on failure *s is what was found. A full barrier.
static inline bool state_change(struct page *p, u64 *s, u64 to)
{
	return __atomic_compare_exchange_n(&p->state, s, to, false,
					   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

// The owner is read before (a foreign frame is not even touched) and after the
// reference is taken: only then can it not change any more.
static inline bool owned_by(const struct page *p, const struct domain *d)
{
	return READ_ONCE(p->owner) == d->id;
}

static inline bool get_fast(struct page *p, const struct domain *d)
{
	u64 s = READ_ONCE(p->state);

	if (!owned_by(p, d)) {
		return false;
	}
	do {
		if (unlikely(!state_referable(s))) {
			return false;
		}
	} while (!state_change(p, &s, s + PAGE_REF_ONE));
	if (likely(owned_by(p, d))) {
		return true;
	}
	page_put(p);
	return false;
}

// A type reference was taken; it stays if the frame did not change owner under
// our eyes.
static inline bool type_stays(struct page *p, const struct domain *d)
{
	if (likely(owned_by(p, d))) {
		return true;
	}
	page_drop_type(p);
	return false;
}

// page.c; what get_type_fast() could not do at once, from the beginning.
// `join`: only one more reference of a type that is valid, or needs not be.
int get_type_slow(struct page *p, struct domain *d, enum page_type type,
		  bool join);

// A type reference where the frame has the type already, else the slow way.
static inline int get_type_fast(struct page *p, struct domain *d,
				enum page_type type)
{
	u64 role =
	    TYPED(type) | (type == PAGE_WRITABLE ? VALID_NOT : VALID_YES);
	u64 s = READ_ONCE(p->state);

	if (unlikely((s & ROLE_MASK) != role || !state_referable(s) ||
		     !owned_by(p, d) || !state_change(p, &s, s + TYPE_ONE))) {
		return get_type_slow(p, d, type, false);
	}
	return type_stays(p, d) ? 0 : -EINVAL;
}

enum page_type get_table_slow(struct page *p, struct domain *d);

// A type reference on a table that is valid now: its type. Anything else:
// PAGE_NONE and no reference. For who changes entries.
static inline enum page_type get_table_fast(struct page *p, struct domain *d)
{
	u64 s = READ_ONCE(p->state);

	if (unlikely((s & PAGE_VALID_MASK) != VALID_YES ||
		     state_type(s) > PAGE_L4 || !state_referable(s) ||
		     !owned_by(p, d) || !state_change(p, &s, s + TYPE_ONE))) {
		return get_table_slow(p, d);
	}
	return type_stays(p, d) ? state_type(s) : PAGE_NONE;
}

// Let go of a type reference that is not the last. false: it is.
static inline bool put_type_fast(struct page *p)
{
	u64 s = READ_ONCE(p->state);

	while (likely((s & PAGE_TYPES_MASK) > 1)) {
		if (likely(state_change(p, &s, s - TYPE_ONE))) {
			return true;
		}
	}
	return false;
}

// The frame an entry's address bits name, NULL if it is not RAM.
static inline struct page *ram_frame(u64 mfn)
{
	struct page *p;

	if (unlikely(mfn >= frames_end)) {
		return NULL;
	}
	p = mfn_page(MFN(index_clamp(mfn, frames_end)));
	return likely(p->flags & PAGE_F_RAM) ? p : NULL;
}

// page.c. The frame is busy, and ours, and has no type reference but that which
// came with it: that one goes; it stays with the frame, which is partial.
void busy_end_none(struct page *p);
void busy_end_partial(struct page *p, u16 flag);

// validate.c. The frame is busy, and ours; entries [0, p->partial) hold their
// references.
// Take the rest. 0: all counted. -ERESTART: [0, p->partial) are. Other: an
// entry may not be, and none is counted any more.
int table_take(struct page *p, struct domain *d) MUST_CHECK;
// Let go of them, last first. 0: none is counted. -ERESTART.
int table_drop(struct page *p) MUST_CHECK;

// root.c. No CPU has the root table `p` in CR3 any more (idle ones may,
// lazily).
void root_leave(struct page *p);

#endif
