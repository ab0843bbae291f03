// SPDX-License-Identifier: MIT
// Watches: a list in the order they were set, which is the order they fire in.
#include <errno.h>

#include "memory.h"
#include "tree.h"
#include "watch.h"

void watches_init(struct watches *watches, unsigned max)
{
	*watches = (struct watches){.max = max};
}

void watches_clear(struct watches *watches)
{
	for (unsigned i = 0; i < watches->count; i++) {
		free(watches->list[i].path);
		free(watches->list[i].token);
	}
	free(watches->list);
	watches->list = NULL;
	watches->count = 0;
}

static struct watch *watch_find(const struct watches *watches, const char *path,
				const char *token)
{
	for (unsigned i = 0; i < watches->count; i++) {
		struct watch *watch = &watches->list[i];

		if (!strcmp(watch->path, path) &&
		    !strcmp(watch->token, token)) {
			return watch;
		}
	}
	return NULL;
}

int watch_add(struct watches *watches, const char *path, const char *token,
	      const char *home)
{
	struct watch *watch;

	if (strlen(token) > WATCH_TOKEN_MAX) {
		return EINVAL;
	}
	if (watch_find(watches, path, token)) {
		return EEXIST;
	}
	if (watches->count == watches->max) {
		return ENOSPC;
	}
	watches->list = memory_grow(watches->list, (watches->count + 1) *
						       sizeof(*watches->list));
	watch = &watches->list[watches->count++];
	watch->path = memory_copy(path, strlen(path));
	watch->token = memory_copy(token, strlen(token));
	watch->skip = home ? strlen(home) + 1 : 0;
	return 0;
}

int watch_remove(struct watches *watches, const char *path, const char *token)
{
	struct watch *watch = watch_find(watches, path, token);

	if (!watch) {
		return ENOENT;
	}
	free(watch->path);
	free(watch->token);
	watches->count--;
	memmove(watch, watch + 1,
		(char *)(watches->list + watches->count) - (char *)watch);
	return 0;
}

void watches_fire(const struct watches *watches, const char *path, bool removed,
		  watch_event *event, void *context)
{
	for (unsigned i = 0; i < watches->count; i++) {
		const struct watch *watch = &watches->list[i];

		if (path_is_below(path, watch->path)) {
			event(context, path + watch->skip, watch->token);
		} else if (removed && path_is_below(watch->path, path)) {
			event(context, watch->path + watch->skip, watch->token);
		}
	}
}
