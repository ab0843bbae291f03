// SPDX-License-Identifier: MIT
// The machine's memory: partitions, the frame allocator (mm/alloc.c), the
// hypervisor's own heap (mm/heap.c).
#ifndef WABE_ALLOC_H
#define WABE_ALLOC_H

#include <wabe/addr.h>
#include <wabe/lock.h>
#include <wabe/page.h>
#include <wabe/percpu.h>
#include <wabe/types.h>

struct domain;

#define ORDER_MAX 18 // largest free block: 1 GiB
#define PARTITIONS_MAX 64
#define ZONES 40 // zone of a block: bit length of its mfn

// A named share of the machine (public/wabe.h). Domains draw frames from theirs
// alone, and run on its processors. The structures stay when one is removed.
struct partition {
	u32 id; // constant
	// control_lock
	char name[16]; // "": there is none
	struct cpumask cpus;
	bool closing; // being removed
	u32 domains;  // atomic; with those that are dead and not yet forgotten
	struct heap *heap; // constant; memory that is kept for its domains
	// lock
	lock_t lock;
	u64 frames; // frames in it, free or not
	u64 free;
	u64 dirty;   // free ones that want scrubbing
	u64 claimed; // promised to domains (XENMEM_claim_pages)
	u64 cursor;  // where the next frame to scrub is looked for
	u64 nonempty[ORDER_MAX + 1];	  // bit z: blocks[order][z] has one
	u32 blocks[ORDER_MAX + 1][ZONES]; // first free block's mfn, 0 none
};

// Those below partition_count are never NULL.
extern struct partition *partitions[PARTITIONS_MAX];
extern u32 partition_count;
extern struct partition *partition_default;

// mm/partition.c: the operations of public/wabe.h, with its errors.
// control_lock is held. -ERESTART: issue again.
int partition_create(const char *name, const struct cpumask *in, u32 *id);
int partition_resize(struct partition *part, u64 frames);
int partition_remove(struct partition *part);
// The one with this number; the first with this or a higher one. NULL: none.
struct partition *partition_get(u32 id);
struct partition *partition_from(u32 id);
// All its frames, and those of them that are the hypervisor's.
u64 partition_frames(const struct partition *part);
u64 partition_heap_frames(const struct partition *part, u64 *bytes_used);

// Boot: the frame table exists and is zero. Then each frame of RAM is passed
// to one of the two below, which together see all RAM.
void alloc_init(void);
// Boot: RAM [start, end) is the hypervisor's own: what is never given away can
// never be mapped by a guest.
void alloc_reserve_range(mfn_t start, mfn_t end);
// Boot: give RAM [start, end) to the default partition. Also later, for memory
// of the boot code and the modules.
void alloc_add_range(mfn_t start, mfn_t end);

#define ALLOC_NO_SCRUB BIT(0) // the owner may see what was there (dom0 boot)
#define ALLOC_EXCHANGE BIT(1) // above d's limit: as many are given back at once

// 2^order frames, aligned, for `d`, each with refs 1 (allocated) and on d's
// list, scrubbed unless d itself left the data there; below 2^address_bits
// (0: anywhere). NULL: none left in d's partition, d's limit reached, or d
// dies.
struct page *frames_alloc(struct domain *d, u32 order, u32 address_bits,
			  u32 flags) MUST_CHECK;
// page_put() of the last reference ends here, with refs 0 in the state: the
// frame leaves its owner's list and is free (a heap frame: heap memory again).
void frame_release(struct page *p, struct domain *owner);
// Give back the allocation's reference: the frame is freed when others let go.
// false: it was given back already.
bool frame_drop_allocation(struct page *p);
void frames_drop_allocation(struct page *p, u64 count); // those not yet
// Take an allocated frame of `d` that nobody refers to out of everybody's reach
// (refs 0, on d's list): then frame_release() it, or put it back. false: it is
// not d's, or in use. The caller runs for `d`, and does not wait in between.
bool frame_take_out(struct page *p, struct domain *d) MUST_CHECK;
void frame_put_back(struct page *p);

// Promise that `d` will find `pages` in all (0: no promise any more). -EINVAL,
// -ENOMEM.
int frames_claim(struct domain *d, u64 pages);
// What the default partition has free.
u64 frames_free(void);
// dom0 is told when less than that is free; set when dom0 starts.
extern u64 frames_low;
// Scrub one dirty free frame (idle CPUs do); false: none left.
bool alloc_scrub_one(void);
void alloc_dump(void);

// The hypervisor's own memory. Zeroed. Contents reachable on every CPU. Any
// size up to 2 MiB; what is kept for a domain comes out of its partition.
void *heap_alloc(size_t bytes) MUST_CHECK;
void *heap_alloc_for(const struct domain *d, size_t bytes) MUST_CHECK;
void heap_free(void *p);	  // NULL is harmless
void *heap_page(void) MUST_CHECK; // one page, page-aligned
mfn_t heap_mfn(const void *p);
// Make a heap page a frame that `d` may map writably (shared_info, grants).
// heap_page_unshare: the hypervisor has no more use for it; it becomes heap
// memory again when its last mapping goes. A domain's structure lives as long
// as frames or heap pages of it are mapped (they hold one domain reference).
void heap_page_share(void *page, struct domain *d);
void heap_page_unshare(void *page);
// Boot: the allocator's first memory, before frames are counted out.
void heap_init(void);

// Machine-to-physical table (mm/m2p.c).
#define M2P_INVALID (~0ull)
void m2p_set(mfn_t m, u64 pfn);

#endif
