// SPDX-License-Identifier: MIT
// Descriptions in memory: made, freed, checked, printed.
#define _GNU_SOURCE
#include "spec.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define FIELD(node, name, type, member)            \
	{                                          \
		name, type, offsetof(node, member) \
	}
#define WORDS_MAX 1024
#define WORD_MAX 4096 // a value in the guest's store
#define HOSTNAME_MAX 64
#define MOUNT_MAX 1000
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct spec_field domain_fields[] = {
    FIELD(struct wabe_spec, "name", SPEC_TEXT, name),
    FIELD(struct wabe_spec, "uuid", SPEC_TEXT, uuid),
    FIELD(struct wabe_spec, "memory-kib", SPEC_BIG, memory_kib),
    FIELD(struct wabe_spec, "vcpus", SPEC_NUMBER, vcpus),
    FIELD(struct wabe_spec, "partition", SPEC_TEXT, partition),
    FIELD(struct wabe_spec, "image", SPEC_TEXT, image),
    FIELD(struct wabe_spec, "ports", SPEC_LIST, ports),
    FIELD(struct wabe_spec, "restart", SPEC_TEXT, restart),
    FIELD(struct wabe_spec, "log-kib", SPEC_NUMBER, log_kib),
};
static const struct spec_field kernel_fields[] = {
    FIELD(struct wabe_spec, "path", SPEC_TEXT, kernel),
    FIELD(struct wabe_spec, "cmdline", SPEC_TEXT, cmdline),
    FIELD(struct wabe_spec, "initrd", SPEC_TEXT, initrd),
};
static const struct spec_field workload_fields[] = {
    FIELD(struct wabe_spec, "argv", SPEC_LIST, argv),
    FIELD(struct wabe_spec, "env", SPEC_LIST, env),
    FIELD(struct wabe_spec, "cwd", SPEC_TEXT, cwd),
    FIELD(struct wabe_spec, "user", SPEC_TEXT, user),
    FIELD(struct wabe_spec, "hostname", SPEC_TEXT, hostname),
    FIELD(struct wabe_spec, "stop-signal", SPEC_TEXT, stop_signal),
    FIELD(struct wabe_spec, "read-only", SPEC_FLAG, read_only),
};
static const struct spec_field disk_fields[] = {
    FIELD(struct wabe_disk, "path", SPEC_TEXT, path),
    FIELD(struct wabe_disk, "mode", SPEC_TEXT, mode),
    FIELD(struct wabe_disk, "dev", SPEC_TEXT, dev),
    FIELD(struct wabe_disk, "mount", SPEC_TEXT, mount),
    FIELD(struct wabe_disk, "byte-rate", SPEC_BIG, byte_rate),
    FIELD(struct wabe_disk, "request-rate", SPEC_BIG, request_rate),
};
static const struct spec_field net_fields[] = {
    FIELD(struct wabe_net, "bridge", SPEC_TEXT, bridge),
    FIELD(struct wabe_net, "mac", SPEC_TEXT, mac),
    FIELD(struct wabe_net, "ip", SPEC_TEXT, ip),
    FIELD(struct wabe_net, "gateway", SPEC_TEXT, gateway),
    FIELD(struct wabe_net, "dns", SPEC_TEXT, dns),
    FIELD(struct wabe_net, "tap", SPEC_TEXT, tap),
    FIELD(struct wabe_net, "byte-rate", SPEC_BIG, byte_rate),
};

const struct spec_node spec_nodes[5] = {
    [SPEC_DOMAIN] = {"wabe-domain", "wabe,domain", domain_fields,
		     COUNT(domain_fields), 0, 0, 0, 0},
    [SPEC_KERNEL] = {"kernel", NULL, kernel_fields, COUNT(kernel_fields), 0, 0,
		     0, 0},
    [SPEC_WORKLOAD] = {"workload", NULL, workload_fields,
		       COUNT(workload_fields), 0, 0, 0, 0},
    [SPEC_DISK] = {"disk", "wabe,disk", disk_fields, COUNT(disk_fields),
		   offsetof(struct wabe_spec, disks), sizeof(struct wabe_disk),
		   offsetof(struct wabe_spec, disk_count), WABE_MAX_DISKS},
    [SPEC_NET] = {"net", "wabe,net", net_fields, COUNT(net_fields),
		  offsetof(struct wabe_spec, nets), sizeof(struct wabe_net),
		  offsetof(struct wabe_spec, net_count), WABE_MAX_NETS},
};

