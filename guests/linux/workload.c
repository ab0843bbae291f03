// SPDX-License-Identifier: MIT
// The container's command: as its image says, with no more rights than a
// container has.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "init.h"
#include "store.h"

#define WORDS_MAX 1024
#define GROUPS_MAX 64

// What an OCI runtime leaves a container that asks for nothing.
static const uint8_t capabilities_kept[] = {
    CAP_CHOWN,	 CAP_DAC_OVERRIDE, CAP_FSETID,		 CAP_FOWNER,
    CAP_MKNOD,	 CAP_NET_RAW,	   CAP_SETGID,		 CAP_SETUID,
    CAP_SETFCAP, CAP_SETPCAP,	   CAP_NET_BIND_SERVICE, CAP_SYS_CHROOT,
    CAP_KILL,	 CAP_AUDIT_WRITE,
};

static uint64_t kept_mask(void)
{
	uint64_t mask = 0;

	for (size_t i = 0; i < sizeof(capabilities_kept); i++) {
		mask |= 1ull << capabilities_kept[i];
	}
	return mask;
}

// The numbered nodes below `dir`, as an array that ends with NULL.
static char **words_read(const char *dir)
{
	char **words = calloc(WORDS_MAX + 1, sizeof(*words));
	char path[64];

	for (unsigned int i = 0; words && i < WORDS_MAX; i++) {
		snprintf(path, sizeof(path), "wabe/%s/%u", dir, i);
		words[i] = store_read(path, NULL);
		if (!words[i]) {
			break;
		}
	}
	return words;
}

static int capabilities_limit(void)
{
	uint64_t keep = kept_mask();

	for (int cap = 0; cap <= CAP_LAST_CAP; cap++) {
		if (!(keep >> cap & 1) && prctl(PR_CAPBSET_DROP, cap) &&
		    errno != EINVAL) {
			return -1;
		}
	}
	return 0;
}

static int capabilities_set(uint64_t mask)
{
	struct __user_cap_header_struct head = {
	    .version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2];

	for (int i = 0; i < 2; i++) {
		data[i].effective = (uint32_t)(mask >> (32 * i));
		data[i].permitted = data[i].effective;
		data[i].inheritable = 0;
	}
	return (int)syscall(SYS_capset, &head, data);
}

// "uid[:gid[,group...]]"
static int user_become(const char *user)
{
	gid_t groups[GROUPS_MAX];
	size_t count = 0;
	unsigned long uid = 0, gid = 0;
	char *end = NULL;

	if (user && *user) {
		uid = strtoul(user, &end, 10);
		if (*end == ':') {
			gid = strtoul(end + 1, &end, 10);
		}
		while (*end == ',' && count < GROUPS_MAX) {
			groups[count++] = (gid_t)strtoul(end + 1, &end, 10);
		}
	}
	if (setgroups(count, groups) ||
	    setresgid((gid_t)gid, (gid_t)gid, (gid_t)gid) ||
	    setresuid((uid_t)uid, (uid_t)uid, (uid_t)uid)) {
		return -1;
	}
	// Of another user than root nothing is left anyway.
	return uid ? 0 : capabilities_set(kept_mask());
}

// The value of NAME=value in either list, the second first.
static const char *env_value(char **first, char **second, const char *name)
{
	size_t n = strlen(name);
	const char *value = NULL;

	for (int list = 0; list < 2; list++) {
		for (char **e = list ? second : first; e && *e; e++) {
			if (!strncmp(*e, name, n) && (*e)[n] == '=') {
				value = *e + n + 1;
			}
		}
	}
	return value;
}

// The environment: the workload's, and `over` over it.
static void env_set(char **own, char **over)
{
	const char *path = env_value(own, over, "PATH");

	clearenv();
	for (int list = 0; list < 2; list++) {
		for (char **e = list ? over : own; e && *e; e++) {
			putenv(*e);
		}
	}
	// execvpe() searches the image's PATH, not ours.
	if (!path) {
		setenv("PATH", "/usr/bin:/bin", 1);
	}
}

// As an OCI runtime does: who is given no HOME has the one the image's
// /etc/passwd says.
static void home_set(const char *user)
{
	uid_t uid = user ? (uid_t)strtoul(user, NULL, 10) : 0;
	FILE *file = getenv("HOME") ? NULL : fopen("/etc/passwd", "re");
	struct passwd *entry = NULL;

	while (file && (entry = fgetpwent(file)) && entry->pw_uid != uid) {
	}
	if (entry) {
		setenv("HOME", entry->pw_dir, 1);
	}
	if (file) {
		fclose(file);
	}
}

static const char *rights_drop(const char *user)
{
	if (capabilities_limit()) {
		return "capabilities";
	}
	if (user_become(user)) {
		return "user";
	}
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? "no-new-privs" : NULL;
}

void workload_exec(char **argv, char **env, const char *cwd, const char *user)
{
	const char *what;
	bool absent = false;
	sigset_t none;

	store_open(); // of our own: the one we were born with is our parent's
	env_set(words_read("env"), env);
	cwd = cwd ? cwd : store_read("wabe/cwd", NULL);
	user = user ? user : store_read("wabe/user", NULL);
	home_set(user);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setsid();
	ioctl(0, TIOCSCTTY, 0);
	cwd = cwd && *cwd ? cwd : "/";
	what = chdir(cwd) ? cwd : rights_drop(user);
	if (!what) {
		what = argv[0];
		execvp(argv[0], argv);
		absent = errno == ENOENT;
	}
	fprintf(stderr, "wabe-init: %s: %s\n", what, strerror(errno));
	_exit(absent ? 127 : 126);
}

pid_t workload_start(void)
{
	char **argv = words_read("argv");
	pid_t pid;

	if (!argv || !argv[0]) {
		errno = EINVAL;
		return -1;
	}
	pid = fork();
	if (!pid) {
		workload_exec(argv, NULL, NULL, NULL);
	}
	return pid;
}
