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
//   mount/DEV     "r PATH" or "w PATH": mount that disk there
//   exec/N        a session of `wabe exec` (exec.c)
// It writes `wabe/state` ("running") and `wabe/exit` ("code N", "signal N").
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init.h"
#include "store.h"

// What /sbin/poweroff and /sbin/reboot, which are this program too, send.
#define SIG_POWEROFF (SIGRTMIN + 1)
#define SIG_REBOOT (SIGRTMIN + 2)
#define STOP_SECONDS 10

#define WATCH_SIGNAL 's'
#define WATCH_EXEC 'e'
#define WATCH_BIT(letter) (1u << ((letter) - 'a'))

static bool rebooting;	// at the end, not powering off
static int printk = -1; // opened while /proc/sys can be written

static void say(const char *what, const char *name)
{
	fprintf(stderr, "wabe-init: %s%s%s: %s\n", what, name ? " " : "",
		name ? name : "", strerror(errno));
}

// The end: say how, then the machine is gone.
static void finish(const char *how) __attribute__((noreturn));
static void finish(const char *how)
{
	store_write("wabe/exit", how);
	// The console is the workload's: "System halted" is none of its words.
	(void)!write(printk, "0", 1);
	sync();
	reboot(rebooting ? RB_AUTOBOOT : RB_POWER_OFF);
	_exit(1);
}

void fail(const char *what, const char *name)
{
	say(what, name);
	finish("code 125");
}

static int signals_open(void)
{
	sigset_t set;

	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

// "15", "TERM", "SIGTERM"; 0: no signal.
static int signal_number(const char *text)
{
	if (*text >= '0' && *text <= '9') {
		return atoi(text);
	}
	text += strncmp(text, "SIG", 3) ? 0 : 3;
	for (int i = 1; i < 32; i++) {
		if (!strcmp(text, sigabbrev_np(i))) {
			return i;
		}
	}
	return 0;
}

// The kernel was asked to power off or reboot (its /sbin/poweroff told us): the
// workload gets its stop signal, and some time.
static void down_begin(pid_t child, bool reboot_after)
{
	char *value = store_read("wabe/stop-signal", NULL);
	int signal = value ? signal_number(value) : 0;

	rebooting = reboot_after;
	kill(child, signal ? signal : SIGTERM);
	alarm(STOP_SECONDS);
	free(value);
}

// A signal to the first process.
static void signal_take(pid_t child, unsigned int number)
{
	if (number == (unsigned int)SIG_POWEROFF ||
	    number == (unsigned int)SIG_REBOOT) {
		down_begin(child, number == (unsigned int)SIG_REBOOT);
	} else if (number == SIGALRM) {
		kill(-1, SIGKILL);
	} else if (number != SIGCHLD) {
		kill(child, (int)number);
	}
}

// A signal asked for through the store.
static void signal_forward(pid_t child)
{
	char *value = store_read("wabe/signal", NULL);

	if (value && signal_number(value) > 0) {
		kill(child, signal_number(value));
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
			session_reaped(pid);
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
	unsigned int events;

	for (;;) {
		poll(fds, 2, -1);
		while (read(signals, &info, sizeof(info)) == sizeof(info)) {
			signal_take(child, info.ssi_signo);
		}
		reap(child);
		// Some may have come in between requests: not all are polled.
		while ((events = store_take_events())) {
			if (events & WATCH_BIT(WATCH_SIGNAL)) {
				signal_forward(child);
			}
			if (events & WATCH_BIT(WATCH_EXEC)) {
				sessions_look();
			}
		}
	}
}

// Run by the kernel, outside of the workload's root.
static int helper(const char *name)
{
	return kill(1, strstr(name, "reboot") ? SIG_REBOOT : SIG_POWEROFF);
}

int main(int argc, char **argv)
{
	int signals;
	pid_t child;

	if (getpid() != 1) {
		return helper(argc ? argv[0] : "");
	}
	// The kernel's threads share our root until then: what they run when
	// dom0 asks for an end shall be this program, not the image's.
	if (unshare(CLONE_FS)) {
		say("unshare", NULL);
	}
	signals = signals_open();
	mount_kernel();
	printk = open("/proc/sys/kernel/printk", O_WRONLY | O_CLOEXEC);
	if (store_open()) {
		fail("opening", "/dev/xen/xenbus");
	}
	seed_entropy();
	mount_root();
	mount_inside();
	volumes_mount();
	network_up();
	paths_restrict();
	child = workload_start();
	if (child < 0) {
		fail("starting the workload", NULL);
	}
	store_watch("wabe/signal", WATCH_SIGNAL);
	store_watch("wabe/exec", WATCH_EXEC);
	store_write("wabe/state", "running");
	watch_over(child, signals);
}
