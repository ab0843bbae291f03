// SPDX-License-Identifier: MIT
// The shared page between a guest and its store. The guest may write anything
// there at any time: what it produces is read once, into a local, and judged;
// bytes are copied out before they are looked at; our own indices are kept
// here and only ever written there.
//
// A turn is ring_take(), then, if store->dirty, save, then ring_publish(): the
// guest sees neither an answer nor room for requests before they are saved. So
// a server that is killed at any point is followed by one that does the same
// again and skips the bytes that went out already. Last comes ring_waits().
#ifndef GLUE_RING_H
#define GLUE_RING_H

#include "store.h"

struct xenstore_domain_interface;

struct ring {
	volatile struct xenstore_domain_interface *page;
	uint32_t req_cons, rsp_prod;
	uint32_t ahead;	   // bytes the guest has from before a restart
	uint32_t in_bytes; // of a message not yet complete
	char in[WIRE_MESSAGE_MAX];
};

// Connect to a page; features are announced, indices taken as they are.
void ring_init(struct ring *ring, volatile void *page);
// Go on from where another server saved.
void ring_resume(struct ring *ring, uint32_t in_bytes, uint32_t req_cons,
		 uint32_t rsp_prod);

// Handle requests, at most `messages`, and none while an answer waits that the
// guest has no room for. Sets *more if requests may be left. false: the guest
// broke the protocol; the page says so and is dead.
bool ring_take(struct ring *ring, struct store *store, unsigned messages,
	       bool *more);
// Show the guest what was taken and as much of the answers as fits. Sets
// *notify if it must be told. false: as above.
bool ring_publish(struct ring *ring, struct store *store, bool *notify);
// Once it has been told: is there something to take, or room for an answer,
// that it may not tell of? Then another turn follows.
bool ring_waits(const struct ring *ring, const struct store *store);

#endif
