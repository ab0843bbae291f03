// SPDX-License-Identifier: MIT
// The page tables a guest starts with. They are written as ordinary memory;
// the hypervisor validates them when the builder pins the top one.
#include "build.h"

#define PTE_TABLE 0x67ull // present, writable, user, accessed, dirty
#define PTE_LEAF 0x67ull
#define PTE_LEAF_TABLE 0x65ull // a page table: may be read only
#define SHIFT(level) (12 + 9 * (level))

// Plan the tables of levels 3, 2 and 1 for a range; returns the frame after
// them. Level n + 1's entries are SHIFT(n) apart, its tables SHIFT(n + 1).
uint64_t table_range_plan(struct table_range *r, uint64_t va, uint64_t pages,
			  uint64_t pfn, uint64_t first_table)
{
	uint64_t last = va + pages * PAGE - 1;

	r->va = va;
	r->pages = pages;
	r->pfn = pfn;
	for (int n = 2; n >= 0; n--) {
		r->first[n] = first_table;
		r->count[n] = (last >> SHIFT(n + 1)) - (va >> SHIFT(n + 1)) + 1;
		first_table += r->count[n];
	}
	return first_table;
}

static bool is_table(const struct build *b, uint64_t pfn)
{
	return (pfn - b->tables.pfn < b->tables.pages) ||
	       (pfn - b->list_tables.pfn < b->list_tables.pages);
}

static void entry_write(const struct build *b, uint64_t table, uint64_t index,
			uint64_t pfn, uint64_t flags)
{
	uint64_t *entries = build_page(b, table);

	entries[index & 511] = (uint64_t)b->p2m[pfn] * PAGE | flags;
}

static void range_write(const struct build *b, const struct table_range *r)
{
	uint64_t top = b->tables.pfn;

	for (uint64_t i = 0; i < r->count[2]; i++) {
		entry_write(b, top, (r->va >> SHIFT(3)) + i, r->first[2] + i,
			    PTE_TABLE);
	}
	for (int n = 1; n >= 0; n--) {
		// Entries of level n + 2, each naming a table of level n + 1.
		uint64_t from = r->va >> SHIFT(n + 1);
		uint64_t parent = r->va >> SHIFT(n + 2);

		for (uint64_t i = 0; i < r->count[n]; i++) {
			uint64_t table = ((from + i) >> 9) - parent;

			entry_write(b, r->first[n + 1] + table, from + i,
				    r->first[n] + i, PTE_TABLE);
		}
	}
	for (uint64_t i = 0; i < r->pages; i++) {
		uint64_t page = (r->va >> SHIFT(0)) + i;
		uint64_t table = (page >> 9) - (r->va >> SHIFT(1));

		entry_write(b, r->first[0] + table, page, r->pfn + i,
			    is_table(b, r->pfn + i) ? PTE_LEAF_TABLE
						    : PTE_LEAF);
	}
}

void tables_write(const struct build *b)
{
	range_write(b, &b->kernel_range);
	if (b->list_tables.pages) {
		range_write(b, &b->list_range);
	}
}
