// SPDX-License-Identifier: MIT
// Receive and send packets with descriptors.
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "packet_fds.h"

void packet_close(struct packet *packet)
{
	while (packet->fd_count) {
		close(packet->fds[--packet->fd_count]);
	}
}

static void fds_take(struct packet *packet, struct msghdr *header)
{
	packet->fd_count = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c;
	     c = CMSG_NXTHDR(header, c)) {
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
			size_t bytes = c->cmsg_len - CMSG_LEN(0);

			memcpy(packet->fds, CMSG_DATA(c), bytes);
			packet->fd_count = bytes / sizeof(int);
		}
	}
}

int packet_receive_fds(int fd, struct packet *packet, int flags)
{
	char rights[CMSG_SPACE(sizeof(packet->fds))];
	struct iovec parts[2] = {
	    {&packet->message, sizeof(packet->message)},
	    {packet->tail, sizeof(packet->tail)},
	};
	struct msghdr header = {
	    .msg_iov = parts,
	    .msg_iovlen = 2,
	    .msg_control = rights,
	    .msg_controllen = sizeof(rights),
	};
	ssize_t n;

	do {
		n = recvmsg(fd, &header, flags | MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	packet->fd_count = 0;
	if (n <= 0) {
		return n < 0 && errno == EAGAIN ? -1 : 0;
	}
	fds_take(packet, &header);
	if ((size_t)n < sizeof(packet->message) ||
	    header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
		packet_close(packet);
		errno = EPROTO;
		return -1;
	}
	packet->tail_bytes = n - sizeof(packet->message);
	return 1;
}

bool packet_send_fds(int fd, const void *data, size_t bytes, const int *fds,
		     int count)
{
	char rights[CMSG_SPACE(sizeof(int) * WABED_MAX_FDS)];
	struct iovec part = {(void *)data, bytes};
	struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
	ssize_t n;

	if (count) {
		struct cmsghdr *c;

		memset(rights, 0, sizeof(rights));
		header.msg_control = rights;
		header.msg_controllen = CMSG_SPACE(sizeof(int) * count);
		c = CMSG_FIRSTHDR(&header);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * count);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * count);
	}
	do {
		n = sendmsg(fd, &header, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n >= 0;
}
