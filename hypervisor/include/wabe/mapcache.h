// SPDX-License-Identifier: MIT
// Reaching a guest's frame: a per-CPU cache of mappings (mm/mapcache.c).
#ifndef WABE_MAPCACHE_H
#define WABE_MAPCACHE_H

#include <wabe/addr.h>
#include <wabe/types.h>

struct cpu;

// Map a frame of RAM for this CPU until page_unmap(). Hashed by mfn: frames
// used often stay mapped. Nesting to 16 frames at once. The caller holds a
// reference to the frame. Not to be kept across a return to a guest.
void *page_map(mfn_t m) MUST_CHECK;
void page_unmap(const void *va);
// One quadword of a frame, which need not stay mapped.
u64 page_read(mfn_t m, u32 index);
// Forget every mapping (another domain comes to run on this CPU).
void mapcache_flush(void);
int mapcache_init_cpu(struct cpu *c);

// Long-lived mappings in the vmap area. NULL: no room.
// vmap_frame: a guest's or heap frame, write-back. vmap_mmio: uncached, within
// one page.
void *vmap_frame(mfn_t m) MUST_CHECK;
void *vmap_mmio(u64 maddr, u64 bytes) MUST_CHECK;
void vunmap(void *va); // flushes all CPUs

#endif
