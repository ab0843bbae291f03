// SPDX-License-Identifier: MIT
// The hypervisor's own page tables, as wabe/layout.h draws them. Made once;
// later only the heap window, the per-CPU windows and vmap get entries.
//
// All tables come from 2 MiB chunks that are part of the heap window, so that
// HEAP_BASE + maddr reaches them, under the early tables of head.S as well.
#include "start.h"

#include <wabe/alloc.h>
#include <wabe/cpu.h>
#include <wabe/mmu.h>
#include <wabe/paging.h>

#define LARGE 0x200000ull
#define TABLE (PTE_P | PTE_RW | PTE_US | PTE_A)
#define DATA_PAGE (PTE_P | PTE_RW | PTE_A | PTE_D | PTE_G | PTE_NX)
#define RODATA_PAGE (PTE_P | PTE_A | PTE_D | PTE_G | PTE_NX)
#define TEXT_PAGE (PTE_P | PTE_A | PTE_D | PTE_G)

// What one large page of a table describes.
#define FRAMES_PER_CHUNK (LARGE / sizeof(struct page))
#define M2P_PER_CHUNK (LARGE / sizeof(u64))

u64 hv_root;
u64 frames_end;
extern u64 early_l3[];

// Memory for tables: chunks taken; [next, end) is left of the last.
static u64 chunks[8];
static u32 chunk_count;
static u64 next, end;

static u64 *table_ptr(u64 entry)
{
	return (u64 *)(HEAP_BASE + (entry & PTE_FRAME));
}

static u64 INIT_TEXT table_new(void)
{
	if (next == end) {
		BUG_ON(chunk_count == ARRAY_SIZE(chunks));
		next = memmap_take_chunk(BIT(32));
		end = next + LARGE;
		chunks[chunk_count++] = next;
	}
	memset(table_ptr(next), 0, PAGE_SIZE);
	next += PAGE_SIZE;
	return next - PAGE_SIZE;
}

// The entry for `va` at `level` (1: 4 KiB page), whose tables exist.
static u64 *entry_find(u64 va, u32 level)
{
	u64 *table = table_ptr(hv_root);

	for (u32 l = 4; l > level; l--) {
		u64 entry = table[pt_index(va, l)];

		BUG_ON(!(entry & PTE_P) || entry & PTE_PS);
		table = table_ptr(entry);
	}
	return table + pt_index(va, level);
}

// The same, making the tables. Slots of the root differ: slot_make().
static u64 *INIT_TEXT entry_make(u64 va, u32 level)
{
	for (u32 l = 3; l > level; l--) {
		u64 *entry = entry_find(va, l);

		if (!*entry) {
			*entry = table_new() | TABLE;
		}
	}
	return entry_find(va, level);
}

static void INIT_TEXT slot_make(u64 va, u64 table, u64 flags)
{
	*entry_find(va, 4) = table | flags | PTE_P | PTE_A;
}

// Lower tables permit everything; the root decides who may reach a slot, the
// page what may be done. The M2P's two aliases are one table.
static void INIT_TEXT slots_make(void)
{
	u64 m2p = table_new();

	slot_make(M2P_GUEST_BASE, m2p, PTE_US | PTE_NX);
	slot_make(M2P_BASE, m2p, PTE_RW | PTE_NX);
	slot_make(FRAMES_BASE, table_new(), PTE_RW | PTE_NX);
	slot_make(HEAP_BASE, table_new(), PTE_RW | PTE_NX);
	slot_make(IMAGE_BASE, table_new(), PTE_RW);
	slot_make(PERCPU_BASE, table_new(), PTE_RW | PTE_NX);
	slot_make(VMAP_BASE, table_new(), PTE_RW | PTE_NX);
	slot_make(0, image_maddr(early_l3), PTE_RW);
	for (u32 i = 0; i < ARRAY_SIZE(hv_slots); i++) {
		hv_slots[i] = table_ptr(hv_root)[HV_SLOT_FIRST + i];
	}
}

static void INIT_TEXT image_map(const char *from, const char *to, u64 flags)
{
	for (; from < to; from += PAGE_SIZE) {
		*entry_make((u64)from, 1) = image_maddr(from) | flags;
	}
}

static void fill(void *dst, u64 value)
{
	u64 words = LARGE / 8;

	asm volatile("rep stosq"
		     : "+D"(dst), "+c"(words)
		     : "a"(value)
		     : "memory");
}

