// SPDX-License-Identifier: MIT
// Requests about figures: memory, vCPUs, counters, the machine.
#define _GNU_SOURCE
#include "client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int wabe_memory(struct wabe *w, const char *name, uint64_t kib,
		struct wabe_error *err)
{
	struct creator_request request = {.verb = CREATOR_MEMORY, .bytes = kib};
	struct creator_reply reply;

	return client_call(w, &request, name, &reply, NULL, err);
}

// A reply that is a list of things of one size.
static int list_call(struct wabe *w, struct creator_request *request,
		     const char *name, size_t each, void **list, size_t *count,
		     struct wabe_error *err)
{
	struct creator_reply reply;

	if (client_call(w, request, name, &reply, NULL, err)) {
		return -1;
	}
	*count = w->used / each;
	*list = malloc(w->used + 1);
	if (!*list) {
		abort();
	}
	memcpy(*list, w->packet + sizeof(reply), w->used);
	((char *)*list)[w->used] = 0;
	return 0;
}

// A reply that is one thing.
static int thing_call(struct wabe *w, enum creator_verb verb, const char *name,
		      void *to, size_t bytes, struct wabe_error *err)
{
	struct creator_request request = {.verb = verb};
	struct creator_reply reply;

	if (client_call(w, &request, name, &reply, NULL, err)) {
		return -1;
	}
	if (w->used != bytes) {
		return error_set(err, EPROTO, "the creator's answer");
	}
	memcpy(to, w->packet + sizeof(reply), bytes);
	return 0;
}

int wabe_vcpus(struct wabe *w, const char *name, struct wabe_vcpu **list,
	       size_t *count, struct wabe_error *err)
{
	struct creator_request request = {.verb = CREATOR_VCPUS};

	return list_call(w, &request, name, sizeof(**list), (void **)list,
			 count, err);
}

int wabe_stats(struct wabe *w, const char *name, struct wabe_stats *stats,
	       struct wabe_error *err)
{
	return thing_call(w, CREATOR_STATS, name, stats, sizeof(*stats), err);
}

int wabe_host(struct wabe *w, struct wabe_host *host, struct wabe_error *err)
{
	return thing_call(w, CREATOR_HOST, NULL, host, sizeof(*host), err);
}

int wabe_dmesg(struct wabe *w, bool clear, char **text, size_t *bytes,
	       struct wabe_error *err)
{
	struct creator_request request = {.verb = CREATOR_DMESG,
					  .flags = clear};

	return list_call(w, &request, NULL, 1, (void **)text, bytes, err);
}

int wabe_partitions(struct wabe *w, struct wabe_partition_info **list,
		    size_t *count, struct wabe_error *err)
{
	struct creator_request request = {.verb = CREATOR_PARTITIONS};

	return list_call(w, &request, NULL, sizeof(**list), (void **)list,
			 count, err);
}

static int partition_call(struct wabe *w, const char *what, const char *name,
			  uint64_t kib, const uint64_t *cpus,
			  struct wabe_error *err)
{
	struct creator_request request = {.verb = CREATOR_PARTITION,
					  .bytes = kib};
	struct creator_reply reply;

	strcpy(request.argument, what);
	if (cpus) {
		memcpy(request.cpus, cpus, sizeof(request.cpus));
	}
	return client_call(w, &request, name, &reply, NULL, err);
}

int wabe_partition_create(struct wabe *w, const char *name, uint64_t kib,
			  const uint64_t cpus[4], struct wabe_error *err)
{
	return partition_call(w, "create", name, kib, cpus, err);
}

int wabe_partition_resize(struct wabe *w, const char *name, uint64_t kib,
			  const uint64_t cpus[4], struct wabe_error *err)
{
	return partition_call(w, "resize", name, kib, cpus, err);
}

int wabe_partition_remove(struct wabe *w, const char *name,
			  struct wabe_error *err)
{
	return partition_call(w, "remove", name, 0, NULL, err);
}
