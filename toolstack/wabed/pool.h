// SPDX-License-Identifier: MIT
// Threads for what may sleep: reading and writing files. Jobs wait in queues,
// one for each disk and log. The threads take from the queues in turn, so a
// queue with a thousand jobs does not hold up one with a single job.
#ifndef WABED_POOL_H
#define WABED_POOL_H

#include <stdbool.h>
#include <stddef.h>

enum { POOL_THREADS = 4, POOL_SCRATCH = 64 * 1024 };

struct job {
	struct job *next;
	struct job_queue *queue;
	// In a thread. `scratch` is POOL_SCRATCH bytes of that thread, page
	// aligned. It must touch nothing else of the worker but the job.
	void (*run)(struct job *job, void *scratch);
	// Afterwards, on the event loop. May free the job.
	void (*done)(struct job *job);
};

struct job_queue {
	struct job_queue *next; // in the pool's round, while it can run
	struct job *first, *last;
	unsigned running, max_running; // of this queue's jobs, at a time
	unsigned count; // submitted and not yet done: the loop's own number
	bool in_round;
};

struct pool;

// The descriptor becomes readable when jobs are done: then call pool_reap.
// NULL if there is no memory for threads.
struct pool *pool_create(int *done_fd);
void pool_submit(struct pool *pool, struct job_queue *queue, struct job *job);
void pool_reap(struct pool *pool);
// Ends the threads. No job may be waiting.
void pool_destroy(struct pool *pool);

#endif
