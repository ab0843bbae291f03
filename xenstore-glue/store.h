// SPDX-License-Identifier: MIT
// A store for one domain: what xenstored is to a guest, with nothing of any
// other domain in it. Pure: bytes in, bytes out, no system call; memory is
// bounded by the limits below whatever the guest asks.
//
// The guest's messages come through store_feed(); replies and watch events
// wait in `out`. The host side (the worker, in the back end's name) reads and
// writes nodes with store_get() and store_set(), which fire the guest's
// watches, and hears of the guest's changes through `changed`.
#ifndef GLUE_STORE_H
#define GLUE_STORE_H

#include "transaction.h"
#include "tree.h"
#include "watch.h"
#include "wire.h"

enum {
	STORE_MAX_NODES = 1000,
	STORE_MAX_BYTES = 256 * 1024,
	STORE_MAX_VALUE = 2048,
	STORE_MAX_WATCHES = 128,
	STORE_MAX_OUT = 256 * 1024, // events beyond it are dropped, counted
};

struct store {
	uint16_t domid, host; // the guest, and who answers it
	char home[32];	      // "/local/domain/7"
	struct tree tree;
	uint64_t clock;
	struct tree_limits limits;
	struct watches watches;
	struct transactions transactions;
	char *out; // bytes out_start..out_end wait for the ring
	size_t out_start, out_end, out_room;
	uint64_t requests, events_dropped;
	// Something was done that a restart must not forget or do twice: save
	// before the guest is told (ring_publish).
	bool dirty;
	// The guest changed or removed `path` (once for each node named, after
	// a transaction's end for those in it). It may call store_set().
	void (*changed)(void *context, const char *path);
	void *context;
};

void store_init(struct store *store, uint16_t domid, uint16_t host);
void store_fini(struct store *store);

// A complete message of the guest.
void store_feed(struct store *store, const struct wire_message *message);
// Forget watches and transactions, as after a reset of the connection.
void store_reset(struct store *store);

// The host's side. Paths are absolute, or relative to the guest's home.
// store_set and store_remove return 0 or an errno. A node the host makes
// belongs to the host and the guest may read it; `guest_owns` hands it over.
int store_set(struct store *store, const char *path, const char *value);
int store_set_bytes(struct store *store, const char *path, const void *value,
		    size_t bytes, bool guest_owns);
int store_remove(struct store *store, const char *path);
// The value with a 0 after it, or NULL. Valid until the store changes.
const char *store_get(const struct store *store, const char *path);
const struct node *store_find(const struct store *store, const char *path);
// A number the guest wrote: false unless it is decimal and at most `max`.
bool store_get_number(const struct store *store, const char *path, uint64_t max,
		      uint64_t *number);

#endif
