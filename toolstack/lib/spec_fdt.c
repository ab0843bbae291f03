// SPDX-License-Identifier: MIT
// Descriptions to and from flattened device trees. A blob may be anybody's:
// libfdt checks its bounds, the tables of spec.c what may stand in it; what is
// not known is refused by name, so that a misspelt property is not ignored.
#define _GNU_SOURCE
#include "spec.h"

#include <errno.h>
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

#define BLOB_MAX (128 * 1024)

struct reading {
	struct wabe_spec *spec;
	const void *fdt;
	const char *where;
	struct wabe_error *err;
};

static bool list_valid(const char *value, int bytes)
{
	return bytes > 0 && !value[bytes - 1];
}

static char **list_make(const char *value, int bytes)
{
	size_t n = 0;
	char **list;

	for (int i = 0; i < bytes; i++) {
		n += !value[i];
	}
	list = calloc(n + 1, sizeof(*list));
	for (size_t i = 0; list && i < n; i++) {
		list[i] = strdup(value);
		value += strlen(value) + 1;
	}
	return list;
}

// One property; false if its value is not of the field's type.
static bool field_read(const struct spec_field *f, char *base,
		       const char *value, int bytes)
{
	void *at = base + f->offset;
	fdt32_t cell[2];

	switch (f->type) {
	case SPEC_TEXT:
		if (!list_valid(value, bytes) ||
		    strlen(value) != (size_t)bytes - 1) {
			return false;
		}
		free(*(char **)at);
		*(char **)at = strdup(value);
		return true;
	case SPEC_LIST:
		if (!list_valid(value, bytes)) {
			return false;
		}
		list_free(*(char ***)at);
		*(char ***)at = list_make(value, bytes);
		return true;
	case SPEC_NUMBER:
	case SPEC_BIG:
		if (bytes != 4 && (bytes != 8 || f->type == SPEC_NUMBER)) {
			return false;
		}
		memcpy(cell, value, (size_t)bytes);
		if (f->type == SPEC_NUMBER) {
			*(uint32_t *)at = fdt32_to_cpu(cell[0]);
		} else if (bytes == 4) {
			*(uint64_t *)at = fdt32_to_cpu(cell[0]);
		} else {
			*(uint64_t *)at = (uint64_t)fdt32_to_cpu(cell[0])
					      << 32 |
					  fdt32_to_cpu(cell[1]);
		}
		return true;
	case SPEC_FLAG:
		*(bool *)at = true;
		return bytes == 0;
	}
	return false;
}

static int property_read(const struct reading *r, const struct spec_node *node,
			 const char *shown, char *base, int property)
{
	const char *name, *value;
	int bytes;

	value = fdt_getprop_by_offset(r->fdt, property, &name, &bytes);
	if (!value) {
		return error_set(r->err, 0, "%s: %s: damaged", r->where, shown);
	}
	if (!strcmp(name, "compatible") && node->compatible) {
		return fdt_stringlist_contains(value, bytes, node->compatible)
			   ? 0
			   : error_set(r->err, 0,
				       "%s: %s: compatible is not \"%s\"",
				       r->where, shown, node->compatible);
	}
	for (unsigned int i = 0; i < node->field_count; i++) {
		if (!strcmp(name, node->fields[i].name)) {
			return field_read(&node->fields[i], base, value, bytes)
				   ? 0
				   : error_set(r->err, 0,
					       "%s: %s: %s: not a value of its "
					       "type, see spec.md",
					       r->where, shown, name);
		}
	}
	return error_set(r->err, 0, "%s: %s: %s: no such property, see spec.md",
			 r->where, shown, name);
}

static int node_read(const struct reading *r, unsigned int which,
		     unsigned int index, int offset)
{
	const struct spec_node *node = &spec_nodes[which];
	const char *shown = fdt_get_name(r->fdt, offset, NULL);
	char *base = (char *)r->spec + node->base + index * node->stride;
	int property;

	fdt_for_each_property_offset(property, r->fdt, offset)
	{
		if (property_read(r, node, shown ? shown : "?", base,
				  property)) {
			return -1;
		}
	}
	return 0;
}

