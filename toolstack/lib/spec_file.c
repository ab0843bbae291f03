// SPDX-License-Identifier: MIT
// Descriptions in files: source or blob, told apart by a blob's magic number.
#define _GNU_SOURCE
#include "spec.h"
#include "file.h"

#include <stdlib.h>
#include <string.h>

static const unsigned char blob_magic[4] = {0xd0, 0x0d, 0xfe, 0xed};

int wabe_spec_parse_text(struct wabe_spec **out, const char *text,
			 const char *where, struct wabe_error *err)
{
	CLEANUP_FREE void *fdt = NULL;
	size_t bytes = 0;

	return dts_parse(text, where, &fdt, &bytes, err)
		   ? -1
		   : wabe_spec_parse(out, fdt, bytes, where, err);
}

int wabe_spec_read(struct wabe_spec **out, const char *path,
		   struct wabe_error *err)
{
	CLEANUP_FREE char *text = NULL;
	size_t bytes = 0;

	if (file_read(path, 1ul << 20, &text, &bytes, err)) {
		return -1;
	}
	if (bytes >= 4 && !memcmp(text, blob_magic, 4)) {
		return wabe_spec_parse(out, text, bytes, path, err);
	}
	return wabe_spec_parse_text(out, text, path, err);
}
