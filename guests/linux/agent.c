// SPDX-License-Identifier: MIT
// The agent of one session: reads frames from the ring, starts the command they
// ask for, carries its input and output, tells its end. Everything it waits
// for stands in one poll; nothing blocks.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "init.h"
#include "pipe.h"

#define WORDS 1024

struct agent {
	struct pipe pipe;
	struct exec_frame frame; // the one that is coming in
	char bytes[EXEC_FRAME_MAX];
	size_t have; // of head and bytes
	char *word;  // parts so far
	size_t word_bytes, request_bytes;
	char *argv[WORDS + 1], *env[WORDS + 1];
	size_t argc, envc;
	char *cwd, *user;
	bool terminal;
	struct exec_size size;
	pid_t pid;
	int in, out, err; // the command's other ends; -1: none
	size_t given;	  // of an input frame, by the command taken
	bool input_over;
	bool ended;
	int status;
};

// --- What to start ----------------------------------------------------------

static char *word_take(struct agent *a)
{
	size_t n = a->frame.bytes;
	char *word = realloc(a->word, a->word_bytes + n + 1);

	a->request_bytes += n + 1;
	if (!word || a->request_bytes > EXEC_REQUEST_MAX) {
		_exit(1);
	}
	memcpy(word + a->word_bytes, a->bytes, n);
	word[a->word_bytes + n] = 0;
	a->word = NULL;
	a->word_bytes = 0;
	return word;
}

static void part_take(struct agent *a)
{
	size_t bytes = a->word_bytes + a->frame.bytes;

	a->word = word_take(a);
	a->word_bytes = bytes;
}

static void size_set(const struct agent *a)
{
	struct winsize to = {.ws_row = a->size.rows, .ws_col = a->size.columns};

	ioctl(a->out, TIOCSWINSZ, &to);
}

static void size_take(struct agent *a)
{
	if (a->frame.bytes == sizeof(a->size)) {
		memcpy(&a->size, a->bytes, sizeof(a->size));
		if (a->pid && a->terminal) {
			size_set(a);
		}
	}
}

static void streams_plain(struct agent *a, int child[3])
{
	int pipes[3][2];

	for (int i = 0; i < 3; i++) {
		if (pipe2(pipes[i], O_CLOEXEC)) {
			_exit(1);
		}
		child[i] = pipes[i][i != 0];
		fcntl(pipes[i][i == 0], F_SETFL, O_NONBLOCK);
	}
	a->in = pipes[0][1];
	a->out = pipes[1][0];
	a->err = pipes[2][0];
}

static void streams_terminal(struct agent *a, int child[3])
{
	int on = 0, number;
	char name[32];

	a->out = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (a->out < 0 || ioctl(a->out, TIOCSPTLCK, &on) ||
	    ioctl(a->out, TIOCGPTN, &number)) {
		_exit(1);
	}
	snprintf(name, sizeof(name), "/dev/pts/%d", number);
	child[0] = child[1] = child[2] =
	    open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	a->in = fcntl(a->out, F_DUPFD_CLOEXEC, 3);
	a->err = -1;
	size_set(a); // before the command looks
}

static void command_start(struct agent *a)
{
	int child[3];

	if (a->pid || !a->argc) {
		return;
	}
	(a->terminal ? streams_terminal : streams_plain)(a, child);
	a->pid = fork();
	if (a->pid < 0) {
		_exit(1); // init says that this session is gone
	}
	if (!a->pid) {
		for (int i = 0; i < 3; i++) {
			dup2(child[i], i);
		}
		workload_exec(a->argv, a->env, a->cwd, a->user);
	}
	for (int i = 0; i < 3; i++) {
		if (!a->terminal || !i) {
			close(child[i]);
		}
	}
	pipe_frame(&a->pipe, EXEC_STARTED, NULL, 0);
}

// Input for the command; true if all of it went.
static bool input_take(struct agent *a)
{
	ssize_t n;

	while (a->in >= 0 && a->given < a->frame.bytes) {
		n = write(a->in, a->bytes + a->given,
			  a->frame.bytes - a->given);
		if (n < 0 && errno == EAGAIN) {
			return false;
		}
		if (n <= 0) {
			close(a->in);
			a->in = -1;
		} else {
			a->given += (size_t)n;
		}
	}
	a->given = 0;
	return true;
}

static void input_end(struct agent *a)
{
	if (a->in >= 0 && !a->terminal) {
		close(a->in);
		a->in = -1;
	}
}

