// SPDX-License-Identifier: MIT
// Messages to the guest, in order. Inside the glue only.
#ifndef GLUE_QUEUE_H
#define GLUE_QUEUE_H

#include "store.h"

// `bytes` is at most WIRE_PAYLOAD_MAX.
void queue_message(struct store *store, uint32_t type, uint32_t request,
		   uint32_t transaction, const void *payload, size_t bytes);
// A watch_event; the context is the store.
void queue_event(void *store, const char *path, const char *token);

#endif
