// SPDX-License-Identifier: MIT
// The store's ring, as its server sees it.
#include <stdint.h>
#include <string.h>
#include <xen/io/xs_wire.h>

#include "ring.h"

void ring_init(struct ring *ring, volatile void *page)
{
	ring->page = page;
	ring->in_bytes = 0;
	ring->page->server_features = XENSTORE_SERVER_FEATURE_ERROR;
	ring->page->connection = XENSTORE_CONNECTED;
}

static bool ring_fail(struct ring *ring, uint32_t why)
{
	ring->page->error = why;
	return false;
}

// Copy up to `want` bytes that the guest produced; -1 if its indices lie.
static int bytes_take(struct ring *ring, char *out, size_t want)
{
	volatile struct xenstore_domain_interface *page = ring->page;
	uint32_t cons = page->req_cons, prod = page->req_prod;
	uint32_t have = prod - cons;

	if (have > XENSTORE_RING_SIZE) {
		return -1;
	}
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	have = have < want ? have : want;
	for (uint32_t i = 0; i < have; i++) {
		out[i] = page->req[MASK_XENSTORE_IDX(cons + i)];
	}
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	page->req_cons = cons + have;
	return have;
}

static int bytes_give(struct ring *ring, const char *from, size_t want)
{
	volatile struct xenstore_domain_interface *page = ring->page;
	uint32_t cons = page->rsp_cons, prod = page->rsp_prod;
	uint32_t room = XENSTORE_RING_SIZE - (prod - cons);

	if (prod - cons > XENSTORE_RING_SIZE) {
		return -1;
	}
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	room = room < want ? room : want;
	for (uint32_t i = 0; i < room; i++) {
		page->rsp[MASK_XENSTORE_IDX(prod + i)] = from[i];
	}
	__atomic_thread_fence(__ATOMIC_RELEASE);
	page->rsp_prod = prod + room;
	return room;
}

// 1: something went out, 0: nothing could, -1: broken.
static int answers_flush(struct ring *ring, struct store *store)
{
	size_t waiting = store->out_end - store->out_start;
	int n = waiting
		    ? bytes_give(ring, store->out + store->out_start, waiting)
		    : 0;

	if (n > 0) {
		store->out_start += n;
	}
	return n < 0 ? -1 : n > 0;
}

// 1: a message is complete, 0: not yet, -1: indices, -2: never.
static int message_take(struct ring *ring, bool *notify)
{
	for (;;) {
		size_t needed = wire_bytes_needed(ring->in, ring->in_bytes);
		int n;

		if (!needed) {
			return -2;
		}
		if (ring->in_bytes >= WIRE_HEADER_BYTES &&
		    ring->in_bytes == needed) {
			return 1;
		}
		n = bytes_take(ring, ring->in + ring->in_bytes,
			       needed - ring->in_bytes);
		if (n <= 0) {
			return n;
		}
		ring->in_bytes += n;
		*notify = true; // there is room again
	}
}

bool ring_serve(struct ring *ring, struct store *store, unsigned messages,
		bool *notify, bool *more)
{
	struct wire_message message;
	int state;

	*more = false;
	for (;;) {
		state = answers_flush(ring, store);
		if (state < 0) {
			return ring_fail(ring, XENSTORE_ERROR_RINGIDX);
		}
		*notify |= state;
		if (store->out_end != store->out_start) {
			return true; // until the guest has read
		}
		if (!messages--) {
			*more = true;
			return true;
		}
		state = message_take(ring, notify);
		if (state < 0) {
			return ring_fail(ring, state == -1
						   ? XENSTORE_ERROR_RINGIDX
						   : XENSTORE_ERROR_PROTO);
		}
		if (!state) {
			return true;
		}
		wire_parse(&message, ring->in);
		ring->in_bytes = 0;
		store_feed(store, &message);
	}
}
