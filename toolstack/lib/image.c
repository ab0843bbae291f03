// SPDX-License-Identifier: MIT
// Images in the store: listed, removed, made use of.
#define _GNU_SOURCE
#include "image.h"

#include <dirent.h>
#include <errno.h>
#include <json.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"

const char *image_store(const char *store)
{
	if (!store) {
		store = getenv("WABE_IMAGES");
	}
	return store ? store : WABE_IMAGES;
}

int image_folder(const char *store, const char *name, char path[4096],
		 struct wabe_error *err)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz"
				"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:/@");
	char *at;

	if (name[n] || !n || n > 127 || strchr("./-", *name)) {
		return error_set(err, 0,
				 "image name \"%s\": letters, digits, - _ . : "
				 "/ @ only, at most 127",
				 name);
	}
	snprintf(path, 4096, "%s/", image_store(store));
	at = path + strlen(path);
	strncat(path, name, 128);
	for (; *at; at++) {
		if (*at == '/') {
			*at = '+';
		}
	}
	return 0;
}

static bool image_read(const char *store, const char *folder,
		       struct wabe_image *out)
{
	char path[4096];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s/root.erofs", store, folder);
	if (*folder == '.' || stat(path, &st)) {
		return false;
	}
	snprintf(out->name, sizeof(out->name), "%s", folder);
	for (char *p = out->name; *p; p++) {
		if (*p == '+') {
			*p = '/';
		}
	}
	out->bytes = (uint64_t)st.st_size;
	out->created = st.st_mtime;
	return true;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct wabe_image *)a)->name,
		      ((const struct wabe_image *)b)->name);
}

int wabe_image_list(const char *store, struct wabe_image **list, size_t *count,
		    struct wabe_error *err)
{
	DIR *d;
	struct dirent *e;
	size_t n = 0;

	store = image_store(store);
	d = opendir(store);
	*list = NULL;
	*count = 0;
	if (!d) {
		return errno == ENOENT ? 0 : error_set(err, errno, "%s", store);
	}
	while ((e = readdir(d))) {
		*list = realloc(*list, (n + 1) * sizeof(**list));
		if (!*list) {
			abort();
		}
		n += image_read(store, e->d_name, *list + n);
	}
	closedir(d);
	if (n) {
		qsort(*list, n, sizeof(**list), by_name);
	}
	*count = n;
	return 0;
}

int wabe_image_remove(const char *store, const char *name,
		      struct wabe_error *err)
{
	char path[4096], work[4300];

	if (image_folder(store, name, path, err)) {
		return -1;
	}
	// Whole or not at all; what is left of it if this is killed an import
	// clears away.
	snprintf(work, sizeof(work), "%s/" IMAGE_WORK "rm-%d",
		 image_store(store), (int)getpid());
	if (rename(path, work)) {
		return errno == ENOENT
			   ? error_set(err, 0,
				       "%s: no such image (wabe images)", name)
			   : error_set(err, errno, "%s", path);
	}
	return tree_remove(work, err);
}

int wabe_image_user(const char *store, const char *name, const char *user,
		    char **out, struct wabe_error *err)
{
	char folder[4096];

	return image_folder(store, name, folder, err)
		   ? -1
		   : user_resolve(folder, user, out, err);
}

// --- Into a description -----------------------------------------------------

static json_object *member(json_object *o, const char *name)
{
	json_object *found = NULL;

	return o && json_object_object_get_ex(o, name, &found) ? found : NULL;
}

static const char *member_text(json_object *o, const char *name)
{
	json_object *m = member(o, name);
	const char *text = m ? json_object_get_string(m) : NULL;

	return text && *text ? text : NULL;
}

static void list_append(char ***list, size_t *n, const char *text)
{
	*list = realloc(*list, (*n + 2) * sizeof(**list));
	if (!*list) {
		abort();
	}
	(*list)[(*n)++] = strdup(text);
	(*list)[*n] = NULL;
}

static void array_append(char ***list, size_t *n, json_object *array)
{
	size_t count = array && json_object_is_type(array, json_type_array)
			   ? json_object_array_length(array)
			   : 0;

	for (size_t i = 0; i < count; i++) {
		const char *text =
		    json_object_get_string(json_object_array_get_idx(array, i));

		list_append(list, n, text ? text : "");
	}
}

