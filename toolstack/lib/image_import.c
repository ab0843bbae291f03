// SPDX-License-Identifier: MIT
// Import: find an image's configuration and layers (OCI layout or what `docker
// save` writes), make its root, put it in the store by one rename.
#define _GNU_SOURCE
#include "image.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <json.h>
#include <libgen.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "file.h"

#define LAYERS_MAX 256
#define JSON_MAX (8ul << 20)

struct import {
	const char *from;  // as the user named it
	char work[4096];   // our folder in the store
	char source[4096]; // the layout, unpacked
	char name[128];
	char *config; // file
	char *layers[LAYERS_MAX];
	size_t layer_count;
	struct progress progress;
	struct wabe_error *err;
};

static json_object *member(json_object *o, const char *name)
{
	json_object *found = NULL;

	return o && json_object_object_get_ex(o, name, &found) ? found : NULL;
}

static const char *member_text(json_object *o, const char *name)
{
	json_object *m = member(o, name);

	return m ? json_object_get_string(m) : NULL;
}

static json_object *item(json_object *array, size_t i)
{
	return array && json_object_is_type(array, json_type_array) &&
		       i < json_object_array_length(array)
		   ? json_object_array_get_idx(array, i)
		   : NULL;
}

// A file of the layout, links of the layout's own followed as if it were the
// root of all: where it is, or NULL. It is found without being opened: a pipe
// would be waited for, and some devices do things when they are opened.
static char *source_path(struct import *m, const char *name)
{
	struct open_how how = {.flags = O_PATH | O_CLOEXEC,
			       .resolve =
				   RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	CLEANUP_CLOSE int root =
	    open(m->source, O_PATH | O_DIRECTORY | O_CLOEXEC);
	CLEANUP_CLOSE int fd = -1;
	char link[64], path[4096];
	struct stat st;
	ssize_t n;

	if (!name) {
		error_set(m->err, 0, "%s: a file without name", m->from);
		return NULL;
	}
	fd = (int)syscall(SYS_openat2, root, name, &how, sizeof(how));
	if (fd < 0 || fstat(fd, &st)) {
		error_set(m->err, errno, "%s: %s", m->from, name);
		return NULL;
	}
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path));
	if (!S_ISREG(st.st_mode) || n < 0 || n == sizeof(path)) {
		error_set(m->err, 0, "%s: %s: not a file", m->from, name);
		return NULL;
	}
	return strndup(path, (size_t)n);
}

// The path, if what is there is what `digest` says; else NULL, and it is freed.
static char *path_checked(struct import *m, char *path, const char *digest)
{
	if (path && digest_check(path, digest, &m->progress, m->err)) {
		free(path);
		return NULL;
	}
	return path;
}

static char *blob_path(struct import *m, json_object *descriptor)
{
	const char *digest = member_text(descriptor, "digest");
	const char *colon = digest ? strchr(digest, ':') : NULL;
	char name[256];

	if (!colon || strchr(digest, '/')) {
		error_set(m->err, 0, "%s: a blob without digest", m->from);
		return NULL;
	}
	snprintf(name, sizeof(name), "blobs/%.*s/%s", (int)(colon - digest),
		 digest, colon + 1);
	return path_checked(m, source_path(m, name), digest);
}

static json_object *json_file(struct import *m, char *path)
{
	CLEANUP_FREE char *owned = path, *text = NULL;
	size_t bytes = 0;
	json_object *o;

	if (!path || file_read(path, JSON_MAX, &text, &bytes, m->err)) {
		return NULL;
	}
	o = json_tokener_parse(text);
	if (!o) {
		error_set(m->err, 0, "%s: not JSON", path);
	}
	return o;
}

static int layer_add(struct import *m, char *path)
{
	if (!path) {
		return -1;
	}
	if (m->layer_count == LAYERS_MAX) {
		free(path);
		return error_set(m->err, 0, "%s: over %d layers", m->from,
				 LAYERS_MAX);
	}
	m->layers[m->layer_count++] = path;
	return 0;
}

static void name_take(struct import *m, const char *name)
{
	if (!*m->name && name) {
		snprintf(m->name, sizeof(m->name), "%s", name);
	}
}

// --- OCI --------------------------------------------------------------------

static int manifest_read(struct import *m, json_object *manifest)
{
	json_object *layers = member(manifest, "layers"), *layer;

	m->config = blob_path(m, member(manifest, "config"));
	if (!m->config) {
		return -1;
	}
	for (size_t i = 0; (layer = item(layers, i)); i++) {
		if (layer_add(m, blob_path(m, layer))) {
			return -1;
		}
	}
	return 0;
}

static bool is_amd64(json_object *descriptor)
{
	const char *word =
	    member_text(member(descriptor, "platform"), "architecture");

	return !word || !strcmp(word, "amd64");
}

