// SPDX-License-Identifier: MIT
// Descriptions as tables: which properties a node may have, of which type and
// where they stand in struct wabe_spec. Reading, writing and printing all go
// by these tables; toolstack/spec.md lists the same for people.
#ifndef WABE_LIB_SPEC_H
#define WABE_LIB_SPEC_H

#include "error.h"

enum spec_type {
	SPEC_TEXT,   // char *
	SPEC_LIST,   // char **
	SPEC_NUMBER, // uint32_t
	SPEC_BIG,    // uint64_t; one cell, or two
	SPEC_FLAG,   // bool: there or not
};

struct spec_field {
	const char *name;
	enum spec_type type;
	size_t offset;
};

struct spec_node {
	const char *name;
	const char *compatible; // or NULL
	const struct spec_field *fields;
	unsigned int field_count;
	size_t base, stride; // of the struct in wabe_spec; 0: no array
	size_t count;	     // offset of the array's length
	unsigned int max;
};

enum { SPEC_DOMAIN, SPEC_KERNEL, SPEC_WORKLOAD, SPEC_DISK, SPEC_NET };
extern const struct spec_node spec_nodes[5];

void list_free(char **list);

// dts.c: device tree source (nodes, properties of strings, cells and bytes) to
// a blob, to be freed.
int dts_parse(const char *text, const char *where, void **fdt, size_t *bytes,
	      struct wabe_error *err);

// A description that can be started, or why not.
int spec_check(const struct wabe_spec *spec, const char *where,
	       struct wabe_error *err);

// Disks without a name or mode get one: the N-th is xvd and the N-th letter,
// or where another has that the first that is free.
void spec_disks_name(struct wabe_spec *spec);

#endif
