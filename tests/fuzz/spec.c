// SPDX-License-Identifier: MIT
// Fuzz descriptions: the first byte says whether the rest is a blob or source.
// What is taken must come back the same from its blob, and from its text.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../toolstack/lib/spec.h"

static void fail(const char *what, const struct wabe_error *err)
{
	fprintf(stderr, "%s: %s\n", what, err->text);
	abort();
}

static char *text_of(const struct wabe_spec *spec)
{
	char *text = NULL;
	size_t bytes;
	FILE *to = open_memstream(&text, &bytes);

	wabe_spec_print(spec, to);
	fclose(to);
	return text;
}

static void *blob_of(const struct wabe_spec *spec, size_t *bytes)
{
	struct wabe_error err;
	void *blob = NULL;

	// One may be taken that is too big for our own blobs.
	return wabe_spec_blob(spec, &blob, bytes, &err) ? NULL : blob;
}

static void round_trip(const struct wabe_spec *spec)
{
	struct wabe_spec *again = NULL, *from_text = NULL;
	size_t bytes = 0, more = 0;
	void *blob = blob_of(spec, &bytes), *same;
	char *text;
	struct wabe_error err;

	if (!blob) {
		return;
	}
	if (wabe_spec_parse(&again, blob, bytes, "blob", &err)) {
		fail("its own blob is refused", &err);
	}
	text = text_of(again);
	if (wabe_spec_parse_text(&from_text, text, "text", &err)) {
		fprintf(stderr, "%s\n", text);
		fail("its own text is refused", &err);
	}
	same = blob_of(from_text, &more);
	if (!same || bytes != more || memcmp(blob, same, bytes)) {
		fprintf(stderr, "%s\n", text);
		fail("text and blob differ", &err);
	}
	free(same);
	free(text);
	free(blob);
	wabe_spec_free(again);
	wabe_spec_free(from_text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wabe_spec *spec = NULL;
	struct wabe_error err;
	char *copy;
	int status;

	if (!size) {
		return 0;
	}
	copy = malloc(size); // aligned, and with an end
	memcpy(copy, data + 1, size - 1);
	copy[size - 1] = 0;
	status = data[0] & 1
		     ? wabe_spec_parse(&spec, copy, size - 1, "fuzz", &err)
		     : wabe_spec_parse_text(&spec, copy, "fuzz", &err);
	free(copy);
	if (status) {
		if (!*err.text || strchr(err.text, '\n')) {
			fail("not one line", &err);
		}
		return 0;
	}
	round_trip(spec);
	wabe_spec_free(spec);
	return 0;
}
