// SPDX-License-Identifier: MIT
// The guest's side of a session's ring: a page it grants to dom0 through
// /dev/xen/gntalloc, and a port through /dev/xen/evtchn.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xen/xen.h>

#include <xen/sys/evtchn.h>
#include <xen/sys/gntalloc.h>

#include "pipe.h"
#include "store.h"

#define HOST 0 // the domain that serves us

static int page_grant(struct pipe *pipe, unsigned int *gref)
{
	struct ioctl_gntalloc_alloc_gref alloc = {
	    .domid = HOST,
	    .flags = GNTALLOC_FLAG_WRITABLE,
	    .count = 1,
	};
	int fd = open("/dev/xen/gntalloc", O_RDWR | O_CLOEXEC);
	void *page;

	if (fd < 0 || ioctl(fd, IOCTL_GNTALLOC_ALLOC_GREF, &alloc)) {
		return -1;
	}
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		    (off_t)alloc.index);
	if (page == MAP_FAILED) {
		return -1;
	}
	memset(page, 0, 4096);
	pipe->ring = page;
	*gref = alloc.gref_ids[0];
	return 0; // fd stays open: closing it takes the grant away
}

int pipe_open(struct pipe *pipe, unsigned int slot, unsigned int sequence)
{
	struct ioctl_evtchn_bind_unbound_port bind = {.remote_domain = HOST};
	char path[32], text[48];
	unsigned int gref;
	int port;

	pipe->events = open("/dev/xen/evtchn", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	port = pipe->events < 0
		   ? -1
		   : ioctl(pipe->events, IOCTL_EVTCHN_BIND_UNBOUND_PORT, &bind);
	if (port < 0 || page_grant(pipe, &gref) || store_open()) {
		return -1;
	}
	pipe->port = (unsigned int)port;
	snprintf(path, sizeof(path), "wabe/exec/%u/ring", slot);
	snprintf(text, sizeof(text), "%u %u %u", sequence, gref, pipe->port);
	return store_write(path, text);
}

void pipe_events(struct pipe *pipe)
{
	uint32_t port;

	while (read(pipe->events, &port, sizeof(port)) == sizeof(port)) {
		(void)!write(pipe->events, &port, sizeof(port)); // unmask
	}
}

void pipe_notify(struct pipe *pipe)
{
	struct ioctl_evtchn_notify notify = {.port = pipe->port};

	if (pipe->news) {
		pipe->news = false;
		ioctl(pipe->events, IOCTL_EVTCHN_NOTIFY, &notify);
	}
}

size_t pipe_read(struct pipe *pipe, char *to, size_t want)
{
	volatile struct exec_ring *ring = pipe->ring;
	uint32_t cons = ring->to_guest_cons;
	uint32_t have = ring->to_guest_prod - cons;

	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	have = have < want ? have : (uint32_t)want;
	for (uint32_t i = 0; i < have; i++) {
		to[i] = ring->to_guest[(cons + i) % EXEC_TO_GUEST];
	}
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	ring->to_guest_cons = cons + have;
	pipe->news |= have > 0;
	return have;
}

size_t pipe_room(const struct pipe *pipe)
{
	const volatile struct exec_ring *ring = pipe->ring;
	size_t used = ring->from_guest_prod - ring->from_guest_cons;
	size_t head = sizeof(struct exec_frame);

	return EXEC_FROM_GUEST - used > head ? EXEC_FROM_GUEST - used - head
					     : 0;
}

void pipe_frame(struct pipe *pipe, int type, const char *data, size_t bytes)
{
	struct exec_frame head = {(uint8_t)type, 0, (uint16_t)bytes};
	volatile struct exec_ring *ring = pipe->ring;
	uint32_t prod = ring->from_guest_prod;

	for (size_t i = 0; i < sizeof(head) + bytes; i++) {
		ring->from_guest[prod++ % EXEC_FROM_GUEST] =
		    i < sizeof(head) ? ((char *)&head)[i]
				     : data[i - sizeof(head)];
	}
	__atomic_thread_fence(__ATOMIC_RELEASE);
	ring->from_guest_prod = prod;
	pipe->news = true;
}

bool pipe_closed(const struct pipe *pipe)
{
	return pipe->ring->host_closed;
}

void pipe_close(struct pipe *pipe)
{
	__atomic_thread_fence(__ATOMIC_RELEASE);
	pipe->ring->guest_closed = 1;
	pipe->news = true;
	pipe_notify(pipe);
}
