// SPDX-License-Identifier: MIT
// The micro-domain's own store, through the kernel's /dev/xen/xenbus.
#ifndef WABE_INIT_STORE_H
#define WABE_INIT_STORE_H

#include <stddef.h>

// Open the device; -1 with errno.
int store_open(void);
// Value of a node, NUL-terminated, to be freed; NULL where there is none.
// `bytes` (may be NULL) gets its length.
char *store_read(const char *path, size_t *bytes);
int store_write(const char *path, const char *value);
// Ask to be told of changes, by a letter ('a' to 'z').
int store_watch(const char *path, char letter);
// File descriptor to poll for watch events.
int store_fd(void);
// Take watch events off, those that came with replies too: which letters, as
// bits from 'a' on.
unsigned int store_take_events(void);

#endif
