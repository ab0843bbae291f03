// SPDX-License-Identifier: MIT
// A priority queue without memory of its own: a pairing heap of nodes that lie
// in the queued structures (dom/pheap.c). Smallest key first. Insert is a few
// instructions; removal is logarithmic over time. The caller locks.
#ifndef WABE_PHEAP_H
#define WABE_PHEAP_H

#include <wabe/types.h>

struct pheap_node {
	u64 key;
	struct pheap_node *child; // first child
	struct pheap_node *next;  // next sibling
	struct pheap_node *prev;  // sibling before, or parent of a first child
};

struct pheap {
	struct pheap_node *root; // smallest key, NULL: empty
};

// `n` is in no heap. Its key must be set.
void pheap_insert(struct pheap *h, struct pheap_node *n);
// `n` is in `h`.
void pheap_remove(struct pheap *h, struct pheap_node *n);

#endif
