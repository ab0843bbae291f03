// SPDX-License-Identifier: MIT
// Volumes: a file system in a sparse file each, made by the system's mkfs.
#define _GNU_SOURCE
#include "error.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "file.h"

#define SUFFIX ".img"

static const char *folder(void)
{
	const char *word = getenv("WABE_VOLUMES");

	return word ? word : WABE_VOLUMES;
}

int wabe_volume_path(const char *name, char path[4096], struct wabe_error *err)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz"
				"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");

	if (name[n] || !n || n > 127 || *name == '-' || *name == '.') {
		return error_set(
		    err, 0, "volume \"%s\": letters, digits, - _ . only", name);
	}
	snprintf(path, 4096, "%s/%s" SUFFIX, folder(), name);
	return 0;
}

// mkfs.ext4, or where there is none busybox' mke2fs (the guest takes both).
static int format(const char *path, struct wabe_error *err)
{
	int status = 0, null;
	pid_t child = fork();

	if (!child) {
		null = open("/dev/null", O_RDWR | O_CLOEXEC);
		dup2(null, 0);
		dup2(null, 1);
		dup2(null, 2);
		execlp("mkfs.ext4", "mkfs.ext4", "-q", "-F", path, NULL);
		execlp("mke2fs", "mke2fs", "-F", path, (char *)NULL);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) != child) {
		return error_set(err, errno, "mkfs");
	}
	return !status ? 0
		       : error_set(err, 0,
				   "%s: mkfs.ext4 failed (is e2fsprogs "
				   "installed?)",
				   path);
}

// A new file of that size, nobody else's: whoever was killed over an earlier
// one may have left an mkfs that still writes to it.
static int file_make(const char *path, uint64_t kib, struct wabe_error *err)
{
	CLEANUP_CLOSE int fd = -1;

	unlink(path);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return fd < 0 || ftruncate(fd, (off_t)kib * 1024)
		   ? error_set(err, errno, "%s", path)
		   : 0;
}

int wabe_volume_create(const char *name, uint64_t kib, struct wabe_error *err)
{
	CLEANUP_CLOSE int lock = -1;
	char path[4096], work[4104];
	struct wabe_error ignored;
	int status;

	if (wabe_volume_path(name, path, err) || folder_make(folder(), err)) {
		return -1;
	}
	// One at a time: they would write to the same file.
	lock = open(folder(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lock < 0 || flock(lock, LOCK_EX)) {
		return error_set(err, errno, "%s", folder());
	}
	if (!access(path, F_OK)) {
		return error_set(err, EEXIST, "volume %s", name);
	}
	snprintf(work, sizeof(work), "%s.new", path);
	status = file_make(work, kib, err) || format(work, err) ? -1 : 0;
	// Under its name only when it is whole, and never over another.
	if (!status && link(work, path)) {
		status = error_set(err, errno, "volume %s", name);
	}
	tree_remove(work, &ignored);
	return status;
}

int wabe_volume_remove(const char *name, struct wabe_error *err)
{
	CLEANUP_CLOSE int fd = -1;
	char path[4096];

	if (wabe_volume_path(name, path, err)) {
		return -1;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return error_set(err, errno, "volume %s", name);
	}
	// Who uses it holds a lock on it (wabed), and no one can while this is
	// held.
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		return error_set(err, EBUSY, "volume %s is in use", name);
	}
	return tree_remove(path, err);
}

int wabe_volume_list(struct wabe_volume **list, size_t *count,
		     struct wabe_error *err)
{
	DIR *d = opendir(folder());
	struct dirent *e;
	size_t n = 0;

	*list = NULL;
	*count = 0;
	if (!d) {
		return errno == ENOENT ? 0
				       : error_set(err, errno, "%s", folder());
	}
	while ((e = readdir(d))) {
		size_t bytes = strlen(e->d_name);
		struct stat st;

		if (bytes <= strlen(SUFFIX) || bytes > 127 ||
		    strcmp(e->d_name + bytes - strlen(SUFFIX), SUFFIX) ||
		    fstatat(dirfd(d), e->d_name, &st, 0)) {
			continue;
		}
		*list = realloc(*list, (n + 1) * sizeof(**list));
		if (!*list) {
			abort();
		}
		snprintf((*list)[n].name, sizeof((*list)[n].name), "%.*s",
			 (int)(bytes - strlen(SUFFIX)), e->d_name);
		(*list)[n].bytes = (uint64_t)st.st_size;
		(*list)[n++].used = (uint64_t)st.st_blocks * 512;
	}
	closedir(d);
	*count = n;
	return 0;
}
