// SPDX-License-Identifier: MIT
// The hypervisor's own page tables (boot/paging.c), and the memory that boot
// leaves to others. All tables lie in memory of the heap window, so
// HEAP_BASE + machine address reaches them.
#ifndef WABE_PAGING_H
#define WABE_PAGING_H

#include <wabe/addr.h>
#include <wabe/types.h>

// Machine address of the hypervisor's own root table: hv_slots, no guest.
// Idle CPUs may run on it; APs start on it. Below 4 GiB. Until boot_finish()
// its slot 0 maps the low 4 GiB one to one (boot_ptr(), AP trampoline).
extern u64 hv_root;

// Make 2 MiB of machine memory (2 MiB-aligned, below frames_end) reachable at
// HEAP_BASE + maddr: RW NX global, or no more. heap_lock serialises
// (mm/heap.c).
void heap_window_map(u64 maddr, bool there);

// The memory that boot mapped in the heap window and did not use: page-aligned
// machine addresses [*start, *end) within one 2 MiB chunk, never given to
// alloc_add_range(). For heap_init(): call once. May be empty (start == end).
void boot_heap_rest(u64 *start, u64 *end);

// Enter a CPU's L1 table (a zeroed heap page) into the per-CPU window: its
// PERCPU_BYTES begin at PERCPU_BASE + cpu * PERCPU_BYTES = paging_window(cpu).
void paging_window_install(u32 cpu, mfn_t l1);
static inline void *paging_window(u32 cpu)
{
	return (void *)(0xffff830000000000 + (u64)cpu * 0x200000);
}

// The L1 entry that maps the page `va` of the vmap area. Makes the L1 table
// with heap_page() if it is missing; NULL: no memory. vmap_lock is held.
u64 *vmap_entry(u64 va);

// The M2P's memory: extents of 2 MiB, each contiguous and aligned, in table
// order (XENMEM_machphys_mfn_list). Extents without RAM share one read-only
// extent full of M2P_INVALID: m2p_set() is for RAM only. Never freed; not
// PAGE_F_RAM until mm says so.
u32 m2p_extent_count(void);
mfn_t m2p_extent(u32 extent);

// Machine memory that holds no page of a domain in any case: the image.
static inline u64 image_maddr(const void *va)
{
	return (u64)va - 0xffff828000000000;
}

// Bounds of the image's parts, page-aligned (boot/wabe.lds).
extern char image_start[], text_end[], rodata_start[], rodata_end[],
    data_start[], init_start[], init_text_end[], init_end[], image_end[];

#endif
