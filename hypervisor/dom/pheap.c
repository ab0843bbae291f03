// SPDX-License-Identifier: MIT
// Pairing heap. A node's children form a list; each child's subtree has keys
// not smaller than its own. Merging two trees makes the one with the larger
// root the other's first child. Removing a root pairs its children from left
// to right and merges the pairs from right to left, which is what makes the
// cost logarithmic over time (Fredman, Sedgewick, Sleator, Tarjan 1986).
#include <wabe/pheap.h>

// Both are roots without siblings. Equal keys: `a` stays on top.
static inline struct pheap_node *merge(struct pheap_node *a,
				       struct pheap_node *b)
{
	if (b->key < a->key) {
		struct pheap_node *t = a;

		a = b;
		b = t;
	}
	b->prev = a;
	b->next = a->child;
	if (b->next) {
		b->next->prev = b;
	}
	a->child = b;
	return a;
}

// Make one tree of a list of siblings.
static struct pheap_node *merge_list(struct pheap_node *first)
{
	struct pheap_node *pairs = NULL, *tree;

	while (first) {
		struct pheap_node *a = first, *b = a->next;

		first = b ? b->next : NULL;
		a->next = NULL;
		if (b) {
			b->next = NULL;
			a = merge(a, b);
		}
		a->next = pairs;
		pairs = a;
	}
	tree = pairs;
	pairs = tree->next;
	tree->next = NULL;
	while (pairs) {
		struct pheap_node *next = pairs->next;

		pairs->next = NULL;
		tree = merge(tree, pairs);
		pairs = next;
	}
	tree->prev = NULL;
	return tree;
}

void pheap_insert(struct pheap *h, struct pheap_node *n)
{
	n->child = n->next = n->prev = NULL;
	h->root = h->root ? merge(h->root, n) : n;
}

void pheap_remove(struct pheap *h, struct pheap_node *n)
{
	struct pheap_node *rest = n->child ? merge_list(n->child) : NULL;

	if (n == h->root) {
		h->root = rest;
		return;
	}
	if (n->prev->child == n) {
		n->prev->child = n->next;
	} else {
		n->prev->next = n->next;
	}
	if (n->next) {
		n->next->prev = n->prev;
	}
	if (rest) {
		h->root = merge(h->root, rest);
	}
}
