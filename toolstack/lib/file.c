// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int file_read(const char *path, size_t max, char **out, size_t *bytes,
	      struct wabe_error *err)
{
	// A pipe is not waited for: it is refused.
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	CLEANUP_FREE char *buf = NULL;
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st)) {
		return error_set(err, errno, "%s", path);
	}
	if (!S_ISREG(st.st_mode)) {
		return error_set(err, 0, "%s: not a file", path);
	}
	if ((size_t)st.st_size > max) {
		return error_set(err, EFBIG, "%s", path);
	}
	buf = malloc((size_t)st.st_size + 1);
	n = buf ? read(fd, buf, (size_t)st.st_size) : -1;
	if (n < 0) {
		return error_set(err, errno, "%s", path);
	}
	buf[n] = 0;
	*bytes = (size_t)n;
	*out = STEAL(buf);
	return 0;
}

int file_write(const char *path, const void *data, size_t bytes,
	       struct wabe_error *err)
{
	CLEANUP_CLOSE int fd = -1;
	const char *slash = strrchr(path, '/');
	int folder = slash ? (int)(slash + 1 - path) : 0;
	char fresh[4200];

	// No name that anything else is given.
	snprintf(fresh, sizeof(fresh), "%.*s.%s.new", folder, path,
		 path + folder);
	fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0) {
		return error_set(err, errno, "%s", fresh);
	}
	if (write(fd, data, bytes) != (ssize_t)bytes || rename(fresh, path)) {
		error_set(err, errno, "%s", path);
		unlink(fresh);
		return -1;
	}
	return 0;
}

int folder_make(const char *path, struct wabe_error *err)
{
	char part[4096];

	for (const char *p = path;; p++) {
		if ((*p == '/' && p > path) || !*p) {
			snprintf(part, sizeof(part), "%.*s", (int)(p - path),
				 path);
			if (mkdir(part, 0755) && errno != EEXIST) {
				return error_set(err, errno, "%s", part);
			}
		}
		if (!*p) {
			return 0;
		}
	}
}

static int entry_remove(const char *path, const struct stat *st, int type,
			struct FTW *ftw)
{
	return remove(path);
}

int tree_remove(const char *path, struct wabe_error *err)
{
	if (nftw(path, entry_remove, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) &&
	    errno != ENOENT) {
		return error_set(err, errno, "removing %s", path);
	}
	return 0;
}
