// SPDX-License-Identifier: MIT
// Fuzz the store from the guest's side of the ring. The input is a program of
// chunks: either bytes to put into the request ring (most often a request made
// of the chunk, sometimes raw), or a new value for one of the ring's indices,
// or a change made by the host. Afterwards the account is recomputed from the
// tree: it must match what the tree says of itself.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xen/io/xs_wire.h>

#include "../../xenstore-glue/snapshot.h"

static void account(const struct node *node, uint16_t owner, unsigned *nodes,
		    unsigned *bytes)
{
	if (node->perms.entry[0].domid == owner) {
		++*nodes;
		*bytes += strlen(node->name) + node->value_bytes;
	}
	for (uint32_t i = 0; i < node->child_count; i++) {
		account(node->child[i], owner, nodes, bytes);
	}
}

static void account_check(const struct tree *tree)
{
	unsigned nodes = 0, bytes = 0;

	account(tree->root, tree->limits->owner, &nodes, &bytes);
	if (nodes != tree->nodes || bytes != tree->bytes) {
		fprintf(stderr, "account: %u/%u nodes, %u/%u bytes\n", nodes,
			tree->nodes, bytes, tree->bytes);
		abort();
	}
}

static void put(struct xenstore_domain_interface *page, const void *from,
		size_t bytes)
{
	const char *data = from;

	while (bytes-- &&
	       page->req_prod - page->req_cons < XENSTORE_RING_SIZE) {
		page->req[MASK_XENSTORE_IDX(page->req_prod++)] = *data++;
	}
}

// One chunk: kind, length, bytes.
static void chunk_run(struct store *store,
		      struct xenstore_domain_interface *page, uint8_t kind,
		      const uint8_t *data, size_t bytes)
{
	struct xsd_sockmsg header = {.type = kind & 31, .len = bytes};

	if (kind < 224) {
		header.tx_id = kind >> 5;
		put(page, &header, sizeof(header));
		put(page, data, bytes);
	} else if (kind < 240) {
		put(page, data, bytes);
	} else if (kind < 244 && bytes >= 4) {
		memcpy(&page->req_cons + (kind & 3), data, 4);
	} else if (bytes) {
		char path[256];

		snprintf(path, sizeof(path), "data/%.*s", (int)bytes - 1,
			 (const char *)data);
		if (data[bytes - 1] & 1) {
			store_set(store, path, "host");
		} else {
			store_remove(store, path);
		}
	}
}

// The store saved and restored is the same; with a byte changed it is a store
// or none, but nothing worse.
static void snapshot_check(struct store *store, struct ring *ring,
			   struct xenstore_domain_interface *page, uint8_t seed)
{
	static char saved[4 << 20], again[4 << 20];
	size_t bytes = snapshot_save(store, ring, saved, sizeof(saved));
	static struct ring other_ring;
	struct store other;

	for (int round = 0; round < 2; round++) {
		store_init(&other, 7, 0);
		ring_init(&other_ring, page);
		if (snapshot_restore(&other, &other_ring, saved, bytes)) {
			account_check(&other.tree);
			if (!round && (snapshot_save(&other, &other_ring, again,
						     sizeof(again)) != bytes ||
				       memcmp(saved, again, bytes))) {
				abort();
			}
		} else if (!round) {
			abort();
		}
		store_fini(&other);
		saved[(seed * 2654435761u) % bytes] ^= 1 << (seed & 7);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct xenstore_domain_interface page = {.req_cons = 0};
	static struct ring ring;
	struct store store;
	uint8_t end = size ? data[size - 1] : 0;

	store_init(&store, 7, 0);
	store_set_bytes(&store, "data", "", 0, true);
	store_set(&store, "name", "seven");
	ring_init(&ring, &page);
	while (size >= 2) {
		size_t bytes = data[1] < size - 2 ? data[1] : size - 2;
		bool notify = false, more = true;
		int rounds = 40;

		chunk_run(&store, &page, data[0], data + 2, bytes);
		data += 2 + bytes;
		size -= 2 + bytes;
		while (more && rounds--) {
			if (!ring_take(&ring, &store, 4, &more) ||
			    !ring_publish(&ring, &store, &notify)) {
				goto out;
			}
			more |= ring_waits(&ring, &store);
			page.rsp_cons = page.rsp_prod;
			more |= store.out_start != store.out_end;
		}
	}
out:
	account_check(&store.tree);
	if (store.tree.nodes > STORE_MAX_NODES ||
	    store.tree.bytes > STORE_MAX_BYTES) {
		abort();
	}
	snapshot_check(&store, &ring, &page, end);
	for (unsigned i = 0; i < store.transactions.count; i++) {
		account_check(&store.transactions.list[i]->now);
	}
	store_fini(&store);
	return 0;
}
