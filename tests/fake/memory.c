// SPDX-License-Identifier: MIT
// The fake machine's memory: alloc.c is the real one; contents, M2P,
// long-lived mappings and guest copies are the host's. heap.c has the heap.
#include <wabe/guest.h>
#include <wabe/paging.h>

#include <stdlib.h>

#include "../../hypervisor/mm/frames.h"
#include "fake.h"

struct page *fake_pages;
u64 frames_end = FAKE_FRAMES;
u64 hv_root = 1ull << PAGE_SHIFT;
__thread s32 fake_mapped;

static u64 (*arena)[512];
u64 fake_m2p_table[FAKE_FRAMES];

u64 *fake_frame(u64 mfn)
{
	return arena ? arena[mfn] : NULL;
}

u64 fake_alloc(struct domain *d)
{
	struct page *p = frames_alloc(d, 0, 0, 0);

	return p ? page_mfn(p).n : 0;
}

void *page_map(mfn_t m)
{
	BUG_ON(m.n >= FAKE_HOLE);
	BUG_ON(++fake_mapped > 16);
	if (fake_delay) {
		fake_delay();
	}
	return arena[m.n];
}

void page_unmap(const void *va)
{
	BUG_ON(--fake_mapped < 0);
}

u64 page_read(mfn_t m, u32 index)
{
	BUG_ON(m.n >= FAKE_HOLE);
	return READ_ONCE(arena[m.n][index]);
}

void *vmap_frame(mfn_t m)
{
	return fake_allocation_fails() ? NULL : arena[m.n];
}

void vunmap(void *va)
{
	tlb_flush_global();
}

u64 fake_m2p(u64 mfn)
{
	return fake_m2p_table[mfn];
}

// Frame 2 is all there is of the M2P, as far as guests see it.
u32 m2p_extent_count(void)
{
	return 1;
}

mfn_t m2p_extent(u32 extent)
{
	return MFN(2 - 511);
}

// --- guest copies: the first page of the address space faults ----------------

static int guest_bad(u64 a, u64 bytes)
{
	return a < PAGE_SIZE || a + bytes < a ? -EFAULT : 0;
}

int copy_from_guest(void *dst, gva_t src, u64 bytes)
{
	if (bytes && guest_bad(src.a, bytes)) {
		return -EFAULT;
	}
	memcpy(dst, (const void *)src.a, bytes);
	return 0;
}

int copy_to_guest(gva_t dst, const void *src, u64 bytes)
{
	if (bytes && guest_bad(dst.a, bytes)) {
		return -EFAULT;
	}
	memcpy((void *)dst.a, src, bytes);
	return 0;
}

int copy_from_guest_at(void *dst, gva_t array, u64 i, u64 size)
{
	return copy_from_guest(dst, gva_add(array, i * size), size);
}

int copy_to_guest_at(gva_t array, u64 i, const void *src, u64 size)
{
	return copy_to_guest(gva_add(array, i * size), src, size);
}

int write_guest_u64(gva_t dst, u64 value)
{
	return copy_to_guest(dst, &value, sizeof(value));
}

// Frames 1 to 3 and the heap's are the hypervisor's own.
void fake_memory_init(void)
{
	if (!arena) {
		arena = aligned_alloc(PAGE_SIZE, FAKE_HOLE * PAGE_SIZE);
		fake_pages = calloc(FAKE_FRAMES, sizeof(struct page));
	}
	memset(arena, 0, FAKE_HOLE * PAGE_SIZE);
	memset(fake_pages, 0, FAKE_FRAMES * sizeof(struct page));
	memset(&partition_first, 0, sizeof(partition_first));
	partition_first.cursor = 1;
	alloc_init();
	alloc_reserve_range(MFN(0), MFN(4));
	alloc_reserve_range(MFN(FAKE_HEAP), MFN(FAKE_HOLE));
	alloc_add_range(MFN(4), MFN(FAKE_HEAP));
	for (u32 i = 0; i < ARRAY_SIZE(hv_slots); i++) {
		hv_slots[i] = 0x3000 | PTE_P | PTE_A | i << 9;
	}
}
