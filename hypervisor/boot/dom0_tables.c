// SPDX-License-Identifier: MIT
// dom0's first page tables: the kernel's mapping at VIRT_BASE, and the p2m list
// at INIT_P2M. A region's tables of one level follow one another in memory, so
// one loop fills any level: unit n of the region goes to the n-th entry behind
// the first one, and names the n-th frame.
#include <wabe/dom0.h>
#include <wabe/lib.h>
#include <wabe/mapcache.h>
#include <wabe/mmu.h>

#define FLAGS_RW (PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D)
#define FLAGS_RO (PTE_P | PTE_US | PTE_A)

struct region {
	u64 va, bytes;
	u64 target;	// pfn that `va` maps
	u64 l1, l2, l3; // pfn of the first table of each level
};

// A page table may be mapped, but not writably.
static u64 leaf_flags(const struct dom0_builder *b, u64 pfn)
{
	return pfn - b->layout.tables < b->layout.table_count ? FLAGS_RO
							      : FLAGS_RW;
}

static void level_fill(const struct dom0_builder *b, const struct region *r,
		       u32 level, u64 table, u64 target)
{
	u32 shift = PAGE_SHIFT + 9 * (level - 1);
	u64 first = r->va >> shift;
	u64 last = (r->va + r->bytes - 1) >> shift;
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

static void region_fill(const struct dom0_builder *b, const struct region *r)
{
	level_fill(b, r, 1, r->l1, r->target);
	level_fill(b, r, 2, r->l2, r->l1);
	level_fill(b, r, 3, r->l3, r->l2);
	level_fill(b, r, 4, b->layout.tables, r->l3);
}

// A region whose tables lie from `tables` on: L3, L2, L1.
static struct region region_make(u64 va, u64 frames, u64 target, u64 tables)
{
	struct region r = {.va = va, .bytes = frames << PAGE_SHIFT};

	r.target = target;
	r.l3 = tables;
	r.l2 = r.l3 + dom0_tables_of(va, r.bytes, 3);
	r.l1 = r.l2 + dom0_tables_of(va, r.bytes, 2);
	return r;
}

static void tables_clear(const struct dom0_builder *b, u64 pfn, u64 count)
{
	dom0_write(b, pfn << PAGE_SHIFT, NULL, count << PAGE_SHIFT);
}

void dom0_tables_build(const struct dom0_builder *b)
{
	const struct dom0_layout *l = &b->layout;
	struct region r =
	    region_make(b->kernel.virt_base, l->mapped, 0, l->tables + 1);

	tables_clear(b, l->tables, l->table_count);
	region_fill(b, &r);
	if (l->p2m_table_count) {
		r = region_make(l->p2m_va, l->p2m_frames, l->p2m,
				l->p2m_tables);
		tables_clear(b, l->p2m_tables, l->p2m_table_count);
		region_fill(b, &r);
	}
}
