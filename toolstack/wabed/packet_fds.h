// SPDX-License-Identifier: MIT
// Packets of proto.h with their descriptors.
#ifndef WABED_PACKET_FDS_H
#define WABED_PACKET_FDS_H

#include <stdbool.h>
#include <stddef.h>

#include "proto.h"

struct packet {
	struct wabed_message message;
	char tail[WABED_MAX_PACKET];
	size_t tail_bytes;
	int fds[WABED_MAX_FDS]; // the receiver's, until fd_count is 0
	int fd_count;
};

// 1: one came. 0: the other end is closed. -1: none, with errno EAGAIN (with
// MSG_DONTWAIT in `flags`) or EPROTO for one that makes no sense.
int packet_receive_fds(int fd, struct packet *packet, int flags);
// Waits until it is taken; false: the other end is gone.
bool packet_send_fds(int fd, const void *data, size_t bytes, const int *fds,
		     int count);
void packet_close(struct packet *packet);

#endif
