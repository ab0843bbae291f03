// SPDX-License-Identifier: MIT
// From command line and image to a description.
#define _GNU_SOURCE
#include "options.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KERNEL_FOLDER "/usr/lib/wabe"

enum {
	OPT_NAME = 256,
	OPT_RM,
	OPT_READ_ONLY,
	OPT_NETWORK,
	OPT_IP,
	OPT_PARTITION,
	OPT_KERNEL,
	OPT_INITRD,
	OPT_CMDLINE,
	OPT_ENTRYPOINT,
};

static const struct option options[] = {
    {"name", required_argument, NULL, OPT_NAME},
    {"rm", no_argument, NULL, OPT_RM},
    {"read-only", no_argument, NULL, OPT_READ_ONLY},
    {"network", required_argument, NULL, OPT_NETWORK},
    {"ip", required_argument, NULL, OPT_IP},
    {"partition", required_argument, NULL, OPT_PARTITION},
    {"kernel", required_argument, NULL, OPT_KERNEL},
    {"initrd", required_argument, NULL, OPT_INITRD},
    {"cmdline", required_argument, NULL, OPT_CMDLINE},
    {"entrypoint", required_argument, NULL, OPT_ENTRYPOINT},
    {"detach", no_argument, NULL, 'd'},
    {"memory", required_argument, NULL, 'm'},
    {"vcpus", required_argument, NULL, 'c'},
    {"env", required_argument, NULL, 'e'},
    {"workdir", required_argument, NULL, 'w'},
    {"user", required_argument, NULL, 'u'},
    {"hostname", required_argument, NULL, 'h'},
    {"volume", required_argument, NULL, 'v'},
    {"publish", required_argument, NULL, 'p'},
    {NULL, 0, NULL, 0},
};

static void set(char **to, const char *value)
{
	free(*to);
	*to = strdup(value);
}

static void list_add(char ***list, char *value)
{
	size_t n = 0;

	while (*list && (*list)[n]) {
		n++;
	}
	*list = realloc(*list, (n + 2) * sizeof(**list));
	if (!*list) {
		abort();
	}
	(*list)[n] = value;
	(*list)[n + 1] = NULL;
}

static int wrong(const char *verb, const char *option, const char *value,
		 const char *want)
{
	fprintf(stderr, "wabe %s: %s %s: %s\n", verb, option, value, want);
	return EXIT_USAGE;
}

static void env_add(struct wabe_spec *s, const char *word)
{
	const char *value = strchr(word, '=') ? NULL : getenv(word);
	char *text;

	if (strchr(word, '=')) {
		list_add(&s->env, strdup(word));
	} else if (value && asprintf(&text, "%s=%s", word, value) > 0) {
		list_add(&s->env, text);
	}
}

// PATH:DEV[:r], as a disk behind the root.
static int volume_add(struct wabe_spec *s, const char *verb, const char *word)
{
	const char *colon = strchr(word, ':'), *mode;
	struct wabe_disk *d = &s->disks[s->disk_count];

	if (!colon || strncmp(colon, ":xvd", 4)) {
		return wrong(verb, "-v", word,
			     "say PATH:xvdb or PATH:xvdb:r (folders of dom0 "
			     "cannot be shared, only image files and block "
			     "devices)");
	}
	if (s->disk_count == WABE_MAX_DISKS) {
		return wrong(verb, "-v", word, "too many disks");
	}
	mode = strchr(colon + 1, ':');
	d->path = strndup(word, (size_t)(colon - word));
	d->dev = mode ? strndup(colon + 1, (size_t)(mode - colon - 1))
		      : strdup(colon + 1);
	d->mode = strdup(mode ? mode + 1 : "w");
	s->disk_count++;
	return 0;
}

static int number_option(struct run_options *o, const char *verb, int option)
{
	char *end;

	if (option == 'm') {
		o->spec->memory_kib = cmd_memory(optarg);
		return o->spec->memory_kib
			   ? 0
			   : wrong(verb, "-m", optarg, "say 64M or 1G");
	}
	o->spec->vcpus = (uint32_t)strtoul(optarg, &end, 10);
	return *end || !o->spec->vcpus
		   ? wrong(verb, "-c", optarg, "say how many vCPUs")
		   : 0;
}

