// SPDX-License-Identifier: MIT
// What a client and the creator say to each other on its SOCK_SEQPACKET
// socket: a request, a reply (LIST: several), in machine order. CREATE carries
// the blob behind the request; LIST's replies carry `count` of struct wabe_info
// each and end with one of none; INSPECT's reply carries the blob; CONSOLE's
// and LOG's come with a descriptor. WAIT is answered when the domain has
// exited.
#ifndef WABE_LIB_CREATOR_PROTO_H
#define WABE_LIB_CREATOR_PROTO_H

#include <wabe.h>

enum { CREATOR_VERSION = 1, CREATOR_PACKET_MAX = 160 * 1024 };

enum creator_verb {
	CREATOR_CREATE,
	CREATOR_PAUSE,
	CREATOR_UNPAUSE,
	CREATOR_KILL,
	CREATOR_SHUTDOWN, // `argument`: how
	CREATOR_DESTROY,
	CREATOR_REMOVE,
	CREATOR_INFO,
	CREATOR_INSPECT,
	CREATOR_WAIT,
	CREATOR_LIST,
	CREATOR_CONSOLE,
	CREATOR_LOG,
	CREATOR_EXEC,
	CREATOR_STOP,
	CREATOR_EVENTS,	    // answered, and then again for each
	CREATOR_MEMORY,	    // `bytes`: KiB
	CREATOR_VCPUS,	    // answered by struct wabe_vcpu's
	CREATOR_STATS,	    // struct wabe_stats
	CREATOR_HOST,	    // struct wabe_host
	CREATOR_PARTITIONS, // answered by struct wabe_partition_info's
	CREATOR_PARTITION,  // `argument`: create, resize, remove
	CREATOR_DMESG,	    // text; flags: clear
	CREATOR_RELEASE,    // from the connection that made it
	CREATOR_VERBS,
};

struct creator_request {
	uint32_t version, verb;
	uint32_t flags; // CREATE: WABE_CREATE_*; DMESG: clear
	uint32_t value; // KILL: the signal
	uint64_t bytes; // CONSOLE: how much of the log first; MEMORY
	char name[WABE_NAME_BYTES];
	char argument[32];
	uint64_t cpus[4]; // PARTITION
};

struct creator_reply {
	uint32_t version;
	int32_t status; // 0, or < 0 and `error` says why
	uint32_t count;
	struct wabe_error error;
	struct wabe_info info;
};

// The stream of a session of `wabe exec`; EAGAIN: not yet.
int session_open(struct wabe *w, const char *name, struct wabe_error *err);

// One packet with a descriptor or none (-1). Returns bytes, or < 0 with errno.
long packet_send(int fd, const void *head, size_t head_bytes, const void *body,
		 size_t body_bytes, const int *fds, unsigned int fd_count);
long packet_receive(int fd, void *to, size_t room, int *fds,
		    unsigned int *fd_count, int flags);

#endif
