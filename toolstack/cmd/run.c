// SPDX-License-Identifier: MIT
// wabe run. In the foreground the domain hangs on this process's connection:
// however this process ends, the domain does too.
#define _GNU_SOURCE
#include "options.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

struct foreground {
	const char *name;
	int console;
	bool keys, plain;
};

// Ends this process; the domain goes on.
static void leave(const char *name)
{
	struct wabe_error err;
	struct wabe *w;

	if (wabe_open(&w, NULL, &err) || wabe_release(w, name, &err)) {
		cmd_error("run", &err);
		_exit(RUN_FAILED);
	}
	printf("\n%s goes on (wabe console %s)\n", name, name);
	fflush(stdout);
	_exit(EXIT_OK);
}

static void *carry_thread(void *data)
{
	struct foreground *f = data;

	if (console_carry(f->console, f->keys, f->plain)) {
		leave(f->name);
	}
	return NULL;
}

// Signals for this command go on to the workload.
static void *signal_thread(void *data)
{
	struct foreground *f = data;
	struct wabe_error err;
	struct wabe *w;
	sigset_t set;
	int signal;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	while (!sigwait(&set, &signal)) {
		if (wabe_open(&w, NULL, &err) ||
		    wabe_kill(w, f->name, (unsigned int)signal, &err)) {
			terminal_restore();
			_exit(RUN_FAILED);
		}
		wabe_close(w);
	}
	return NULL;
}

static void signals_block(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static int attend(struct wabe *w, const struct run_options *o,
		  struct wabe_info *info, struct wabe_error *err)
{
	struct foreground f = {.name = info->name,
			       .keys = o->terminal && isatty(0),
			       .plain = !o->terminal};
	pthread_t carrier, signals;

	f.console = wabe_console(w, info->name, 0, err);
	if (f.console < 0) {
		return -1;
	}
	if (!o->input && !o->terminal) {
		// No standard input: the console is only shown.
		if (!freopen("/dev/null", "r", stdin)) {
			return error_set(err, 0, "/dev/null");
		}
	}
	if (pthread_create(&carrier, NULL, carry_thread, &f) ||
	    pthread_create(&signals, NULL, signal_thread, &f)) {
		return error_set(err, 0, "thread");
	}
	if (wabe_unpause(w, info->name, err) ||
	    wabe_wait(w, info->name, info, err)) {
		return -1;
	}
	pthread_join(carrier, NULL);
	return 0;
}

static int run(struct run_options *o, struct wabe *w)
{
	unsigned int flags = o->remove ? WABE_CREATE_REMOVE : 0;
	struct wabe_info info;
	struct wabe_error err;

	if (!o->detach) {
		signals_block();
		flags |= WABE_CREATE_PAUSED | WABE_CREATE_ATTACHED;
	}
	if (wabe_create(w, o->spec, flags, &info, &err)) {
		cmd_error("run", &err);
		run_volumes_undo(o);
		return RUN_FAILED;
	}
	if (o->detach) {
		printf("%s\n", info.name);
		return EXIT_OK;
	}
	if (attend(w, o, &info, &err)) {
		cmd_error("run", &err);
		return RUN_FAILED;
	}
	if (info.end == WABE_END_CRASH) {
		fprintf(stderr,
			"wabe run: %s: the guest's kernel crashed "
			"(wabe logs %s)\n",
			info.name, info.name);
	}
	return cmd_end_status(&info);
}

int cmd_run(int argc, char **argv)
{
	struct run_options o;
	struct wabe *w;
	int status = run_options_read(&o, argc, argv);

	if (!status) {
		status = RUN_FAILED;
		if (cmd_open("run", &w)) {
			status = run(&o, w);
			wabe_close(w);
		} else {
			run_volumes_undo(&o);
		}
	}
	run_options_free(&o);
	return status;
}

int cmd_spec(int argc, char **argv)
{
	struct wabe_spec *spec = NULL;
	struct wabe_error err;
	struct run_options o;
	int status;

	if (argc == 2 && !access(argv[1], F_OK)) {
		if (wabe_spec_read(&spec, argv[1], &err)) {
			return cmd_error(argv[0], &err);
		}
		wabe_spec_print(spec, stdout);
		wabe_spec_free(spec);
		return EXIT_OK;
	}
	status = run_options_read(&o, argc, argv);
	if (!status) {
		wabe_spec_print(o.spec, stdout);
	}
	run_options_free(&o);
	return status;
}