static void list_drop(char **list)
{
	for (char **p = list; p && *p; p++) {
		free(*p);
	}
	free(list);
}

// The entrypoint, then the description's own words or the image's.
static void argv_apply(json_object *config, struct wabe_spec *spec,
		       bool entrypoint)
{
	char **own = spec->argv, **all = NULL;
	size_t n = 0;

	if (entrypoint) {
		array_append(&all, &n, member(config, "Entrypoint"));
	} else if (own) {
		return;
	}
	for (char **p = own; p && *p; p++) {
		list_append(&all, &n, *p);
	}
	if (!own) {
		array_append(&all, &n, member(config, "Cmd"));
	}
	list_drop(own);
	spec->argv = all;
}

static bool env_has(char **env, const char *word)
{
	size_t n = strcspn(word, "=") + 1;

	for (; env && *env; env++) {
		if (!strncmp(*env, word, n)) {
			return true;
		}
	}
	return false;
}

// The image's words that the description does not overrule, then its own.
static void env_apply(json_object *config, struct wabe_spec *spec)
{
	char **image = NULL, **all = NULL;
	size_t n = 0, m = 0;

	array_append(&image, &n, member(config, "Env"));
	if (!env_has(image, "PATH=") && !env_has(spec->env, "PATH=")) {
		list_append(&image, &n,
			    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:"
			    "/usr/bin:/sbin:/bin");
	}
	for (char **p = image; p && *p; p++) {
		if (!env_has(spec->env, *p)) {
			list_append(&all, &m, *p);
		}
	}
	for (char **p = spec->env; p && *p; p++) {
		list_append(&all, &m, *p);
	}
	list_drop(image);
	list_drop(spec->env);
	spec->env = all;
}

static int config_apply(json_object *config, const char *folder,
			struct wabe_spec *spec, bool entrypoint,
			struct wabe_error *err)
{
	const char *cwd = member_text(config, "WorkingDir");
	const char *stop = member_text(config, "StopSignal");
	const char *user =
	    spec->user ? spec->user : member_text(config, "User");
	char *numbers = NULL;

	if (user_resolve(folder, user ? user : "0", &numbers, err)) {
		return -1;
	}
	free(spec->user);
	spec->user = numbers;
	argv_apply(config, spec, entrypoint);
	env_apply(config, spec);
	if (!spec->cwd && cwd) {
		spec->cwd = strdup(cwd);
	}
	if (!spec->stop_signal && stop) {
		spec->stop_signal = strdup(stop);
	}
	return spec->argv ? 0
			  : error_set(err, 0,
				      "the image names no command: "
				      "give one");
}

// The root goes in front of what disks there are.
static void root_disk(struct wabe_spec *spec, const char *folder)
{
	struct wabe_disk *d = spec->disks;

	memmove(d + 1, d, (WABE_MAX_DISKS - 1) * sizeof(*d));
	memset(d, 0, sizeof(*d));
	if (asprintf(&d->path, "%s/root.erofs", folder) < 0) {
		abort();
	}
	d->dev = strdup("xvda");
	d->mode = strdup("r");
	spec->disk_count++;
}

int wabe_image_apply(const char *store, const char *name,
		     struct wabe_spec *spec, bool entrypoint,
		     struct wabe_error *err)
{
	CLEANUP_FREE char *text = NULL;
	char folder[4096], path[4200];
	json_object *o, *config;
	size_t bytes = 0;
	int status;

	if (image_folder(store, name, folder, err)) {
		return -1;
	}
	snprintf(path, sizeof(path), "%s/config.json", folder);
	if (access(path, F_OK)) {
		return error_set(err, 0,
				 "%s: no such image (wabe images lists them, "
				 "wabe import takes one in)",
				 name);
	}
	if (spec->disk_count == WABE_MAX_DISKS) {
		return error_set(err, 0, "too many disks");
	}
	if (file_read(path, 4ul << 20, &text, &bytes, err)) {
		return -1;
	}
	o = json_tokener_parse(text);
	config = member(o, "config");
	status = o ? config_apply(config ? config : member(o, "Config"), folder,
				  spec, entrypoint, err)
		   : error_set(err, 0, "%s: not JSON", path);
	json_object_put(o);
	if (status) {
		return error_wrap(err, "%s", name);
	}
	free(spec->image);
	spec->image = strdup(name);
	root_disk(spec, folder);
	return 0;
}
