// SPDX-License-Identifier: MIT
// The hypervisor's own memory: a heap for each partition. It grows by chunks of
// 2 MiB, taken from the partition and mapped in the heap window; inside, the
// buddy lists of alloc.c give blocks of pages, and pages are cut into objects
// of one size.
//
// A page of objects uses its struct page so: owner is CLASS_BASE + class,
// partial the objects in use, serial the offset of the first free object,
// next/prev link the pages of the class that have one free.
#include <wabe/alloc.h>
#include <wabe/domain.h>
#include <wabe/paging.h>
#include <wabe/tlb.h>

#include "frames.h"

#define CHUNK_ORDER 9
#define CLASS_FIRST_SHIFT 5 // 32 bytes
#define CLASSES 7	    // up to 2 KiB
#define CLASS_BASE 0x8000   // owners that are no domain ids, so that
#define BLOCK_BASE 0x8100   // no domain owns them; + order of the block
#define FREE_NONE PAGE_SIZE

#define CHUNK_FRAMES (1ull << CHUNK_ORDER)

static lock_t heap_lock; // all heaps

struct heap {
	struct partition blocks;  // free; their frames' partition
	u32 class_pages[CLASSES]; // first page with room, 0 none
	u64 used;		  // bytes handed out
	struct partition *from;	  // constant
};
static struct heap heap_first = {.blocks.id = PARTITIONS_MAX,
				 .from = &partition_first};

static struct page *va_page(const void *va)
{
	return mfn_page(MFN(((u64)va - HEAP_BASE) >> PAGE_SHIFT));
}

static void *page_va(const struct page *p)
{
	return (void *)(HEAP_BASE + mfn_to_maddr(page_mfn(p)));
}

mfn_t heap_mfn(const void *p)
{
	return MFN(((u64)p - HEAP_BASE) >> PAGE_SHIFT);
}

static struct heap *page_heap(const struct page *p)
{
	return partitions[p->partition - PARTITIONS_MAX]->heap;
}

u64 partition_heap_frames(const struct partition *part, u64 *bytes_used)
{
	*bytes_used = READ_ONCE(part->heap->used);
	return READ_ONCE(part->heap->blocks.frames);
}

struct heap *heap_create(struct partition *part)
{
	struct heap *h = heap_alloc(sizeof(*h));

	if (h) {
		h->blocks.id = PARTITIONS_MAX + part->id;
		h->from = part;
	}
	return h;
}

// The frames become the hypervisor's. No TLB may know them.
static void chunk_adopt(u64 mfn, u32 partition)
{
	u32 newest = mfn_page(MFN(mfn))->stamp;

	for (u64 i = 0; i < CHUNK_FRAMES; i++) {
		struct page *p = mfn_page(MFN(mfn + i));

		if ((s32)(p->stamp - newest) > 0) {
			newest = p->stamp;
		}
		p->partition = (u8)partition;
		p->flags = PAGE_F_RAM;
		p->owner = DOMID_XEN;
		p->serial = 0;
		p->state = PAGE_HEAP | PAGE_ALLOCATED | PAGE_REF_ONE;
	}
	tlb_flush_stamped(newest);
}

static bool heap_grow(struct heap *h)
{
	struct partition *part = h->from;
	u64 mfn;

	lock(&part->lock);
	mfn = part->free >= part->claimed + CHUNK_FRAMES
		  ? blocks_take(part, CHUNK_ORDER, 0)
		  : 0;
	if (mfn) {
		part->frames -= CHUNK_FRAMES;
		for (u64 i = 0; i < CHUNK_FRAMES; i++) {
			const struct page *p = mfn_page(MFN(mfn + i));

			part->dirty -= p->serial && (p->flags & PAGE_F_DIRTY);
		}
	}
	unlock(&part->lock);
	if (!mfn) {
		return false;
	}
	chunk_adopt(mfn, h->blocks.id);
	heap_window_map(mfn_to_maddr(MFN(mfn)), true);
	h->blocks.frames += CHUNK_FRAMES;
	blocks_free(&h->blocks, mfn, CHUNK_ORDER, CHUNK_ORDER);
	return true;
}

