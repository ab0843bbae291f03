// SPDX-License-Identifier: MIT
// The options of `run`, which `spec` takes too: they make a description.
#ifndef WABE_CMD_OPTIONS_H
#define WABE_CMD_OPTIONS_H

#include "cmd.h"

struct run_options {
	bool detach, input, terminal, remove, network_none;
	char *ip, *dns;
	uint64_t net_rate, disk_rate, disk_requests;
	char *entrypoint;
	struct wabe_spec *spec;
	char **volumes; // to be made, and how many of them are
	unsigned int volumes_made;
};

// Parse and apply the image. 0, or the exit status after saying what is wrong.
int run_options_read(struct run_options *o, int argc, char **argv);
// The volumes made for it: nothing came of it.
void run_volumes_undo(struct run_options *o);
void run_options_free(struct run_options *o);

#endif
