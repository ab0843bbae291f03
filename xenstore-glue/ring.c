// SPDX-License-Identifier: MIT
// The store's ring, as its server sees it.
#include <stdint.h>
#include <string.h>
#include <xen/io/xs_wire.h>

#include "ring.h"

void ring_init(struct ring *ring, volatile void *page)
{
	ring->page = page;
	ring->in_bytes = ring->ahead = 0;
	ring->req_cons = ring->page->req_cons;
	ring->rsp_prod = ring->page->rsp_prod;
	ring->page->server_features = XENSTORE_SERVER_FEATURE_ERROR;
	ring->page->connection = XENSTORE_CONNECTED;
}

void ring_resume(struct ring *ring, uint32_t in_bytes, uint32_t req_cons,
		 uint32_t rsp_prod)
{
	ring->in_bytes = in_bytes;
	ring->req_cons = req_cons;
	ring->ahead = ring->rsp_prod - rsp_prod;
	ring->rsp_prod = rsp_prod;
}

static bool ring_fail(struct ring *ring, uint32_t why)
{
	ring->page->error = why;
	return false;
}

// Copy up to `want` bytes that the guest produced; -1 if its index lies.
static int bytes_take(struct ring *ring, char *out, size_t want)
{
	volatile struct xenstore_domain_interface *page = ring->page;
	uint32_t have = page->req_prod - ring->req_cons;

	if (have > XENSTORE_RING_SIZE) {
		return -1;
	}
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	have = have < want ? have : want;
	for (uint32_t i = 0; i < have; i++) {
		out[i] = page->req[MASK_XENSTORE_IDX(ring->req_cons + i)];
	}
	ring->req_cons += have;
	return have;
}

static int bytes_give(struct ring *ring, const char *from, size_t want)
{
	volatile struct xenstore_domain_interface *page = ring->page;
	uint32_t prod = ring->rsp_prod;
	uint32_t used = prod - page->rsp_cons;
	uint32_t room = XENSTORE_RING_SIZE - used;

	if (used > XENSTORE_RING_SIZE) {
		return -1;
	}
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	room = room < want ? room : want;
	for (uint32_t i = 0; i < room; i++) {
		page->rsp[MASK_XENSTORE_IDX(prod + i)] = from[i];
	}
	ring->rsp_prod = prod + room;
	__atomic_thread_fence(__ATOMIC_RELEASE);
	page->rsp_prod = ring->rsp_prod;
	return room;
}

static size_t waiting(const struct store *store)
{
	return store->out_end - store->out_start;
}

// 1: a message is complete, 0: not yet, -1: index, -2: never.
static int message_take(struct ring *ring)
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
	}
}

bool ring_take(struct ring *ring, struct store *store, unsigned messages,
	       bool *more)
{
	struct wire_message message;

	*more = false;
	while (waiting(store) <= XENSTORE_RING_SIZE / 2) {
		int state;

		if (!messages--) {
			*more = true;
			return true;
		}
		state = message_take(ring);
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
	return true;
}

bool ring_publish(struct ring *ring, struct store *store, bool *notify)
{
	size_t again = waiting(store);

	if (ring->page->req_cons != ring->req_cons) {
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		ring->page->req_cons = ring->req_cons;
		*notify = true; // there is room again
	}
	// What an earlier server sent already.
	again = again < ring->ahead ? again : ring->ahead;
	store->out_start += again;
	ring->rsp_prod += again;
	ring->ahead -= again;
	if (waiting(store)) {
		int n = bytes_give(ring, store->out + store->out_start,
				   waiting(store));

		if (n < 0) {
			return ring_fail(ring, XENSTORE_ERROR_RINGIDX);
		}
		store->out_start += n;
		*notify |= n > 0;
	}
	return true;
}

// Linux tells us of a request only where it finds all before it taken, and of
// an answer it read only where it finds the ring full: by our indices, which it
// reads with no barrier behind the writing of its own (xb_write, xb_read). So
// its index may still be in its processor's store buffer when ours is seen by
// all, and each side believes that the other will look. What tells it of ours,
// a hypercall, takes longer than a store stays there.
bool ring_waits(const struct ring *ring, const struct store *store)
{
	const volatile struct xenstore_domain_interface *page = ring->page;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (waiting(store) &&
	    page->rsp_prod - page->rsp_cons < (uint32_t)XENSTORE_RING_SIZE) {
		return true;
	}
	return waiting(store) <= XENSTORE_RING_SIZE / 2 &&
	       page->req_prod != ring->req_cons;
}
