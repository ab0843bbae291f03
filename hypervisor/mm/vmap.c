// SPDX-License-Identifier: MIT
// Long-lived mappings of frames and of device registers: single pages of the
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

static u64 page_va(u64 i)
{
	return VMAP_BASE + i * PAGE_SIZE;
}

// A page whose entry exists, or VMAP_PAGES. Most often found at the cursor; the
// search is bounded by the area.
static u64 page_take(void)
{
	u64 i;

	lock(&vmap_lock);
	i = bitmap_next_clear(used, VMAP_PAGES, cursor);
	if (i == VMAP_PAGES) {
		i = bitmap_next_clear(used, VMAP_PAGES, 0);
	}
	if (i < VMAP_PAGES && !vmap_entry(page_va(i))) {
		i = VMAP_PAGES;
	}
	if (i < VMAP_PAGES) {
		bit_set(used, i);
		cursor = i + 1;
	}
	unlock(&vmap_lock);
	return i;
}

static void *map(mfn_t m, u64 flags)
{
	u64 i = page_take();

	if (i == VMAP_PAGES) {
		return NULL;
	}
	*vmap_entry(page_va(i)) = mfn_to_maddr(m) | flags;
	return (void *)page_va(i);
}

void *vmap_frame(mfn_t m)
{
	return map(m, FLAGS_RAM);
}

void *vmap_mmio(u64 maddr, u64 bytes)
{
	u64 offset = maddr & PAGE_OFFSET_MASK;
	char *page = offset + bytes <= PAGE_SIZE
			 ? map(maddr_to_mfn(maddr), FLAGS_MMIO)
			 : NULL;

	return page ? page + offset : NULL;
}

void vunmap(void *va)
{
	u64 i = ((u64)va - VMAP_BASE) / PAGE_SIZE;

	*vmap_entry(page_va(i)) = 0;
	tlb_flush_global();
	lock(&vmap_lock);
	bit_clear(used, i);
	unlock(&vmap_lock);
}
