// SPDX-License-Identifier: MIT
// The verbs that do one thing to each micro-domain they name.
#define _GNU_SOURCE
#include "cmd.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int cmd_destroy(int argc, char **argv)
{
	return cmd_each(argc, argv, wabe_destroy);
}

int cmd_pause(int argc, char **argv)
{
	return cmd_each(argc, argv, wabe_pause);
}

int cmd_unpause(int argc, char **argv)
{
	return cmd_each(argc, argv, wabe_unpause);
}

static int wait_one(struct wabe *w, const char *name, struct wabe_error *err)
{
	struct wabe_info info;

	if (wabe_wait(w, name, &info, err)) {
		return -1;
	}
	printf("%d\n", cmd_end_status(&info));
	return 0;
}

int cmd_wait(int argc, char **argv)
{
	return cmd_each(argc, argv, wait_one);
}

// An option in front of the names; *value stays if it is not there. Returns
// how many words it took, or < 0.
static int option_take(int argc, char **argv, const char *option,
		       const char **value)
{
	if (argc > 1 && !strcmp(argv[1], option)) {
		if (argc < 3) {
			return -1;
		}
		*value = argv[2];
		return 2;
	}
	return 0;
}

// cmd_each() with the option's words left out.
static int each_behind(int argc, char **argv, int words, name_fn *fn)
{
	argv[words] = argv[0];
	return cmd_each(argc - words, argv + words, fn);
}

static _Thread_local int kill_signal;
static int kill_one(struct wabe *w, const char *name, struct wabe_error *err)
{
	return wabe_kill(w, name, (unsigned int)kill_signal, err);
}

int cmd_kill(int argc, char **argv)
{
	const char *signal = "KILL";
	int words = option_take(argc, argv, "-s", &signal);

	kill_signal = cmd_signal(signal);
	if (words < 0) {
		return cmd_usage(argv[0]);
	}
	if (kill_signal < 0) {
		return cmd_wrong(argv[0], "-s", signal,
				 "no such signal (TERM, SIGHUP, 9 ...)");
	}
	return each_behind(argc, argv, words, kill_one);
}

static bool gone_within(struct wabe *w, const char *name, double seconds)
{
	struct timespec nap = {0, 50000000};
	struct wabe_info info;
	struct wabe_error err;

	for (; seconds > 0; seconds -= 0.05) {
		if (wabe_info(w, name, &info, &err) ||
		    info.state == WABE_EXITED) {
			return true;
		}
		nanosleep(&nap, NULL);
	}
	return false;
}

// It may end by itself just before, and with --rm it is forgotten then.
static int end_one(struct wabe *w, const char *name, struct wabe_error *err)
{
	struct wabe_error ignored;
	struct wabe_info info;

	if (!wabe_destroy(w, name, err)) {
		return 0;
	}
	return wabe_info(w, name, &info, &ignored) || info.state == WABE_EXITED
		   ? 0
		   : -1;
}

static _Thread_local double stop_seconds;
static int stop_one(struct wabe *w, const char *name, struct wabe_error *err)
{
	if (wabe_stop(w, name, err)) {
		return -1;
	}
	return gone_within(w, name, stop_seconds) ? 0 : end_one(w, name, err);
}

int cmd_stop(int argc, char **argv)
{
	const char *seconds = "10";
	int words = option_take(argc, argv, "-t", &seconds);

	stop_seconds = cmd_seconds(seconds);
	if (words < 0) {
		return cmd_usage(argv[0]);
	}
	return stop_seconds < 0
		   ? cmd_wrong(argv[0], "-t", seconds, "say how many seconds")
		   : each_behind(argc, argv, words, stop_one);
}

static int shutdown_one(struct wabe *w, const char *name,
			struct wabe_error *err)
{
	return wabe_shutdown(w, name, "poweroff", err);
}

static int shutdown_wait_one(struct wabe *w, const char *name,
			     struct wabe_error *err)
{
	struct wabe_info info;

	return wabe_shutdown(w, name, "poweroff", err)
		   ? -1
		   : wabe_wait(w, name, &info, err);
}

int cmd_shutdown(int argc, char **argv)
{
	bool wait = argc > 1 && !strcmp(argv[1], "-w");

	return each_behind(argc, argv, wait,
			   wait ? shutdown_wait_one : shutdown_one);
}

static int reboot_one(struct wabe *w, const char *name, struct wabe_error *err)
{
	return wabe_shutdown(w, name, "reboot", err);
}

int cmd_reboot(int argc, char **argv)
{
	return cmd_each(argc, argv, reboot_one);
}

static int remove_hard(struct wabe *w, const char *name, struct wabe_error *err)
{
	struct wabe_info info;

	if (wabe_info(w, name, &info, err)) {
		return -1;
	}
	if (info.state == WABE_EXITED) {
		return wabe_remove(w, info.name, err);
	}
	if (end_one(w, info.name, err)) {
		return -1;
	}
	// One made with --rm is gone now.
	return wabe_info(w, info.name, &info, err)
		   ? 0
		   : wabe_remove(w, info.name, err);
}

int cmd_rm(int argc, char **argv)
{
	bool hard = argc > 1 && !strcmp(argv[1], "-f");

	return each_behind(argc, argv, hard, hard ? remove_hard : wabe_remove);
}
