// SPDX-License-Identifier: MIT
// Sessions of `wabe exec`: bytes between a client's socket and a page the guest
// granted for it (exec_proto.h). Nothing is lost and nothing kept: a client
// that does not read holds up the agent of its own session, no one else.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "exec_proto.h"
#include "worker.h"

struct exec {
	struct channel channel;
	struct source client;	// fd -1: no session
	struct exec_ring *page; // NULL until the agent has answered
	unsigned int slot;
	uint32_t sequence;
	bool ended;  // the guest's side has said all
	size_t held; // in `from_guest`, not taken by the client yet
	char from_guest[EXEC_FROM_GUEST];
};

static struct exec *exec_of(struct channel *channel)
{
	return (struct exec *)((char *)channel -
			       offsetof(struct exec, channel));
}

static void node_write(struct served *served, unsigned int slot,
		       const char *what)
{
	char path[32];

	snprintf(path, sizeof(path), "wabe/exec/%u", slot);
	store_set(&served->store.store, path, what);
	channel_queue(&served->store.channel);
}

static void exec_close(struct exec *exec)
{
	struct served *served = exec->channel.served;

	if (exec->page) {
		exec->page->host_closed = 1;
		channel_notify(&exec->channel);
		channel_unbind(&exec->channel);
		served->peer.ops->unmap(&served->peer, exec->page);
		exec->page = NULL;
	}
	source_remove(served->worker, &exec->client);
	close(exec->client.fd);
	exec->client.fd = -1; // the memory stays: this may be its own turn
	// Saved by the turn of the store that this asks for: what the guest
	// wrote may have more to follow before that.
	node_write(served, exec->slot, "closed");
}

static bool is_used(const struct exec *exec)
{
	return exec && exec->client.fd >= 0;
}

void execs_close(struct served *served)
{
	for (unsigned int i = 0; i < EXEC_SESSIONS; i++) {
		if (is_used(served->execs[i])) {
			exec_close(served->execs[i]);
		}
	}
}

void execs_free(struct served *served)
{
	for (unsigned int i = 0; i < EXEC_SESSIONS; i++) {
		free(served->execs[i]);
	}
}

// Copy what the guest wrote behind what is held; false if its indices lie.
static bool output_take(struct exec *exec)
{
	volatile struct exec_ring *page = exec->page;
	uint32_t cons = page->from_guest_cons, prod = page->from_guest_prod;
	uint32_t n = prod - cons, room = EXEC_FROM_GUEST - exec->held;

	if (n > EXEC_FROM_GUEST) {
		return false;
	}
	n = n < room ? n : room;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	for (uint32_t i = 0; i < n; i++) {
		exec->from_guest[exec->held++] =
		    page->from_guest[(cons + i) % EXEC_FROM_GUEST];
	}
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	page->from_guest_cons = cons + n;
	return true;
}

// Room for the guest's input; -1 if its indices lie.
static int input_room(const struct exec *exec)
{
	const volatile struct exec_ring *page = exec->page;
	uint32_t used = page->to_guest_prod - page->to_guest_cons;

	return used > EXEC_TO_GUEST ? -1 : (int)(EXEC_TO_GUEST - used);
}

// What the client has for the guest; false if the client is gone.
static bool input_give(struct exec *exec, int room)
{
	char data[EXEC_TO_GUEST];
	uint32_t prod = exec->page->to_guest_prod;
	ssize_t n = recv(exec->client.fd, data, room, MSG_DONTWAIT);

	if (n <= 0) {
		return n < 0 && (errno == EAGAIN || errno == EINTR);
	}
	for (ssize_t i = 0; i < n; i++) {
		exec->page->to_guest[(prod + i) % EXEC_TO_GUEST] = data[i];
	}
	__atomic_thread_fence(__ATOMIC_RELEASE);
	exec->page->to_guest_prod = prod + n;
	return true;
}

// What is held goes to the client; false if the client is gone.
static bool output_send(struct exec *exec)
{
	ssize_t n = exec->held ? send(exec->client.fd, exec->from_guest,
				      exec->held, MSG_DONTWAIT | MSG_NOSIGNAL)
			       : 0;

	if (n < 0) {
		return errno == EAGAIN || errno == EINTR;
	}
	exec->held -= n;
	memmove(exec->from_guest, exec->from_guest + n, exec->held);
	return true;
}

