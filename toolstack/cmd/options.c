// SPDX-License-Identifier: MIT
// From command line and image to a description.
#define _GNU_SOURCE
#include "options.h"
#include "spec.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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
	OPT_RESTART,
	OPT_LOG_SIZE,
	OPT_NET_RATE,
	OPT_DISK_RATE,
	OPT_DNS,
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
    {"restart", required_argument, NULL, OPT_RESTART},
    {"log-size", required_argument, NULL, OPT_LOG_SIZE},
    {"net-rate", required_argument, NULL, OPT_NET_RATE},
    {"disk-rate", required_argument, NULL, OPT_DISK_RATE},
    {"dns", required_argument, NULL, OPT_DNS},
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

static int failed(const char *verb, const struct wabe_error *err)
{
	cmd_error(verb, err);
	return strcmp(verb, "run") ? EXIT_FAILED : RUN_FAILED;
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

// The disk's file: a volume of that name, or a path.
static int volume_file(struct run_options *o, struct wabe_disk *d,
		       const char *verb, const char *name)
{
	struct wabe_error err;
	struct stat st;
	char path[4096];

	if (strchr(name, '/')) {
		if (!stat(name, &st) && S_ISDIR(st.st_mode)) {
			return cmd_wrong(
			    verb, "-v", name,
			    "folders of dom0 cannot be shared: name a "
			    "volume, an image file or a block device");
		}
		set(&d->path, name);
		return 0;
	}
	if (wabe_volume_path(name, path, &err)) {
		return failed(verb, &err);
	}
	if (access(path, F_OK)) {
		list_add(&o->volumes, strdup(name));
	}
	set(&d->path, path);
	return 0;
}

// Those that are not there, once all else is known to be right.
static int volumes_make(struct run_options *o, const char *verb)
{
	struct wabe_error err;
	char path[4096];

	for (char **name = o->volumes; name && *name; name++) {
		if (!wabe_volume_path(*name, path, &err) &&
		    !access(path, F_OK)) {
			**name = 0; // somebody else's by now
		} else if (wabe_volume_create(*name, WABE_VOLUME_KIB, &err)) {
			return failed(verb, &err);
		}
		o->volumes_made++;
	}
	return 0;
}

void run_volumes_undo(struct run_options *o)
{
	struct wabe_error ignored;

	while (o->volumes_made) {
		wabe_volume_remove(o->volumes[--o->volumes_made], &ignored);
	}
}

// WHAT:/PATH[:ro], mounted there; or WHAT:xvdX[:r], as a bare disk.
static int volume_add(struct run_options *o, const char *verb, const char *word)
{
	struct wabe_spec *s = o->spec;
	CLEANUP_FREE char *copy = strdup(word);
	char *where = strchr(copy, ':'), *mode;
	struct wabe_disk *d = &s->disks[s->disk_count];

	if (!where || (where[1] != '/' && strncmp(where, ":xvd", 4))) {
		return cmd_wrong(verb, "-v", word,
				 "say VOLUME:/PATH[:ro] or FILE:xvdb[:r]");
	}
	if (s->disk_count >= WABE_MAX_DISKS - 1) {
		return cmd_wrong(verb, "-v", word, "too many disks");
	}
	*where++ = 0;
	mode = strchr(where, ':');
	if (mode) {
		*mode++ = 0;
	}
	if (mode && strcmp(mode, "r") && strcmp(mode, "ro") &&
	    strcmp(mode, "w") && strcmp(mode, "rw")) {
		return cmd_wrong(verb, "-v", word, "the mode is ro or rw");
	}
	set(*where == '/' ? &d->mount : &d->dev, where);
	set(&d->mode, mode && strcmp(mode, "rw") && *mode == 'r' ? "r" : "w");
	s->disk_count++;
	return volume_file(o, d, verb, copy);
}

// "10M": bytes a second. "10M,200": and requests.
static int rate_read(const char *verb, const char *option, uint64_t *bytes,
		     uint64_t *requests)
{
	CLEANUP_FREE char *copy = strdup(optarg);
	char *comma = strchr(copy, ','), *end;
	uint64_t factor = 1;

	if (comma) {
		*comma++ = 0;
	}
	*bytes = strtoull(copy, &end, 10);
	switch (*end | 32) {
	case 'g':
		factor <<= 10; // fall through
	case 'm':
		factor <<= 10; // fall through
	case 'k':
		factor <<= 10;
		end++;
		break;
	}
	*bytes *= factor;
	if (comma && requests) {
		*requests = strtoull(comma, &comma, 10);
	}
	// strtoull() takes a minus.
	return strchr(optarg, '-') || *end ||
		       (comma && (!requests || *comma)) ||
		       (!*bytes && !(requests && *requests))
		   ? cmd_wrong(verb, option, optarg,
			       requests
				   ? "say 10M or 10M,200 (bytes, requests a "
				     "second)"
				   : "say 10M (bytes a second)")
		   : 0;
}

static int number_option(struct run_options *o, const char *verb, int option)
{
	char *end;

	if (option == 'm') {
		o->spec->memory_kib = cmd_memory(optarg);
		return o->spec->memory_kib
			   ? 0
			   : cmd_wrong(verb, "-m", optarg, CMD_MEMORY);
	}
	o->spec->vcpus = (uint32_t)strtoul(optarg, &end, 10);
	return *end || !o->spec->vcpus
		   ? cmd_wrong(verb, "-c", optarg, "say how many vCPUs")
		   : 0;
}

static int limit_option(struct run_options *o, const char *verb, int option)
{
	uint64_t kib;

	switch (option) {
	case OPT_RESTART:
		set(&o->spec->restart, optarg);
		return 0;
	case OPT_LOG_SIZE:
		kib = cmd_memory(optarg);
		o->spec->log_kib = (uint32_t)kib;
		return kib >= 64 && kib <= 1 << 20
			   ? 0
			   : cmd_wrong(verb, "--log-size", optarg,
				       "say 64K to 1G");
	case OPT_NET_RATE:
		return rate_read(verb, "--net-rate", &o->net_rate, NULL);
	case OPT_DISK_RATE:
		return rate_read(verb, "--disk-rate", &o->disk_rate,
				 &o->disk_requests);
	case OPT_DNS:
		set(&o->dns, optarg);
		return 0;
	default:
		return cmd_usage(verb);
	}
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
			   : cmd_wrong(verb, "--network", optarg,
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
		return limit_option(o, verb, option);
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
		return volume_add(o, verb, optarg);
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
		// No watch over the TSC, which is not its clock: that would
		// wake each idle one twice a second.
		set(&s->cmdline, "console=hvc0 loglevel=1 tsc=reliable");
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
		return failed(verb, &err);
	}
	kernel_default(s);
	if (!o->network_none) {
		s->net_count = 1;
		s->nets[0].ip = o->ip ? strdup(o->ip) : NULL;
		s->nets[0].dns = o->dns ? strdup(o->dns) : NULL;
		s->nets[0].byte_rate = o->net_rate;
		s->nets[0].bridge = strdup("wabe0");
	}
	for (uint32_t i = 0; i < s->disk_count; i++) {
		s->disks[i].byte_rate = o->disk_rate;
		s->disks[i].request_rate = o->disk_requests;
	}
	spec_disks_name(s);
	return spec_check(s, argv[0], &err) ? failed(verb, &err) : 0;
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
	if (!status && o->spec->restart && strcmp(o->spec->restart, "no") &&
	    !strcmp(argv[0], "run") && (!o->detach || o->remove)) {
		status = cmd_wrong(argv[0], "--restart", o->spec->restart,
				   "only with -d, and not with --rm");
	}
	if (!status) {
		status = image_use(o, argv[0], argc - optind, argv + optind);
	}
	if (!status && strcmp(argv[0], "spec")) {
		status = volumes_make(o, argv[0]);
		if (status) {
			run_volumes_undo(o);
		}
	}
	return status;
}

void run_options_free(struct run_options *o)
{
	wabe_spec_free(o->spec);
	free(o->ip);
	free(o->dns);
	free(o->entrypoint);
	for (char **name = o->volumes; name && *name; name++) {
		free(*name);
	}
	free(o->volumes);
}