// True: done with this frame.
static bool frame_handle(struct agent *a)
{
	switch (a->frame.type) {
	case EXEC_PART:
		part_take(a);
		break;
	case EXEC_ARGV:
		if (a->argc < WORDS) {
			a->argv[a->argc++] = word_take(a);
		}
		break;
	case EXEC_ENV:
		if (a->envc < WORDS) {
			a->env[a->envc++] = word_take(a);
		}
		break;
	case EXEC_CWD:
		a->cwd = word_take(a);
		break;
	case EXEC_USER:
		a->user = word_take(a);
		break;
	case EXEC_TERMINAL:
		a->terminal = true;
		size_take(a);
		break;
	case EXEC_RESIZE:
		size_take(a);
		break;
	case EXEC_START:
		command_start(a);
		break;
	case EXEC_INPUT:
		return input_take(a);
	case EXEC_INPUT_END:
		input_end(a);
		break;
	case EXEC_SIGNAL:
		if (a->pid && !a->ended) {
			kill(-a->pid, a->bytes[0]);
		}
		break;
	}
	return true;
}

// Frames as far as they have come and can be handled.
static void frames_take(struct agent *a)
{
	size_t head = sizeof(a->frame), whole;

	for (;;) {
		if (a->have < head) {
			a->have +=
			    pipe_read(&a->pipe, (char *)&a->frame + a->have,
				      head - a->have);
			if (a->have < head) {
				return;
			}
		}
		if (a->frame.bytes > EXEC_FRAME_MAX) {
			_exit(1);
		}
		whole = head + a->frame.bytes;
		a->have += pipe_read(&a->pipe, a->bytes + a->have - head,
				     whole - a->have);
		if (a->have < whole || !frame_handle(a)) {
			return;
		}
		a->have = 0;
	}
}

// --- What comes of it -------------------------------------------------------

// Output as far as the ring has room; closes at its end.
static void output_take(struct agent *a, int *fd, uint8_t type)
{
	char data[EXEC_FRAME_MAX];
	size_t room;
	ssize_t n;

	while (*fd >= 0 && (room = pipe_room(&a->pipe)) > 0) {
		room = room < sizeof(data) ? room : sizeof(data);
		n = read(*fd, data, room);
		if (n < 0 && errno == EAGAIN) {
			return;
		}
		if (n <= 0) {
			close(*fd);
			*fd = -1;
		} else {
			pipe_frame(&a->pipe, type, data, (size_t)n);
		}
	}
}

static bool has_output(int fd)
{
	struct pollfd p = {fd, POLLIN, 0};

	return fd >= 0 && poll(&p, 1, 0) > 0 && p.revents & POLLIN;
}

// The command has ended and all it wrote is on its way: say so and go. What it
// left in the background may hold its output open; that is not waited for.
static void end_tell(struct agent *a)
{
	bool killed = WIFSIGNALED(a->status);
	char value =
	    (char)(killed ? WTERMSIG(a->status) : WEXITSTATUS(a->status));

	if (!a->ended || has_output(a->out) || has_output(a->err) ||
	    !pipe_room(&a->pipe)) {
		return;
	}
	pipe_frame(&a->pipe, killed ? EXEC_SIGNALLED : EXEC_CODE, &value, 1);
	pipe_close(&a->pipe);
	_exit(0);
}

static void children_reap(struct agent *a, int signals)
{
	struct signalfd_siginfo info;

	while (read(signals, &info, sizeof(info)) == sizeof(info)) {
	}
	if (a->pid && !a->ended &&
	    waitpid(a->pid, &a->status, WNOHANG) == a->pid) {
		a->ended = true;
	}
}

static void agent_turn(struct agent *a, int signals)
{
	bool room = pipe_room(&a->pipe) > 0;
	bool input = a->have >= sizeof(a->frame) &&
		     a->frame.type == EXEC_INPUT && a->in >= 0 &&
		     a->have == sizeof(a->frame) + a->frame.bytes;
	struct pollfd p[] = {
	    {a->pipe.events, POLLIN, 0},      {signals, POLLIN, 0},
	    {room ? a->out : -1, POLLIN, 0},  {room ? a->err : -1, POLLIN, 0},
	    {input ? a->in : -1, POLLOUT, 0},
	};

	poll(p, 5, -1);
	if (p[0].revents) {
		pipe_events(&a->pipe);
	}
	if (pipe_closed(&a->pipe)) { // nobody looks on any more
		if (a->pid && !a->ended) {
			kill(-a->pid, SIGHUP);
		}
		_exit(0);
	}
	if (input && input_take(a)) {
		a->have = 0;
	}
	if (!input || !a->have) {
		frames_take(a);
	}
	children_reap(a, signals);
	output_take(a, &a->out, EXEC_OUTPUT);
	output_take(a, &a->err, EXEC_ERRORS);
	end_tell(a);
	pipe_notify(&a->pipe);
}

void agent_run(unsigned int slot, unsigned int sequence)
{
	static struct agent a;
	sigset_t set;
	int signals;

	a.in = a.out = a.err = -1;
	sigfillset(&set);
	signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	signal(SIGPIPE, SIG_IGN);
	if (signals < 0 || pipe_open(&a.pipe, slot, sequence)) {
		fprintf(stderr, "wabe-init: exec: %s\n", strerror(errno));
		_exit(1);
	}
	for (;;) {
		agent_turn(&a, signals);
	}
}