// Move what can be moved. The session may be gone afterwards.
static bool exec_move(struct exec *exec)
{
	struct exec_ring *page = exec->page;
	uint32_t taken = page->from_guest_cons, given = page->to_guest_prod;
	bool closed = __atomic_load_n(&page->guest_closed, __ATOMIC_ACQUIRE);
	int room = input_room(exec);
	bool alive = room >= 0 && output_take(exec) && output_send(exec);

	alive = alive && (!room || input_give(exec, room));
	if (!alive || ((closed || exec->ended) && !exec->held &&
		       page->from_guest_cons == page->from_guest_prod)) {
		exec_close(exec);
		return false;
	}
	if (taken != page->from_guest_cons || given != page->to_guest_prod) {
		channel_notify(&exec->channel);
	}
	source_change(exec->channel.served->worker, &exec->client,
		      (input_room(exec) > 0 ? EPOLLIN : 0) |
			  (exec->held ? EPOLLOUT : 0));
	return !exec->held && page->from_guest_cons != page->from_guest_prod;
}

static bool exec_turn(struct channel *channel)
{
	return exec_move(exec_of(channel));
}

static void client_ready(struct source *source, uint32_t events)
{
	struct exec *exec =
	    (struct exec *)((char *)source - offsetof(struct exec, client));

	if (!exec->page || events & (EPOLLHUP | EPOLLERR)) {
		exec_close(exec);
	} else if (exec_move(exec)) {
		channel_queue(&exec->channel);
	}
}

int exec_open(struct served *served, int fd)
{
	const char *state = store_get(&served->store.store, "wabe/state");
	struct exec *exec;
	char text[32];
	unsigned int slot = 0;

	while (slot < EXEC_SESSIONS && is_used(served->execs[slot])) {
		slot++;
	}
	if (slot == EXEC_SESSIONS || !state || strcmp(state, "running")) {
		close(fd);
		return slot == EXEC_SESSIONS ? EBUSY : EAGAIN;
	}
	exec = served->execs[slot];
	exec = exec ? exec : malloc(sizeof(*exec));
	if (!exec) {
		abort();
	}
	memset(exec, 0, sizeof(*exec));
	exec->channel = (struct channel){.served = served, .port = -1};
	exec->slot = slot;
	exec->sequence = (uint32_t)time_now(); // told apart by it
	exec->client = (struct source){fd, client_ready};
	source_add(served->worker, &exec->client, 0);
	served->execs[slot] = exec;
	snprintf(text, sizeof(text), "wabe/exec/%u/ring", slot);
	store_set_bytes(&served->store.store, text, "", 0, true);
	snprintf(text, sizeof(text), "open %u", exec->sequence);
	node_write(served, slot, text);
	state_save(served);
	return 0;
}

// The guest wrote wabe/exec/SLOT/ring.
void exec_answered(struct served *served, const char *slot, const char *value)
{
	unsigned int n = (unsigned int)(*slot - '0'), sequence, gref, port;
	struct exec *exec = n < EXEC_SESSIONS ? served->execs[n] : NULL;
	char rest;

	if (!is_used(exec) || strcmp(slot + 1, "/ring") || !value) {
		return;
	}
	if (sscanf(value, "gone %u%c", &sequence, &rest) == 1) {
		if (sequence != exec->sequence) {
			return; // one that was here before
		}
		exec->ended = true;
		if (exec->page) {
			channel_queue(&exec->channel);
		} else {
			exec_close(exec);
		}
		return;
	}
	if (exec->page) {
		return;
	}
	if (sscanf(value, "%u %u %u%c", &sequence, &gref, &port, &rest) != 3 ||
	    sequence != exec->sequence) {
		return;
	}
	exec->page = served->peer.ops->map(&served->peer, gref);
	if (!exec->page) {
		exec_close(exec);
	} else if (!channel_bind(&exec->channel, served, port, exec_turn)) {
		served->peer.ops->unmap(&served->peer, exec->page);
		exec->page = NULL;
		exec_close(exec);
	}
}

// After another process: its sessions are gone. True if there were any.
bool execs_forget(struct served *served)
{
	bool any = false;

	for (unsigned int i = 0; i < EXEC_SESSIONS; i++) {
		const char *value;
		char path[32];

		snprintf(path, sizeof(path), "wabe/exec/%u", i);
		value = store_get(&served->store.store, path);
		if (value && !strncmp(value, "open", 4)) {
			any = true;
			node_write(served, i, "closed");
		}
	}
	return any;
}

struct channel *exec_port_find(struct served *served, int port)
{
	for (unsigned int i = 0; i < EXEC_SESSIONS; i++) {
		if (is_used(served->execs[i]) &&
		    served->execs[i]->channel.port == port) {
			return &served->execs[i]->channel;
		}
	}
	return NULL;
}
