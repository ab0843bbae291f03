// SPDX-License-Identifier: MIT
// Guests for a worker in the same process: a guest is an array of pages, its
// grants are indices into it, its events flags.
#ifndef FUZZ_GUESTS_H
#define FUZZ_GUESTS_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <xen/xen.h>
#include <xen/io/blkif.h>
#include <xen/io/console.h>
#include <xen/io/netif.h>
#include <xen/io/ring.h>
#include <xen/io/xs_wire.h>

#include "../../toolstack/wabed/state.h"
#include "../../toolstack/wabed/worker.h"

enum { GUESTS = 2, PAGES = 16, PORTS = 8, DISK_BYTES = 1 << 16 };
enum { CONSOLE_PAGE, STORE_PAGE, DISK_PAGE, TX_PAGE, RX_PAGE };
enum { STORE_PORT = 1, CONSOLE_PORT, DISK_PORT, NET_PORT };

static struct guest {
	char page[PAGES][4096] __attribute__((aligned(4096)));
	bool pending[PORTS], masked[PORTS], bound[PORTS];
	int mapped, event_fd, log, tap;
} guests[GUESTS];
static struct worker worker;

static struct guest *guest_of(const struct peer *peer)
{
	return &guests[peer->domid - 1];
}

static int fake_bind(struct peer *peer, uint32_t port)
{
	struct guest *g = guest_of(peer);

	if (port >= PORTS || g->bound[port]) {
		return -EINVAL;
	}
	g->bound[port] = true;
	return port;
}

static void fake_unbind(struct peer *peer, uint32_t port)
{
	guest_of(peer)->bound[port] = guest_of(peer)->masked[port] = false;
}

static void fake_notify(struct peer *peer, uint32_t port)
{
}

static void event_raise(struct guest *g)
{
	uint64_t one = 1;

	(void)!write(g->event_fd, &one, sizeof(one));
}

static int fake_pending(struct peer *peer, uint32_t *ports, int max)
{
	struct guest *g = guest_of(peer);
	uint64_t count;
	int n = 0;

	(void)!read(g->event_fd, &count, sizeof(count));
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

	g->masked[port] = false;
	if (g->pending[port]) {
		event_raise(g);
	}
}

static void *fake_map(struct peer *peer, uint32_t gref)
{
	if (gref >= PAGES) {
		errno = EINVAL;
		return NULL;
	}
	guest_of(peer)->mapped++;
	return guest_of(peer)->page[gref];
}

static void fake_unmap(struct peer *peer, void *page)
{
	guest_of(peer)->mapped--;
}

static int fake_copy(struct peer *peer, const struct peer_copy *pieces,
		     int count, bool to_guest)
{
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
}
static void fake_reset_ports(struct peer *peer, const int *keep, int count)
{
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

static int memory_file(size_t bytes)
{
	int fd = memfd_create("fuzz", 0);

	if (fd < 0 || ftruncate(fd, bytes)) {
		abort();
	}
	return fd;
}

// With limits on its disk and interface, 0: none.
static void guest_start(uint16_t domid, uint64_t request_rate,
			uint64_t byte_rate)
{
	struct guest *g = &guests[domid - 1];
	struct wabed_message add = {
	    .type = WABED_ADD,
	    .domid = domid,
	    .add = {.store_port = STORE_PORT,
		    .console_port = CONSOLE_PORT,
		    .store_gref = STORE_PAGE,
		    .console_gref = CONSOLE_PAGE,
		    .disk_count = 1,
		    .net_count = 1,
		    .memory_kib = 65536,
		    .vcpus = 1,
		    .name = "fuzz",
		    .uuid = "00000000-0000-4000-8000-000000000009",
		    .disks = {{.vdev = 51712, .request_rate = request_rate}},
		    .nets = {{.mac = {0, 0x16, 0x3e, 1, 2, 3},
			      .byte_rate = byte_rate}}},
	};
	int taps[2];

	memset(g, 0, sizeof(*g));
	g->event_fd = eventfd(0, EFD_NONBLOCK);
	g->log = memory_file(0);
	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, taps)) {
		abort();
	}
	g->tap = taps[0];
	if (served_add(&worker, &add, &fake,
		       (int[]){dup(g->event_fd), -1, dup(g->log),
			       memory_file(DISK_BYTES), taps[1]},
		       NULL)) {
		abort();
	}
}

static void node_set(struct served *s, const char *path, uint32_t value)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", value);
	store_set_bytes(&s->store.store, path, text, strlen(text), true);
}

// Connect the devices, as a driver does.
static void devices_connect(struct served *s)
{
	node_set(s, "device/vbd/51712/ring-ref", DISK_PAGE);
	node_set(s, "device/vbd/51712/event-channel", DISK_PORT);
	node_set(s, "device/vif/0/tx-ring-ref", TX_PAGE);
	node_set(s, "device/vif/0/rx-ring-ref", RX_PAGE);
	node_set(s, "device/vif/0/event-channel", NET_PORT);
	node_set(s, "device/vif/0/request-rx-copy", 1);
	node_set(s, "device/vbd/51712/state", 4);
	node_set(s, "device/vif/0/state", 4);
	backend_front_changed(disk_backend(s->disks[0]));
	backend_front_changed(net_backend(s->nets[0]));
}

#endif