// An index names manifests, or further indexes.
static int index_read(struct import *m, json_object *index, unsigned int depth)
{
	json_object *list = member(index, "manifests"), *d, *inner;
	int status;

	for (size_t i = 0; (d = item(list, i)); i++) {
		if (!is_amd64(d)) {
			continue;
		}
		name_take(m, member_text(member(d, "annotations"),
					 "org.opencontainers.image.ref.name"));
		inner = json_file(m, blob_path(m, d));
		if (!inner) {
			return -1;
		}
		status = member(inner, "manifests")
			     ? (depth < 3 ? index_read(m, inner, depth + 1)
					  : error_set(m->err, 0,
						      "%s: indexes too deep",
						      m->from))
			     : manifest_read(m, inner);
		json_object_put(inner);
		return status;
	}
	return error_set(m->err, 0, "%s: no image for amd64", m->from);
}

// --- docker save -------------------------------------------------------------

static bool is_compressed(const char *path)
{
	unsigned char magic[2] = {0};
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);

	// gzip, zstd; a tar archive begins with a name
	return fd >= 0 && read(fd, magic, 2) == 2 &&
	       ((magic[0] == 0x1f && magic[1] == 0x8b) ||
		(magic[0] == 0x28 && magic[1] == 0xb5));
}

// Here the configuration's name is its digest, and it has the layers', as they
// are unpacked.
static int docker_check(struct import *m)
{
	const char *name = strrchr(m->config, '/') + 1, *digest;
	json_object *config, *list;
	char text[128];
	int status = 0;

	if (strspn(name, "0123456789abcdef") == 64) {
		snprintf(text, sizeof(text), "sha256:%.64s", name);
		if (digest_check(m->config, text, &m->progress, m->err)) {
			return -1;
		}
	}
	config = json_file(m, strdup(m->config));
	if (!config) {
		return -1;
	}
	list = member(member(config, "rootfs"), "diff_ids");
	for (size_t i = 0; !status && i < m->layer_count; i++) {
		digest = item(list, i) ? json_object_get_string(item(list, i))
				       : NULL;
		if (digest && !is_compressed(m->layers[i])) {
			status = digest_check(m->layers[i], digest,
					      &m->progress, m->err);
		}
	}
	json_object_put(config);
	return status;
}

static int docker_read(struct import *m, json_object *list)
{
	json_object *image = item(list, 0), *layers = member(image, "Layers");
	json_object *layer, *tag = item(member(image, "RepoTags"), 0);

	m->config = source_path(m, member_text(image, "Config"));
	if (!m->config) {
		return -1;
	}
	name_take(m, tag ? json_object_get_string(tag) : NULL);
	for (size_t i = 0; (layer = item(layers, i)); i++) {
		if (layer_add(m,
			      source_path(m, json_object_get_string(layer)))) {
			return -1;
		}
	}
	return docker_check(m);
}

static int source_read(struct import *m)
{
	char *index = source_path(m, "index.json");
	char *list = index ? index : source_path(m, "manifest.json");
	json_object *o;
	int status;

	if (!list) {
		return error_set(m->err, 0,
				 "%s: neither an OCI layout (index.json) nor "
				 "from docker save (manifest.json)",
				 m->from);
	}
	o = json_file(m, list);
	if (!o) {
		return -1;
	}
	status = index ? index_read(m, o, 0) : docker_read(m, o);
	json_object_put(o);
	return status;
}

// A folder is read where it stands, an archive unpacked beside the store.
static int source_open(struct import *m)
{
	struct stat st;

	if (stat(m->from, &st)) {
		return error_set(m->err, errno, "%s", m->from);
	}
	if (S_ISDIR(st.st_mode)) {
		snprintf(m->source, sizeof(m->source), "%s", m->from);
		return 0;
	}
	snprintf(m->source, sizeof(m->source), "%.4000s/source", m->work);
	return folder_make(m->source, m->err) ||
		       archive_unpack(m->from, m->source, &m->progress, m->err)
		   ? -1
		   : 0;
}

// --- Into the store ---------------------------------------------------------

static int file_copy(const char *from, const char *to, bool needed,
		     struct wabe_error *err)
{
	CLEANUP_FREE char *text = NULL;
	size_t bytes = 0;

	if (file_read(from, JSON_MAX, &text, &bytes, err)) {
		return needed ? -1 : 0;
	}
	return file_write(to, text, bytes, err);
}

// Where the guest mounts things: it may not be able to make them.
static void mount_points_make(const char *root)
{
	static const char *const names[] = {"proc", "sys", "dev", "run", "tmp"};
	char path[4300];

	for (unsigned int i = 0; i < 5; i++) {
		snprintf(path, sizeof(path), "%s/%s", root, names[i]);
		if (!mkdir(path, 0755) && i == 4) {
			chmod(path, 01777);
		}
	}
}

// Files below /etc that the guest writes: with a read-only root it mounts its
// own over them, so they have to be there. A link could lead anywhere.
static void mount_files_make(const char *root)
{
	static const char *const names[] = {"hosts", "hostname", "resolv.conf"};
	char path[4300];
	struct stat st;

	snprintf(path, sizeof(path), "%s/etc", root);
	mkdir(path, 0755);
	if (lstat(path, &st) || !S_ISDIR(st.st_mode)) {
		return;
	}
	for (unsigned int i = 0; i < 3; i++) {
		int fd;

		snprintf(path, sizeof(path), "%s/etc/%s", root, names[i]);
		if (!lstat(path, &st) && S_ISLNK(st.st_mode)) {
			unlink(path);
		}
		fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
			  0644);
		if (fd >= 0) {
			close(fd);
		}
	}
}

