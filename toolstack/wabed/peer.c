// SPDX-License-Identifier: MIT
// Events and grants through /dev/xen/evtchn and /dev/xen/gntdev.
#include <errno.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xen/xen.h>
#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/evtchn.h>
#include <xen/gntdev.h>

#include "peer.h"

static int peer_bind(struct peer *peer, uint32_t remote_port)
{
	struct ioctl_evtchn_bind_interdomain bind = {
	    .remote_domain = peer->domid,
	    .remote_port = remote_port,
	};
	int port = ioctl(peer->evtchn_fd, IOCTL_EVTCHN_BIND_INTERDOMAIN, &bind);

	return port < 0 ? -errno : port;
}

// False: dom0's kernel never had a port of that number, nor a higher one.
static bool port_close(struct peer *peer, uint32_t port)
{
	struct ioctl_evtchn_unbind unbind = {.port = port};

	return !ioctl(peer->evtchn_fd, IOCTL_EVTCHN_UNBIND, &unbind) ||
	       errno != EINVAL;
}

static void peer_unbind(struct peer *peer, uint32_t port)
{
	port_close(peer, port);
}

static void peer_notify(struct peer *peer, uint32_t port)
{
	struct ioctl_evtchn_notify notify = {.port = port};

	ioctl(peer->evtchn_fd, IOCTL_EVTCHN_NOTIFY, &notify);
}

static int peer_pending(struct peer *peer, uint32_t *ports, int max)
{
	ssize_t n = read(peer->evtchn_fd, ports, max * sizeof(*ports));

	if (n < 0 && errno == EFBIG) { // the kernel's buffer ran over
		ioctl(peer->evtchn_fd, IOCTL_EVTCHN_RESET);
	}
	return n < 0 ? 0 : n / (ssize_t)sizeof(*ports);
}

static void peer_unmask(struct peer *peer, uint32_t port)
{
	(void)!write(peer->evtchn_fd, &port, sizeof(port));
}

static void *peer_map(struct peer *peer, uint32_t gref)
{
	struct ioctl_gntdev_map_grant_ref map = {
	    .count = 1,
	    .refs = {{.domid = peer->domid, .ref = gref}},
	};
	struct ioctl_gntdev_unmap_grant_ref unmap = {.count = 1};
	void *page;
	int error;

	if (ioctl(peer->gntdev_fd, IOCTL_GNTDEV_MAP_GRANT_REF, &map)) {
		return NULL;
	}
	page = mmap(NULL, PEER_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
		    peer->gntdev_fd, map.index);
	if (page != MAP_FAILED) {
		return page;
	}
	error = errno;
	unmap.index = map.index;
	ioctl(peer->gntdev_fd, IOCTL_GNTDEV_UNMAP_GRANT_REF, &unmap);
	errno = error;
	return NULL;
}

static void peer_unmap(struct peer *peer, void *page)
{
	struct ioctl_gntdev_get_offset_for_vaddr where = {
	    .vaddr = (uintptr_t)page,
	};
	struct ioctl_gntdev_unmap_grant_ref unmap = {.count = 1};
	int known =
	    !ioctl(peer->gntdev_fd, IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR, &where);

	munmap(page, PEER_PAGE);
	if (known) {
		unmap.index = where.offset;
		ioctl(peer->gntdev_fd, IOCTL_GNTDEV_UNMAP_GRANT_REF, &unmap);
	}
}

// A killed process leaves its mappings as numbers in the descriptor: pages one
// by one from 0 on (peer_map maps one at a time, and a freed number is taken
// again).
static void peer_reset_pages(struct peer *peer)
{
	for (int i = 0; i < PEER_MAX_PAGES; i++) {
		struct ioctl_gntdev_unmap_grant_ref unmap = {
		    .index = (uint64_t)i * PEER_PAGE,
		    .count = 1,
		};

		ioctl(peer->gntdev_fd, IOCTL_GNTDEV_UNMAP_GRANT_REF, &unmap);
	}
}

// The descriptor does not tell its ports, so all that dom0's kernel has made
// room for are tried: some more than are in use. Those of others are not found,
// which costs a system call and no hypercall.
static void peer_reset_ports(struct peer *peer, const int *keep, int count)
{
	for (int port = 1; port < EVTCHN_FIFO_NR_CHANNELS; port++) {
		int i = 0;

		while (i < count && keep[i] != port) {
			i++;
		}
		if (i == count && !port_close(peer, port)) {
			return;
		}
	}
}

static void segment_fill(struct gntdev_grant_copy_segment *segment,
			 uint16_t domid, const struct peer_copy *piece,
			 bool to_guest)
{
	segment->len = piece->bytes;
	segment->status = 0;
	if (to_guest) {
		segment->flags = GNTCOPY_dest_gref;
		segment->source.virt = piece->local;
		segment->dest.foreign.ref = piece->gref;
		segment->dest.foreign.offset = piece->offset;
		segment->dest.foreign.domid = domid;
	} else {
		segment->flags = GNTCOPY_source_gref;
		segment->dest.virt = piece->local;
		segment->source.foreign.ref = piece->gref;
		segment->source.foreign.offset = piece->offset;
		segment->source.foreign.domid = domid;
	}
}

static int peer_copy(struct peer *peer, const struct peer_copy *pieces,
		     int count, bool to_guest)
{
	struct gntdev_grant_copy_segment segments[PEER_COPY_MAX];
	struct ioctl_gntdev_grant_copy copy = {
	    .count = count,
	    .segments = segments,
	};

	for (int i = 0; i < count; i++) {
		segment_fill(&segments[i], peer->domid, &pieces[i], to_guest);
	}
	if (ioctl(peer->gntdev_fd, IOCTL_GNTDEV_GRANT_COPY, &copy)) {
		return -errno;
	}
	for (int i = 0; i < count; i++) {
		if (segments[i].status != GNTST_okay) {
			return -EFAULT;
		}
	}
	return 0;
}

const struct peer_ops peer_devices = {
    .bind = peer_bind,
    .unbind = peer_unbind,
    .notify = peer_notify,
    .pending = peer_pending,
    .unmask = peer_unmask,
    .map = peer_map,
    .unmap = peer_unmap,
    .reset_pages = peer_reset_pages,
    .reset_ports = peer_reset_ports,
    .copy = peer_copy,
};
