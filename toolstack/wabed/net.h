// SPDX-License-Identifier: MIT
// What the parts of a network interface share.
#ifndef WABED_NET_H
#define WABED_NET_H

#include "answers.h"
#include "worker.h"

struct netif_tx_sring;
struct netif_rx_sring;

struct net {
	struct backend backend;

	struct source tap; // fd -1: it went away
	bool polled;
	uint16_t mtu;
	uint8_t mac[6], ip[4];
	struct rate tx_rate, rx_rate;
	volatile struct netif_tx_sring *tx;
	volatile struct netif_rx_sring *rx;
	uint32_t tx_cons, rx_cons; // requests taken; all are answered at once
};

extern const struct ring_kind net_tx_kind, net_rx_kind;

// Serve the tap only while the guest has room (net.c).
void net_tap_poll(struct net *net, bool on);
// From the guest to the tap; true if there is more (net_transmit.c).
bool net_transmit(struct net *net);
// From the tap to the guest (net_receive.c).
void net_receive(struct net *net);

#endif