// Map a table of one item a frame, `per_chunk` items in a large page. Where a
// chunk's frames hold no RAM, all chunks share one read-only page of `value`.
static void INIT_TEXT per_frame_map(u64 va, u64 per_chunk, u64 flags, u64 value)
{
	u64 hole = 0;

	for (u64 f = 0; f < frames_end; f += per_chunk, va += LARGE) {
		u64 *entry = entry_make(va, 2);

		if (memmap_has_ram(f << PAGE_SHIFT, (f + per_chunk)
							<< PAGE_SHIFT)) {
			*entry = memmap_take_chunk(~0ull) | flags | PTE_PS;
			continue;
		}
		if (!hole) {
			hole = memmap_take_chunk(BIT(32));
			fill(table_ptr(hole), value);
		}
		*entry = hole | (flags & ~PTE_RW) | PTE_PS;
	}
}

// Once mapped, clear it.
static void INIT_TEXT per_frame_fill(u64 va, u64 per_chunk, u64 value)
{
	for (u64 f = 0; f < frames_end; f += per_chunk, va += LARGE) {
		if (*entry_find(va, 2) & PTE_RW) {
			fill((void *)va, value);
		}
	}
}

static void INIT_TEXT windows_make(void)
{
	for (u64 f = 0; f < frames_end; f += BIT(30 - PAGE_SHIFT)) {
		entry_make(HEAP_BASE + (f << PAGE_SHIFT), 2);
	}
	entry_make(PERCPU_BASE, 2);
	entry_make(VMAP_BASE, 2);
	for (u32 i = 0; i < chunk_count; i++) {
		heap_window_map(chunks[i], true);
	}
}

void INIT_TEXT paging_init(void)
{
	u64 ram_end = memmap_ram_end();

	if (ram_end > MADDR_LIMIT) {
		log_at(LOG_WARNING, "Memory above %lu GiB is not used",
		       MADDR_LIMIT >> 30);
		ram_end = MADDR_LIMIT;
	}
	frames_end = ram_end >> PAGE_SHIFT;
	hv_root = table_new();
	slots_make();
	image_map(image_start, text_end, TEXT_PAGE);
	image_map(rodata_start, rodata_end, RODATA_PAGE);
	image_map(data_start, init_start, DATA_PAGE);
	image_map(init_start, init_text_end, TEXT_PAGE);
	image_map(init_text_end, image_end, DATA_PAGE);
	per_frame_map(FRAMES_BASE, FRAMES_PER_CHUNK, DATA_PAGE, 0);
	per_frame_map(M2P_BASE, M2P_PER_CHUNK, DATA_PAGE | PTE_US, M2P_INVALID);
	windows_make();
	X86_WRITE_CR(3, hv_root);
	X86_WRITE_CR(4, X86_READ_CR(4) | CR4_PGE);
	per_frame_fill(FRAMES_BASE, FRAMES_PER_CHUNK, 0);
	per_frame_fill(M2P_BASE, M2P_PER_CHUNK, M2P_INVALID);
}

void heap_window_map(u64 maddr, bool there)
{
	*entry_find(HEAP_BASE + maddr, 2) =
	    there ? maddr | DATA_PAGE | PTE_PS : 0;
}

void boot_heap_rest(u64 *start, u64 *stop)
{
	*start = next;
	*stop = end;
	next = end;
}

void paging_window_install(u32 cpu, mfn_t l1)
{
	*entry_find(PERCPU_BASE + cpu * PERCPU_BYTES, 2) =
	    mfn_to_maddr(l1) | TABLE;
}

u64 *vmap_entry(u64 va)
{
	u64 *l2 = entry_find(va, 2);

	if (!*l2) {
		void *table = heap_page();

		if (!table) {
			return NULL;
		}
		*l2 = mfn_to_maddr(heap_mfn(table)) | TABLE;
	}
	return entry_find(va, 1);
}

u32 m2p_extent_count(void)
{
	return DIV_ROUND_UP(frames_end, M2P_PER_CHUNK);
}

mfn_t m2p_extent(u32 extent)
{
	return pte_mfn(*entry_find(M2P_BASE + extent * LARGE, 2));
}

void paging_image_unmap(const char *start, const char *stop)
{
	for (; start < stop; start += PAGE_SIZE) {
		*entry_find((u64)start, 1) = 0;
	}
}

void paging_drop_identity(void)
{
	*entry_find(0, 4) = 0;
}
