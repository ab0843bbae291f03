// SPDX-License-Identifier: MIT
// Requests from `wabe` and other users of the library: one function a verb.
#define _GNU_SOURCE
#include "creator.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define LIST_BATCH 64
#define PATIENCE_S 2 // with a client that does not read what it asked for

static int verb_create(struct request *q, struct wabe_error *err)
{
	struct wabe_spec *spec = NULL;
	struct record *r = NULL;
	CLEANUP_FREE void *blob = malloc(q->body_bytes + 1);

	if (!blob) {
		return error_set(err, ENOMEM, "description");
	}
	// libfdt wants it aligned.
	memcpy(blob, q->c->packet + sizeof(q->head), q->body_bytes);
	if (wabe_spec_parse(&spec, blob, q->body_bytes, "description", err) ||
	    record_create(q->c, spec, q->head.flags, &r, err)) {
		return -1;
	}
	if (q->head.flags & WABE_CREATE_ATTACHED) {
		r->owner = q->client;
	}
	q->r = r;
	return 0;
}

static int verb_release(struct request *q, struct wabe_error *err)
{
	q->r->owner = NULL;
	return 0;
}

static int verb_pause(struct request *q, struct wabe_error *err)
{
	return record_state(q->c, q->r, true, err);
}

static int verb_unpause(struct request *q, struct wabe_error *err)
{
	return record_state(q->c, q->r, false, err);
}

static int verb_kill(struct request *q, struct wabe_error *err)
{
	char text[16];

	if (q->head.value < 1 || q->head.value > 64) {
		return error_set(err, 0, "signal %u: 1 to 64", q->head.value);
	}
	snprintf(text, sizeof(text), "%u", q->head.value);
	return worker_write(q->c, q->r, "wabe/signal", text, err);
}

static int verb_shutdown(struct request *q, struct wabe_error *err)
{
	q->head.argument[sizeof(q->head.argument) - 1] = 0;
	q->r->stopping = strcmp(q->head.argument, "reboot");
	return worker_write(q->c, q->r, "control/shutdown", q->head.argument,
			    err);
}

static int verb_destroy(struct request *q, struct wabe_error *err)
{
	q->reply.info = q->r->info;
	record_end(q->c, q->r, WABE_END_DESTROYED, 0);
	q->r = NULL;
	return 0;
}

// Its stop signal, a name or number; the guest knows both.
static int verb_stop(struct request *q, struct wabe_error *err)
{
	const char *signal = q->r->spec->stop_signal;

	q->r->stopping = true;
	if (q->r->info.state == WABE_RESTARTING) {
		return verb_destroy(q, err);
	}
	return worker_write(q->c, q->r, "wabe/signal", signal ? signal : "TERM",
			    err);
}

static int verb_remove(struct request *q, struct wabe_error *err)
{
	char log[256];

	if (q->r->info.state != WABE_EXITED) {
		return error_set(err, EBUSY, "%s runs (wabe destroy %s first)",
				 q->r->info.name, q->r->info.name);
	}
	log_path(q->r, log);
	unlink(log);
	record_forget(q->c, q->r);
	q->r = NULL;
	return 0;
}

static int verb_info(struct request *q, struct wabe_error *err)
{
	record_refresh(q->c, q->r);
	return 0;
}

static int verb_inspect(struct request *q, struct wabe_error *err)
{
	void *blob;

	if (wabe_spec_blob(q->r->spec, &blob, &q->answer_bytes, err)) {
		return -1;
	}
	q->answer = blob;
	return 0;
}

static int verb_wait(struct request *q, struct wabe_error *err)
{
	if (q->r->info.state != WABE_EXITED) {
		q->client->waiting = q->r;
		q->silent = true;
	}
	return 0;
}

static int verb_list(struct request *q, struct wabe_error *err)
{
	struct wabe_info batch[LIST_BATCH];
	struct record *r;

	domains_sweep(q->c); // today's figures
	r = q->c->records;
	do {
		q->reply.count = 0;
		for (; r && q->reply.count < LIST_BATCH; r = r->next) {
			batch[q->reply.count++] = r->info;
		}
		if (packet_send(q->client->fd, &q->reply, sizeof(q->reply),
				batch, q->reply.count * sizeof(batch[0]), NULL,
				0) < 0) {
			shutdown(q->client->fd, SHUT_RDWR);
			break;
		}
	} while (q->reply.count);
	q->silent = true;
	return 0;
}

static int verb_console(struct request *q, struct wabe_error *err)
{
	return worker_console(q->c, q->r, q->head.bytes, &q->fd, err);
}

static int verb_events(struct request *q, struct wabe_error *err)
{
	q->client->listening = true;
	return 0;
}

static int verb_exec(struct request *q, struct wabe_error *err)
{
	record_refresh(q->c, q->r);
	if (q->r->info.state == WABE_PAUSED) {
		return error_set(err, 0, "%s is paused (wabe unpause %s)",
				 q->r->info.name, q->r->info.name);
	}
	return worker_session(q->c, q->r, &q->fd, err)
		   ? error_wrap(err, "%s", q->r->info.name)
		   : 0;
}

static int verb_log(struct request *q, struct wabe_error *err)
{
	char log[256];

	log_path(q->r, log);
	q->fd = open(log, O_RDONLY | O_CLOEXEC);
	return q->fd < 0 ? error_set(err, errno, "%s", log) : 0;
}

// What a verb is about: nothing, a micro-domain, one that has not exited, one
// that has a domain.
enum about { NOTHING, ANY, HELD, LIVE };

