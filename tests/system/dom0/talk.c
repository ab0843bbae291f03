// SPDX-License-Identifier: MIT
// Runs a command on a terminal of its own and talks to it:
//
//   talk SECONDS [WAIT TYPE]... -- COMMAND [WORD]...
//
// Each pair: when the command has said WAIT (after what the pair before waited
// for), TYPE is typed. What it says goes to standard output. The status is the
// command's; 124 if it has not said everything and ended after SECONDS.
#define _GNU_SOURCE
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char said[1 << 20];
static size_t length, heard;
static struct timespec end;

static int left_ms(void)
{
	struct timespec now;
	long ms;

	clock_gettime(CLOCK_MONOTONIC, &now);
	ms = (end.tv_sec - now.tv_sec) * 1000 +
	     (end.tv_nsec - now.tv_nsec) / 1000000;
	return ms < 0 ? 0 : (int)ms;
}

// Reads what the command says next. False: it has ended, or the time has.
static bool hear(int fd)
{
	struct pollfd poller = {.fd = fd, .events = POLLIN};
	ssize_t n;

	if (poll(&poller, 1, left_ms()) <= 0) {
		return false;
	}
	n = read(fd, said + length, sizeof(said) - 1 - length);
	if (n <= 0) {
		return false;
	}
	if (write(1, said + length, n) != n) {
		return false;
	}
	length += n;
	said[length] = 0;
	return true;
}

static bool converse(int fd, const char *wait_for, const char *type)
{
	char *at;

	while (!(at = strstr(said + heard, wait_for))) {
		if (!hear(fd)) {
			return false;
		}
	}
	heard = at - said + strlen(wait_for);
	return write(fd, type, strlen(type)) == (ssize_t)strlen(type);
}

int main(int argc, char **argv)
{
	int fd, status, i = 2;
	pid_t child;

	if (argc < 4) {
		return 2;
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += atoi(argv[1]);
	while (i < argc && strcmp(argv[i], "--")) {
		i++;
	}
	child = forkpty(&fd, NULL, NULL, NULL);
	if (child == 0) {
		execvp(argv[i + 1], argv + i + 1);
		perror(argv[i + 1]);
		_exit(127);
	}
	for (char **pair = argv + 2; pair < argv + i; pair += 2) {
		if (!converse(fd, pair[0], pair[1])) {
			kill(child, SIGKILL);
			return 124;
		}
	}
	while (hear(fd)) {
	}
	if (left_ms() == 0) {
		kill(child, SIGKILL);
		return 124;
	}
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
