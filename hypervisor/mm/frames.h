// SPDX-License-Identifier: MIT
// Between alloc.c and heap.c: free blocks of a partition.
#ifndef WABE_MM_FRAMES_H
#define WABE_MM_FRAMES_H

#include <wabe/alloc.h>

extern struct partition partition_first;

// A partition's heap; NULL: no memory. heap_give_back: nothing of it is in use:
// its memory goes to the default partition. -EBUSY: it is; -ERESTART.
struct heap *heap_create(struct partition *part);
int heap_give_back(struct heap *h);

// Free a block (its frames are nobody's), merging up to order_max. Takes and
// gives by mfn; blocks_take: 0 if there is none. The caller holds part->lock.
void blocks_free(struct partition *part, u64 mfn, u32 order, u32 order_max);
u64 blocks_take(struct partition *part, u32 order, u32 address_bits);

// frame_release() of a frame with the heap bit.
void heap_frame_release(struct page *p, struct domain *owner);

#endif
