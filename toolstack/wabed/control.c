// SPDX-License-Identifier: MIT
// Messages with the creator. Nothing here waits: what the socket does not take
// is kept and sent when it does.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "packet_fds.h"
#include "worker.h"

struct reply {
	struct reply *next;
	size_t bytes;
	char data[];
};

static bool packet_send(struct worker *worker, const void *data, size_t bytes)
{
	if (worker->control.fd < 0) {
		return true;
	}
	if (send(worker->control.fd, data, bytes,
		 MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
		return true;
	}
	return errno != EAGAIN && errno != ENOBUFS && errno != EINTR;
}

static void replies_flush(struct worker *worker)
{
	struct reply *reply;

	while ((reply = worker->replies_first) &&
	       packet_send(worker, reply->data, reply->bytes)) {
		worker->replies_first = reply->next;
		free(reply);
	}
	if (!worker->replies_first) {
		worker->replies_last = NULL;
		source_change(worker, &worker->control, EPOLLIN);
	}
}

void control_drop(struct worker *worker)
{
	struct reply *reply;

	while ((reply = worker->replies_first)) {
		worker->replies_first = reply->next;
		free(reply);
	}
	worker->replies_last = NULL;
}

void control_send(struct worker *worker, struct wabed_message *message,
		  const void *value, size_t bytes)
{
	size_t total = sizeof(*message) + bytes;
	struct reply *reply = malloc(sizeof(*reply) + total);

	if (!reply) {
		abort();
	}
	message->version = WABED_VERSION;
	message->value_bytes = bytes;
	reply->next = NULL;
	reply->bytes = total;
	memcpy(reply->data, message, sizeof(*message));
	if (bytes) {
		memcpy(reply->data + sizeof(*message), value, bytes);
	}
	if (!worker->replies_first && packet_send(worker, reply->data, total)) {
		free(reply);
		return;
	}
	if (worker->replies_last) {
		worker->replies_last->next = reply;
	} else {
		worker->replies_first = reply;
		source_change(worker, &worker->control, EPOLLIN | EPOLLOUT);
	}
	worker->replies_last = reply;
}

void control_done(struct worker *worker, uint32_t sequence, uint16_t domid,
		  int error)
{
	struct wabed_message done = {
	    .type = WABED_DONE,
	    .sequence = sequence,
	    .domid = domid,
	    .error = error,
	};

	control_send(worker, &done, NULL, 0);
}

// --- requests ---------------------------------------------------------------

static int do_add(struct worker *worker, struct packet *packet)
{
	const struct wabed_add *add = &packet->message.add;
	int wanted = 3 + add->disk_count + add->net_count +
		     (packet->message.kind != WABED_ADD_PLAIN);

	if (add->disk_count > WABED_MAX_DISKS ||
	    add->net_count > WABED_MAX_NETS || packet->fd_count != wanted ||
	    add->fdt_bytes != packet->tail_bytes ||
	    packet->message.domid >= 0x7ff0 ||
	    strnlen(add->name, sizeof(add->name)) == sizeof(add->name) ||
	    strnlen(add->uuid, sizeof(add->uuid)) == sizeof(add->uuid)) {
		return EINVAL;
	}
	if (served_find(worker, packet->message.domid)) {
		return EEXIST;
	}
	packet->fd_count = 0; // served_add has them now
	return served_add(worker, &packet->message, &peer_devices, packet->fds,
			  packet->tail);
}

static int do_console(struct served *served, struct packet *packet)
{
	int fd;

	if (packet->fd_count != 1) {
		return EINVAL;
	}
	fd = packet->fds[0];
	packet->fd_count = 0;
	return console_attach(served, fd, packet->message.bytes);
}

static int do_exec(struct served *served, struct packet *packet)
{
	if (packet->fd_count != 1) {
		return EINVAL;
	}
	packet->fd_count = 0;
	return exec_open(served, packet->fds[0]);
}

static int do_write(struct served *served, struct packet *packet)
{
	struct wabed_message *message = &packet->message;

	if (strnlen(message->path, sizeof(message->path)) ==
		sizeof(message->path) ||
	    message->path[0] == '/') {
		return EINVAL;
	}
	if (message->value_bytes == WABED_REMOVE) {
		return store_remove(&served->store.store, message->path);
	}
	if (message->value_bytes != packet->tail_bytes) {
		return EINVAL;
	}
	return store_set_bytes(&served->store.store, message->path,
			       packet->tail, packet->tail_bytes, false);
}

static void do_stats(struct served *served, struct wabed_message *message)
{
	const struct store *store = &served->store.store;

	message->stats = served->stats;
	message->stats.store_nodes = store->tree.nodes;
	message->stats.store_bytes = store->tree.bytes;
	message->stats.store_watches = store->watches.count;
	message->stats.store_requests = store->requests;
	control_send(served->worker, message, NULL, 0);
}

static void packet_handle(struct worker *worker, struct packet *packet)
{
	struct wabed_message *message = &packet->message;
	struct served *served = served_find(worker, message->domid);
	int error = ESRCH;

	if (message->version != WABED_VERSION) {
		error = EPROTO;
	} else if (message->type == WABED_ADD) {
		error = do_add(worker, packet);
	} else if (served && !served->leaving) {
		switch (message->type) {
		case WABED_REMOVE_DOMAIN:
			served_remove(served, message->sequence);
			return;
		case WABED_CONSOLE:
			error = do_console(served, packet);
			break;
		case WABED_EXEC:
			error = do_exec(served, packet);
			break;
		case WABED_WRITE:
			error = do_write(served, packet);
			state_save(served);
			channel_queue(&served->store.channel);
			break;
		case WABED_STATS:
			do_stats(served, message);
			return;
		default:
			error = ENOSYS;
		}
	}
	control_done(worker, message->sequence, message->domid, error);
}

static struct packet incoming; // the loop handles one at a time

static void packet_take(struct worker *worker)
{
	int got =
	    packet_receive_fds(worker->control.fd, &incoming, MSG_DONTWAIT);

	if (!got) { // the creator is gone
		worker->ending = true;
		return;
	}
	if (got > 0) {
		packet_handle(worker, &incoming);
		packet_close(&incoming);
	} else if (errno == EPROTO) {
		worker_log("a message makes no sense");
	}
}

void control_ready(struct source *source, uint32_t events)
{
	struct worker *worker =
	    (struct worker *)((char *)source -
			      offsetof(struct worker, control));

	if (events & EPOLLOUT) {
		replies_flush(worker);
	}
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
		packet_take(worker);
	}
}