static bool node_is(const char *name, const char *kind)
{
	size_t n = strlen(kind);

	return !strncmp(name, kind, n) && (!name[n] || name[n] == '@');
}

// disk@N and net@N, in the order in which they stand.
static int device_read(const struct reading *r, int offset, const char *name)
{
	for (unsigned int which = SPEC_DISK; which <= SPEC_NET; which++) {
		const struct spec_node *node = &spec_nodes[which];
		uint32_t *count = (uint32_t *)((char *)r->spec + node->count);

		if (!node_is(name, node->name)) {
			continue;
		}
		if (*count == node->max) {
			return error_set(r->err, 0, "%s: %s: at most %u",
					 r->where, name, node->max);
		}
		return node_read(r, which, (*count)++, offset);
	}
	return node_is(name, "console")
		   ? 0
		   : error_set(r->err, 0,
			       "%s: devices: %s: no such device, see spec.md",
			       r->where, name);
}

static int devices_read(const struct reading *r, int offset)
{
	int child;

	fdt_for_each_subnode(child, r->fdt, offset)
	{
		const char *name = fdt_get_name(r->fdt, child, NULL);

		if (device_read(r, child, name ? name : "?")) {
			return -1;
		}
	}
	return 0;
}

static int child_read(const struct reading *r, int offset)
{
	const char *name = fdt_get_name(r->fdt, offset, NULL);

	if (name && !strcmp(name, "kernel")) {
		return node_read(r, SPEC_KERNEL, 0, offset);
	}
	if (name && !strcmp(name, "workload")) {
		return node_read(r, SPEC_WORKLOAD, 0, offset);
	}
	if (name && !strcmp(name, "devices")) {
		return devices_read(r, offset);
	}
	return error_set(r->err, 0, "%s: %s: no such node, see spec.md",
			 r->where, name ? name : "?");
}

static int tree_read(const struct reading *r)
{
	int domain = fdt_path_offset(r->fdt, "/wabe-domain"), child;

	if (domain < 0) {
		return error_set(r->err, 0,
				 "%s: no node /wabe-domain: is it a "
				 "micro-domain's description?",
				 r->where);
	}
	if (node_read(r, SPEC_DOMAIN, 0, domain)) {
		return -1;
	}
	fdt_for_each_subnode(child, r->fdt, domain)
	{
		if (child_read(r, child)) {
			return -1;
		}
	}
	return 0;
}

int wabe_spec_parse(struct wabe_spec **out, const void *fdt, size_t bytes,
		    const char *where, struct wabe_error *err)
{
	struct reading r = {wabe_spec_new(), fdt, where, err};

	r.spec->vcpus = 1;
	r.spec->memory_kib = 64 * 1024;
	// Trees from before version 16 libfdt's own check does not survive.
	if (bytes < sizeof(struct fdt_header) || fdt_check_header(fdt) ||
	    fdt_version(fdt) < 16 || fdt_totalsize(fdt) > bytes ||
	    fdt_check_full(fdt, bytes)) {
		error_set(err, 0, "%s: not a device tree", where);
	} else if (!tree_read(&r) && !spec_check(r.spec, where, err)) {
		*out = r.spec;
		return 0;
	}
	wabe_spec_free(r.spec);
	return -1;
}

// --- Writing ----------------------------------------------------------------

static int list_write(void *fdt, const char *name, char *const *list)
{
	size_t bytes = 0;
	char *place;
	void *value;

	for (char *const *p = list; *p; p++) {
		bytes += strlen(*p) + 1;
	}
	if (!bytes) {
		return 0;
	}
	if (bytes > BLOB_MAX) {
		return -FDT_ERR_NOSPACE;
	}
	if (fdt_property_placeholder(fdt, name, (int)bytes, &value)) {
		return -FDT_ERR_NOSPACE;
	}
	place = value;
	for (char *const *p = list; *p; p++) {
		place = stpcpy(place, *p) + 1;
	}
	return 0;
}

