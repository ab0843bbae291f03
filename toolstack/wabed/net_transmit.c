// SPDX-License-Identifier: MIT
// Packets from the guest. A packet is a first request, which carries the size
// of the whole, then (if it says so) extra information in requests' clothes,
// then further pieces, each with its own size; the first piece's size is what
// the others leave.
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
	SLOTS = __CONST_RING_SIZE(netif_tx, PEER_PAGE),
	PIECES = 18, // of a packet at most, as Linux's back end
	EXTRAS = 4,
	PACKETS = 32, // in a batch
	HEADER = sizeof(struct virtio_net_hdr),
	PACKET_BYTES = HEADER + 65536,
	BUFFER = 4 * PACKET_BYTES,
	ETH_BYTES = 14,
};

struct packet {
	char *data; // HEADER bytes, then the frame
	uint32_t bytes;
	uint16_t flags, gso_bytes;
	bool bad;	     // answer it with an error
	uint32_t first, end; // its requests
};

// What is taken in one go. The loop has one thread, so there is one.
static struct batch {
	struct packet packet[PACKETS];
	int packet_count, piece_count;
	struct peer_copy piece[PEER_COPY_MAX];
	uint16_t id[SLOTS]; // of requests from `start` on
	bool extra[SLOTS];
	uint32_t start, used;
	char buffer[BUFFER];
} batch;

const struct ring_kind net_tx_kind = RING_KIND(netif_tx);

static netif_tx_request_t request_copy(const struct net *net, uint32_t index)
{
	netif_tx_request_t copy;

	memcpy(&copy, (void *)&net->tx->ring[index % SLOTS].req, sizeof(copy));
	__asm__ volatile("" : "+m"(copy));
	return copy;
}

// Extra information follows the first request. Returns how many slots it
// takes, or -1.
static int extras_take(struct net *net, struct packet *packet, uint32_t at,
		       uint32_t prod)
{
	int count = 0;
	bool more = true;

	while (more) {
		netif_tx_request_t slot;
		struct netif_extra_info extra;

		if (at == prod || count == EXTRAS) {
			return -1;
		}
		slot = request_copy(net, at);
		memcpy(&extra, &slot, sizeof(extra));
		if (extra.type == XEN_NETIF_EXTRA_TYPE_NONE ||
		    extra.type >= XEN_NETIF_EXTRA_TYPE_MAX) {
			return -1;
		}
		if (extra.type == XEN_NETIF_EXTRA_TYPE_GSO) {
			packet->gso_bytes = extra.u.gso.size;
			packet->bad |=
			    extra.u.gso.type != XEN_NETIF_GSO_TYPE_TCPV4 ||
			    !extra.u.gso.size;
		}
		batch.extra[at - batch.start] = true;
		more = extra.flags & XEN_NETIF_EXTRA_FLAG_MORE;
		at++;
		count++;
	}
	return count;
}

static bool piece_add(const netif_tx_request_t *request, char *to,
		      uint32_t bytes)
{
	if (!bytes || request->offset + bytes > PEER_PAGE ||
	    batch.piece_count == PEER_COPY_MAX) {
		return false;
	}
	batch.piece[batch.piece_count++] = (struct peer_copy){
	    .local = to,
	    .gref = request->gref,
	    .offset = request->offset,
	    .bytes = bytes,
	};
	return true;
}

// The pieces after the first. NULL, or what is wrong.
static const char *pieces_take(struct net *net, struct packet *packet,
			       const netif_tx_request_t *first, uint32_t prod)
{
	netif_tx_request_t piece[PIECES];
	uint32_t rest = first->size;
	char *to;
	int count = 0;
	bool more = first->flags & NETTXF_more_data;

	while (more) {
		if (packet->end == prod || count == PIECES - 1) {
			return "a packet has no end";
		}
		piece[count] = request_copy(net, packet->end);
		batch.id[packet->end++ - batch.start] = piece[count].id;
		if (piece[count].size >= rest) {
			return "a packet's pieces are larger than the packet";
		}
		rest -= piece[count].size;
		more = piece[count++].flags & NETTXF_more_data;
	}
	to = packet->data + HEADER;
	if (!piece_add(first, to, rest)) {
		return "a packet's piece crosses its page";
	}
	to += rest;
	for (int i = 0; i < count; i++) {
		if (!piece_add(&piece[i], to, piece[i].size)) {
			return "a packet's piece crosses its page";
		}
		to += piece[i].size;
	}
	return NULL;
}