static int image_make(struct import *m)
{
	char root[4200], ready[4200], from[4300], to[4300];

	snprintf(root, sizeof(root), "%s/root", m->work);
	snprintf(ready, sizeof(ready), "%s/ready", m->work);
	if (folder_make(root, m->err) || folder_make(ready, m->err) ||
	    layers_unpack(m->layers, m->layer_count, root, &m->progress,
			  m->err)) {
		return -1;
	}
	mount_points_make(root);
	mount_files_make(root);
	snprintf(to, sizeof(to), "%s/config.json", ready);
	if (file_copy(m->config, to, true, m->err)) {
		return -1;
	}
	for (unsigned int i = 0; i < 2; i++) {
		static const char *const names[] = {"passwd", "group"};
		struct stat st;

		snprintf(from, sizeof(from), "%s/etc/%s", root, names[i]);
		snprintf(to, sizeof(to), "%s/%s", ready, names[i]);
		// A link could lead anywhere.
		if (!lstat(from, &st) && S_ISREG(st.st_mode) &&
		    file_copy(from, to, false, m->err)) {
			return -1;
		}
	}
	snprintf(to, sizeof(to), "%s/root.erofs", ready);
	progress_tell(&m->progress, "packing", 0, 0);
	return root_pack(root, to, m->err);
}

static int image_place(struct import *m, const char *store)
{
	char ready[4200], place[4096];

	snprintf(ready, sizeof(ready), "%s/ready", m->work);
	if (image_folder(store, m->name, place, m->err)) {
		return -1;
	}
	// An image of that name comes here instead, and goes with the rest;
	// domains that use it keep its file open.
	if (renameat2(AT_FDCWD, ready, AT_FDCWD, place, RENAME_EXCHANGE) &&
	    (errno != ENOENT || rename(ready, place))) {
		return error_set(m->err, errno, "%s", place);
	}
	return 0;
}

static int import_run(struct import *m, const char *store)
{
	char copy[4096];

	if (source_open(m) || source_read(m)) {
		return -1;
	}
	if (!*m->name) {
		snprintf(copy, sizeof(copy), "%s", m->from);
		name_take(m, basename(copy));
		m->name[strcspn(m->name, ".")] = 0;
	}
	return image_make(m) || image_place(m, store) ? -1 : 0;
}

// Folders of imports that were killed: nobody holds a lock on them.
static void leftovers_remove(const char *store)
{
	DIR *d = opendir(store);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		CLEANUP_CLOSE int fd = -1;
		struct wabe_error ignored;
		char path[4400];

		if (strncmp(e->d_name, IMAGE_WORK, strlen(IMAGE_WORK))) {
			continue;
		}
		snprintf(path, sizeof(path), "%s/%s", store, e->d_name);
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0 && !flock(fd, LOCK_EX | LOCK_NB)) {
			tree_remove(path, &ignored);
		}
	}
	if (d) {
		closedir(d);
	}
}

// A folder in the store, locked; the descriptor, or -1. The store is locked
// meanwhile: between its making and its locking no one may find it.
static int work_make(struct import *m, const char *store)
{
	CLEANUP_CLOSE int lock =
	    open(store, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd = -1;

	snprintf(m->work, sizeof(m->work), "%.4000s/" IMAGE_WORK "XXXXXX",
		 store);
	if (lock >= 0 && !flock(lock, LOCK_EX)) {
		leftovers_remove(store);
		fd =
		    mkdtemp(m->work) ? open(m->work, O_RDONLY | O_CLOEXEC) : -1;
	}
	if (fd < 0 || flock(fd, LOCK_EX)) {
		error_set(m->err, errno, "%s", store);
		cleanup_close(&fd);
		return -1;
	}
	return fd;
}

int wabe_image_import(const char *store, const char *from, const char *name,
		      wabe_progress *progress, void *data,
		      struct wabe_image *out, struct wabe_error *err)
{
	struct import *m = calloc(1, sizeof(*m));
	struct wabe_error ignored;
	struct stat st;
	char path[4200];
	int status = -1, work;

	if (!m) {
		abort();
	}
	m->from = from;
	m->err = err;
	m->progress = (struct progress){progress, data};
	name_take(m, name);
	store = image_store(store);
	work = folder_make(store, err) ? -1 : work_make(m, store);
	if (work >= 0) {
		status = import_run(m, store);
		tree_remove(m->work, &ignored);
		close(work);
	}
	if (!status) {
		image_folder(store, m->name, path, err);
		strncat(path, "/root.erofs", 16);
		memset(out, 0, sizeof(*out));
		memcpy(out->name, m->name, sizeof(out->name));
		out->bytes = stat(path, &st) ? 0 : (uint64_t)st.st_size;
		out->created = st.st_mtime;
	}
	for (size_t i = 0; i < m->layer_count; i++) {
		free(m->layers[i]);
	}
	free(m->config);
	free(m);
	return status;
}
