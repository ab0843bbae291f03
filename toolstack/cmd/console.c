// SPDX-License-Identifier: MIT
// wabe console, logs, and how `run` shows one.
#define _GNU_SOURCE
#include "cmd.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define LEAVE 0x1d // ^]
#define LOG_FIRST 4096

bool write_all(int fd, const char *p, ssize_t n)
{
	while (n > 0) {
		ssize_t k = write(fd, p, (size_t)n);

		if (k < 0) {
			return false;
		}
		p += k;
		n -= k;
	}
	return true;
}

static struct termios terminal_before; // as the shell has it
static atomic_bool terminal_is_raw;

void terminal_restore(void)
{
	if (atomic_exchange(&terminal_is_raw, false)) {
		tcsetattr(0, TCSADRAIN, &terminal_before);
	}
}

bool terminal_raw(void)
{
	struct termios raw;

	if (tcgetattr(0, &terminal_before)) {
		return false;
	}
	atexit(terminal_restore);
	raw = terminal_before;
	cfmakeraw(&raw);
	raw.c_oflag |= OPOST | ONLCR;
	terminal_is_raw = true;
	return !tcsetattr(0, TCSADRAIN, &raw);
}

// Some of stdin; false: no more of it. *left: ^] was typed.
static bool input_carry(int fd, bool keys, bool *left)
{
	char buf[4096];
	ssize_t n = read(0, buf, sizeof(buf));
	char *leave = keys && n > 0 ? memchr(buf, LEAVE, (size_t)n) : NULL;

	if (leave) {
		*left = true;
		n = leave - buf;
	}
	return n > 0 && write_all(fd, buf, n) && !*left;
}

// A guest's console ends each line with CR LF where the workload wrote LF: who
// asked for no terminal gets what was written. *cr: a CR was kept back.
static bool lines_write(const char *data, ssize_t n, bool *cr)
{
	char plain[4096];
	size_t used = 0;

	for (ssize_t i = 0; i < n; i++) {
		if (*cr && data[i] != '\n') {
			plain[used++] = '\r';
		}
		*cr = data[i] == '\r';
		if (!*cr) {
			plain[used++] = data[i];
		}
		if (used > sizeof(plain) - 2) {
			if (!write_all(1, plain, (ssize_t)used)) {
				return false;
			}
			used = 0;
		}
	}
	return write_all(1, plain, (ssize_t)used);
}

// Some of a console to stdout; false: no more of it, or no one reads.
static bool output_carry(int fd, bool plain, bool *cr)
{
	char buf[16384];
	ssize_t n = read(fd, buf, sizeof(buf));

	if (n <= 0 && *cr) {
		write_all(1, "\r", 1);
	}
	return n > 0 &&
	       (plain ? lines_write(buf, n, cr) : write_all(1, buf, n));
}

bool console_carry(int fd, bool keys, bool plain)
{
	struct pollfd p[2] = {{fd, POLLIN, 0}, {0, POLLIN, 0}};
	bool left = false, cr = false;

	if (keys) {
		terminal_raw();
	}
	while (!left && poll(p, 2, -1) > 0) {
		if (p[0].revents && !output_carry(fd, plain, &cr)) {
			break;
		}
		if (p[1].revents && !input_carry(fd, keys, &left)) {
			p[1].fd = -1;
		}
	}
	terminal_restore();
	return left;
}

int cmd_console(int argc, char **argv)
{
	struct wabe_error err;
	struct wabe *w;
	int fd;

	if (argc != 2) {
		return cmd_usage(argv[0]);
	}
	if (!cmd_open(argv[0], &w)) {
		return EXIT_FAILED;
	}
	fd = wabe_console(w, argv[1], LOG_FIRST, &err);
	if (fd < 0) {
		wabe_close(w);
		return cmd_error(argv[0], &err);
	}
	if (console_carry(fd, isatty(0), false)) {
		putchar('\n');
	}
	close(fd);
	wabe_close(w);
	return EXIT_OK;
}

static int log_print(struct wabe *w, const char *name, struct wabe_error *err)
{
	CLEANUP_CLOSE int fd = wabe_log(w, name, err);
	bool cr = false;

	while (fd >= 0 && output_carry(fd, true, &cr)) {
	}
	return fd < 0 ? -1 : 0;
}

static int log_follow(struct wabe *w, const char *name, struct wabe_error *err)
{
	CLEANUP_CLOSE int fd = -1;
	struct wabe_info info;

	if (wabe_info(w, name, &info, err)) {
		return -1;
	}
	if (info.state == WABE_EXITED) {
		return log_print(w, name, err);
	}
	fd = wabe_console(w, name, UINT64_MAX, err);
	if (fd < 0 || !freopen("/dev/null", "r", stdin)) {
		return -1;
	}
	console_carry(fd, false, true);
	return 0;
}

int cmd_logs(int argc, char **argv)
{
	bool follow = argc > 1 && !strcmp(argv[1], "-f");
	struct wabe_error err;
	struct wabe *w;
	int status;

	if (argc != 2 + follow) {
		return cmd_usage(argv[0]);
	}
	if (!cmd_open(argv[0], &w)) {
		return EXIT_FAILED;
	}
	status = (follow ? log_follow : log_print)(w, argv[1 + follow], &err);
	wabe_close(w);
	return status ? cmd_error(argv[0], &err) : EXIT_OK;
}