// Take the packet that starts at `at`. NULL, or what is wrong with the ring.
static const char *packet_take(struct net *net, uint32_t at, uint32_t prod)
{
	struct packet *packet = &batch.packet[batch.packet_count];
	netif_tx_request_t first = request_copy(net, at);
	const char *why;

	*packet = (struct packet){
	    .data = batch.buffer + batch.used,
	    .bytes = first.size,
	    .flags = first.flags,
	    .first = at,
	    .end = at + 1,
	    .bad = first.size < ETH_BYTES,
	};
	batch.id[at - batch.start] = first.id;
	if (first.flags & NETTXF_extra_info) {
		int extras = extras_take(net, packet, at + 1, prod);

		if (extras < 0) {
			return "extra information makes no sense";
		}
		packet->end += extras;
	}
	if (packet->bad && !(first.flags & NETTXF_more_data)) {
		batch.packet_count++;
		return NULL;
	}
	why = pieces_take(net, packet, &first, prod);
	if (!why) {
		batch.used += HEADER + packet->bytes;
		batch.packet_count++;
	}
	return why;
}

// Where the checksum of a TCP or UDP packet is, for those left blank.
static bool checksum_locate(const struct packet *packet,
			    struct virtio_net_hdr *header)
{
	const uint8_t *frame = (uint8_t *)packet->data + HEADER;
	uint32_t start = ETH_BYTES;
	uint8_t protocol;

	if (packet->bytes < ETH_BYTES + 20) {
		return false;
	}
	if (frame[12] == 0x08 && frame[13] == 0x00) {
		start += (frame[ETH_BYTES] & 15) * 4;
		protocol = frame[ETH_BYTES + 9];
	} else if (frame[12] == 0x86 && frame[13] == 0xdd &&
		   packet->bytes >= ETH_BYTES + 40) {
		start += 40;
		protocol = frame[ETH_BYTES + 6];
	} else {
		return false;
	}
	if (protocol != 6 && protocol != 17) {
		return false;
	}
	header->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	header->csum_start = start;
	header->csum_offset = protocol == 6 ? 16 : 6;
	header->hdr_len = start;
	if (protocol == 6 && start + 20 <= packet->bytes) {
		header->hdr_len += (frame[start + 12] >> 4) * 4;
	}
	return start + header->csum_offset + 2u <= packet->bytes &&
	       header->hdr_len <= packet->bytes;
}

// The tap's header. false: the packet contradicts itself.
static bool header_make(struct packet *packet)
{
	struct virtio_net_hdr header = {.flags = 0};

	if (packet->flags & NETTXF_csum_blank &&
	    !checksum_locate(packet, &header)) {
		return false;
	}
	if (packet->gso_bytes) {
		if (!header.flags) {
			return false;
		}
		header.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
		header.gso_size = packet->gso_bytes;
	} else {
		header.hdr_len = 0;
	}
	memcpy(packet->data, &header, HEADER);
	return true;
}

// On a network where each has an address of its own: IPv4 from that, and ARP
// that speaks for that or asks whether anybody has it. All else could take what
// is meant for a neighbour, or make itself the way to somewhere.
static bool speaks_for_itself(const struct net *net,
			      const struct packet *packet)
{
	static const uint8_t nobody[4];
	static const uint8_t arp[] = {0, 1, 8, 0, 6, 4}; // Ethernet, IPv4
	const uint8_t *frame = (uint8_t *)packet->data + HEADER;
	const uint8_t *in = frame + ETH_BYTES;

	if (!memcmp(net->ip, nobody, 4)) {
		return true;
	}
	if (frame[12] == 0x08 && frame[13] == 0x00) {
		return packet->bytes >= ETH_BYTES + 20 &&
		       !memcmp(in + 12, net->ip, 4);
	}
	return frame[12] == 0x08 && frame[13] == 0x06 &&
	       packet->bytes >= ETH_BYTES + 28 &&
	       !memcmp(in, arp, sizeof(arp)) && !memcmp(in + 8, net->mac, 6) &&
	       (!memcmp(in + 14, net->ip, 4) || !memcmp(in + 14, nobody, 4));
}

