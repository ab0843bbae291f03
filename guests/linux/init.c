// SPDX-License-Identifier: MIT
// The first process of a micro-domain: mounts the workload's root, sets up its
// network, starts it as its image says, tells how it ended, powers off.
//
// Everything it is told stands in the domain's own store below `wabe/`:
//   root          block device of the root ("xvda"), an erofs image
//   readonly      "1": no writable layer on top
//   argv/N env/N  the command and its environment
//   cwd user      "user" is "uid[:gid[,group...]]", numbers
//   hostname      net/ip ("a.b.c.d/len") net/gateway net/dns
//   seed          entropy, hex
//   signal        written while it runs: a signal for the workload
// It writes `wabe/state` ("running") and `wabe/exit` ("code N", "signal N").
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init.h"
#include "store.h"

static void say(const char *what, const char *name)
{
	fprintf(stderr, "wabe-init: %s%s%s: %s\n", what, name ? " " : "",
		name ? name : "", strerror(errno));
}

// The end: say how, then the machine is gone.
static void finish(const char *how) __attribute__((noreturn));
static void finish(const char *how)
{
	int printk = open("/proc/sys/kernel/printk", O_WRONLY | O_CLOEXEC);

	store_write("wabe/exit", how);
	// The console is the workload's: "System halted" is none of its words.
	(void)!write(printk, "0", 1);
	sync();
	reboot(RB_POWER_OFF);
	_exit(1);
}

static void fail(const char *what, const char *name) __attribute__((noreturn));
static void fail(const char *what, const char *name)
{
	say(what, name);
	finish("code 125");
}

static void mount_or_fail(const char *source, const char *target,
			  const char *type, unsigned long flags,
			  const char *data)
{
	mkdir(target, 0755);
	if (mount(source, target, type, flags, data)) {
		fail("mount", target);
	}
}

static void mount_kernel(void)
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
static void mount_root(void)
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
static void mount_inside(void)
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
	mount_or_fail("shm", "/newroot/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV,
		      "mode=1777");
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

static int signals_open(void)
{
	sigset_t set;

	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

// A signal asked for through the store.
static void signal_forward(pid_t child)
{
	char *value;

	if (store_take_event()) {
		return;
	}
	value = store_read("wabe/signal", NULL);
	if (value && atoi(value) > 0) {
		kill(child, atoi(value));
		store_write("wabe/signal", "");
	}
	free(value);
}

// Reap everything; the end of `child` is the end of the machine.
static void reap(pid_t child)
{
	char how[32];
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != child) {
			continue;
		}
		if (WIFSIGNALED(status)) {
			snprintf(how, sizeof(how), "signal %d",
				 WTERMSIG(status));
		} else {
			snprintf(how, sizeof(how), "code %d",
				 WEXITSTATUS(status));
		}
		finish(how);
	}
}

static void watch_over(pid_t child, int signals)
{
	struct pollfd fds[] = {
	    {.fd = signals, .events = POLLIN},
	    {.fd = store_fd(), .events = POLLIN},
	};
	struct signalfd_siginfo info;

	for (;;) {
		poll(fds, 2, -1);
		while (read(signals, &info, sizeof(info)) == sizeof(info)) {
			if (info.ssi_signo != SIGCHLD) {
				kill(child, (int)info.ssi_signo);
			}
		}
		reap(child);
		if (fds[1].revents & POLLIN) {
			signal_forward(child);
		}
	}
}

int main(void)
{
	int signals = signals_open();
	pid_t child;

	mount_kernel();
	if (store_open()) {
		fail("opening", "/dev/xen/xenbus");
	}
	seed_entropy();
	mount_root();
	mount_inside();
	network_up();
	child = workload_start();
	if (child < 0) {
		fail("starting the workload", NULL);
	}
	store_watch("wabe/signal", "signal");
	store_write("wabe/state", "running");
	watch_over(child, signals);
}
