// SPDX-License-Identifier: MIT
// A ring shared with dom0 (struct exec_ring) and the port that goes with it.
#ifndef WABE_PIPE_H
#define WABE_PIPE_H

#include <stdbool.h>
#include <stddef.h>

#include "../../toolstack/wabed/exec_proto.h"

struct pipe {
	volatile struct exec_ring *ring;
	int events; // readable when the other side has done something
	unsigned int port;
	bool news; // the other side is to be told
};

// Make it and name it in the store. 0, or -1.
int pipe_open(struct pipe *pipe, unsigned int slot, unsigned int sequence);
// Take events off; tell the other side if there is something to tell.
void pipe_events(struct pipe *pipe);
void pipe_notify(struct pipe *pipe);
// As many bytes as there are, up to `want`.
size_t pipe_read(struct pipe *pipe, char *to, size_t want);
// How many bytes a frame written now may have; 0: none can be written.
size_t pipe_room(const struct pipe *pipe);
void pipe_frame(struct pipe *pipe, int type, const char *data, size_t bytes);
// The other side has left; leave.
bool pipe_closed(const struct pipe *pipe);
void pipe_close(struct pipe *pipe);

#endif
