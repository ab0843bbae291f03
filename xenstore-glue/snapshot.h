// SPDX-License-Identifier: MIT
// A store as bytes, so that another process can go on where one was killed.
//
// What is saved: nodes, watches, what waits in `out`, the half-received
// message and the ring's indices. Transactions are saved by number only: after
// a restore they are answered as before and end with EAGAIN, which every
// client of a store is ready for.
#ifndef GLUE_SNAPSHOT_H
#define GLUE_SNAPSHOT_H

#include "ring.h"

// Returns the bytes written, 0 if `room` was not enough.
size_t snapshot_save(const struct store *store, const struct ring *ring,
		     char *to, size_t room);
// Into a store fresh from store_init and a ring fresh from ring_init, for the
// same domain. false: these bytes are no such snapshot; the store is empty but
// whole (store_fini it). Nothing in the bytes is trusted.
bool snapshot_restore(struct store *store, struct ring *ring, const char *from,
		      size_t bytes);

#endif
