// SPDX-License-Identifier: MIT
// Guests for a worker in the same process (../fake/peer.h).
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

#include "../fake/peer.h"

static struct guest guests[GUESTS];
static struct worker worker;

static struct guest *guest_of(const struct peer *peer)
{
	return &guests[peer->domid - 1];
}

static void kill_point(void)
{
}

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
