// SPDX-License-Identifier: MIT
// The names of micro-domains in Debian's xenstored, for `xl list`, and of
// partitions, which are xl's pools (`pool=`, `xl cpupool-list`). Off with
// WABE_MIRROR=0: nothing needs it, and it costs more the more domains there
// are. The connection is opened for each write: xenstored may come and go.
#define _GNU_SOURCE
#include "creator.h"

#include <stdlib.h>
#include <string.h>
#include <xenstore.h>

static struct xs_handle *mirror_open(void)
{
	const char *word = getenv("WABE_MIRROR");

	return word && !strcmp(word, "0") ? NULL : xs_open(0);
}

void mirror_add(const struct record *r)
{
	struct xs_handle *xs = mirror_open();
	char path[128], vm[64];

	if (!xs) {
		return;
	}
	snprintf(vm, sizeof(vm), "/vm/%s", r->info.uuid);
	snprintf(path, sizeof(path), "%s/name", vm);
	xs_write(xs, XBT_NULL, path, r->info.name, strlen(r->info.name));
	snprintf(path, sizeof(path), "/local/domain/%u/vm", r->info.domid);
	xs_write(xs, XBT_NULL, path, vm, strlen(vm));
	snprintf(path, sizeof(path), "/local/domain/%u/name", r->info.domid);
	xs_write(xs, XBT_NULL, path, r->info.name, strlen(r->info.name));
	xs_close(xs);
}

void mirror_remove(uint32_t domid, const char *uuid)
{
	struct xs_handle *xs = mirror_open();
	char path[128];

	if (!xs) {
		return;
	}
	snprintf(path, sizeof(path), "/local/domain/%u", domid);
	xs_rm(xs, XBT_NULL, path);
	snprintf(path, sizeof(path), "/vm/%s", uuid);
	xs_rm(xs, XBT_NULL, path);
	xs_close(xs);
}

static bool is_partition(struct machine *m, uint32_t id)
{
	struct wabe_partition_info one;

	return partition_next(m, id, &one) && one.id == id;
}

// Names of partitions that are no more.
static void pools_forget(struct machine *m, struct xs_handle *xs)
{
	unsigned int count = 0;
	char path[64],
	    **ids = xs_directory(xs, XBT_NULL, "/local/pool", &count);

	for (unsigned int i = 0; i < count; i++) {
		uint32_t id = (uint32_t)strtoul(ids[i], NULL, 10);

		if (id && !is_partition(m, id)) {
			snprintf(path, sizeof(path), "/local/pool/%u", id);
			xs_rm(xs, XBT_NULL, path);
		}
	}
	free(ids);
}

void mirror_partitions(struct machine *m)
{
	struct xs_handle *xs = m->extension ? mirror_open() : NULL;
	struct wabe_partition_info one;
	char path[64];

	if (!xs) {
		return;
	}
	pools_forget(m, xs);
	// The first one is Pool-0 to xl, without a name here.
	for (uint32_t id = 1; partition_next(m, id, &one); id = one.id + 1) {
		snprintf(path, sizeof(path), "/local/pool/%u/name", one.id);
		xs_write(xs, XBT_NULL, path, one.name, strlen(one.name));
	}
	xs_close(xs);
}
