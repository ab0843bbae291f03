// SPDX-License-Identifier: MIT
// A worker's peer in the same process: a guest is an array of pages, its grants
// are indices into it, its events flags. Who includes this has said before:
//   PAGES, PORTS		how many
//   guest_of(peer)		which guest a peer is (declared here)
//   kill_point()		called before each thing done to a guest
#ifndef FAKE_PEER_H
#define FAKE_PEER_H

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../toolstack/wabed/worker.h"

struct guest {
	char page[PAGES][4096] __attribute__((aligned(4096)));
	bool pending[PORTS], masked[PORTS], bound[PORTS];
	unsigned told[PORTS]; // notifications the guest got
	void (*hears)(struct guest *g, uint32_t port); // as it gets one
	int mapped;
	int event_fd, log, tap;
};
static struct guest *guest_of(const struct peer *peer);
static void kill_point(void);

static int fake_bind(struct peer *peer, uint32_t port)
{
	struct guest *g = guest_of(peer);

	kill_point();
	if (port >= PORTS || g->bound[port]) {
		return -EINVAL;
	}
	g->bound[port] = true;
	kill_point();
	return port;
}

static void fake_unbind(struct peer *peer, uint32_t port)
{
	struct guest *g = guest_of(peer);

	kill_point();
	g->bound[port] = g->masked[port] = false;
}

static void fake_notify(struct peer *peer, uint32_t port)
{
	struct guest *g = guest_of(peer);

	kill_point();
	if (port < PORTS) {
		g->told[port]++;
	}
	if (g->hears) {
		g->hears(g, port);
	}
}

static void event_raise(struct guest *g)
{
	uint64_t one = 1;

	if (write(g->event_fd, &one, sizeof(one)) != sizeof(one)) {
		abort();
	}
}

static int fake_pending(struct peer *peer, uint32_t *ports, int max)
{
	struct guest *g = guest_of(peer);
	uint64_t count;
	int n = 0;

	if (read(g->event_fd, &count, sizeof(count)) != sizeof(count)) {
		return 0;
	}
	for (int i = 0; i < PORTS && n < max; i++) {
		if (g->pending[i] && !g->masked[i] && g->bound[i]) {
			g->pending[i] = false;
			g->masked[i] = true;
			ports[n++] = i;
		}
	}
	return n;
}

static void fake_unmask(struct peer *peer, uint32_t port)
{
	struct guest *g = guest_of(peer);

	kill_point();
	g->masked[port] = false;
	if (g->pending[port]) {
		event_raise(g);
	}
}

static void *fake_map(struct peer *peer, uint32_t gref)
{
	kill_point();
	if (gref >= PAGES) {
		errno = EINVAL;
		return NULL;
	}
	guest_of(peer)->mapped++;
	return guest_of(peer)->page[gref];
}

static void fake_unmap(struct peer *peer, void *page)
{
	kill_point();
	guest_of(peer)->mapped--;
}

static int fake_copy(struct peer *peer, const struct peer_copy *pieces,
		     int count, bool to_guest)
{
	kill_point();
	for (int i = 0; i < count; i++) {
		char *there;

		if (count > PEER_COPY_MAX ||
		    pieces[i].offset + pieces[i].bytes > 4096) {
			abort();
		}
		if (pieces[i].gref >= PAGES) {
			return -EFAULT;
		}
		there = guest_of(peer)->page[pieces[i].gref] + pieces[i].offset;
		if (to_guest) {
			memcpy(there, pieces[i].local, pieces[i].bytes);
		} else {
			memcpy(pieces[i].local, there, pieces[i].bytes);
		}
	}
	return 0;
}

static void fake_reset_pages(struct peer *peer)
{
	guest_of(peer)->mapped = 0;
}

static void fake_reset_ports(struct peer *peer, const int *keep, int count)
{
	struct guest *g = guest_of(peer);

	for (int port = 0; port < PORTS; port++) {
		int i = 0;

		while (i < count && keep[i] != port) {
			i++;
		}
		if (i == count) {
			g->bound[port] = g->masked[port] = false;
		}
	}
}

static const struct peer_ops fake = {
    .reset_pages = fake_reset_pages,
    .reset_ports = fake_reset_ports,
    .bind = fake_bind,
    .unbind = fake_unbind,
    .notify = fake_notify,
    .pending = fake_pending,
    .unmask = fake_unmask,
    .map = fake_map,
    .unmap = fake_unmap,
    .copy = fake_copy,
};

#endif
