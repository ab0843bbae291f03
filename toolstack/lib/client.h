// SPDX-License-Identifier: MIT
// A connection to the creator, for the files that make calls of it.
#ifndef WABE_LIB_CLIENT_H
#define WABE_LIB_CLIENT_H

#include "creator_proto.h"
#include "error.h"

struct wabe {
	int fd;
	char *packet; // the last reply
	size_t used;  // bytes behind its head
};

// Ask and wait for the reply; *fd (or NULL) takes its descriptor. What came
// behind the reply's head is in w->packet, behind sizeof(*reply).
int client_call(struct wabe *w, struct creator_request *request,
		const char *name, struct creator_reply *reply, int *fd,
		struct wabe_error *err);

#endif
