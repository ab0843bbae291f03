// SPDX-License-Identifier: MIT
// Answers on their way into a guest's ring (xen/io/ring.h).
//
// An answer is written where its request stands, and said to be there after
// that. A worker killed in between would leave the next one requests that are
// none. So what is about to be written is noted first, in memory that the next
// worker has as well: what was noted and not said is written once more.
#ifndef WABED_ANSWERS_H
#define WABED_ANSWERS_H

#include "worker.h"

// A ring: its slots, of which each holds a request or an answer.
struct ring_kind {
	uint16_t slots, slot_bytes, answer_bytes;
};

#define RING_KIND(name)                                             \
	{                                                           \
		__CONST_RING_SIZE(name, PEER_PAGE),                 \
		    sizeof(((struct name##_sring *)0)->ring[0]),    \
		    sizeof(((struct name##_sring *)0)->ring[0].rsp) \
	}

// From here on notes are seen by all processes forked: before the first worker.
void answers_share(void);
// Answer `count` requests, at least one, from index `from` on, and tell the
// guest if it wants to know. `gref` tells the ring from the domain's others.
void answers_publish(struct channel *channel, const struct ring_kind *kind,
		     uint32_t gref, volatile void *page, uint32_t from,
		     const void *answers, unsigned count);
// Up to where requests are answered, once what a killed worker noted is done.
uint32_t answers_resume(const struct peer *peer, const struct ring_kind *kind,
			uint32_t gref, volatile void *page);

#endif
