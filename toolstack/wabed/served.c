// SPDX-License-Identifier: MIT
// A domain's beginning and end in the worker.
//
// The end takes two steps. First everything is shut: ports unbound, pages
// unmapped, no new job. What is left are jobs in the pool, which use the
// descriptors and buffers; when the last has come back all is freed and
// REMOVE answered.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "worker.h"

struct served *served_find(struct worker *worker, uint16_t domid)
{
	struct served *served = worker->domains;

	while (served && served->peer.domid != domid) {
		served = served->next;
	}
	return served;
}

void served_lost(struct served *served, const char *device, const char *why)
{
	struct wabed_message lost = {
	    .type = WABED_LOST,
	    .domid = served->peer.domid,
	};

	worker_log("domain %u loses %s: %s", served->peer.domid, device, why);
	strncpy(lost.path, device, sizeof(lost.path) - 1);
	control_send(served->worker, &lost, why, strlen(why));
}

// Which channel a local port is. A dozen at most, so a walk.
static struct channel *port_find(struct served *served, int port)
{
	if (served->store.channel.port == port) {
		return &served->store.channel;
	}
	if (served->console.channel.port == port) {
		return &served->console.channel;
	}
	for (uint32_t i = 0; i < served->disk_count; i++) {
		if (disk_backend(served->disks[i])->channel.port == port) {
			return &disk_backend(served->disks[i])->channel;
		}
	}
	for (uint32_t i = 0; i < served->net_count; i++) {
		if (net_backend(served->nets[i])->channel.port == port) {
			return &net_backend(served->nets[i])->channel;
		}
	}
	return exec_port_find(served, port);
}

static void events_ready(struct source *source, uint32_t events)
{
	struct served *served =
	    (struct served *)((char *)source - offsetof(struct served, events));
	uint32_t ports[32];
	int n = served->peer.ops->pending(&served->peer, ports, 32);

	for (int i = 0; i < n; i++) {
		struct channel *channel = port_find(served, ports[i]);

		if (channel) {
			channel->masked = true;
			channel_queue(channel);
		}
	}
}

static void devices_close(struct served *served)
{
	for (uint32_t i = 0; i < served->disk_count; i++) {
		backend_close(disk_backend(served->disks[i]));
	}
	for (uint32_t i = 0; i < served->net_count; i++) {
		backend_close(net_backend(served->nets[i]));
	}
	execs_close(served);
	console_close(served);
	store_close(served);
}

static bool is_busy(const struct served *served)
{
	for (uint32_t i = 0; i < served->disk_count; i++) {
		if (disk_busy(served->disks[i])) {
			return true;
		}
	}
	return console_busy(served);
}

static void served_free(struct served *served)
{
	for (uint32_t i = 0; i < served->disk_count; i++) {
		disk_free(served->disks[i]);
	}
	for (uint32_t i = 0; i < served->net_count; i++) {
		net_free(served->nets[i]);
	}
	console_free(served);
	execs_free(served);
	state_close(served);
	if (served->events.fd >= 0) {
		source_remove(served->worker, &served->events);
		close(served->peer.evtchn_fd);
	}
	if (served->peer.gntdev_fd >= 0) {
		close(served->peer.gntdev_fd);
	}
	free(served);
}

void served_check_end(struct served *served)
{
	struct worker *worker = served->worker;
	struct served **at = &worker->domains;
	uint32_t sequence = served->leave_sequence;
	uint16_t domid = served->peer.domid;

	if (!served->leaving || is_busy(served)) {
		return;
	}
	while (*at != served) {
		at = &(*at)->next;
	}
	*at = served->next;
	served_free(served);
	control_done(worker, sequence, domid, 0);
}

void served_remove(struct served *served, uint32_t sequence)
{
	served->leaving = true;
	served->leave_sequence = sequence;
	devices_close(served);
	served_check_end(served);
}

// The descriptors are taken one by one: what is used up is -1 behind us.
static int devices_open(struct served *served, const struct wabed_add *add,
			int *fds)
{
	int error = 0;

	for (uint32_t i = 0; i < add->disk_count && !error; i++) {
		error = disk_open(served, &add->disks[i], fds[3 + i]);
		fds[3 + i] = -1;
	}
	for (uint32_t i = 0; i < add->net_count && !error; i++) {
		int *fd = &fds[3 + add->disk_count + i];

		error = net_open(served, &add->nets[i], *fd);
		*fd = -1;
	}
	return error;
}

static struct served *served_create(struct worker *worker,
				    const struct wabed_message *message,
				    const struct peer_ops *ops, int *fds)
{
	struct served *served = calloc(1, sizeof(*served));

	if (!served) {
		abort();
	}
	served->worker = worker;
	served->peer = (struct peer){ops, message->domid, fds[0], fds[1]};
	served->host = message->add.backend_domid;
	served->events = (struct source){fds[0], events_ready};
	served->store.channel.port = served->console.channel.port = -1;
	served->state_fd = -1;
	fds[0] = fds[1] = -1;
	memcpy(served->name, message->add.name, sizeof(served->name));
	memcpy(served->uuid, message->add.uuid, sizeof(served->uuid));
	rate_init(&served->notes, 20, 40, time_now());
	if (served->events.fd >= 0) {
		source_add(worker, &served->events, EPOLLIN);
	}
	return served;
}

// The state descriptor is the last. Another process may have begun with this
// domain, or served it for long.
static int state_take_up(struct served *served, uint32_t kind, int *fd)
{
	int error = state_open(served, *fd);

	*fd = -1;
	if (error || kind != WABED_ADD_RESTORE) {
		return error;
	}
	served->peer.ops->reset_pages(&served->peer);
	served->restoring = state_exists(served);
	if (!served->restoring) {
		served->peer.ops->reset_ports(&served->peer, NULL, 0);
	}
	return 0;
}

static int parts_open(struct served *served, const struct wabed_add *add,
		      int *fds, const void *fdt)
{
	int error = console_open(served, add, fds[2]);

	fds[2] = -1;
	if (!error) {
		error = store_open(served, add, fdt);
	}
	if (!error) {
		error = devices_open(served, add, fds);
	}
	if (!error && served->restoring) {
		served->restoring = false;
		state_restore_devices(served);
	}
	return error;
}

int served_add(struct worker *worker, const struct wabed_message *message,
	       const struct peer_ops *ops, const int *given, const void *fdt)
{
	const struct wabed_add *add = &message->add;
	bool state = message->kind != WABED_ADD_PLAIN;
	int count = 3 + add->disk_count + add->net_count + state;
	struct served *served;
	int fds[WABED_MAX_FDS], error = 0;

	memcpy(fds, given, count * sizeof(*fds));
	served = served_create(worker, message, ops, fds);
	if (state) {
		error = state_take_up(served, message->kind, &fds[count - 1]);
	}
	if (!error) {
		error = parts_open(served, add, fds, fdt);
	}
	for (int i = 0; i < count; i++) {
		if (fds[i] >= 0) {
			close(fds[i]);
		}
	}
	if (error) {
		// Nothing was submitted, so nothing has to come back.
		devices_close(served);
		served_free(served);
		return error;
	}
	served->next = worker->domains;
	worker->domains = served;
	state_save(served);
	return 0;
}
