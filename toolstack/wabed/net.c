// SPDX-License-Identifier: MIT
// A network interface: the back end of xen/io/netif.h over a tap.
//
// All data is copied by grant, many packets in one call. From the guest
// (transmit): packets in pieces, with checksums left to us and TCP segments
// left to be cut, which the tap takes as they are (struct virtio_net_hdr). To
// the guest (receive): one buffer holds one packet.
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <xen/xen.h>
#include <xen/io/ring.h>
#include <xen/io/netif.h>

#include "net.h"

static struct net *net_of_channel(struct channel *channel)
{
	return (struct net *)((char *)channel -
			      offsetof(struct net, backend.channel));
}

static struct net *net_of(struct backend *backend)
{
	return (struct net *)((char *)backend - offsetof(struct net, backend));
}

struct backend *net_backend(struct net *net)
{
	return &net->backend;
}

void net_tap_poll(struct net *net, bool on)
{
	if (net->tap.fd >= 0 && net->polled != on) {
		net->polled = on;
		source_change(net->backend.served->worker, &net->tap,
			      on ? EPOLLIN : 0);
	}
}

// An event is for either ring; a turn looks at both.
static bool net_turn(struct channel *channel)
{
	struct net *net = net_of_channel(channel);
	bool more = net_transmit(net);

	if (!net->backend.connected || net->backend.leaving) {
		return false;
	}
	net_receive(net);
	return more && !channel->sleep_until && net->backend.connected;
}

static void tap_ready(struct source *source, uint32_t events)
{
	struct net *net =
	    (struct net *)((char *)source - offsetof(struct net, tap));

	if (events & (EPOLLERR | EPOLLHUP)) { // someone took the tap away
		source_remove(net->backend.served->worker, source);
		close(source->fd);
		source->fd = -1;
		worker_log("domain %u: the tap of vif/%u is gone",
			   net->backend.served->peer.domid,
			   net->backend.handle);
		return;
	}
	net_receive(net);
}

static const char *net_parse(struct backend *backend)
{
	uint64_t tx, rx, port, copy;

	if (!backend_front_number(backend, "request-rx-copy", 1, &copy) ||
	    !copy) {
		return "it does not take copies";
	}
	if (!backend_front_number(backend, "event-channel", UINT32_MAX,
				  &port) ||
	    !backend_front_number(backend, "tx-ring-ref", UINT32_MAX, &tx) ||
	    !backend_front_number(backend, "rx-ring-ref", UINT32_MAX, &rx)) {
		return "it names no rings or event channel";
	}
	backend->gref[0] = tx;
	backend->gref[1] = rx;
	backend->remote_port = port;
	return NULL;
}

static bool net_detach(struct backend *backend)
{
	struct net *net = net_of(backend);
	struct peer *peer = &backend->served->peer;

	net_tap_poll(net, false);
	if (net->tx) {
		peer->ops->unmap(peer, (void *)net->tx);
		net->tx = NULL;
	}
	if (net->rx) {
		peer->ops->unmap(peer, (void *)net->rx);
		net->rx = NULL;
	}
	return true;
}

static bool net_attach(struct backend *backend)
{
	struct net *net = net_of(backend);
	struct peer *peer = &backend->served->peer;

	net->tx = peer->ops->map(peer, backend->gref[0]);
	net->rx = peer->ops->map(peer, backend->gref[1]);
	if (!net->tx || !net->rx) {
		net_detach(backend);
		return false;
	}
	net->tx_cons =
	    answers_resume(peer, &net_tx_kind, backend->gref[0], net->tx);
	net->rx_cons =
	    answers_resume(peer, &net_rx_kind, backend->gref[1], net->rx);
	return true;
}

static const struct backend_kind vif = {
    .name = "vif",
    .turn = net_turn,
    .parse = net_parse,
    .attach = net_attach,
    .detach = net_detach,
};

static void net_publish(struct net *net)
{
	struct backend *b = &net->backend;
	const uint8_t *m = net->mac;
	char mac[20];

	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1],
		 m[2], m[3], m[4], m[5]);
	backend_tell(b, "mac", "%s", mac);
	if (net->mtu != 1500) {
		backend_tell(b, "mtu", "%u", net->mtu);
	}
	backend_publish(b, "mac", "%s", mac);
	backend_publish(b, "type", "vif");
	backend_publish(b, "hotplug-status", "connected");
	backend_publish(b, "feature-rx-copy", "1");
	backend_publish(b, "feature-rx-flip", "0");
	backend_publish(b, "feature-sg", "1");
	backend_publish(b, "feature-gso-tcpv4", "1");
	backend_publish(b, "feature-split-event-channels", "0");
}

int net_open(struct served *served, const struct wabed_net *config, int fd)
{
	struct net *net = calloc(1, sizeof(*net));
	uint64_t now = time_now();

	if (!net) {
		abort();
	}
	served->nets[served->net_count++] = net;

	net->tap = (struct source){fd, tap_ready};
	net->mtu = config->mtu ? config->mtu : 1500;
	memcpy(net->mac, config->mac, sizeof(net->mac));
	memcpy(net->ip, config->ip, sizeof(net->ip));
	rate_init(&net->tx_rate, config->byte_rate, 64 * 1024, now);
	rate_init(&net->rx_rate, config->byte_rate, 64 * 1024, now);
	// The guest can finish checksums; segments come cut.
	ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM);
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	source_add(served->worker, &net->tap, 0);
	backend_init(&net->backend, &vif, served, config->handle);
	net_publish(net);
	backend_start(&net->backend);
	return 0;
}

void net_free(struct net *net)
{
	if (net->tap.fd >= 0) {
		source_remove(net->backend.served->worker, &net->tap);
		close(net->tap.fd);
	}
	free(net);
}
