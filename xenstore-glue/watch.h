// SPDX-License-Identifier: MIT
// Watches of one domain.
#ifndef GLUE_WATCH_H
#define GLUE_WATCH_H

#include <stdbool.h>
#include <stddef.h>

enum { WATCH_TOKEN_MAX = 512 };

struct watch {
	char *path;  // absolute, or "@..." for a special event
	char *token; // the guest's word for it
	size_t skip; // bytes of an absolute path its events leave out
};

struct watches {
	struct watch *list;
	unsigned count, max;
};

typedef void watch_event(void *context, const char *path, const char *token);

void watches_init(struct watches *watches, unsigned max);
void watches_clear(struct watches *watches);

// 0, EEXIST (same path and token), ENOSPC, EINVAL (token too long). `home` is
// not NULL if the guest named the path relative to it.
int watch_add(struct watches *watches, const char *path, const char *token,
	      const char *home);
// 0 or ENOENT.
int watch_remove(struct watches *watches, const char *path, const char *token);

// Tell all that look at `path` or above it. With `removed` also all that look
// at something below it.
void watches_fire(const struct watches *watches, const char *path, bool removed,
		  watch_event *event, void *context);

#endif
