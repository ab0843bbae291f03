// SPDX-License-Identifier: MIT
// Long-lived mappings of single frames and of device memory: pages of the
// vmap area, handed out by a bitmap that is searched from where it last found
// room. A freed page is flushed from all TLBs before it can be handed out.
#include <wabe/lock.h>
#include <wabe/mapcache.h>
#include <wabe/mmu.h>
#include <wabe/paging.h>
#include <wabe/tlb.h>

#define VMAP_PAGES (VMAP_BYTES / PAGE_SIZE)
#define FLAGS_RAM (PTE_P | PTE_RW | PTE_A | PTE_D | PTE_G | PTE_NX)
#define FLAGS_MMIO (FLAGS_RAM | PTE_PCD | PTE_PWT)

static lock_t vmap_lock;
static u64 used[VMAP_PAGES / 64]; // vmap_lock
static u64 cursor;		  // vmap_lock

// `count` pages in a row, or VMAP_PAGES. One page, the common case, is found
// at the cursor; the search is bounded by the area. vmap_lock is held.
static u64 pages_take(u64 count)
{
	for (u32 pass = 0; pass < 2; pass++) {
		u64 from = pass ? 0 : cursor;

		while (from < VMAP_PAGES) {
			u64 first = bitmap_next_clear(used, VMAP_PAGES, from);
			u64 end = bitmap_next(
			    used, MIN(first + count, VMAP_PAGES), first);

			if (end - first >= count) {
				for (u64 i = first; i < first + count; i++) {
					bit_set(used, i);
				}
				cursor = first + count;
				return first;
			}
			from = end + 1;
		}
	}
	return VMAP_PAGES;
}

static void pages_give(u64 first, u64 count)
{
	for (u64 i = first; i < first + count; i++) {
		bit_clear(used, i);
	}
}

static u64 page_va(u64 i)
{
	return VMAP_BASE + i * PAGE_SIZE;
}

// Room for `count` pages whose entries exist, or VMAP_PAGES.
static u64 room_take(u64 count)
{
	u64 first;

	lock(&vmap_lock);
	first = pages_take(count);
	for (u64 i = 0; first < VMAP_PAGES && i < count; i++) {
		if (!vmap_entry(page_va(first + i))) {
			pages_give(first, count);
			first = VMAP_PAGES;
		}
	}
	unlock(&vmap_lock);
	return first;
}

// Map `count` pages of machine memory in a row.
static void *map(u64 maddr, u64 count, u64 flags)
{
	u64 first = room_take(count);

	if (first == VMAP_PAGES) {
		return NULL;
	}
	for (u64 i = 0; i < count; i++) {
		*vmap_entry(page_va(first + i)) =
		    (maddr + i * PAGE_SIZE) | flags;
	}
	return (void *)page_va(first);
}

void *vmap_frame(mfn_t m)
{
	return map(mfn_to_maddr(m), 1, FLAGS_RAM);
}

void *vmap_mmio(u64 maddr, u64 bytes)
{
	u64 offset = maddr & PAGE_OFFSET_MASK;
	u64 count = DIV_ROUND_UP(offset + bytes, PAGE_SIZE);
	char *va = bytes && count <= VMAP_PAGES
		       ? map(maddr - offset, count, FLAGS_MMIO)
		       : NULL;

	return va ? va + offset : NULL;
}

void vunmap(void *va, u64 bytes)
{
	u64 start = (u64)va & ~PAGE_OFFSET_MASK;
	u64 count = DIV_ROUND_UP((u64)va - start + bytes, PAGE_SIZE);
	u64 first = (start - VMAP_BASE) / PAGE_SIZE;

	for (u64 i = 0; i < count; i++) {
		*vmap_entry(start + i * PAGE_SIZE) = 0;
	}
	tlb_flush_global();
	lock(&vmap_lock);
	pages_give(first, count);
	unlock(&vmap_lock);
}
