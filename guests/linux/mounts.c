// SPDX-License-Identifier: MIT
// What the workload finds mounted: its root, the kernel's file systems, its
// volumes; and what of the kernel's is hidden from it or read-only.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "init.h"
#include "store.h"

static void mount_or_fail(const char *source, const char *target,
			  const char *type, unsigned long flags,
			  const char *data)
{
	mkdir(target, 0755);
	if (mount(source, target, type, flags, data)) {
		fail("mount", target);
	}
}

void mount_kernel(void)
{
	mount_or_fail("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		      NULL);
	mount_or_fail("sys", "/sys", "sysfs",
		      MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, NULL);
	mount_or_fail("dev", "/dev", "devtmpfs", MS_NOSUID, "mode=0755");
}

// The block device appears when front and back end have met.
static void wait_for_device(const char *path)
{
	for (unsigned int i = 0; i < 500; i++) {
		if (!access(path, F_OK)) {
			return;
		}
		usleep(10000);
	}
	errno = ETIMEDOUT;
	fail("waiting for", path);
}

// /root_ro: the image, shared and read-only; /rw: this domain's changes.
void mount_root(void)
{
	char *device = store_read("wabe/root", NULL);
	char *readonly = store_read("wabe/readonly", NULL);
	char path[64];

	snprintf(path, sizeof(path), "/dev/%s", device ? device : "xvda");
	wait_for_device(path);
	mount_or_fail(path, "/root_ro", "erofs", MS_RDONLY, NULL);
	if (readonly && !strcmp(readonly, "1")) {
		mkdir("/newroot", 0755);
		if (mount("/root_ro", "/newroot", NULL, MS_BIND, NULL)) {
			fail("mount", "/newroot");
		}
	} else {
		mount_or_fail("rw", "/rw", "tmpfs", 0, "mode=0755");
		mkdir("/rw/upper", 0755);
		mkdir("/rw/work", 0755);
		mount_or_fail("overlay", "/newroot", "overlay", 0,
			      "lowerdir=/root_ro,upperdir=/rw/upper,"
			      "workdir=/rw/work");
	}
	free(device);
	free(readonly);
}

// What every workload finds besides its own files.
void mount_inside(void)
{
	static const char *const moved[] = {"/proc", "/sys", "/dev"};
	char path[64];

	for (unsigned int i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "/newroot%s", moved[i]);
		mkdir(path, 0755);
		if (mount(moved[i], path, NULL, MS_MOVE, NULL)) {
			fail("mount", path);
		}
	}
	mount_or_fail("pts", "/newroot/dev/pts", "devpts",
		      MS_NOSUID | MS_NOEXEC,
		      "newinstance,ptmxmode=0666,mode=0620,gid=5");
	mount_or_fail("shm", "/newroot/dev/shm", "tmpfs",
		      MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=1777");
	mount_or_fail("mqueue", "/newroot/dev/mqueue", "mqueue",
		      MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	mkdir("/newroot/tmp", 01777);
	unlink("/newroot/dev/ptmx");
	(void)!symlink("pts/ptmx", "/newroot/dev/ptmx");
	(void)!symlink("/proc/self/fd", "/newroot/dev/fd");
	(void)!symlink("/proc/self/fd/0", "/newroot/dev/stdin");
	(void)!symlink("/proc/self/fd/1", "/newroot/dev/stdout");
	(void)!symlink("/proc/self/fd/2", "/newroot/dev/stderr");
	if (chdir("/newroot") || mount(".", "/", NULL, MS_MOVE, NULL) ||
	    chroot(".") || chdir("/")) {
		fail("entering the root", NULL);
	}
}

// A folder and those above it.
static void folders_make(char *path)
{
	for (char *p = path + 1; *p; p++) {
		if (*p == '/') {
			*p = 0;
			mkdir(path, 0755);
			*p = '/';
		}
	}
	mkdir(path, 0755);
}

// Disks with a place of their own: ext2 to ext4, or an erofs image.
void volumes_mount(void)
{
	char node[32], device[32], *value;

	for (char letter = 'a'; letter <= 'p'; letter++) {
		snprintf(node, sizeof(node), "wabe/mount/xvd%c", letter);
		value = store_read(node, NULL);
		if (value && *value && value[1] == ' ') {
			unsigned long flags = MS_NOSUID | MS_NODEV |
					      (*value == 'w' ? 0 : MS_RDONLY);

			snprintf(device, sizeof(device), "/dev/xvd%c", letter);
			wait_for_device(device);
			folders_make(value + 2);
			if (mount(device, value + 2, "ext4", flags, NULL) &&
			    mount(device, value + 2, "erofs", flags | MS_RDONLY,
				  NULL)) {
				fail("mount", value + 2);
			}
		}
		free(value);
	}
}

// What has no place here: a folder is empty, a file is as /dev/null.
static void path_mask(const char *path)
{
	if (mount("/dev/null", path, NULL, MS_BIND, NULL) && errno == ENOTDIR &&
	    mount("mask", path, "tmpfs",
		  MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=4k")) {
		fail("mask", path);
	}
}

static void path_readonly(const char *path)
{
	if (mount(path, path, NULL, MS_BIND | MS_REC, NULL)) {
		if (errno != ENOENT) {
			fail("bind", path);
		}
	} else if (mount(NULL, path, NULL,
			 MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID |
			     MS_NODEV | MS_NOEXEC,
			 NULL)) {
		fail("remount", path);
	}
}

// As OCI runtimes do where the bundle asks for nothing else. A workload that
// is root has no CAP_SYS_ADMIN and cannot undo it.
void paths_restrict(void)
{
	static const char *const masked[] = {
	    "/proc/acpi",	 "/proc/asound",	"/proc/kcore",
	    "/proc/keys",	 "/proc/latency_stats", "/proc/timer_list",
	    "/proc/timer_stats", "/proc/sched_debug",	"/proc/scsi",
	    "/sys/firmware",
	};
	static const char *const readonly[] = {
	    "/proc/bus",	   "/proc/fs", "/proc/irq", "/proc/sys",
	    "/proc/sysrq-trigger",
	};

	for (size_t i = 0; i < sizeof(masked) / sizeof(*masked); i++) {
		path_mask(masked[i]);
	}
	for (size_t i = 0; i < sizeof(readonly) / sizeof(*readonly); i++) {
		path_readonly(readonly[i]);
	}
}
