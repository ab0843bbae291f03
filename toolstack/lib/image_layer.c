// SPDX-License-Identifier: MIT
// Layers to a root. An archive may be anybody's: it is unpacked by a child
// that has the target folder as its root, so that no path or link leads out.
#define _GNU_SOURCE
#include "image.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "file.h"

#define WHITEOUT ".wh."
#define OPAQUE ".wh..wh..opq"
#define SMALL (1 << 30) // a file of that size fits anywhere

static void reader_formats(struct archive *a)
{
	archive_read_support_filter_gzip(a);
	archive_read_support_filter_zstd(a);
	archive_read_support_filter_xz(a);
	archive_read_support_filter_bzip2(a);
	archive_read_support_format_tar(a);
}

// Everything in a folder of the child's own root.
static void folder_empty(const char *path)
{
	struct wabe_error ignored;
	DIR *d = opendir(path);
	struct dirent *e;
	char inner[4096];

	while (d && (e = readdir(d))) {
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..")) {
			snprintf(inner, sizeof(inner), "%s/%s", path,
				 e->d_name);
			tree_remove(inner, &ignored);
		}
	}
	if (d) {
		closedir(d);
	}
}

static bool folder_is_empty(const char *path)
{
	DIR *d = opendir(path);
	unsigned int names = 0;

	while (d && names < 3 && readdir(d)) {
		names++;
	}
	if (d) {
		closedir(d);
	}
	return names < 3; // "." and ".."
}

static bool is_whiteout(const char *path)
{
	char copy[4096];

	snprintf(copy, sizeof(copy), "%s", path);
	return !strncmp(basename(copy), WHITEOUT, strlen(WHITEOUT));
}

// A whiteout takes away what a lower layer has.
static void whiteout(const char *path)
{
	char copy[4096], folder[4096], target[8300];
	struct wabe_error ignored;
	const char *name;

	snprintf(copy, sizeof(copy), "%s", path);
	name = basename(copy);
	snprintf(folder, sizeof(folder), "%s", path);
	if (!strcmp(name, OPAQUE)) {
		folder_empty(dirname(folder));
	} else if (name[strlen(WHITEOUT)]) {
		snprintf(target, sizeof(target), "%s/%s", dirname(folder),
			 name + strlen(WHITEOUT));
		tree_remove(target, &ignored);
	}
}

static int entry_data(struct archive *from, struct archive *to)
{
	const void *block;
	size_t bytes;
	la_int64_t at;
	int status;

	while ((status = archive_read_data_block(from, &block, &bytes, &at)) ==
	       ARCHIVE_OK) {
		if (archive_write_data_block(to, block, bytes, at) < 0) {
			return -1;
		}
	}
	return status == ARCHIVE_EOF ? 0 : -1;
}

// A few bytes of archive may say that a file is larger than any disk, all of it
// a hole, which is read to its end when the root is packed.
static bool is_too_large(struct archive_entry *e)
{
	struct statvfs fs;

	return archive_entry_size(e) > SMALL && !statvfs("/", &fs) &&
	       fs.f_blocks &&
	       (uint64_t)archive_entry_size(e) / fs.f_frsize > fs.f_blocks;
}

static int entry_unpack(struct archive *from, struct archive *to,
			struct archive_entry *e, struct wabe_error *err)
{
	if (is_too_large(e)) {
		return error_set(err, 0,
				 "%s: a file larger than the file system of "
				 "the images",
				 archive_entry_pathname(e));
	}
	if (archive_write_header(to, e) >= ARCHIVE_WARN &&
	    (archive_entry_size(e) <= 0 || !entry_data(from, to)) &&
	    archive_write_finish_entry(to) >= ARCHIVE_WARN) {
		return 0;
	}
	return error_set(err, 0, "%s: %s", archive_entry_pathname(e),
			 archive_error_string(to) ? archive_error_string(to)
						  : archive_error_string(from));
}

// All whiteouts of the archive, or (with `to`) all else.
static int entries_take(struct archive *from, struct archive *to,
			struct wabe_error *err)
{
	struct archive_entry *e;
	int status;

	while ((status = archive_read_next_header(from, &e)) == ARCHIVE_OK ||
	       status == ARCHIVE_WARN) {
		const char *path = archive_entry_pathname(e);

		if (!path) {
			return error_set(err, 0, "an entry without name");
		}
		if (!to && is_whiteout(path)) {
			whiteout(path);
		} else if (to && !is_whiteout(path) &&
			   entry_unpack(from, to, e, err)) {
			return -1;
		}
	}
	return status == ARCHIVE_EOF
		   ? 0
		   : error_set(err, 0, "%s", archive_error_string(from));
}