int heap_give_back(struct heap *h)
{
	while (h->blocks.frames) {
		u64 mfn;

		lock(&heap_lock);
		mfn = blocks_take(&h->blocks, CHUNK_ORDER, 0);
		if (mfn) {
			h->blocks.frames -= CHUNK_FRAMES;
			heap_window_map(mfn_to_maddr(MFN(mfn)), false);
		}
		unlock(&heap_lock);
		if (!mfn) {
			return -EBUSY;
		}
		tlb_flush_global();
		alloc_add_range(MFN(mfn), MFN(mfn + CHUNK_FRAMES));
		if (work_spent(CHUNK_FRAMES)) {
			return -ERESTART;
		}
	}
	return 0;
}

// What boot mapped in the window and did not use comes first.
void heap_init(void)
{
	u64 start, end;

	partition_first.heap = &heap_first;
	boot_heap_rest(&start, &end);
	for (u64 m = start; m < end; m += PAGE_SIZE) {
		mfn_page(maddr_to_mfn(m))->partition = PARTITIONS_MAX;
		blocks_free(&heap_first.blocks, m >> PAGE_SHIFT, 0,
			    CHUNK_ORDER);
	}
	heap_first.blocks.frames += (end - start) >> PAGE_SHIFT;
	if (!heap_grow(&heap_first)) {
		panic("not enough memory for the hypervisor's heap");
	}
}

// A block of 2^order pages, or NULL. heap_lock is held.
static struct page *block_take(struct heap *h, u32 order)
{
	u64 mfn = blocks_take(&h->blocks, order, 0);

	if (!mfn && heap_grow(h)) {
		mfn = blocks_take(&h->blocks, order, 0);
	}
	return mfn ? mfn_page(MFN(mfn)) : NULL;
}

static void block_free(struct page *p, u32 order)
{
	p->owner = DOMID_XEN;
	blocks_free(&page_heap(p)->blocks, page_mfn(p).n, order, CHUNK_ORDER);
}

static void class_link(u32 *first, struct page *p)
{
	p->prev = 0;
	p->next = *first;
	if (p->next) {
		mfn_page(MFN(p->next))->prev = (u32)page_mfn(p).n;
	}
	*first = (u32)page_mfn(p).n;
}

static void class_unlink(u32 *first, struct page *p)
{
	if (p->prev) {
		mfn_page(MFN(p->prev))->next = p->next;
	} else {
		*first = p->next;
	}
	if (p->next) {
		mfn_page(MFN(p->next))->prev = p->prev;
	}
}

// A page with all objects of the class free: a chain through their first words.
static struct page *class_grow(struct heap *h, u32 class)
{
	struct page *p = block_take(h, 0);
	u32 size = 1u << (CLASS_FIRST_SHIFT + class);
	char *va;

	if (!p) {
		return NULL;
	}
	va = page_va(p);
	for (u32 at = 0; at < PAGE_SIZE; at += size) {
		*(u32 *)(va + at) = at + size;
	}
	p->owner = (u16)(CLASS_BASE + class);
	p->partial = 0;
	p->serial = 0;
	class_link(&h->class_pages[class], p);
	return p;
}

static void *class_take(struct heap *h, u32 class)
{
	u32 *first = &h->class_pages[class];
	struct page *p = *first ? mfn_page(MFN(*first)) : class_grow(h, class);
	char *object;

	if (!p) {
		return NULL;
	}
	object = (char *)page_va(p) + p->serial;
	p->serial = *(u32 *)object;
	p->partial++;
	if (p->serial == FREE_NONE) {
		class_unlink(first, p);
	}
	return object;
}

