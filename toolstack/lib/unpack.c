// SPDX-License-Identifier: MIT
// A bzImage's setup header says where its payload lies; libarchive knows how
// it is packed. The payload of XZ and zstd is followed by its size, which the
// raw readers of libarchive leave alone.
#define _GNU_SOURCE
#include "unpack.h"

#include <archive.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SETUP_SECTS 0x1f1
#define HEADER_MAGIC 0x202
#define PAYLOAD_OFFSET 0x248
#define PAYLOAD_LENGTH 0x24c
#define UNPACKED_MAX (512ul << 20)

static uint32_t u32_at(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

bool bzimage_is(const uint8_t *file, size_t bytes)
{
	return bytes > 0x1000 && !memcmp(file + HEADER_MAGIC, "HdrS", 4);
}

static int read_all(struct archive *a, uint8_t **out, size_t *out_bytes,
		    struct wabe_error *err)
{
	size_t room = 64ul << 20, used = 0;
	CLEANUP_FREE uint8_t *buf = malloc(room);
	la_ssize_t n = -1;

	while (buf && (n = archive_read_data(a, buf + used, room - used)) > 0) {
		used += (size_t)n;
		if (used == room) {
			uint8_t *more =
			    room < UNPACKED_MAX ? realloc(buf, room * 2) : NULL;

			if (!more) {
				return error_set(err, EFBIG, "payload");
			}
			buf = more;
			room *= 2;
		}
	}
	if (!buf) {
		return error_set(err, ENOMEM, "payload");
	}
	// What follows the payload is not packed: it ends the stream with an
	// error once everything is there.
	if (n < 0 && used < 4096) {
		return error_set(err, 0, "payload: %s",
				 archive_error_string(a));
	}
	*out = STEAL(buf);
	*out_bytes = used;
	return 0;
}

int bzimage_unpack(const uint8_t *file, size_t bytes, uint8_t **out,
		   size_t *out_bytes, struct wabe_error *err)
{
	size_t setup = (file[SETUP_SECTS] ? file[SETUP_SECTS] : 4) + 1ul;
	uint64_t at = setup * 512 + u32_at(file + PAYLOAD_OFFSET);
	uint64_t length = u32_at(file + PAYLOAD_LENGTH);
	struct archive_entry *entry;
	struct archive *a;
	int status = -1;

	if (at > bytes || length > bytes - at || length < 16) {
		return error_set(err, 0, "bzImage cut off");
	}
	// The last 4 bytes are the size, for formats that do not carry it.
	if (file[at] != 0x1f) {
		length -= 4;
	}
	a = archive_read_new();
	if (!a) {
		return error_set(err, ENOMEM, "bzImage");
	}
	archive_read_support_filter_gzip(a);
	archive_read_support_filter_xz(a);
	archive_read_support_filter_zstd(a);
	archive_read_support_filter_lzma(a);
	archive_read_support_filter_bzip2(a);
	archive_read_support_format_raw(a);
	if (archive_read_open_memory(a, file + at, length) ||
	    archive_read_next_header(a, &entry)) {
		error_set(err, 0, "payload: %s", archive_error_string(a));
	} else {
		status = read_all(a, out, out_bytes, err);
	}
	archive_read_free(a);
	return status;
}