struct wabe_spec *wabe_spec_new(void)
{
	struct wabe_spec *spec = calloc(1, sizeof(*spec));

	if (!spec) {
		abort();
	}
	return spec;
}

void list_free(char **list)
{
	for (char **p = list; p && *p; p++) {
		free(*p);
	}
	free(list);
}

static void fields_free(const struct spec_node *node, char *base)
{
	for (unsigned int i = 0; i < node->field_count; i++) {
		void **at = (void **)(base + node->fields[i].offset);

		if (node->fields[i].type == SPEC_TEXT) {
			free(*at);
		} else if (node->fields[i].type == SPEC_LIST) {
			list_free(*at);
		}
	}
}

void wabe_spec_free(struct wabe_spec *spec)
{
	if (!spec) {
		return;
	}
	for (unsigned int n = 0; n < COUNT(spec_nodes); n++) {
		const struct spec_node *node = &spec_nodes[n];
		unsigned int times = node->max ? node->max : 1;

		for (unsigned int i = 0; i < times; i++) {
			fields_free(node, (char *)spec + node->base +
					      i * node->stride);
		}
	}
	free(spec);
}

// --- Checks -----------------------------------------------------------------

static bool name_valid(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz"
			     "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");

	// Not a number, which would be a domain id.
	return !s[n] && n && n < WABE_NAME_BYTES && *s != '-' && *s != '.' &&
	       strspn(s, "0123456789") != n;
}

// The disk in front of `end` that has this name, or `end`.
static uint32_t dev_find(const struct wabe_spec *spec, uint32_t end,
			 const char *dev)
{
	uint32_t i = 0;

	while (i < end &&
	       (!spec->disks[i].dev || strcmp(spec->disks[i].dev, dev))) {
		i++;
	}
	return i;
}

void spec_disks_name(struct wabe_spec *spec)
{
	for (uint32_t i = 0; i < spec->disk_count; i++) {
		struct wabe_disk *d = &spec->disks[i];
		char dev[] = {'x', 'v', 'd', (char)('a' + i), 0};
		uint32_t n = spec->disk_count;

		if (!d->dev && dev_find(spec, n, dev) < n) {
			dev[3] = 'a';
			while (dev_find(spec, n, dev) < n) {
				dev[3]++; // more letters than disks
			}
		}
		if (!d->dev) {
			d->dev = strdup(dev);
		}
		if (!d->mode) {
			d->mode = strdup("r");
		}
	}
}

static int disk_names_check(const struct wabe_spec *spec, uint32_t i,
			    const char *where, struct wabe_error *err)
{
	const struct wabe_disk *d = &spec->disks[i];

	if (d->dev && (strncmp(d->dev, "xvd", 3) || d->dev[3] < 'a' ||
		       d->dev[3] > 'p' || d->dev[4])) {
		return error_set(err, 0,
				 "%s: disk@%u: dev \"%s\": say xvda to xvdp",
				 where, i, d->dev);
	}
	if (d->dev && dev_find(spec, i, d->dev) < i) {
		return error_set(err, 0,
				 "%s: disk@%u: dev %s: another disk has it",
				 where, i, d->dev);
	}
	if (d->mount && (*d->mount != '/' || strstr(d->mount, "..") ||
			 strlen(d->mount) > MOUNT_MAX)) {
		return error_set(err, 0,
				 "%s: disk@%u: mount \"%s\": say an absolute "
				 "path",
				 where, i, d->mount);
	}
	return 0;
}

static int disks_check(const struct wabe_spec *spec, const char *where,
		       struct wabe_error *err)
{
	for (uint32_t i = 0; i < spec->disk_count; i++) {
		const struct wabe_disk *d = &spec->disks[i];

		if (!d->path) {
			return error_set(err, 0,
					 "%s: disk@%u: no path: name the file",
					 where, i);
		}
		if (d->mode && strcmp(d->mode, "r") && strcmp(d->mode, "w")) {
			return error_set(err, 0,
					 "%s: disk@%u: mode \"%s\": say \"r\" "
					 "or \"w\"",
					 where, i, d->mode);
		}
		if (disk_names_check(spec, i, where, err)) {
			return -1;
		}
	}
	return 0;
}

