// SPDX-License-Identifier: MIT
// A few threads and a round of queues.
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "pool.h"

struct pool {
	pthread_mutex_t lock; // guards all below, and every queue but `count`
	pthread_cond_t work;
	struct job_queue *first, *last; // the round
	struct job *done_first, *done_last;
	bool ending;
	int done_fd;
	unsigned threads;
	pthread_t thread[POOL_THREADS];
};

// A queue belongs in the round while it has a job that may start.
static void round_join(struct pool *pool, struct job_queue *queue)
{
	if (queue->in_round || !queue->first ||
	    queue->running >= queue->max_running) {
		return;
	}
	queue->in_round = true;
	queue->next = NULL;
	if (pool->last) {
		pool->last->next = queue;
	} else {
		pool->first = queue;
	}
	pool->last = queue;
	pthread_cond_signal(&pool->work);
}

// The next job of the next queue, which goes to the round's end.
static struct job *round_take(struct pool *pool)
{
	struct job_queue *queue = pool->first;
	struct job *job = queue->first;

	pool->first = queue->next;
	if (!pool->first) {
		pool->last = NULL;
	}
	queue->in_round = false;
	queue->first = job->next;
	if (!queue->first) {
		queue->last = NULL;
	}
	queue->running++;
	round_join(pool, queue);
	return job;
}

static void job_finish(struct pool *pool, struct job *job)
{
	uint64_t one = 1;

	job->queue->running--;
	round_join(pool, job->queue);
	job->next = NULL;
	if (pool->done_last) {
		pool->done_last->next = job;
	} else {
		pool->done_first = job;
		(void)!write(pool->done_fd, &one, sizeof(one));
	}
	pool->done_last = job;
}

static void *thread_main(void *argument)
{
	struct pool *pool = argument;
	void *scratch = aligned_alloc(4096, POOL_SCRATCH);

	if (!scratch) {
		abort();
	}
	pthread_mutex_lock(&pool->lock);
	while (!pool->ending) {
		struct job *job;

		if (!pool->first) {
			pthread_cond_wait(&pool->work, &pool->lock);
			continue;
		}
		job = round_take(pool);
		pthread_mutex_unlock(&pool->lock);
		job->run(job, scratch);
		pthread_mutex_lock(&pool->lock);
		job_finish(pool, job);
	}
	pthread_mutex_unlock(&pool->lock);
	free(scratch);
	return NULL;
}

struct pool *pool_create(int *done_fd)
{
	struct pool *pool = calloc(1, sizeof(*pool));

	if (!pool) {
		return NULL;
	}
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->work, NULL);
	pool->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	while (pool->done_fd >= 0 && pool->threads < POOL_THREADS &&
	       !pthread_create(&pool->thread[pool->threads], NULL, thread_main,
			       pool)) {
		pool->threads++;
	}
	if (!pool->threads) {
		pool_destroy(pool);
		return NULL;
	}
	*done_fd = pool->done_fd;
	return pool;
}

void pool_submit(struct pool *pool, struct job_queue *queue, struct job *job)
{
	job->queue = queue;
	job->next = NULL;
	queue->count++;
	pthread_mutex_lock(&pool->lock);
	if (queue->last) {
		queue->last->next = job;
	} else {
		queue->first = job;
	}
	queue->last = job;
	round_join(pool, queue);
	pthread_mutex_unlock(&pool->lock);
}

void pool_reap(struct pool *pool)
{
	struct job *job;
	uint64_t count;

	(void)!read(pool->done_fd, &count, sizeof(count));
	pthread_mutex_lock(&pool->lock);
	job = pool->done_first;
	pool->done_first = pool->done_last = NULL;
	pthread_mutex_unlock(&pool->lock);
	while (job) {
		struct job *next = job->next;

		job->queue->count--;
		job->done(job);
		job = next;
	}
}

void pool_destroy(struct pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	pool->ending = true;
	pthread_cond_broadcast(&pool->work);
	pthread_mutex_unlock(&pool->lock);
	for (unsigned i = 0; i < pool->threads; i++) {
		pthread_join(pool->thread[i], NULL);
	}
	if (pool->done_fd >= 0) {
		close(pool->done_fd);
	}
	free(pool);
}
