// SPDX-License-Identifier: MIT
// dom0's first page tables: the kernel's mapping at VIRT_BASE, and the p2m list
// at INIT_P2M. A region's tables of one level follow one another in memory, so
// one loop fills any level: unit n of the region goes to the n-th entry behind
// the first one, and names the n-th frame.
#include <wabe/dom0.h>
#include <wabe/mapcache.h>
#include <wabe/mmu.h>

#define FLAGS_RW (PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D)
#define FLAGS_RO (PTE_P | PTE_US | PTE_A)

// A page table may be mapped, but not writably.
static u64 leaf_flags(const struct dom0_builder *b, u64 pfn)
{
	return pfn - b->layout.tables < b->layout.table_count ? FLAGS_RO
							      : FLAGS_RW;
}

// Fill the tables of one level, the first at pfn `table`, for [va, va + bytes):
// entries name the frames from pfn `target` on.
static void level_fill(const struct dom0_builder *b, u64 va, u64 bytes,
		       u32 level, u64 table, u64 target)
{
	u32 shift = PAGE_SHIFT + 9 * (level - 1);
	u64 first = va >> shift, last = (va + bytes - 1) >> shift;
	u64 *entries = NULL;

	for (u64 unit = first; unit <= last; unit++, target++) {
		if (!entries || unit % 512 == 0) {
			if (entries) {
				page_unmap(entries);
				table++;
			}
			entries = page_map(dom0_mfn(b, table));
		}
		entries[unit % 512] =
		    mfn_to_maddr(dom0_mfn(b, target)) |
		    (level == 1 ? leaf_flags(b, target) : FLAGS_RW);
	}
	page_unmap(entries);
}

// Map `frames` from pfn `target` at `va`, by the tables from `l3` on: L3, L2,
// L1.
static void region_map(const struct dom0_builder *b, u64 va, u64 frames,
		       u64 target, u64 l3)
{
	u64 bytes = frames << PAGE_SHIFT;
	u64 l2 = l3 + dom0_tables_of(va, bytes, 3);
	u64 l1 = l2 + dom0_tables_of(va, bytes, 2);

	level_fill(b, va, bytes, 1, l1, target);
	level_fill(b, va, bytes, 2, l2, l1);
	level_fill(b, va, bytes, 3, l3, l2);
	level_fill(b, va, bytes, 4, b->layout.tables, l3);
}

void dom0_tables_build(const struct dom0_builder *b)
{
	const struct dom0_layout *l = &b->layout;

	dom0_write(b, l->tables << PAGE_SHIFT, NULL,
		   l->table_count << PAGE_SHIFT);
	region_map(b, b->kernel.virt_base, l->mapped, 0, l->tables + 1);
	if (l->p2m_table_count) {
		dom0_write(b, l->p2m_tables << PAGE_SHIFT, NULL,
			   l->p2m_table_count << PAGE_SHIFT);
		region_map(b, l->p2m_va, l->p2m_frames, l->p2m, l->p2m_tables);
	}
}