// Each word is a node of the guest's store, and its init reads so many.
static int words_check(char *const *words, const char *name, const char *where,
		       struct wabe_error *err)
{
	for (unsigned int i = 0; words && words[i]; i++) {
		if (i == WORDS_MAX) {
			return error_set(err, 0, "%s: %s: over %d words", where,
					 name, WORDS_MAX);
		}
		if (strlen(words[i]) > WORD_MAX) {
			return error_set(err, 0,
					 "%s: %s: word %u is over %d bytes",
					 where, name, i + 1, WORD_MAX);
		}
	}
	return 0;
}

static int workload_check(const struct wabe_spec *spec, const char *where,
			  struct wabe_error *err)
{
	if (spec->hostname && strlen(spec->hostname) > HOSTNAME_MAX) {
		return error_set(err, 0, "%s: hostname: over %d bytes", where,
				 HOSTNAME_MAX);
	}
	return words_check(spec->argv, "argv", where, err) ||
		       words_check(spec->env, "env", where, err)
		   ? -1
		   : 0;
}

// "no", "always", "on-failure", "on-failure:N"
static bool restart_valid(const char *s)
{
	if (!strncmp(s, "on-failure:", 11)) {
		s += 11;
		return *s && strlen(s) < 6 && !s[strspn(s, "0123456789")];
	}
	return !strcmp(s, "no") || !strcmp(s, "always") ||
	       !strcmp(s, "on-failure");
}

static int policy_check(const struct wabe_spec *spec, const char *where,
			struct wabe_error *err)
{
	if (spec->restart && !restart_valid(spec->restart)) {
		return error_set(err, 0,
				 "%s: restart \"%s\": say no, on-failure, "
				 "on-failure:N or always",
				 where, spec->restart);
	}
	if (spec->log_kib && (spec->log_kib < 64 || spec->log_kib > 1 << 20)) {
		return error_set(err, 0, "%s: log-kib %u: 64 to %d", where,
				 spec->log_kib, 1 << 20);
	}
	return 0;
}

static bool address_valid(const char *s)
{
	struct in_addr unused;

	return !s || inet_pton(AF_INET, s, &unused) == 1;
}

// Who makes it says what is wrong with an address of its own (wabed).
static int nets_check(const struct wabe_spec *spec, const char *where,
		      struct wabe_error *err)
{
	for (uint32_t i = 0; i < spec->net_count; i++) {
		const struct wabe_net *n = &spec->nets[i];
		bool dns = !address_valid(n->dns);

		if (dns || !address_valid(n->gateway)) {
			return error_set(err, 0,
					 "%s: net@%u: %s \"%s\": say an IPv4 "
					 "address",
					 where, i, dns ? "dns" : "gateway",
					 dns ? n->dns : n->gateway);
		}
	}
	return 0;
}

int spec_check(const struct wabe_spec *spec, const char *where,
	       struct wabe_error *err)
{
	if (spec->name && !name_valid(spec->name)) {
		return error_set(err, 0,
				 "%s: name \"%s\": letters, digits, - _ . "
				 "only, not a number, at most %d",
				 where, spec->name, WABE_NAME_BYTES - 1);
	}
	if (spec->memory_kib < 4096 || spec->memory_kib > (1ull << 32)) {
		return error_set(err, 0,
				 "%s: memory-kib %lu: at least 4096 (4 MiB)",
				 where, spec->memory_kib);
	}
	if (spec->vcpus < 1 || spec->vcpus > 32) {
		return error_set(err, 0, "%s: vcpus %u: 1 to 32", where,
				 spec->vcpus);
	}
	if (!spec->kernel) {
		return error_set(err, 0, "%s: kernel: no path: name the file",
				 where);
	}
	if (spec->cmdline && strlen(spec->cmdline) > 1023) {
		return error_set(err, 0, "%s: cmdline: over 1023 bytes", where);
	}
	return policy_check(spec, where, err) ||
		       workload_check(spec, where, err) ||
		       disks_check(spec, where, err) ||
		       nets_check(spec, where, err)
		   ? -1
		   : 0;
}

