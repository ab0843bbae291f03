// SPDX-License-Identifier: MIT
// A domain being built. Guest memory as the guest first sees it, by frame:
//
//   kernel | start info | store | console | page tables | stack | (to 4 MiB)
//   | initrd | list of frames (p2m) and the tables that map it
//
// All before the 4 MiB line is mapped at the kernel's VIRT_BASE. A kernel that
// wants its initrd or p2m mapped there too (no MOD_START_PFN, INIT_P2M note)
// gets them right behind itself.
#ifndef WABE_LIB_BUILD_H
#define WABE_LIB_BUILD_H

#include "kernel.h"
#include "machine.h"

#define PAGE 4096ul

struct span {
	uint64_t pfn, pages;
};

// Page tables for a range of addresses: `first[n]` is the first table of level
// n + 1 and `count[n]` how many; levels 3, 2, 1 follow each other in memory.
struct table_range {
	uint64_t va, pages, pfn; // va onwards shows pfn onwards
	uint64_t first[3], count[3];
};

struct build {
	struct machine *m;
	struct domain *d;
	struct kernel kernel;
	const uint8_t *initrd_file;
	size_t initrd_bytes;
	const char *cmdline;
	const char *partition; // or NULL
	uint64_t pages;
	xen_pfn_t *p2m; // the guest's frames: machine frame of each
	struct span image, start_info, store, console, tables, stack, initrd,
	    list, list_tables;
	uint64_t mapped; // frames shown at VIRT_BASE
	struct table_range kernel_range, list_range;
	struct span tail; // what lies behind the frames shown at VIRT_BASE
	// The guest's memory here, from frame map_pfn: what is written of it.
	uint8_t *map;
	uint64_t map_pfn, map_pages;
	uint64_t shared_info_frame;
};

// Where frame pfn is mapped here.
static inline void *build_page(const struct build *b, uint64_t pfn)
{
	return b->map + (pfn - b->map_pfn) * PAGE;
}
// Where the guest sees a frame below b->mapped.
static inline uint64_t build_va(const struct build *b, uint64_t pfn)
{
	return b->kernel.virt_base + pfn * PAGE;
}

// build_tables.c
uint64_t table_range_plan(struct table_range *r, uint64_t va, uint64_t pages,
			  uint64_t pfn, uint64_t first_table);
void tables_write(const struct build *b);

// build_start.c
void start_info_write(const struct build *b);
int shared_info_write(const struct build *b, struct wabe_error *err);
int grants_write(const struct build *b, struct wabe_error *err);
int vcpu_write(const struct build *b, struct wabe_error *err);
int hypercall_page_write(const struct build *b, struct wabe_error *err);

#endif