static int long_option(struct run_options *o, const char *verb, int option)
{
	struct wabe_spec *s = o->spec;

	switch (option) {
	case OPT_NAME:
		set(&s->name, optarg);
		return 0;
	case OPT_RM:
		o->remove = true;
		return 0;
	case OPT_READ_ONLY:
		s->read_only = true;
		return 0;
	case OPT_NETWORK:
		o->network_none = !strcmp(optarg, "none");
		return o->network_none || !strcmp(optarg, "wabe0")
			   ? 0
			   : wrong(verb, "--network", optarg,
				   "say none or wabe0");
	case OPT_IP:
		set(&o->ip, optarg);
		return 0;
	case OPT_PARTITION:
		set(&s->partition, optarg);
		return 0;
	case OPT_KERNEL:
		set(&s->kernel, optarg);
		return 0;
	case OPT_INITRD:
		set(&s->initrd, optarg);
		return 0;
	case OPT_CMDLINE:
		set(&s->cmdline, optarg);
		return 0;
	case OPT_ENTRYPOINT:
		set(&o->entrypoint, optarg);
		return 0;
	default:
		return cmd_usage(verb);
	}
}

static int one_option(struct run_options *o, const char *verb, int option)
{
	struct wabe_spec *s = o->spec;

	switch (option) {
	case 'd':
		o->detach = true;
		return 0;
	case 'i':
		o->input = true;
		return 0;
	case 't':
		o->terminal = true;
		return 0;
	case 'm':
	case 'c':
		return number_option(o, verb, option);
	case 'e':
		env_add(s, optarg);
		return 0;
	case 'w':
		set(&s->cwd, optarg);
		return 0;
	case 'u':
		set(&s->user, optarg);
		return 0;
	case 'h':
		set(&s->hostname, optarg);
		return 0;
	case 'p':
		list_add(&s->ports, strdup(optarg));
		return 0;
	case 'v':
		return volume_add(s, verb, optarg);
	default:
		return long_option(o, verb, option);
	}
}

// Kernel and initrd of the installation, or where $WABE_KERNELS says.
static void kernel_default(struct wabe_spec *s)
{
	const char *folder = getenv("WABE_KERNELS");
	char path[4096];

	folder = folder ? folder : KERNEL_FOLDER;
	if (!s->kernel) {
		snprintf(path, sizeof(path), "%s/vmlinux", folder);
		set(&s->kernel, path);
		snprintf(path, sizeof(path), "%s/init.cpio.gz", folder);
		if (!s->initrd && !access(path, R_OK)) {
			set(&s->initrd, path);
		}
	}
	if (!s->cmdline) {
		set(&s->cmdline, "console=hvc0 loglevel=1");
	}
}

static int image_use(struct run_options *o, const char *verb, int argc,
		     char **argv)
{
	struct wabe_spec *s = o->spec;
	struct wabe_error err;

	if (o->entrypoint) {
		list_add(&s->argv, strdup(o->entrypoint));
	}
	for (int i = 1; i < argc; i++) {
		list_add(&s->argv, strdup(argv[i]));
	}
	if (wabe_image_apply(NULL, argv[0], s, !o->entrypoint, &err)) {
		cmd_error(verb, &err);
		return strcmp(verb, "run") ? EXIT_FAILED : RUN_FAILED;
	}
	kernel_default(s);
	if (!o->network_none) {
		s->net_count = 1;
		s->nets[0].ip = o->ip ? strdup(o->ip) : NULL;
		s->nets[0].bridge = strdup("wabe0");
	}
	return 0;
}

int run_options_read(struct run_options *o, int argc, char **argv)
{
	int option, status = 0;

	memset(o, 0, sizeof(*o));
	o->spec = wabe_spec_new();
	o->spec->memory_kib = 64 * 1024;
	o->spec->vcpus = 1;
	optind = 1;
	while (!status &&
	       (option = getopt_long(
		    argc, argv, "+ditm:c:e:w:u:h:v:p:", options, NULL)) != -1) {
		status = one_option(o, argv[0], option);
	}
	if (!status && optind == argc) {
		status = cmd_usage(argv[0]);
	}
	if (!status) {
		status = image_use(o, argv[0], argc - optind, argv + optind);
	}
	return status;
}

void run_options_free(struct run_options *o)
{
	wabe_spec_free(o->spec);
	free(o->ip);
	free(o->entrypoint);
}
