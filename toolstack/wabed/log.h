// SPDX-License-Identifier: MIT
// The file a console is kept in: at most so many bytes, the newest; written
// and read by the pool, one job at a time.
#ifndef WABED_LOG_H
#define WABED_LOG_H

#include "worker.h"

struct log_tail {
	struct job job;
	struct log *log;
	char *data; // to be freed
	size_t bytes;
	void (*done)(struct log_tail *tail);
};

struct log *log_create(struct served *served, int fd, uint64_t limit);
// Returns how many bytes it took: fewer than given when the disk is behind.
size_t log_append(struct log *log, const char *data, size_t bytes);
// What is not on its way to the file yet, up to `room` bytes.
size_t log_pending(const struct log *log, char *to, size_t room);
// Read the last `bytes` bytes of what is written, or on its way; done() comes
// always. Until then nothing more goes to the file.
void log_tail_read(struct log *log, struct log_tail *tail, size_t bytes);
bool log_busy(const struct log *log);
void log_free(struct log *log);

#endif