static int field_write(void *fdt, const struct spec_field *f, const char *base)
{
	const void *at = base + f->offset;

	switch (f->type) {
	case SPEC_TEXT:
		return *(char *const *)at
			   ? fdt_property_string(fdt, f->name,
						 *(char *const *)at)
			   : 0;
	case SPEC_LIST:
		return *(char **const *)at
			   ? list_write(fdt, f->name, *(char **const *)at)
			   : 0;
	case SPEC_NUMBER:
		return *(const uint32_t *)at
			   ? fdt_property_u32(fdt, f->name,
					      *(const uint32_t *)at)
			   : 0;
	case SPEC_BIG:
		return !*(const uint64_t *)at ? 0
		       : *(const uint64_t *)at >> 32
			   ? fdt_property_u64(fdt, f->name,
					      *(const uint64_t *)at)
			   : fdt_property_u32(fdt, f->name,
					      (uint32_t) *
						  (const uint64_t *)at);
	case SPEC_FLAG:
		return *(const bool *)at ? fdt_property(fdt, f->name, NULL, 0)
					 : 0;
	}
	return 0;
}

// Begin a node and write its properties; the caller ends it.
static int node_begin(void *fdt, const struct wabe_spec *spec,
		      unsigned int which, unsigned int index)
{
	const struct spec_node *node = &spec_nodes[which];
	char name[32];
	int status;

	snprintf(name, sizeof(name), node->max ? "%s@%u" : "%s", node->name,
		 index);
	status = fdt_begin_node(fdt, name);
	if (!status && node->compatible) {
		status =
		    fdt_property_string(fdt, "compatible", node->compatible);
	}
	for (unsigned int i = 0; !status && i < node->field_count; i++) {
		status = field_write(fdt, &node->fields[i],
				     (const char *)spec + node->base +
					 index * node->stride);
	}
	return status;
}

static int node_whole(void *fdt, const struct wabe_spec *spec,
		      unsigned int which, unsigned int index)
{
	int status = node_begin(fdt, spec, which, index);

	return status ? status : fdt_end_node(fdt);
}

static int devices_write(void *fdt, const struct wabe_spec *spec)
{
	int status = fdt_begin_node(fdt, "devices");

	for (unsigned int i = 0; !status && i < spec->disk_count; i++) {
		status = node_whole(fdt, spec, SPEC_DISK, i);
	}
	for (unsigned int i = 0; !status && i < spec->net_count; i++) {
		status = node_whole(fdt, spec, SPEC_NET, i);
	}
	if (!status && !(status = fdt_begin_node(fdt, "console"))) {
		status = fdt_end_node(fdt);
	}
	return status ? status : fdt_end_node(fdt);
}

static int tree_write(void *fdt, const struct wabe_spec *spec)
{
	int status = fdt_create(fdt, BLOB_MAX);

	status = status ? status : fdt_finish_reservemap(fdt);
	status = status ? status : fdt_begin_node(fdt, "");
	status = status ? status : node_begin(fdt, spec, SPEC_DOMAIN, 0);
	status = status ? status : node_whole(fdt, spec, SPEC_KERNEL, 0);
	status = status ? status : node_whole(fdt, spec, SPEC_WORKLOAD, 0);
	status = status ? status : devices_write(fdt, spec);
	status = status ? status : fdt_end_node(fdt);
	status = status ? status : fdt_end_node(fdt);
	return status ? status : fdt_finish(fdt);
}

int wabe_spec_blob(const struct wabe_spec *spec, void **fdt, size_t *bytes,
		   struct wabe_error *err)
{
	CLEANUP_FREE void *blob = calloc(1, BLOB_MAX);
	int status;

	if (!blob) {
		return error_set(err, ENOMEM, "description");
	}
	status = tree_write(blob, spec);
	if (status) {
		return error_set(err, 0, "description: %s (over %d KiB?)",
				 fdt_strerror(status), BLOB_MAX / 1024);
	}
	*bytes = fdt_totalsize(blob);
	*fdt = STEAL(blob);
	return 0;
}