static void class_free(struct page *p, void *object)
{
	u32 *first = &page_heap(p)->class_pages[p->owner - CLASS_BASE];

	if (p->serial == FREE_NONE) {
		class_link(first, p);
	}
	*(u32 *)object = p->serial;
	p->serial = (u32)((u64)object & PAGE_OFFSET_MASK);
	p->partial--;
	if (!p->partial) {
		class_unlink(first, p);
		p->serial = 0;
		block_free(p, 0);
	}
}

// Order of the smallest block with room for `bytes`.
static u32 order_for(size_t bytes)
{
	u32 order = 0;

	while (PAGE_SIZE << order < bytes) {
		order++;
	}
	return order;
}

static void *block_alloc(struct heap *h, u32 order)
{
	struct page *p = block_take(h, order);

	if (!p) {
		return NULL;
	}
	p->owner = (u16)(BLOCK_BASE + order);
	return page_va(p);
}

static void *alloc_from(struct heap *h, size_t bytes)
{
	u32 class = 0;
	void *va;

	if (!bytes || bytes > PAGE_SIZE << CHUNK_ORDER) {
		return NULL;
	}
	while (class < CLASSES && 1ul << (CLASS_FIRST_SHIFT + class) < bytes) {
		class ++;
	}
	lock(&heap_lock);
	if (class < CLASSES) {
		bytes = 1ul << (CLASS_FIRST_SHIFT + class);
		va = class_take(h, class);
	} else {
		bytes = PAGE_SIZE << order_for(bytes);
		va = block_alloc(h, order_for(bytes));
	}
	h->used += va ? bytes : 0;
	unlock(&heap_lock);
	if (va) {
		memset(va, 0, bytes);
	}
	return va;
}

void *heap_alloc(size_t bytes)
{
	return alloc_from(&heap_first, bytes);
}

void *heap_alloc_for(const struct domain *d, size_t bytes)
{
	return alloc_from(d->partition->heap, bytes);
}

void heap_free(void *va)
{
	struct heap *h;
	struct page *p;

	if (!va) {
		return;
	}
	p = va_page(va);
	h = page_heap(p);
	lock(&heap_lock);
	if (p->owner >= BLOCK_BASE && p->owner <= BLOCK_BASE + CHUNK_ORDER) {
		u32 order = p->owner - BLOCK_BASE;

		BUG_ON((u64)va & PAGE_OFFSET_MASK);
		h->used -= PAGE_SIZE << order;
		block_free(p, order);
	} else {
		BUG_ON(p->owner < CLASS_BASE ||
		       p->owner >= CLASS_BASE + CLASSES || !p->partial);
		h->used -= 1ul << (CLASS_FIRST_SHIFT + p->owner - CLASS_BASE);
		class_free(p, va);
	}
	unlock(&heap_lock);
}

void *heap_page(void)
{
	return heap_alloc(PAGE_SIZE);
}

void heap_page_free(void *page)
{
	heap_free(page);
}

// --- pages that a guest may map ---------------------------------------------

void heap_page_share(void *page, struct domain *d)
{
	struct page *p = va_page(page);

	lock(&d->pages_lock);
	if (!d->heap_frames++) {
		domain_hold(d);
	}
	unlock(&d->pages_lock);
	p->serial = d->serial;
	p->owner = d->id;
	__atomic_store_n(&p->state, PAGE_HEAP | PAGE_ALLOCATED | PAGE_REF_ONE,
			 __ATOMIC_RELEASE);
}

void heap_page_unshare(void *page)
{
	BUG_ON(!frame_drop_allocation(va_page(page)));
}

void heap_frame_release(struct page *p, struct domain *owner)
{
	bool last;

	// A guest had it mapped: no TLB may know it when it is used again.
	p->stamp = tlb_stamp_now();
	tlb_flush_stamped(p->stamp);
	p->state = PAGE_HEAP | PAGE_ALLOCATED | PAGE_REF_ONE;
	p->owner = BLOCK_BASE;
	p->serial = 0;
	heap_free(page_va(p));
	lock(&owner->pages_lock);
	last = !--owner->heap_frames;
	unlock(&owner->pages_lock);
	if (last) {
		domain_put(owner);
	}
}
