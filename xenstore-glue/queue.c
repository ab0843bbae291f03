// SPDX-License-Identifier: MIT
// What waits to go to the guest. A reply always finds room, because no request
// is handled while much waits (ring_take); events are many for one request, and
// those beyond STORE_MAX_OUT are dropped.
#include <stdint.h>
#include <xen/io/xs_wire.h>

#include "memory.h"
#include "queue.h"

void queue_message(struct store *store, uint32_t type, uint32_t request,
		   uint32_t transaction, const void *payload, size_t bytes)
{
	if (store->out_start == store->out_end) {
		store->out_start = store->out_end = 0;
	}
	if (store->out_start >= STORE_MAX_OUT) {
		store->out_end -= store->out_start;
		memmove(store->out, store->out + store->out_start,
			store->out_end);
		store->out_start = 0;
	}
	if (store->out_room - store->out_end < WIRE_MESSAGE_MAX) {
		store->out_room = store->out_end + 2 * WIRE_MESSAGE_MAX;
		store->out = memory_grow(store->out, store->out_room);
	}
	store->out_end += wire_build(store->out + store->out_end, type, request,
				     transaction, payload, bytes);
}

void queue_event(void *context, const char *path, const char *token)
{
	struct store *store = context;
	char payload[WIRE_PAYLOAD_MAX];
	size_t a = strlen(path) + 1, b = strlen(token) + 1;

	if (a + b > sizeof(payload) ||
	    store->out_end - store->out_start > STORE_MAX_OUT) {
		store->events_dropped++;
		return;
	}
	memcpy(payload, path, a);
	memcpy(payload + a, token, b);
	queue_message(store, XS_WATCH_EVENT, 0, 0, payload, a + b);
}
