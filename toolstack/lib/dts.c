// SPDX-License-Identifier: MIT
// Device tree source to blob: what descriptions need of the language (strings,
// cells, bytes, comments), so that no compiler need stand in dom0.
#define _GNU_SOURCE
#include "spec.h"

#include <ctype.h>
#include <errno.h>
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

#define BLOB_MAX (128 * 1024)
#define VALUE_MAX (96 * 1024)
#define DEPTH_MAX 16

struct source {
	const char *at, *where;
	unsigned int line, depth;
	void *fdt;
	char *value; // the property being read
	size_t used;
	struct wabe_error *err;
};

static int bad(struct source *s, const char *what)
{
	return error_set(s->err, 0, "%s:%u: %s", s->where, s->line, what);
}

// Comments and white space.
static void skip(struct source *s)
{
	for (;; s->at++) {
		if (*s->at == '\n') {
			s->line++;
		} else if (!strncmp(s->at, "//", 2)) {
			s->at += strcspn(s->at, "\n");
			s->at--;
		} else if (!strncmp(s->at, "/*", 2)) {
			const char *end = strstr(s->at + 2, "*/");

			for (; end && s->at < end; s->at++) {
				s->line += *s->at == '\n';
			}
			if (!end) {
				return;
			}
			s->at++;
		} else if (!isspace((unsigned char)*s->at)) {
			return;
		}
	}
}

static bool take(struct source *s, const char *what)
{
	skip(s);
	if (strncmp(s->at, what, strlen(what))) {
		return false;
	}
	s->at += strlen(what);
	return true;
}

// A node's or property's name.
static bool name_take(struct source *s, char name[64])
{
	size_t n;

	skip(s);
	n = strspn(s->at, "abcdefghijklmnopqrstuvwxyz"
			  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789,._+-@#");
	if (!n || n > 63) {
		return false;
	}
	memcpy(name, s->at, n);
	name[n] = 0;
	s->at += n;
	return true;
}

static int value_add(struct source *s, const void *p, size_t n)
{
	if (n > VALUE_MAX - s->used) {
		return bad(s, "value too long");
	}
	memcpy(s->value + s->used, p, n);
	s->used += n;
	return 0;
}

static char escape_take(struct source *s)
{
	char hex[3] = {0}, c = *s->at;

	if (c) {
		s->at++;
	}
	switch (c) {
	case 'n':
		return '\n';
	case 't':
		return '\t';
	case 'r':
		return '\r';
	case 'x':
		for (int i = 0; i < 2 && isxdigit((unsigned char)*s->at); i++) {
			hex[i] = *s->at++;
		}
		return (char)strtoul(hex, NULL, 16);
	default:
		return c;
	}
}

static int string_read(struct source *s)
{
	while (*s->at && *s->at != '"') {
		char c = *s->at++;

		s->line += c == '\n';
		if (c == '\\') {
			c = escape_take(s);
		}
		if (!c || value_add(s, &c, 1)) {
			return c ? -1 : bad(s, "a zero in a string");
		}
	}
	return *s->at++ == '"' ? value_add(s, "", 1)
			       : bad(s, "string without end");
}

static int cells_read(struct source *s)
{
	while (!take(s, ">")) {
		char *end;
		unsigned long n;
		fdt32_t cell;

		errno = 0;
		n = strtoul(s->at, &end, 0);
		if (end == s->at || errno || n > UINT32_MAX) {
			return bad(s, "expected a 32-bit number or >");
		}
		s->at = end;
		cell = cpu_to_fdt32((uint32_t)n);
		if (value_add(s, &cell, sizeof(cell))) {
			return -1;
		}
	}
	return 0;
}

static int bytes_read(struct source *s)
{
	while (!take(s, "]")) {
		char hex[3] = {s->at[0], s->at[0] ? s->at[1] : 0, 0};
		unsigned char byte;

		if (!isxdigit((unsigned char)hex[0]) ||
		    !isxdigit((unsigned char)hex[1])) {
			return bad(s, "expected two hex digits or ]");
		}
		byte = (unsigned char)strtoul(hex, NULL, 16);
		s->at += 2;
		if (value_add(s, &byte, 1)) {
			return -1;
		}
	}
	return 0;
}

static int property_read(struct source *s, const char *name)
{
	int status;

	s->used = 0;
	do {
		if (take(s, "\"")) {
			status = string_read(s);
		} else if (take(s, "<")) {
			status = cells_read(s);
		} else if (take(s, "[")) {
			status = bytes_read(s);
		} else {
			status = bad(s, "expected a \"string\", <cells> or "
					"[bytes]");
		}
		if (status) {
			return -1;
		}
	} while (take(s, ","));
	if (!take(s, ";")) {
		return bad(s, "expected ; behind the value");
	}
	return fdt_property(s->fdt, name, s->value, (int)s->used)
		   ? bad(s, "the description is too big")
		   : 0;
}

// Behind the {: properties and nodes up to the }; .
static int node_read(struct source *s, const char *name)
{
	char inner[64];
	bool nodes = false;
	int status = 0;

	if (s->depth++ == DEPTH_MAX) {
		return bad(s, "nodes too deep");
	}
	if (fdt_begin_node(s->fdt, name)) {
		return bad(s, "the description is too big");
	}
	while (!status && !take(s, "}")) {
		if (!name_take(s, inner)) {
			status = bad(s, "expected a name or }");
		} else if (take(s, "{")) {
			status = node_read(s, inner);
			nodes = true;
		} else if (nodes) {
			// In a blob they would not be found.
			status = bad(s, "properties stand before nodes");
		} else if (take(s, "=")) {
			status = property_read(s, inner);
		} else if (!take(s, ";") ||
			   fdt_property(s->fdt, inner, NULL, 0)) {
			status = bad(s, "expected =, { or ; behind the name");
		}
	}
	s->depth--;
	if (status) {
		return -1;
	}
	if (!take(s, ";")) {
		return bad(s, "expected ; behind }");
	}
	return fdt_end_node(s->fdt) ? bad(s, "the description is too big") : 0;
}

static int source_read(struct source *s)
{
	if (!take(s, "/dts-v1/") || !take(s, ";")) {
		return bad(s, "expected /dts-v1/; at the start");
	}
	if (!take(s, "/") || !take(s, "{")) {
		return bad(s, "expected / { behind /dts-v1/;");
	}
	if (node_read(s, "")) {
		return -1;
	}
	skip(s);
	return *s->at ? bad(s, "text behind the tree") : 0;
}

int dts_parse(const char *text, const char *where, void **fdt, size_t *bytes,
	      struct wabe_error *err)
{
	CLEANUP_FREE void *blob = calloc(1, BLOB_MAX);
	CLEANUP_FREE char *value = malloc(VALUE_MAX);
	struct source s = {.at = text,
			   .where = where,
			   .line = 1,
			   .fdt = blob,
			   .value = value,
			   .err = err};

	if (!blob || !value || fdt_create(blob, BLOB_MAX) ||
	    fdt_finish_reservemap(blob)) {
		return error_set(err, ENOMEM, "%s", where);
	}
	if (source_read(&s)) {
		return -1;
	}
	if (fdt_finish(blob)) {
		return bad(&s, "the description is too big");
	}
	*bytes = fdt_totalsize(blob);
	*fdt = STEAL(blob);
	return 0;
}
