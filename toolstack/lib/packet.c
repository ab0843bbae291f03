// SPDX-License-Identifier: MIT
// Packets with descriptors over a SOCK_SEQPACKET socket.
#define _GNU_SOURCE
#include "creator_proto.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FDS_MAX 32

long packet_send(int fd, const void *head, size_t head_bytes, const void *body,
		 size_t body_bytes, const int *fds, unsigned int fd_count)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int) * FDS_MAX)];
	} control;
	struct iovec parts[2] = {
	    {(void *)(uintptr_t)head, head_bytes},
	    {(void *)(uintptr_t)body, body_bytes},
	};
	struct msghdr msg = {.msg_iov = parts, .msg_iovlen = body ? 2 : 1};
	long n;

	if (fd_count > FDS_MAX) {
		errno = E2BIG;
		return -1;
	}
	if (fd_count) {
		struct cmsghdr *c = &control.align;

		memset(&control, 0, sizeof(control));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * fd_count);
		msg.msg_control = control.room;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
	}
	do {
		n = sendmsg(fd, &msg, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n;
}

// At most *fd_count descriptors are kept; more are closed.
long packet_receive(int fd, void *to, size_t room, int *fds,
		    unsigned int *fd_count, int flags)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int) * FDS_MAX)];
	} control;
	struct iovec part = {to, room};
	struct msghdr msg = {.msg_iov = &part,
			     .msg_iovlen = 1,
			     .msg_control = control.room,
			     .msg_controllen = sizeof(control.room)};
	unsigned int most = fd_count ? *fd_count : 0, got = 0;
	long n;

	do {
		n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC | flags);
	} while (n < 0 && errno == EINTR);
	if (n < 0) {
		return -1;
	}
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c;
	     c = CMSG_NXTHDR(&msg, c)) {
		unsigned int count;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
			continue;
		}
		count =
		    (unsigned int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		for (unsigned int i = 0; i < count; i++) {
			int one;

			memcpy(&one, CMSG_DATA(c) + i * sizeof(int),
			       sizeof(one));
			if (got < most) {
				fds[got++] = one;
			} else {
				close(one);
			}
		}
	}
	if (fd_count) {
		*fd_count = got;
	}
	return n;
}
