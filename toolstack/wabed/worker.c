// SPDX-License-Identifier: MIT
// The event loop. It sleeps only when no channel has work.
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "worker.h"

enum { TURNS_A_STEP = 64 }; // channels served between two looks at epoll

void worker_log(const char *format, ...)
{
	char line[512];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	fprintf(stderr, "wabed: %s\n", line);
}

uint64_t time_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

void source_add(struct worker *worker, struct source *source, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = source};

	epoll_ctl(worker->epoll_fd, EPOLL_CTL_ADD, source->fd, &event);
}

void source_change(struct worker *worker, struct source *source,
		   uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = source};

	epoll_ctl(worker->epoll_fd, EPOLL_CTL_MOD, source->fd, &event);
}

// The loop takes one event at a time, so none for this one is still to come.
void source_remove(struct worker *worker, struct source *source)
{
	epoll_ctl(worker->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
}

bool channel_bind(struct channel *channel, struct served *served,
		  uint32_t remote_port, bool (*turn)(struct channel *channel))
{
	*channel = (struct channel){
	    .served = served,
	    .turn = turn,
	    .port = served->peer.ops->bind(&served->peer, remote_port),
	};
	if (channel->port < 0) {
		channel->port = -1;
		return false;
	}
	// Whatever the guest did before we listened.
	channel_queue(channel);
	return true;
}

void channel_adopt(struct channel *channel, struct served *served, int port,
		   bool (*turn)(struct channel *channel))
{
	*channel = (struct channel){
	    .served = served,
	    .turn = turn,
	    .port = port,
	    .masked = true, // it may have been handed out and not back
	};
	channel_notify(channel);
	channel_queue(channel);
}

static void round_remove(struct worker *worker, struct channel *channel)
{
	struct channel **at = &worker->round_first, *last = NULL;

	while (*at && *at != channel) {
		last = *at;
		at = &(*at)->next;
	}
	if (*at) {
		*at = channel->next;
		if (worker->round_last == channel) {
			worker->round_last = last;
		}
	}
}

void channel_unbind(struct channel *channel)
{
	if (channel->queued) {
		round_remove(channel->served->worker, channel);
		channel->queued = false;
	}
	channel->sleep_until = 0;
	if (channel->port >= 0) {
		channel->served->peer.ops->unbind(&channel->served->peer,
						  channel->port);
		channel->port = -1;
	}
}

void channel_notify(struct channel *channel)
{
	if (channel->port >= 0) {
		channel->served->peer.ops->notify(&channel->served->peer,
						  channel->port);
	}
}

void channel_queue(struct channel *channel)
{
	struct worker *worker = channel->served->worker;

	if (channel->queued || channel->port < 0) {
		return;
	}
	channel->sleep_until = 0;
	channel->queued = true;
	channel->next = NULL;
	if (worker->round_last) {
		worker->round_last->next = channel;
	} else {
		worker->round_first = channel;
	}
	worker->round_last = channel;
}

void channel_sleep(struct channel *channel, uint64_t until)
{
	struct worker *worker = channel->served->worker;

	if (!channel->sleep_until || until < channel->sleep_until) {
		channel->sleep_until = until;
	}
	if (until < worker->wake_at) {
		worker->wake_at = until;
	}
}

// A port stays masked while its channel has work or sleeps: a guest that keeps
// on notifying costs nothing.
static void channel_turn(struct worker *worker)
{
	struct channel *channel = worker->round_first;

	worker->round_first = channel->next;
	if (!worker->round_first) {
		worker->round_last = NULL;
	}
	channel->queued = false;
	if (channel->turn(channel)) {
		channel_queue(channel);
	} else if (channel->masked && !channel->queued &&
		   !channel->sleep_until && channel->port >= 0) {
		channel->masked = false;
		channel->served->peer.ops->unmask(&channel->served->peer,
						  channel->port);
	}
}

struct wake {
	uint64_t now, next;
};

static void channel_wake(struct channel *channel, struct wake *wake)
{
	if (!channel->sleep_until) {
		return;
	}
	if (channel->sleep_until <= wake->now) {
		channel_queue(channel);
	} else if (channel->sleep_until < wake->next) {
		wake->next = channel->sleep_until;
	}
}

// Only when the first one's time has come are all looked at.
static void channels_wake(struct worker *worker)
{
	struct wake wake = {.next = UINT64_MAX};

	if (worker->wake_at == UINT64_MAX) {
		return;
	}
	wake.now = time_now();
	if (worker->wake_at > wake.now) {
		return;
	}
	for (struct served *s = worker->domains; s; s = s->next) {
		for (uint32_t i = 0; i < s->disk_count; i++) {
			channel_wake(&disk_backend(s->disks[i])->channel,
				     &wake);
		}
		for (uint32_t i = 0; i < s->net_count; i++) {
			channel_wake(&net_backend(s->nets[i])->channel, &wake);
		}
	}
	worker->wake_at = wake.next;
}

static int timeout_of(const struct worker *worker, int wait)
{
	uint64_t now = time_now(), ms;

	if (worker->round_first) {
		return 0;
	}
	if (worker->wake_at == UINT64_MAX) {
		return wait;
	}
	ms = worker->wake_at > now ? (worker->wake_at - now) / 1000000 + 1 : 0;
	return wait >= 0 && (uint64_t)wait < ms ? wait
	       : ms > 1000			? 1000
						: (int)ms;
}

void worker_step(struct worker *worker, int wait)
{
	struct epoll_event event;
	int turns = TURNS_A_STEP;

	// One event at a time: its handler may remove any other source.
	for (int i = 0; i < 16; i++) {
		struct source *source;

		if (epoll_wait(worker->epoll_fd, &event, 1,
			       i ? 0 : timeout_of(worker, wait)) <= 0) {
			break;
		}
		source = event.data.ptr;
		source->ready(source, event.events);
	}
	channels_wake(worker);
	while (worker->round_first && turns--) {
		channel_turn(worker);
	}
}

static void pool_ready(struct source *source, uint32_t events)
{
	struct worker *worker =
	    (struct worker *)((char *)source -
			      offsetof(struct worker, pool_done));

	pool_reap(worker->pool);
}

int worker_init(struct worker *worker, int control_fd)
{
	*worker = (struct worker){.wake_at = UINT64_MAX};
	worker->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	worker->pool = pool_create(&worker->pool_done.fd);
	if (worker->epoll_fd < 0 || !worker->pool) {
		return errno ? errno : ENOMEM;
	}
	worker->pool_done.ready = pool_ready;
	source_add(worker, &worker->pool_done, EPOLLIN);
	worker->control = (struct source){control_fd, control_ready};
	if (control_fd >= 0) {
		fcntl(control_fd, F_SETFL,
		      fcntl(control_fd, F_GETFL) | O_NONBLOCK);
		source_add(worker, &worker->control, EPOLLIN);
	}
	return 0;
}

void worker_fini(struct worker *worker)
{
	control_drop(worker);
	pool_destroy(worker->pool);
	close(worker->epoll_fd);
}
