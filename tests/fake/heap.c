// SPDX-License-Identifier: MIT
// The hypervisor's heap on the fake machine: the host's, so that sanitizers see
// each block; pages that guests may map are frames of the arena. Any of these
// allocations can be made to fail.
#include <wabe/errno.h>
#include <wabe/lock.h>

#include <sanitizer/asan_interface.h>
#include <stdlib.h>

#include "../../hypervisor/mm/frames.h"
#include "fake.h"

#define PAGES (FAKE_HOLE - FAKE_HEAP)

struct block {
	struct block *next, *prev;
	u64 bytes;
	u64 mark;
};
#define MARK 0x5ab1e0fb10c5ull

u64 fake_fail_after = ~0ull;
u64 fake_allocations;

static lock_t heap_lock; // innermost
static struct block blocks = {&blocks, &blocks, 0, MARK};
static u64 blocks_used;
static bool page_used[PAGES];

bool fake_allocation_fails(void)
{
	u64 after = __atomic_load_n(&fake_fail_after, __ATOMIC_RELAXED);

	__atomic_fetch_add(&fake_allocations, 1, __ATOMIC_RELAXED);
	if (after != ~0ull) {
		fake_fail_after = after - 1; // 0: this one, then none
	}
	return !after;
}

static char *page_at(u32 i)
{
	return (char *)fake_frame(FAKE_HEAP + i);
}

// The arena's page that `va` begins, or PAGES.
static u64 page_index(const void *va)
{
	u64 offset = (u64)va - (u64)page_at(0);

	return offset < PAGES * PAGE_SIZE && !(offset % PAGE_SIZE)
		   ? offset / PAGE_SIZE
		   : PAGES;
}

void *heap_alloc(size_t bytes)
{
	struct block *b;

	if (fake_allocation_fails()) {
		return NULL;
	}
	if (!bytes || bytes > 2u << 20) {
		return NULL;
	}
	b = calloc(1, sizeof(*b) + bytes);
	b->bytes = bytes;
	b->mark = MARK;
	lock(&heap_lock);
	b->next = blocks.next;
	b->prev = &blocks;
	b->next->prev = b;
	blocks.next = b;
	blocks_used++;
	unlock(&heap_lock);
	return b + 1;
}

static void block_free(struct block *b)
{
	BUG_ON(b->mark != MARK);
	b->next->prev = b->prev;
	b->prev->next = b->next;
	b->mark = 0;
	blocks_used--;
	free(b);
}

// The caller holds heap_lock.
static void page_give(u64 i)
{
	BUG_ON(!page_used[i]);
	page_used[i] = false;
	blocks_used--;
	ASAN_POISON_MEMORY_REGION(page_at((u32)i), PAGE_SIZE);
}

void heap_free(void *p)
{
	u64 i = page_index(p);

	if (!p) {
		return;
	}
	lock(&heap_lock);
	if (i < PAGES) {
		page_give(i);
	} else {
		block_free((struct block *)p - 1);
	}
	unlock(&heap_lock);
}

void *heap_page(void)
{
	void *page = NULL;

	if (fake_allocation_fails()) {
		return NULL;
	}
	lock(&heap_lock);
	for (u32 i = 0; i < PAGES && !page; i++) {
		if (!page_used[i]) {
			page_used[i] = true;
			blocks_used++;
			page = page_at(i);
		}
	}
	unlock(&heap_lock);
	if (page) {
		ASAN_UNPOISON_MEMORY_REGION(page, PAGE_SIZE);
		memset(page, 0, PAGE_SIZE);
	}
	return page;
}

// Pages that will be shared are frames.
void *heap_alloc_for(const struct domain *d, size_t bytes)
{
	return bytes == PAGE_SIZE ? heap_page() : heap_alloc(bytes);
}

u64 partition_heap_frames(const struct partition *part, u64 *bytes_used)
{
	*bytes_used = fake_heap_blocks();
	return 0;
}

struct heap *heap_create(struct partition *part)
{
	return (void *)part;
}

int heap_give_back(struct heap *h)
{
	return 0;
}

u64 fake_heap_blocks(void)
{
	return __atomic_load_n(&blocks_used, __ATOMIC_RELAXED);
}

mfn_t heap_mfn(const void *p)
{
	return MFN(FAKE_HEAP + page_index(p));
}

// --- pages that a guest may map: as in mm/heap.c -----------------------------

void heap_page_share(void *page, struct domain *d)
{
	struct page *p = mfn_page(heap_mfn(page));

	lock(&d->pages_lock);
	if (!d->heap_frames++) {
		domain_hold(d);
	}
	unlock(&d->pages_lock);
	p->serial = d->serial;
	frame_begin(p, d->id, PAGE_HEAP);
}

void heap_page_unshare(void *page)
{
	BUG_ON(!frame_drop_allocation(mfn_page(heap_mfn(page))));
}

void heap_frame_release(struct page *p, struct domain *owner)
{
	bool last;

	p->stamp = tlb_stamp_now();
	tlb_flush_stamped(p->stamp);
	p->serial = 0;
	frame_begin(p, DOMID_XEN, PAGE_HEAP);
	heap_free(fake_frame(page_mfn(p).n));
	lock(&owner->pages_lock);
	last = !--owner->heap_frames;
	unlock(&owner->pages_lock);
	if (last) {
		domain_put(owner);
	}
}

u64 fake_heap_frame(struct domain *d)
{
	void *page = heap_page();

	if (!page) {
		return 0;
	}
	heap_page_share(page, d);
	return heap_mfn(page).n;
}

void fake_heap_init(void)
{
	while (blocks.next != &blocks) {
		block_free(blocks.next);
	}
	if (fake_frame(0)) {
		ASAN_UNPOISON_MEMORY_REGION(page_at(0), PAGES * PAGE_SIZE);
	}
	memset(page_used, 0, sizeof(page_used));
	blocks_used = 0;
	fake_allocations = 0;
	fake_fail_after = ~0ull;
}
