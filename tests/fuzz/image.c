// SPDX-License-Identifier: MIT
// Fuzz what an image says of itself. The input is cut at its zero bytes into
// files: of a layout (index.json, two blobs, manifest.json), and of the store
// (config.json, passwd, group). Both are read, errors are one line.
#include <stdint.h>
#include <sys/stat.h>

#include "../../toolstack/lib/image_import.c"

static char folder[] = "/dev/shm/wabe-fuzz-XXXXXX";

static void remove_folder(void)
{
	struct wabe_error ignored;

	tree_remove(folder, &ignored);
}

static void prepare(void)
{
	static bool done;
	char path[128];

	if (done) {
		return;
	}
	done = true;
	if (!mkdtemp(folder)) {
		abort();
	}
	atexit(remove_folder);
	setenv("WABE_IMAGES", folder, 1);
	for (const char *const *p =
		 (const char *const[]){"image", "layout", "layout/blobs",
				       "layout/blobs/sha256", NULL};
	     *p; p++) {
		snprintf(path, sizeof(path), "%s/%s", folder, *p);
		mkdir(path, 0700);
	}
}

static const uint8_t *piece_write(const char *name, const uint8_t *data,
				  const uint8_t *end)
{
	const uint8_t *stop = memchr(data, 0, end - data);
	size_t bytes = (stop ? stop : end) - data;
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	unlink(path);
	if (bytes) {
		f = fopen(path, "w");
		if (!f || fwrite(data, 1, bytes, f) != bytes || fclose(f)) {
			abort();
		}
	}
	return stop ? stop + 1 : end;
}

// What a digest keeps out is not what is looked for here.
int digest_check(const char *path, const char *digest, const struct progress *p,
		 struct wabe_error *err)
{
	return 0;
}

static void check_line(const struct wabe_error *err)
{
	if (!*err->text) {
		abort();
	}
}

static void layout_read(void)
{
	struct import *m = calloc(1, sizeof(*m));
	struct wabe_error err = {0};
	char path[128];

	snprintf(path, sizeof(path), "%s/layout", folder);
	m->from = path;
	m->err = &err;
	if (source_open(m) || source_read(m)) {
		check_line(&err);
	} else if (strncmp(m->config, path, strlen(path)) ||
		   strstr(m->config, "..")) {
		abort(); // it leads out
	}
	for (size_t i = 0; i < m->layer_count; i++) {
		if (strncmp(m->layers[i], path, strlen(path)) ||
		    strstr(m->layers[i], "..")) {
			abort();
		}
		free(m->layers[i]);
	}
	free(m->config);
	free(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {"layout/index.json",
					    "layout/blobs/sha256/a",
					    "layout/blobs/sha256/b",
					    "layout/manifest.json",
					    "image/config.json",
					    "image/passwd",
					    "image/group"};
	const uint8_t *end = data + size;
	struct wabe_spec *spec = wabe_spec_new();
	struct wabe_error err = {0};

	prepare();
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		data = piece_write(names[i], data, end);
	}
	layout_read();
	if (wabe_image_apply(NULL, "image", spec, size & 1, &err)) {
		check_line(&err);
	}
	wabe_spec_free(spec);
	return 0;
}