static int archive_walk(int fd, struct archive *to, struct wabe_error *err)
{
	struct archive *from = archive_read_new();
	int status = -1;

	reader_formats(from);
	lseek(fd, 0, SEEK_SET);
	if (archive_read_open_fd(from, fd, 1 << 16)) {
		error_set(err, 0, "%s", archive_error_string(from));
	} else {
		status = entries_take(from, to, err);
	}
	archive_read_free(from);
	return status;
}

// Into the folder that is our root. A whiteout may stand anywhere in its layer
// and concerns what was there before it: so they come first.
static int unpack_here(int fd, struct wabe_error *err)
{
	struct archive *to = archive_write_disk_new();
	int status = folder_is_empty("/") ? 0 : archive_walk(fd, NULL, err);

	archive_write_disk_set_options(
	    to, ARCHIVE_EXTRACT_OWNER | ARCHIVE_EXTRACT_PERM |
		    ARCHIVE_EXTRACT_TIME | ARCHIVE_EXTRACT_XATTR |
		    ARCHIVE_EXTRACT_UNLINK | ARCHIVE_EXTRACT_SECURE_NODOTDOT);
	status = status ? status : archive_walk(fd, to, err);
	if (archive_write_close(to) != ARCHIVE_OK && !status) {
		status = error_set(err, 0, "%s", archive_error_string(to));
	}
	archive_write_free(to);
	return status;
}

// Until the child has said something or ended. How far it is shows in the
// descriptor, whose place in the file it shares.
static void child_watch(int from_child, int archive, const struct progress *p)
{
	struct pollfd wait = {from_child, POLLIN, 0};
	struct stat st;

	while (!fstat(archive, &st) && !poll(&wait, 1, 200)) {
		off_t at = lseek(archive, 0, SEEK_CUR);

		progress_tell(p, "unpacking", at < 0 ? 0 : (uint64_t)at,
			      (uint64_t)st.st_size);
	}
}

// In a child with `folder` as its root.
static int unpack_inside(int fd, const char *folder, const struct progress *p,
			 struct wabe_error *err)
{
	int pipe_fds[2];
	long n;
	pid_t child;

	if (pipe2(pipe_fds, O_CLOEXEC)) {
		return error_set(err, errno, "pipe");
	}
	child = fork();
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		umask(0);
		if (chroot(folder) || chdir("/")) {
			error_set(err, errno, "%s: chroot (root only)", folder);
		} else if (!unpack_here(fd, err)) {
			_exit(0);
		}
		n = write(pipe_fds[1], err, sizeof(*err));
		_exit(1);
	}
	close(pipe_fds[1]);
	if (child > 0) {
		child_watch(pipe_fds[0], fd, p);
	}
	n = child > 0 ? read(pipe_fds[0], err, sizeof(*err)) : -1;
	close(pipe_fds[0]);
	if (child > 0) {
		int status = 0;

		waitpid(child, &status, 0);
		if (!n && WIFEXITED(status) && !WEXITSTATUS(status)) {
			return 0;
		}
	}
	return n == sizeof(*err) ? -1 : error_set(err, 0, "unpacking died");
}

int archive_unpack(const char *archive, const char *folder,
		   const struct progress *p, struct wabe_error *err)
{
	CLEANUP_CLOSE int fd = open(archive, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		return error_set(err, errno, "%s", archive);
	}
	return unpack_inside(fd, folder, p, err)
		   ? error_wrap(err, "%s", archive)
		   : 0;
}

int layers_unpack(char *const *layers, size_t count, const char *root,
		  const struct progress *p, struct wabe_error *err)
{
	for (size_t i = 0; i < count; i++) {
		if (archive_unpack(layers[i], root, p, err)) {
			return -1;
		}
	}
	return 0;
}

int root_pack(const char *root, const char *erofs, struct wabe_error *err)
{
	int status = 0, null;
	pid_t child = fork();

	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		null = open("/dev/null", O_WRONLY | O_CLOEXEC);
		dup2(null, 1);
		execlp("mkfs.erofs", "mkfs.erofs", erofs, root, (char *)NULL);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) != child) {
		return error_set(err, errno, "mkfs.erofs");
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status)) {
		return error_set(err, 0,
				 WIFEXITED(status) && WEXITSTATUS(status) == 127
				     ? "mkfs.erofs is not here (package "
				       "erofs-utils)"
				     : "mkfs.erofs failed (no space left?)");
	}
	return 0;
}
