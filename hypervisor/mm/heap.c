// SPDX-License-Identifier: MIT
// The hypervisor's own memory: a heap for each partition. It grows by chunks of
// 2 MiB, taken from the partition and mapped in the heap window; inside, the
// buddy lists of alloc.c give blocks of pages, and pages are cut into objects
// of one size.
//
// What is handed out has a power of two bytes, and the struct page of its first
// page the owner OWNER_BASE + log2 of that. A page of objects also has: partial
// the objects in use, serial the offset of the first free object, next/prev
// link the pages of the class that have one free.
#include <wabe/alloc.h>
#include <wabe/paging.h>
#include <wabe/tlb.h>

#include "frames.h"

#define CHUNK_ORDER 9
#define CLASS_FIRST_SHIFT 5 // 32 bytes
#define CLASSES 7	    // up to 2 KiB
#define OWNER_BASE 0x8000   // owners that are no domain ids
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

// A chunk of the partition's frames becomes the heap's. No TLB may know them.
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
		frames_leave(part, mfn, CHUNK_FRAMES);
	}
	unlock(&part->lock);
	if (!mfn) {
		return false;
	}
	for (u64 i = 0; i < CHUNK_FRAMES; i++) {
		struct page *p = mfn_page(MFN(mfn + i));

		p->partition = (u8)h->blocks.id;
		p->flags = PAGE_F_RAM;
		p->serial = 0;
		frame_begin(p, DOMID_XEN, PAGE_HEAP);
	}
	frames_flush(mfn, CHUNK_FRAMES);
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
	p->owner = (u16)(OWNER_BASE + CLASS_FIRST_SHIFT + class);
	p->partial = 0;
	p->serial = 0;
	page_link(&h->class_pages[class], p);
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
		page_unlink(first, p);
	}
	return object;
}

static void class_free(struct page *p, void *object)
{
	u32 class = p->owner - OWNER_BASE - CLASS_FIRST_SHIFT;
	u32 *first = &page_heap(p)->class_pages[class];

	if (p->serial == FREE_NONE) {
		page_link(first, p);
	}
	*(u32 *)object = p->serial;
	p->serial = (u32)((u64)object & PAGE_OFFSET_MASK);
	p->partial--;
	if (!p->partial) {
		page_unlink(first, p);
		p->serial = 0;
		block_free(p, 0);
	}
}

static void *block_alloc(struct heap *h, u32 order)
{
	struct page *p = block_take(h, order);

	if (!p) {
		return NULL;
	}
	p->owner = (u16)(OWNER_BASE + PAGE_SHIFT + order);
	return page_va(p);
}

static void *alloc_from(struct heap *h, size_t bytes)
{
	u32 shift = 64 - (u32)__builtin_clzll((bytes - 1) | 1);
	void *va;

	if (!bytes || bytes > PAGE_SIZE << CHUNK_ORDER) {
		return NULL;
	}
	shift = MAX(shift, (u32)CLASS_FIRST_SHIFT);
	lock(&heap_lock);
	va = shift < PAGE_SHIFT ? class_take(h, shift - CLASS_FIRST_SHIFT)
				: block_alloc(h, shift - PAGE_SHIFT);
	h->used += va ? BIT(shift) : 0;
	unlock(&heap_lock);
	if (va) {
		memset(va, 0, BIT(shift));
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
	u32 shift;

	if (!va) {
		return;
	}
	p = va_page(va);
	h = page_heap(p);
	lock(&heap_lock);
	shift = (u32)p->owner - OWNER_BASE;
	BUG_ON(shift < CLASS_FIRST_SHIFT || shift > PAGE_SHIFT + CHUNK_ORDER);
	h->used -= BIT(shift);
	if (shift >= PAGE_SHIFT) {
		BUG_ON((u64)va & PAGE_OFFSET_MASK);
		block_free(p, shift - PAGE_SHIFT);
	} else {
		BUG_ON(!p->partial);
		class_free(p, va);
	}
	unlock(&heap_lock);
}

void *heap_page(void)
{
	return heap_alloc(PAGE_SIZE);
}

// --- pages that a guest may map ---------------------------------------------

void heap_page_share(void *page, struct domain *d)
{
	struct page *p = va_page(page);

	lock(&d->pages_lock);
	charge(d, &d->heap_frames, 1);
	unlock(&d->pages_lock);
	p->serial = d->serial;
	// Its state is a shared page's as it is. It is not written again:
	// whoever sees the owner may have taken a reference before that.
	__atomic_store_n(&p->owner, d->id, __ATOMIC_RELEASE);
}

void heap_page_unshare(void *page)
{
	BUG_ON(!frame_drop_allocation(va_page(page)));
}

// A guest had it mapped: no TLB may know it when it is used again.
void heap_frame_release(struct page *p, struct domain *owner)
{
	p->stamp = tlb_stamp_now();
	tlb_flush_stamped(p->stamp);
	p->serial = 0;
	frame_begin(p, OWNER_BASE + PAGE_SHIFT, PAGE_HEAP);
	heap_free(page_va(p));
	uncharge(owner, &owner->heap_frames, 1);
}
