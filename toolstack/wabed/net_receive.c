// SPDX-License-Identifier: MIT
// Packets to the guest: each into one page it offered.
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <linux/virtio_net.h>
#include <xen/xen.h>
#include <xen/io/ring.h>
#include <xen/io/netif.h>

#include "net.h"

enum {
	SLOTS = __CONST_RING_SIZE(netif_rx, PEER_PAGE),
	BATCH = 32,
	HEADER = sizeof(struct virtio_net_hdr),
};

const struct ring_kind net_rx_kind = RING_KIND(netif_rx);

// One packet between tap and ring. The loop has one thread, so one set.
static struct packet {
	netif_rx_request_t request;
	uint32_t bytes;
	uint16_t flags;
	char data[HEADER + PEER_PAGE + 1];
} packets[BATCH];

// How many buffers the guest offers; -1 if that cannot be.
static int buffers_waiting(struct net *net)
{
	uint32_t n = net->rx->req_prod - net->rx_cons;

	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return n > SLOTS ? -1 : (int)n;
}

static uint16_t flags_of(const struct packet *packet)
{
	struct virtio_net_hdr header;

	memcpy(&header, packet->data, HEADER);
	if (header.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		return NETRXF_csum_blank | NETRXF_data_validated;
	}
	return header.flags & VIRTIO_NET_HDR_F_DATA_VALID
		   ? NETRXF_data_validated
		   : 0;
}

// Fill `packets` from the tap, at most `max`; what does not fit is dropped.
static int packets_read(struct net *net, int max)
{
	struct wabed_stats *stats = &net->backend.served->stats;
	int count = 0;

	for (int tries = BATCH; count < max && tries; tries--) {
		struct packet *packet = &packets[count];
		ssize_t n =
		    read(net->tap.fd, packet->data, sizeof(packet->data));

		if (n < 0) {
			break;
		}
		if (n <= HEADER || n - HEADER > PEER_PAGE) {
			stats->net_rx_dropped++;
			continue;
		}
		packet->bytes = n - HEADER;
		packet->flags = flags_of(packet);
		rate_take(&net->rx_rate, packet->bytes);
		count++;
	}
	return count;
}

static bool packets_copy(struct net *net, int count)
{
	struct peer *peer = &net->backend.served->peer;
	struct peer_copy pieces[BATCH];

	for (int i = 0; i < count; i++) {
		memcpy(&packets[i].request,
		       (void *)&net->rx->ring[(net->rx_cons + i) % SLOTS].req,
		       sizeof(packets[i].request));
		__asm__ volatile("" ::: "memory");
		pieces[i] = (struct peer_copy){
		    .local = packets[i].data + HEADER,
		    .gref = packets[i].request.gref,
		    .bytes = packets[i].bytes,
		};
	}
	return !peer->ops->copy(peer, pieces, count, true);
}

static void packets_publish(struct net *net, int count, bool copied)
{
	struct wabed_stats *stats = &net->backend.served->stats;
	struct backend *backend = &net->backend;
	netif_rx_response_t answers[BATCH];

	for (int i = 0; i < count; i++) {
		answers[i] = (netif_rx_response_t){
		    .id = packets[i].request.id,
		    .flags = copied ? packets[i].flags : 0,
		    .status =
			copied ? (int16_t)packets[i].bytes : NETIF_RSP_ERROR,
		};
		stats->net_rx_packets += copied;
		stats->net_rx_dropped += !copied;
		stats->net_rx_bytes += copied ? packets[i].bytes : 0;
	}
	answers_publish(&backend->channel, &net_rx_kind, backend->gref[1],
			net->rx, net->rx_cons, answers, count);
	net->rx_cons += count;
}

// Is there a buffer? If not, ask for an event when there is.
static int buffers_await(struct net *net)
{
	int waiting = buffers_waiting(net);

	if (!waiting) {
		net->rx->req_event = net->rx_cons + 1;
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		waiting = buffers_waiting(net);
	}
	return waiting;
}

void net_receive(struct net *net)
{
	uint64_t until;
	int waiting, count;

	if (!net->rx || net->tap.fd < 0) {
		return;
	}
	until = rate_wait(&net->rx_rate, time_now());
	waiting = buffers_await(net);
	if (waiting < 0) {
		backend_lose(&net->backend,
			     "its receive ring holds more than it can");
		return;
	}
	if (!waiting || until) {
		net_tap_poll(net, false);
		if (until) {
			channel_sleep(&net->backend.channel, until);
		}
		return;
	}
	net_tap_poll(net, true);
	count = packets_read(net, waiting < BATCH ? waiting : BATCH);
	if (count) {
		packets_publish(net, count, packets_copy(net, count));
	}
}
