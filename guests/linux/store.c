// SPDX-License-Identifier: MIT
// A xenstore client of one request at a time. Watch events that come between
// request and reply are noted and told later.
#define _GNU_SOURCE
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include <xen/io/xs_wire.h>

static int device = -1;
static unsigned int events; // letters of watch events not yet taken

int store_open(void)
{
	device = open("/dev/xen/xenbus", O_RDWR | O_CLOEXEC);
	return device < 0 ? -1 : 0;
}

int store_fd(void)
{
	return device;
}

static int read_all(void *buf, size_t bytes)
{
	char *at = buf;

	while (bytes) {
		ssize_t n = read(device, at, bytes);

		if (n <= 0) {
			if (n < 0 && errno == EINTR) {
				continue;
			}
			return -1;
		}
		at += n;
		bytes -= (size_t)n;
	}
	return 0;
}

// The next message; its payload, NUL-terminated, to be freed.
static char *receive(struct xsd_sockmsg *head)
{
	char *payload;

	if (read_all(head, sizeof(*head)) || head->len > XENSTORE_PAYLOAD_MAX) {
		return NULL;
	}
	payload = malloc(head->len + 1);
	if (!payload || read_all(payload, head->len)) {
		free(payload);
		return NULL;
	}
	payload[head->len] = 0;
	return payload;
}

// An event is the path and the token, each with a 0 behind it.
static void event_note(const char *payload, size_t bytes)
{
	size_t path = strnlen(payload, bytes) + 1;

	if (path < bytes && payload[path] >= 'a' && payload[path] <= 'z') {
		events |= 1u << (payload[path] - 'a');
	}
}

static char *request(uint32_t type, const char *a, size_t a_bytes,
		     const char *b, size_t b_bytes, size_t *bytes)
{
	struct xsd_sockmsg head = {
	    .type = type,
	    .len = (uint32_t)(a_bytes + b_bytes),
	};
	struct iovec parts[] = {
	    {&head, sizeof(head)},
	    {(void *)(uintptr_t)a, a_bytes},
	    {(void *)(uintptr_t)b, b_bytes},
	};
	char *reply;

	// The device wants head and payload in writes of its own; either way
	// is taken.
	for (unsigned int i = 0; i < 3; i++) {
		if (parts[i].iov_len &&
		    write(device, parts[i].iov_base, parts[i].iov_len) !=
			(ssize_t)parts[i].iov_len) {
			return NULL;
		}
	}
	while ((reply = receive(&head)) && head.type == XS_WATCH_EVENT) {
		event_note(reply, head.len);
		free(reply);
	}
	if (reply && head.type == XS_ERROR) {
		free(reply);
		return NULL;
	}
	if (bytes) {
		*bytes = head.len;
	}
	return reply;
}

char *store_read(const char *path, size_t *bytes)
{
	return request(XS_READ, path, strlen(path) + 1, NULL, 0, bytes);
}

int store_write(const char *path, const char *value)
{
	char *reply = request(XS_WRITE, path, strlen(path) + 1, value,
			      strlen(value), NULL);

	free(reply);
	return reply ? 0 : -1;
}

int store_watch(const char *path, char letter)
{
	char token[2] = {letter, 0};
	char *reply = request(XS_WATCH, path, strlen(path) + 1, token, 2, NULL);

	free(reply);
	return reply ? 0 : -1;
}

unsigned int store_take_events(void)
{
	struct pollfd p = {device, POLLIN, 0};
	struct xsd_sockmsg head;
	unsigned int taken;
	char *payload;

	while (poll(&p, 1, 0) > 0 && (payload = receive(&head))) {
		if (head.type == XS_WATCH_EVENT) {
			event_note(payload, head.len);
		}
		free(payload);
	}
	taken = events;
	events = 0;
	return taken;
}
