// SPDX-License-Identifier: MIT
// The client's side of a session: frames to and from the agent in the guest
// (exec_proto.h). What comes from there is any guest's word: lengths are
// checked, kinds not known are an error.
#define _GNU_SOURCE
#include "creator_proto.h"
#include "error.h"
#include "exec_proto.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define START_MS 30000 // how long a guest may take to start something
#define RETRY_MS 100

_Static_assert(sizeof(((struct wabe_exec_said *)0)->data) == EXEC_FRAME_MAX,
	       "a frame fits");

// In one piece, so that frames of several threads do not mix.
static int frame_send(int fd, int type, const void *data, size_t bytes,
		      struct wabe_error *err)
{
	struct exec_frame head = {(uint8_t)type, 0, (uint16_t)bytes};
	char whole[sizeof(head) + EXEC_FRAME_MAX];

	memcpy(whole, &head, sizeof(head));
	if (bytes) {
		memcpy(whole + sizeof(head), data, bytes);
	}
	bytes += sizeof(head);
	return send(fd, whole, bytes, MSG_NOSIGNAL) == (ssize_t)bytes
		   ? 0
		   : error_set(err, errno, "the session is over");
}

// A word, in parts if it is long.
static int word_send(int fd, int type, const char *word, struct wabe_error *err)
{
	size_t bytes = strlen(word);

	for (; bytes > EXEC_FRAME_MAX; bytes -= EXEC_FRAME_MAX) {
		if (frame_send(fd, EXEC_PART, word, EXEC_FRAME_MAX, err)) {
			return -1;
		}
		word += EXEC_FRAME_MAX;
	}
	return frame_send(fd, type, word, bytes, err);
}

static int words_send(int fd, int type, char *const *words,
		      struct wabe_error *err)
{
	for (; words && *words; words++) {
		if (word_send(fd, type, *words, err)) {
			return -1;
		}
	}
	return 0;
}

static int request_send(int fd, const struct wabe_exec *x,
			struct wabe_error *err)
{
	struct exec_size size = {x->rows, x->columns};

	return words_send(fd, EXEC_ARGV, x->argv, err) ||
		       words_send(fd, EXEC_ENV, x->env, err) ||
		       (x->cwd && word_send(fd, EXEC_CWD, x->cwd, err)) ||
		       (x->user && word_send(fd, EXEC_USER, x->user, err)) ||
		       (x->terminal && frame_send(fd, EXEC_TERMINAL, &size,
						  sizeof(size), err)) ||
		       frame_send(fd, EXEC_START, NULL, 0, err)
		   ? -1
		   : 0;
}

static bool receive_all(int fd, void *to, size_t bytes)
{
	return !bytes || recv(fd, to, bytes, MSG_WAITALL) == (ssize_t)bytes;
}

static int frame_receive(int fd, struct exec_frame *head, char *data,
			 struct wabe_error *err)
{
	if (!receive_all(fd, head, sizeof(*head)) ||
	    head->bytes > EXEC_FRAME_MAX ||
	    !receive_all(fd, data, head->bytes)) {
		return error_set(err, 0,
				 "the session broke off (the micro-domain "
				 "ended, or its worker)");
	}
	return 0;
}

static int started_wait(int fd, struct wabe_error *err)
{
	struct pollfd p = {fd, POLLIN, 0};
	char data[EXEC_FRAME_MAX];
	struct exec_frame head;

	if (poll(&p, 1, START_MS) <= 0) {
		return error_set(err, ETIMEDOUT, "the guest starts nothing");
	}
	if (frame_receive(fd, &head, data, err)) {
		return -1;
	}
	return head.type == EXEC_STARTED
		   ? 0
		   : error_set(err, EPROTO, "the guest's agent");
}

// A guest that has just begun is not ready yet.
static int session_wait(struct wabe *w, const char *name,
			struct wabe_error *err)
{
	struct timespec nap = {0, RETRY_MS * 1000000};
	int fd;

	for (int waited = 0; waited < START_MS; waited += RETRY_MS) {
		fd = session_open(w, name, err);
		if (fd >= 0 || err->code != EAGAIN) {
			return fd;
		}
		nanosleep(&nap, NULL);
	}
	return error_set(err, EAGAIN,
			 "%s takes no commands: its guest has no init of "
			 "Wabe's, or has not started",
			 name);
}

int wabe_exec(struct wabe *w, const char *name, const struct wabe_exec *what,
	      struct wabe_error *err)
{
	CLEANUP_CLOSE int fd = -1;
	int started;

	if (!what->argv || !what->argv[0]) {
		return error_set(err, 0, "no command");
	}
	fd = session_wait(w, name, err);
	if (fd < 0) {
		return -1;
	}
	if (request_send(fd, what, err) || started_wait(fd, err)) {
		return error_wrap(err, "%s", name);
	}
	started = fd;
	fd = -1;
	return started;
}

int wabe_exec_hear(int fd, struct wabe_exec_said *said, struct wabe_error *err)
{
	struct exec_frame head;

	if (frame_receive(fd, &head, said->data, err)) {
		return -1;
	}
	said->bytes = head.bytes;
	said->value = head.bytes ? (unsigned char)said->data[0] : 0;
	switch (head.type) {
	case EXEC_OUTPUT:
		said->what = WABE_SAID_OUTPUT;
		return 0;
	case EXEC_ERRORS:
		said->what = WABE_SAID_ERRORS;
		return 0;
	case EXEC_CODE:
		said->what = WABE_SAID_CODE;
		return 0;
	case EXEC_SIGNALLED:
		said->what = WABE_SAID_SIGNAL;
		return 0;
	default:
		return error_set(err, EPROTO, "the guest's agent");
	}
}

int wabe_exec_input(int fd, const void *data, size_t bytes,
		    struct wabe_error *err)
{
	const char *from = data;

	if (!bytes) {
		return frame_send(fd, EXEC_INPUT_END, NULL, 0, err);
	}
	while (bytes) {
		size_t n = bytes < EXEC_FRAME_MAX ? bytes : EXEC_FRAME_MAX;

		if (frame_send(fd, EXEC_INPUT, from, n, err)) {
			return -1;
		}
		from += n;
		bytes -= n;
	}
	return 0;
}

int wabe_exec_resize(int fd, uint16_t rows, uint16_t columns,
		     struct wabe_error *err)
{
	struct exec_size size = {rows, columns};

	return frame_send(fd, EXEC_RESIZE, &size, sizeof(size), err);
}

int wabe_exec_signal(int fd, unsigned int signal, struct wabe_error *err)
{
	uint8_t number = (uint8_t)signal;

	return frame_send(fd, EXEC_SIGNAL, &number, 1, err);
}
