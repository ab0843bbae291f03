// SPDX-License-Identifier: MIT
// Between alloc.c and heap.c: free blocks of a partition.
#ifndef WABE_MM_FRAMES_H
#define WABE_MM_FRAMES_H

#include <wabe/alloc.h>
#include <wabe/domain.h>

extern struct partition partition_first;

// A partition's heap; NULL: no memory. heap_give_back: nothing of it is in use:
// its memory goes to the default partition. -EBUSY: it is; -ERESTART.
struct heap *heap_create(struct partition *part);
int heap_give_back(struct heap *h);

// Free a block (its frames are nobody's), merging up to order_max. Takes and
// gives by mfn; blocks_take: 0 if there is none. The caller holds part->lock.
void blocks_free(struct partition *part, u64 mfn, u32 order, u32 order_max);
u64 blocks_take(struct partition *part, u32 order, u32 address_bits);

// The frames of a block that was taken are not free ones any more.
void frames_leave(struct partition *part, u64 mfn, u64 count);
// No TLB knows any of them after this.
void frames_flush(u64 mfn, u64 count);

// `count`, one of d's of frames, grows (the caller holds d->pages_lock) and
// goes down again; above 0 it holds a reference to the domain.
static inline void charge(struct domain *d, u64 *count, u64 frames)
{
	if (!*count) {
		domain_hold(d);
	}
	*count += frames;
}

void uncharge(struct domain *d, u64 *count, u64 frames);

// frame_release() of a frame with the heap bit.
void heap_frame_release(struct page *p, struct domain *owner);

// A frame that nobody can refer to, its state saying so, becomes `owner`'s, of
// `kind` (PAGE_HEAP or 0), allocated. The state comes last: with it others can
// take references.
static inline void frame_begin(struct page *p, u16 owner, u64 kind)
{
	WRITE_ONCE(p->owner, owner);
	__atomic_store_n(&p->state, kind | PAGE_ALLOCATED | PAGE_REF_ONE,
			 __ATOMIC_RELEASE);
}

// Lists of frames, by mfn.
static inline void page_link(u32 *head, struct page *p)
{
	u32 mfn = (u32)page_mfn(p).n;

	p->prev = 0;
	p->next = *head;
	if (*head) {
		mfn_page(MFN(*head))->prev = mfn;
	}
	*head = mfn;
}

static inline void page_unlink(u32 *head, const struct page *p)
{
	*(p->prev ? &mfn_page(MFN(p->prev))->next : head) = p->next;
	if (p->next) {
		mfn_page(MFN(p->next))->prev = p->prev;
	}
}

#endif