// --- As text ----------------------------------------------------------------

static void text_print(const char *s, FILE *to)
{
	putc('"', to);
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\') {
			fprintf(to, "\\%c", c);
		} else if (c < ' ' || c == 0x7f) {
			fprintf(to, "\\x%02x", c);
		} else {
			putc(c, to);
		}
	}
	putc('"', to);
}

static void field_print(const struct spec_field *f, const char *base,
			const char *indent, FILE *to)
{
	const void *at = base + f->offset;
	uint64_t big;
	char *const *list;

	switch (f->type) {
	case SPEC_TEXT:
		if (*(char *const *)at) {
			fprintf(to, "%s%s = ", indent, f->name);
			text_print(*(char *const *)at, to);
			fprintf(to, ";\n");
		}
		break;
	case SPEC_LIST:
		list = *(char **const *)at;
		if (list && *list) {
			fprintf(to, "%s%s = ", indent, f->name);
			for (; *list; list++) {
				text_print(*list, to);
				fputs(list[1] ? ", " : ";\n", to);
			}
		}
		break;
	case SPEC_NUMBER:
		if (*(const uint32_t *)at) {
			fprintf(to, "%s%s = <%u>;\n", indent, f->name,
				*(const uint32_t *)at);
		}
		break;
	case SPEC_BIG:
		big = *(const uint64_t *)at;
		if (!big) {
			break;
		}
		fprintf(to, "%s%s = <", indent, f->name);
		if (big >> 32) {
			fprintf(to, "%lu ", big >> 32); // two cells
		}
		fprintf(to, "%lu>;\n", big & UINT32_MAX);
		break;
	case SPEC_FLAG:
		if (*(const bool *)at) {
			fprintf(to, "%s%s;\n", indent, f->name);
		}
		break;
	}
}

static void node_print(unsigned int which, const struct wabe_spec *spec,
		       unsigned int index, const char *indent, FILE *to)
{
	const struct spec_node *node = &spec_nodes[which];

	for (unsigned int i = 0; i < node->field_count; i++) {
		field_print(&node->fields[i],
			    (const char *)spec + node->base +
				index * node->stride,
			    indent, to);
	}
}

static void devices_print(const struct wabe_spec *spec, FILE *to)
{
	fprintf(to, "\n\t\tdevices {\n");
	for (unsigned int i = 0; i < spec->disk_count; i++) {
		fprintf(to, "\t\t\tdisk@%u {\n", i);
		fprintf(to, "\t\t\t\tcompatible = \"wabe,disk\";\n");
		node_print(SPEC_DISK, spec, i, "\t\t\t\t", to);
		fprintf(to, "\t\t\t};\n");
	}
	for (unsigned int i = 0; i < spec->net_count; i++) {
		fprintf(to, "\t\t\tnet@%u {\n", i);
		fprintf(to, "\t\t\t\tcompatible = \"wabe,net\";\n");
		node_print(SPEC_NET, spec, i, "\t\t\t\t", to);
		fprintf(to, "\t\t\t};\n");
	}
	fprintf(to, "\t\t\tconsole {\n\t\t\t};\n\t\t};\n");
}

void wabe_spec_print(const struct wabe_spec *spec, FILE *to)
{
	fprintf(to, "/dts-v1/;\n\n/ {\n\twabe-domain {\n");
	fprintf(to, "\t\tcompatible = \"wabe,domain\";\n");
	node_print(SPEC_DOMAIN, spec, 0, "\t\t", to);
	fprintf(to, "\n\t\tkernel {\n");
	node_print(SPEC_KERNEL, spec, 0, "\t\t\t", to);
	fprintf(to, "\t\t};\n\n\t\tworkload {\n");
	node_print(SPEC_WORKLOAD, spec, 0, "\t\t\t", to);
	fprintf(to, "\t\t};\n");
	devices_print(spec, to);
	fprintf(to, "\t};\n};\n");
}
