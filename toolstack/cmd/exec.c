// SPDX-License-Identifier: MIT
// wabe exec: a thread for input, one for signals; the main one hears.
#define _GNU_SOURCE
#include "cmd.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct exec_options {
	bool input, terminal;
	char *env[256];
	size_t env_count;
	char *user;
	const char *cwd;
};

static struct winsize size_now(void)
{
	struct winsize size = {0};

	// A serial console knows none.
	if (ioctl(0, TIOCGWINSZ, &size) || !size.ws_row || !size.ws_col) {
		size = (struct winsize){.ws_row = 24, .ws_col = 80};
	}
	return size;
}

static void *input_thread(void *data)
{
	int fd = *(int *)data;
	struct wabe_error err;
	char buf[1024];
	ssize_t n;

	do {
		n = read(0, buf, sizeof(buf));
		n = n < 0 ? 0 : n;
	} while (!wabe_exec_input(fd, buf, (size_t)n, &err) && n);
	return NULL;
}

static void signals_wanted(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGQUIT);
	sigaddset(set, SIGWINCH);
}

static void *signal_thread(void *data)
{
	int fd = *(int *)data, signal;
	struct wabe_error err;
	sigset_t set;

	signals_wanted(&set);
	while (!sigwait(&set, &signal)) {
		struct winsize size = size_now();

		if (signal == SIGWINCH) {
			wabe_exec_resize(fd, size.ws_row, size.ws_col, &err);
		} else {
			wabe_exec_signal(fd, (unsigned int)signal, &err);
		}
	}
	return NULL;
}

// Until its end; the exit status.
static int hear(int fd)
{
	struct wabe_exec_said said;
	struct wabe_error err;

	for (;;) {
		if (wabe_exec_hear(fd, &said, &err)) {
			cmd_error("exec", &err);
			return RUN_FAILED;
		}
		switch (said.what) {
		case WABE_SAID_OUTPUT:
			write_all(1, said.data, (ssize_t)said.bytes);
			break;
		case WABE_SAID_ERRORS:
			write_all(2, said.data, (ssize_t)said.bytes);
			break;
		case WABE_SAID_CODE:
			return (int)said.value;
		case WABE_SAID_SIGNAL:
			return 128 + (int)said.value;
		}
	}
}

static int attend(int fd, const struct exec_options *o)
{
	struct wabe_error err;
	pthread_t thread;
	int status;

	if (o->terminal && o->input) {
		terminal_raw();
	}
	if (!o->input) {
		wabe_exec_input(fd, NULL, 0, &err);
	} else if (pthread_create(&thread, NULL, input_thread, &fd)) {
		return RUN_FAILED;
	}
	if (pthread_create(&thread, NULL, signal_thread, &fd)) {
		return RUN_FAILED;
	}
	status = hear(fd);
	terminal_restore();
	return status;
}

static int exec_options_read(struct exec_options *o, int argc, char **argv)
{
	int option;

	optind = 1;
	while ((option = getopt(argc, argv, "+ite:w:u:")) != -1) {
		switch (option) {
		case 'i':
			o->input = true;
			break;
		case 't':
			o->terminal = true;
			break;
		case 'e':
			if (!strchr(optarg, '=') || o->env_count == 255) {
				return cmd_usage(argv[0]);
			}
			o->env[o->env_count++] = optarg;
			break;
		case 'w':
			o->cwd = optarg;
			break;
		case 'u':
			o->user = optarg;
			break;
		default:
			return cmd_usage(argv[0]);
		}
	}
	return optind + 1 < argc ? 0 : cmd_usage(argv[0]);
}

// Names of users are the image's. `found` is to be freed; numbers need none.
static int user_find(struct wabe *w, const char *name, const char *user,
		     char **found, struct wabe_error *err)
{
	struct wabe_info info;

	*found = NULL;
	return !user || user[strspn(user, "0123456789:,")] == 0 ? 0
	       : wabe_info(w, name, &info, err)
		   ? -1
		   : wabe_image_user(NULL, info.image, user, found, err);
}

int cmd_exec(int argc, char **argv)
{
	struct winsize size = size_now();
	struct exec_options o = {0};
	struct wabe_exec what;
	struct wabe_error err;
	struct wabe *w;
	sigset_t set;
	char *user;
	int fd, status = exec_options_read(&o, argc, argv);

	if (status) {
		return status;
	}
	if (!cmd_open(argv[0], &w)) {
		return RUN_FAILED;
	}
	what = (struct wabe_exec){
	    argv + optind + 1, o.env,	    o.cwd,	o.user,
	    o.terminal,	       size.ws_row, size.ws_col};
	fd = -1;
	if (!user_find(w, argv[optind], o.user, &user, &err)) {
		what.user = user ? user : o.user;
		fd = wabe_exec(w, argv[optind], &what, &err);
	}
	free(user);
	wabe_close(w);
	if (fd < 0) {
		cmd_error(argv[0], &err);
		return RUN_FAILED;
	}
	// From here on they are the command's; until then they end this.
	signals_wanted(&set);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	return attend(fd, &o);
}
