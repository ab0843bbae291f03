// SPDX-License-Identifier: MIT
// wabe create: from a description in a file.
#define _GNU_SOURCE
#include "cmd.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct create_options {
	bool paused, console;
	const char *name;
};

static int create_options_read(struct create_options *o, int argc, char **argv)
{
	static const struct option options[] = {
	    {"name", required_argument, NULL, 'n'}, {NULL, 0, NULL, 0}};
	int option;

	optind = 1;
	while ((option = getopt_long(argc, argv, "pcn:", options, NULL)) !=
	       -1) {
		switch (option) {
		case 'p':
			o->paused = true;
			break;
		case 'c':
			o->console = true;
			break;
		case 'n':
			o->name = optarg;
			break;
		default:
			return cmd_usage(argv[0]);
		}
	}
	return optind + 1 == argc ? 0 : cmd_usage(argv[0]);
}

static int create(struct wabe *w, const struct create_options *o,
		  const char *path, struct wabe_error *err)
{
	struct wabe_spec *spec = NULL;
	struct wabe_info info;
	bool hold = o->paused || o->console;
	int status, fd;

	if (wabe_spec_read(&spec, path, err)) {
		return -1;
	}
	if (o->name) {
		free(spec->name);
		spec->name = strdup(o->name);
	}
	status =
	    wabe_create(w, spec, hold ? WABE_CREATE_PAUSED : 0, &info, err);
	wabe_spec_free(spec);
	if (status) {
		return -1;
	}
	if (!o->console) {
		printf("%s\n", info.name);
		return 0;
	}
	fd = wabe_console(w, info.name, 0, err);
	if (fd < 0 || (!o->paused && wabe_unpause(w, info.name, err))) {
		return -1;
	}
	console_carry(fd, isatty(0), false);
	close(fd);
	return 0;
}

int cmd_create(int argc, char **argv)
{
	struct create_options o = {0};
	struct wabe_error err;
	struct wabe *w;
	int status = create_options_read(&o, argc, argv);

	if (status) {
		return status;
	}
	if (!cmd_open(argv[0], &w)) {
		return EXIT_FAILED;
	}
	status = create(w, &o, argv[optind], &err);
	wabe_close(w);
	return status ? cmd_error(argv[0], &err) : EXIT_OK;
}
