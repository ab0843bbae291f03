// SPDX-License-Identifier: MIT
// Answers on their way into a guest's ring.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <xen/xen.h>
#include <xen/io/ring.h>
#include <xen/io/blkif.h>
#include <xen/io/netif.h>

#include "answers.h"

// What all rings begin with; the slots follow.
struct head {
	uint32_t req_prod, req_event, rsp_prod, rsp_event;
	char rest[48];
};

#define IS_HEAD(name)                                                 \
	_Static_assert(offsetof(struct name##_sring, ring) ==         \
			       sizeof(struct head) &&                 \
			   offsetof(struct name##_sring, rsp_prod) == \
			       offsetof(struct head, rsp_prod),       \
		       #name)
IS_HEAD(blkif);
IS_HEAD(netif_tx);
IS_HEAD(netif_rx);

// The loop has one thread, so one batch is under way.
struct note {
	uint32_t valid; // a worker that dies now has to be followed
	uint32_t domid, gref, from, count;
	char answers[2048];
};

static struct note alone, *note = &alone;

void answers_share(void)
{
	note = mmap(NULL, sizeof(*note), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (note == MAP_FAILED) {
		abort();
	}
}

static void noted_write(const struct ring_kind *kind, volatile void *page)
{
	volatile struct head *head = page;
	char *slots = (char *)(uintptr_t)page + sizeof(*head);

	for (uint32_t i = 0; i < note->count; i++) {
		memcpy(
		    slots + (note->from + i) % kind->slots * kind->slot_bytes,
		    note->answers + i * kind->answer_bytes, kind->answer_bytes);
	}
	__atomic_thread_fence(__ATOMIC_RELEASE);
	head->rsp_prod = note->from + note->count;
	__atomic_store_n(&note->valid, 0, __ATOMIC_RELEASE);
}

void answers_publish(struct channel *channel, const struct ring_kind *kind,
		     uint32_t gref, volatile void *page, uint32_t from,
		     const void *answers, unsigned count)
{
	volatile struct head *head = page;
	uint32_t event;

	if (count > sizeof(note->answers) / kind->answer_bytes) {
		abort(); // no ring has so many slots
	}
	note->domid = channel->served->peer.domid;
	note->gref = gref;
	note->from = from;
	note->count = count;
	memcpy(note->answers, answers, count * kind->answer_bytes);
	__atomic_store_n(&note->valid, 1, __ATOMIC_RELEASE);
	noted_write(kind, page);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	event = head->rsp_event;
	if (from + count - event < count) {
		channel_notify(channel);
	}
}

uint32_t answers_resume(const struct peer *peer, const struct ring_kind *kind,
			uint32_t gref, volatile void *page)
{
	volatile struct head *head = page;

	// Said already, it would have gone on.
	if (note->valid && note->domid == peer->domid && note->gref == gref &&
	    note->from == head->rsp_prod &&
	    note->count <= sizeof(note->answers) / kind->answer_bytes) {
		noted_write(kind, page);
	}
	return head->rsp_prod;
}
