// SPDX-License-Identifier: MIT
// The shared page between a guest and its store. The guest may write anything
// there at any time: each index is read once, into a local, and judged; bytes
// are copied out before they are looked at.
#ifndef GLUE_RING_H
#define GLUE_RING_H

#include "store.h"

struct xenstore_domain_interface;

struct ring {
	volatile struct xenstore_domain_interface *page;
	uint32_t in_bytes; // of a message not yet complete
	char in[WIRE_MESSAGE_MAX];
};

// Connect to a page; features are announced, indices taken as they are.
void ring_init(struct ring *ring, volatile void *page);

// Move what can be moved: requests from the page to the store, answers from
// the store to the page. At most `messages` requests are handled, and none
// while answers wait, so a guest that does not read is not served. Sets
// *notify if the guest must be told and *more if requests were left.
// false: the guest broke the protocol; the page says so and is dead.
bool ring_serve(struct ring *ring, struct store *store, unsigned messages,
		bool *notify, bool *more);

#endif