static const struct {
	verb_fn *run;
	enum about about;
} verbs[CREATOR_VERBS] = {
    [CREATOR_CREATE] = {verb_create, NOTHING},
    [CREATOR_PAUSE] = {verb_pause, LIVE},
    [CREATOR_UNPAUSE] = {verb_unpause, LIVE},
    [CREATOR_KILL] = {verb_kill, LIVE},
    [CREATOR_SHUTDOWN] = {verb_shutdown, LIVE},
    [CREATOR_DESTROY] = {verb_destroy, HELD},
    [CREATOR_REMOVE] = {verb_remove, ANY},
    [CREATOR_INFO] = {verb_info, ANY},
    [CREATOR_INSPECT] = {verb_inspect, ANY},
    [CREATOR_WAIT] = {verb_wait, ANY},
    [CREATOR_LIST] = {verb_list, NOTHING},
    [CREATOR_CONSOLE] = {verb_console, LIVE},
    [CREATOR_LOG] = {verb_log, ANY},
    [CREATOR_EXEC] = {verb_exec, LIVE},
    [CREATOR_EVENTS] = {verb_events, NOTHING},
    [CREATOR_STOP] = {verb_stop, HELD},
    [CREATOR_MEMORY] = {verb_memory, LIVE},
    [CREATOR_VCPUS] = {verb_vcpus, LIVE},
    [CREATOR_STATS] = {verb_stats, LIVE},
    [CREATOR_HOST] = {verb_host, NOTHING},
    [CREATOR_PARTITIONS] = {verb_partitions, NOTHING},
    [CREATOR_PARTITION] = {verb_partition, NOTHING},
    [CREATOR_DMESG] = {verb_dmesg, NOTHING},
    [CREATOR_RELEASE] = {verb_release, HELD},
};

static int record_take(struct request *q, enum about about,
		       struct wabe_error *err)
{
	q->r = record_find(q->c, q->head.name);
	if (!q->r) {
		return error_set(err, 0,
				 "%s: no such micro-domain (wabe list -a shows "
				 "all)",
				 q->head.name);
	}
	if (about >= HELD && q->r->info.state == WABE_EXITED) {
		return error_set(err, 0, "%s has exited", q->r->info.name);
	}
	if (about == LIVE && q->r->info.state == WABE_RESTARTING) {
		return error_set(err, EAGAIN, "%s is restarting",
				 q->r->info.name);
	}
	return 0;
}

static int request_run(struct request *q, struct wabe_error *err)
{
	enum about about;

	if (q->head.version != CREATOR_VERSION ||
	    q->head.verb >= CREATOR_VERBS) {
		return error_set(err, EPROTO, "request of another version");
	}
	q->head.name[sizeof(q->head.name) - 1] = 0;
	about = verbs[q->head.verb].about;
	if (about != NOTHING && record_take(q, about, err)) {
		return -1;
	}
	return verbs[q->head.verb].run(q, err);
}

static void client_drop(struct creator *c, struct client *client)
{
	close(client->fd);
	client->fd = -1;
	client->waiting = NULL;
	for (struct record *r = c->records, *after; r; r = after) {
		after = r->next;
		if (r->owner == client) {
			record_end(c, r, WABE_END_DESTROYED, 0);
		}
	}
}

void client_serve(struct creator *c, struct client *client)
{
	struct request q = {.c = c, .client = client, .fd = -1};
	long n = packet_receive(client->fd, c->packet, sizeof(c->packet), NULL,
				NULL, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
		return;
	}
	if (n < (long)sizeof(q.head)) {
		client_drop(c, client);
		return;
	}
	memcpy(&q.head, c->packet, sizeof(q.head));
	q.body_bytes = (size_t)n - sizeof(q.head);
	q.reply.version = CREATOR_VERSION;
	q.reply.status = request_run(&q, &q.reply.error);
	if (q.r) {
		q.reply.info = q.r->info;
	}
	if (!q.silent &&
	    packet_send(client->fd, &q.reply, sizeof(q.reply), q.answer,
			q.answer_bytes, &q.fd, q.fd >= 0) < 0) {
		client_drop(c, client);
	}
	if (q.fd >= 0) {
		close(q.fd);
	}
	free(q.answer);
}

void clients_tell_exit(struct creator *c, struct record *r)
{
	struct creator_reply reply = {.version = CREATOR_VERSION};

	reply.info = r->info;
	for (struct client *client = c->clients; client;
	     client = client->next) {
		if (client->waiting == r) {
			client->waiting = NULL;
			packet_send(client->fd, &reply, sizeof(reply), NULL, 0,
				    NULL, 0);
		}
	}
}

void clients_tell(struct creator *c, const struct record *r)
{
	struct creator_reply reply = {.version = CREATOR_VERSION,
				      .info = r->info};

	for (struct client *client = c->clients; client;
	     client = client->next) {
		if (client->listening && client->fd >= 0 &&
		    send(client->fd, &reply, sizeof(reply),
			 MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
			shutdown(client->fd,
				 SHUT_RDWR); // its end comes by poll
			client->listening = false;
		}
	}
}

void client_accept(struct creator *c)
{
	int fd = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC);
	struct timeval patience = {.tv_sec = PATIENCE_S};
	struct client *client;

	if (fd < 0) {
		usleep(1000); // no descriptor is left: not round and round
		return;
	}
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	client = calloc(1, sizeof(*client));
	if (!client) {
		abort();
	}
	client->fd = fd;
	client->next = c->clients;
	c->clients = client;
}

void clients_sweep(struct creator *c)
{
	for (struct client **at = &c->clients; *at;) {
		struct client *client = *at;

		if (client->fd < 0) {
			*at = client->next;
			free(client);
		} else {
			at = &client->next;
		}
	}
}

void clients_end(struct creator *c)
{
	for (struct client *client = c->clients; client;
	     client = client->next) {
		if (client->fd >= 0) {
			close(client->fd);
			client->fd = -1;
		}
	}
	clients_sweep(c);
}
