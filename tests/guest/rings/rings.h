// SPDX-License-Identifier: MIT
// The least of a store client, and what the attacks share.
#ifndef RINGS_H
#define RINGS_H

#include "ipc.h"

// store.c: the answer's payload, valid until the next call; NULL: an error.
const char *store_read(const char *path);
bool store_write(const char *path, const char *value);
bool store_write_number(const char *path, u32 value);
void store_break(void);

// Read a node until it is `value`; false if it does not become so.
bool store_await(const char *path, const char *value);
static inline void wait_some(void)
{
	hv_sched_op(SCHEDOP_yield, NULL);
}

#endif
