// SPDX-License-Identifier: MIT
// A domain as the worker reaches it: events and granted pages, through two
// descriptors of this domain alone. The functions stand in a table so that
// tests can put a fake guest behind it.
//
// This is by ioctl and not by libxenevtchn and libxengnttab, which open the
// devices themselves: here the descriptors are handed over, and the worker's
// filter lets it open nothing.
#ifndef WABED_PEER_H
#define WABED_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PEER_PAGE = 4096, PEER_COPY_MAX = 64 };
enum { PEER_MAX_PAGES = 64 };

struct peer;

// One piece of a copy: within a page of the guest.
struct peer_copy {
	void *local;
	uint32_t gref;
	uint16_t offset, bytes;
};

struct peer_ops {
	// A local port bound to the guest's, or a negative errno.
	int (*bind)(struct peer *peer, uint32_t remote_port);
	void (*unbind)(struct peer *peer, uint32_t port);
	void (*notify)(struct peer *peer, uint32_t port);
	// Which ports have events: up to max; they stay masked until unmask.
	int (*pending)(struct peer *peer, uint32_t *ports, int max);
	void (*unmask)(struct peer *peer, uint32_t port);
	// A page, shared for reading and writing; NULL with errno set.
	void *(*map)(struct peer *peer, uint32_t gref);
	void (*unmap)(struct peer *peer, void *page);
	// After another process used these descriptors: give back the pages it
	// had mapped; and unbind every port but these.
	void (*reset_pages)(struct peer *peer);
	void (*reset_ports)(struct peer *peer, const int *keep, int count);
	// All pieces or not: 0 or a negative errno. Callable from any thread.
	// At most PEER_COPY_MAX pieces.
	int (*copy)(struct peer *peer, const struct peer_copy *pieces,
		    int count, bool to_guest);
};

struct peer {
	const struct peer_ops *ops;
	uint16_t domid;
	int evtchn_fd, gntdev_fd;
};

extern const struct peer_ops peer_devices; // the real ones

#endif
