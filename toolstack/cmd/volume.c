// SPDX-License-Identifier: MIT
// Volumes: disks with a name, that outlive the micro-domains that use them.
#define _GNU_SOURCE
#include "cmd.h"

#include <string.h>

static int volume_list(void)
{
	CLEANUP_FREE struct wabe_volume *list = NULL;
	struct wabe_error err;
	size_t count = 0;

	if (wabe_volume_list(&list, &count, &err)) {
		return cmd_error("volume", &err);
	}
	printf("%-40s %9s %9s\n", "Volume", "MiB", "used");
	for (size_t i = 0; i < count; i++) {
		printf("%-40s %9lu %9.1f\n", list[i].name, list[i].bytes >> 20,
		       (double)list[i].used / (1 << 20));
	}
	return EXIT_OK;
}

int cmd_volume(int argc, char **argv)
{
	struct wabe_error err;
	uint64_t kib = argc > 3 ? cmd_memory(argv[3]) : WABE_VOLUME_KIB;

	if (!kib) {
		return cmd_wrong(argv[0], "", argv[3], CMD_MEMORY);
	}
	if (argc == 2 && !strcmp(argv[1], "list")) {
		return volume_list();
	}
	if ((argc == 3 || argc == 4) && !strcmp(argv[1], "create")) {
		return wabe_volume_create(argv[2], kib, &err)
			   ? cmd_error(argv[0], &err)
			   : EXIT_OK;
	}
	if (argc == 3 && !strcmp(argv[1], "remove")) {
		return wabe_volume_remove(argv[2], &err)
			   ? cmd_error(argv[0], &err)
			   : EXIT_OK;
	}
	return cmd_usage(argv[0]);
}
