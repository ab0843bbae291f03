// SPDX-License-Identifier: MIT
// A log of bounded size. Two buffers: one fills while the other is written.
// When the file is full its newer half moves to the front, from a line's start.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

enum { LOG_BUFFER = 16 * 1024, LOG_LEAST = 64 * 1024, LOG_BYTES = 1 << 20 };

struct log {
	struct job job; // writes `writing`
	struct served *served;
	int fd;
	uint64_t limit;
	struct job_queue queue; // one job at a time
	bool writing;
	unsigned tails; // reads under way
	size_t filled, written;
	char *fill, *write;
	// the thread's
	off_t end;
	bool failed;
	bool told; // of a failure, the loop's
};

struct log *log_create(struct served *served, int fd, uint64_t limit)
{
	struct log *log = calloc(1, sizeof(*log));

	if (!log || !(log->fill = malloc(LOG_BUFFER)) ||
	    !(log->write = malloc(LOG_BUFFER))) {
		abort();
	}
	log->served = served;
	log->fd = fd;
	log->limit = limit ? limit : LOG_BYTES;
	log->limit = log->limit < LOG_LEAST ? LOG_LEAST : log->limit;
	log->queue.max_running = 1;
	log->end = lseek(fd, 0, SEEK_END);
	log->end = log->end < 0 ? 0 : log->end;
	return log;
}

bool log_busy(const struct log *log)
{
	return log->queue.count;
}

void log_free(struct log *log)
{
	close(log->fd);
	free(log->fill);
	free(log->write);
	free(log);
}

// --- in a thread ------------------------------------------------------------

// Keep the newer half. Whatever fails, the log goes on from the front.
static void file_cut(struct log *log, char *scratch)
{
	off_t from = log->end - log->limit / 2, to = 0;
	bool line = true; // the rest of a line to leave out

	while (from < log->end) {
		ssize_t n = pread(log->fd, scratch, POOL_SCRATCH, from);
		char *start = scratch;

		if (n <= 0) {
			break;
		}
		from += n;
		if (line) {
			char *newline = memchr(scratch, '\n', n);

			line = false;
			start = newline ? newline + 1 : scratch;
		}
		n -= start - scratch;
		if (n && pwrite(log->fd, start, n, to) != n) {
			break;
		}
		to += n;
	}
	log->failed |= ftruncate(log->fd, to) != 0;
	log->end = to;
}

static void write_job(struct job *job, void *scratch)
{
	struct log *log = (struct log *)job;
	size_t at = 0;

	if (log->end + log->written > log->limit) {
		file_cut(log, scratch);
	}
	while (at < log->written) {
		ssize_t n = pwrite(log->fd, log->write + at, log->written - at,
				   log->end);

		if (n <= 0) {
			log->failed = true; // the disk is full, say
			return;
		}
		at += n;
		log->end += n;
	}
}

static void tail_job(struct job *job, void *scratch)
{
	struct log_tail *tail = (struct log_tail *)job;
	struct log *log = tail->log;
	off_t from = log->end - tail->bytes;
	ssize_t n;

	if (log->end < (off_t)tail->bytes) {
		from = 0;
		tail->bytes = log->end;
	}
	n = pread(log->fd, tail->data, tail->bytes, from);
	tail->bytes = n < 0 ? 0 : n;
}

// --- on the loop ------------------------------------------------------------

static void write_done(struct job *job);

static void write_start(struct log *log)
{
	char *full = log->fill;

	if (log->writing || log->tails || !log->filled) {
		return;
	}
	log->fill = log->write;
	log->write = full;
	log->written = log->filled;
	log->filled = 0;
	log->writing = true;
	log->job = (struct job){.run = write_job, .done = write_done};
	pool_submit(log->served->worker->pool, &log->queue, &log->job);
}

static void write_done(struct job *job)
{
	struct log *log = (struct log *)job;

	log->writing = false;
	if (log->failed && !log->told) {
		worker_log("domain %u: its log cannot be written",
			   log->served->peer.domid);
	}
	log->told = log->failed; // once, until it can be written again
	log->failed = false;
	write_start(log);
	served_check_end(log->served);
}

size_t log_append(struct log *log, const char *data, size_t bytes)
{
	size_t room = LOG_BUFFER - log->filled;

	bytes = bytes < room ? bytes : room;
	memcpy(log->fill + log->filled, data, bytes);
	log->filled += bytes;
	write_start(log);
	return bytes;
}

size_t log_pending(const struct log *log, char *to, size_t room)
{
	size_t n = log->filled < room ? log->filled : room;

	memcpy(to, log->fill, n);
	return n;
}

static void tail_done(struct job *job)
{
	struct log_tail *tail = (struct log_tail *)job;
	struct log *log = tail->log;

	log->tails--;
	write_start(log);
	tail->done(tail); // may be the end of the log
}

void log_tail_read(struct log *log, struct log_tail *tail, size_t bytes)
{
	tail->job = (struct job){.run = tail_job, .done = tail_done};
	tail->log = log;
	tail->bytes = bytes;
	tail->data = malloc(bytes + 1);
	if (!tail->data) {
		abort();
	}
	log->tails++;
	pool_submit(log->served->worker->pool, &log->queue, &tail->job);
}