// It goes out if it comes from the addresses the interface has.
static void packet_send(struct net *net, struct packet *packet)
{
	struct wabed_stats *stats = &net->backend.served->stats;

	rate_take(&net->tx_rate, packet->bytes);
	if (packet->bad || net->tap.fd < 0 ||
	    memcmp(packet->data + HEADER + 6, net->mac, 6) ||
	    !speaks_for_itself(net, packet) || !header_make(packet) ||
	    write(net->tap.fd, packet->data, HEADER + packet->bytes) < 0) {
		stats->net_tx_dropped++;
		return;
	}
	stats->net_tx_packets++;
	stats->net_tx_bytes += packet->bytes;
}

static void packet_answer(const struct packet *packet,
			  netif_tx_response_t *answers)
{
	for (uint32_t i = packet->first; i != packet->end; i++) {
		uint32_t at = i - batch.start;

		answers[at].id = batch.id[at];
		answers[at].status = batch.extra[at] ? NETIF_RSP_NULL
				     : packet->bad   ? NETIF_RSP_ERROR
						     : NETIF_RSP_OKAY;
	}
}

static void batch_answer(struct net *net)
{
	netif_tx_response_t answers[SLOTS];
	struct backend *backend = &net->backend;
	uint32_t from = net->tx_cons;

	for (int i = 0; i < batch.packet_count; i++) {
		packet_answer(&batch.packet[i], answers);
		net->tx_cons = batch.packet[i].end;
	}
	answers_publish(&backend->channel, &net_tx_kind, backend->gref[0],
			net->tx, from, answers, net->tx_cons - from);
}

static int requests_waiting(struct net *net)
{
	uint32_t n = net->tx->req_prod - net->tx_cons;

	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return n > SLOTS ? -1 : (int)n;
}

static bool batch_has_room(void)
{
	return batch.packet_count < PACKETS &&
	       batch.piece_count + PIECES <= PEER_COPY_MAX &&
	       batch.used + PACKET_BYTES <= BUFFER;
}

static const char *batch_take(struct net *net, uint32_t prod)
{
	const char *why = NULL;
	uint32_t at = net->tx_cons;

	batch.packet_count = batch.piece_count = 0;
	batch.used = 0;
	batch.start = at;
	memset(batch.extra, 0, sizeof(batch.extra));
	memset(batch.id, 0, sizeof(batch.id));
	while (at != prod && batch_has_room() && !why) {
		why = packet_take(net, at, prod);
		at = why ? at : batch.packet[batch.packet_count - 1].end;
	}
	return why;
}

bool net_transmit(struct net *net)
{
	struct peer *peer = &net->backend.served->peer;
	int waiting = requests_waiting(net);
	uint64_t until = rate_wait(&net->tx_rate, time_now());
	const char *why;

	if (!waiting) {
		net->tx->req_event = net->tx_cons + 1;
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		waiting = requests_waiting(net);
	}
	if (waiting > 0 && until) {
		channel_sleep(&net->backend.channel, until);
		return false;
	}
	if (waiting <= 0) {
		if (waiting < 0) {
			backend_lose(
			    &net->backend,
			    "its transmit ring holds more than it can");
		}
		return false;
	}
	why = batch_take(net, net->tx_cons + waiting);
	if (why) {
		backend_lose(&net->backend, why);
		return false;
	}
	if (batch.piece_count &&
	    peer->ops->copy(peer, batch.piece, batch.piece_count, false)) {
		for (int i = 0; i < batch.packet_count; i++) {
			batch.packet[i].bad = true;
		}
	}
	for (int i = 0; i < batch.packet_count; i++) {
		packet_send(net, &batch.packet[i]);
	}
	batch_answer(net);
	return true; // until a look finds nothing and asks for an event
}
