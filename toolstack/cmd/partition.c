// SPDX-License-Identifier: MIT
// wabe partition: shares of the machine's memory and processors.
#define _GNU_SOURCE
#include "cmd.h"

#include <stdlib.h>
#include <string.h>

// "0-1,3" -> bits; false: not such a thing.
static bool cpus_read(const char *text, uint64_t cpus[4])
{
	while (*text) {
		char *end;
		unsigned long first = strtoul(text, &end, 10), last = first;

		if (end == text) {
			return false;
		}
		if (*end == '-') {
			text = end + 1;
			last = strtoul(text, &end, 10);
		}
		if (end == text || first > last || last > 255 ||
		    (*end && *end != ',')) {
			return false;
		}
		for (; first <= last; first++) {
			cpus[first / 64] |= 1ull << first % 64;
		}
		text = end + (*end == ',');
	}
	return true;
}

static int list(struct wabe *w, struct wabe_error *err)
{
	CLEANUP_FREE struct wabe_partition_info *all = NULL;
	struct wabe_host host;
	size_t count = 0;

	if (wabe_host(w, &host, err) || wabe_partitions(w, &all, &count, err)) {
		return -1;
	}
	printf("%-16s %4s %8s %8s %8s %8s  %s\n", "Partition", "ID", "MiB",
	       "free", "own", "Domains", "Processors");
	for (size_t i = 0; i < count; i++) {
		const struct wabe_partition_info *p = &all[i];
		char cpus[256];

		cmd_cpus_text(p->cpus, host.cpus, cpus);
		printf("%-16s %4u %8lu %8lu %8lu %8u  %s\n", p->name, p->id,
		       p->memory_kib >> 10, p->free_kib >> 10, p->own_kib >> 10,
		       p->domains, cpus);
	}
	return 0;
}

struct share {
	uint64_t kib, cpus[4];
};

// -m MEMORY -c CPUS behind the name. 0, or EXIT_USAGE.
static int share_read(int argc, char **argv, struct share *share)
{
	int option;

	optind = 1;
	while ((option = getopt(argc, argv, "m:c:")) != -1) {
		if (option == 'm' && !(share->kib = cmd_memory(optarg))) {
			return cmd_wrong("partition", "-m", optarg, CMD_MEMORY);
		}
		if (option == 'c' && !cpus_read(optarg, share->cpus)) {
			return cmd_wrong("partition", "-c", optarg,
					 "say 0-1,3 (processors)");
		}
		if (option == '?') {
			return cmd_usage("partition");
		}
	}
	return optind == argc ? 0 : cmd_usage("partition");
}

static int act(struct wabe *w, int argc, char **argv, struct wabe_error *err)
{
	struct share share = {0};
	int status;
	const char *verb = argc > 1 ? argv[1] : "list";

	if (argc <= 2 && !strcmp(verb, "list")) {
		return list(w, err);
	}
	if (argc == 3 && !strcmp(verb, "remove")) {
		return wabe_partition_remove(w, argv[2], err);
	}
	if (argc < 4) {
		return cmd_usage(argv[0]);
	}
	status = share_read(argc - 2, argv + 2, &share);
	if (status) {
		return status;
	}
	if (!strcmp(verb, "create") && share.kib) {
		return wabe_partition_create(w, argv[2], share.kib, share.cpus,
					     err);
	}
	if (!strcmp(verb, "resize")) {
		return wabe_partition_resize(w, argv[2], share.kib, share.cpus,
					     err);
	}
	return cmd_usage(argv[0]);
}

int cmd_partition(int argc, char **argv)
{
	struct wabe_error err;
	struct wabe *w;
	int status;

	if (!cmd_open(argv[0], &w)) {
		return EXIT_FAILED;
	}
	status = act(w, argc, argv, &err);
	wabe_close(w);
	return status < 0 ? cmd_error(argv[0], &err) : status;
}
