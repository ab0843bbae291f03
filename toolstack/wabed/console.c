// SPDX-License-Identifier: MIT
// The console: what the guest prints goes to its log and to those who look on;
// what they type goes to the guest.
//
// The guest is never held up: a hung disk or a client that does not read costs
// output (counted), not time, for a guest's printk spins while its ring is
// full.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <xen/io/console.h>

#include "log.h"
#include "worker.h"

enum {
	IN = sizeof(((struct xencons_interface *)0)->in),
	OUT = sizeof(((struct xencons_interface *)0)->out),
	CLIENT_BUFFER = 64 * 1024,
};

struct client {
	struct source source; // fd -1: gone, waits for its tail
	struct served *served;
	struct log_tail tail; // the log's end, shown first
	bool showing;	      // the tail has come
	bool mute;	      // it types no more, but looks on
	size_t bytes;
	char buffer[CLIENT_BUFFER]; // what it has not taken yet
};

static struct client *client_of(struct source *source)
{
	return (struct client *)((char *)source -
				 offsetof(struct client, source));
}

static void client_drop(struct client *client)
{
	struct console *console = &client->served->console;

	for (int i = 0; i < CONSOLE_MAX_CLIENTS; i++) {
		if (console->clients[i] == client) {
			console->clients[i] = NULL;
		}
	}
	if (client->source.fd >= 0) {
		source_remove(client->served->worker, &client->source);
		close(client->source.fd);
		client->source.fd = -1;
	}
	if (client->showing) {
		free(client);
	} // else tail_done does
}

static void client_poll(struct client *client, bool input)
{
	source_change(client->served->worker, &client->source,
		      (input && !client->mute ? EPOLLIN : 0) |
			  (client->showing && client->bytes ? EPOLLOUT : 0));
}

// Send what waits. The client may be gone afterwards.
static void client_flush(struct client *client)
{
	ssize_t n;

	if (!client->showing || !client->bytes) {
		return;
	}
	n = send(client->source.fd, client->buffer, client->bytes,
		 MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		client_drop(client);
		return;
	}
	if (n > 0) {
		client->bytes -= n;
		memmove(client->buffer, client->buffer + n, client->bytes);
	}
}

static void client_give(struct client *client, const char *data, size_t bytes)
{
	size_t room = CLIENT_BUFFER - client->bytes;

	if (bytes > room) {
		client->served->stats.console_dropped += bytes - room;
		bytes = room;
	}
	memcpy(client->buffer + client->bytes, data, bytes);
	client->bytes += bytes;
}

// --- the ring ---------------------------------------------------------------

// Room for what is typed; -1 if the indices lie.
static int input_room(const struct console *console)
{
	uint32_t used = console->page->in_prod - console->page->in_cons;

	return used > IN ? -1 : (int)(IN - used);
}

static void console_lose(struct served *served)
{
	served->console.lost = true;
	channel_unbind(&served->console.channel);
	served_lost(served, "console", "its ring makes no sense");
}

// Take what the client typed, as far as the guest has room.
static void client_type(struct client *client)
{
	struct console *console = &client->served->console;
	int room = console->lost ? -1 : input_room(console);
	uint32_t prod;
	char typed[IN];
	ssize_t n;

	if (room <= 0) {
		client_poll(client, false); // again when the guest has read
		return;
	}
	n = recv(client->source.fd, typed, room, MSG_DONTWAIT);
	if (n == 0) {
		client->mute = true;
	}
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		client_drop(client);
		return;
	}
	prod = console->page->in_prod;
	for (ssize_t i = 0; i < n; i++) {
		console->page->in[MASK_XENCONS_IDX(prod++, console->page->in)] =
		    typed[i];
	}
	if (n > 0) {
		__atomic_thread_fence(__ATOMIC_RELEASE);
		console->page->in_prod = prod;
		channel_notify(&console->channel);
	}
}

static bool is_attached(const struct console *console,
			const struct client *client)
{
	for (int i = 0; i < CONSOLE_MAX_CLIENTS; i++) {
		if (console->clients[i] == client) {
			return true;
		}
	}
	return false;
}

static void client_ready(struct source *source, uint32_t events)
{
	struct client *client = client_of(source);
	struct console *console = &client->served->console;

	if (events & (EPOLLHUP | EPOLLERR) && !(events & EPOLLIN)) {
		client_drop(client);
		return;
	}
	if (events & EPOLLIN) {
		client_type(client);
	}
	if (is_attached(console, client)) {
		client_flush(client);
	}
	if (is_attached(console, client)) {
		client_poll(client, !console->lost && input_room(console) > 0);
	}
}

// Copy what the guest printed; -1 if the indices lie.
static int output_take(struct console *console, char *to)
{
	volatile struct xencons_interface *page = console->page;
	uint32_t cons = page->out_cons, prod = page->out_prod;
	uint32_t n = prod - cons;

	if (n > OUT) {
		return -1;
	}
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	for (uint32_t i = 0; i < n; i++) {
		to[i] = page->out[(cons + i) & (OUT - 1)];
	}
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	page->out_cons = prod;
	return n;
}

bool console_turn(struct channel *channel)
{
	struct served *served = channel->served;
	struct console *console = &served->console;
	char text[OUT];
	int n = output_take(console, text);

	if (n < 0 || input_room(console) < 0) {
		console_lose(served);
		return false;
	}
	served->stats.console_bytes += n;
	if (n) {
		served->stats.console_dropped +=
		    n - log_append(console->log, text, n);
		channel_notify(channel); // there is room
	}
	for (int i = 0; i < CONSOLE_MAX_CLIENTS; i++) {
		struct client *client = console->clients[i];

		if (!client) {
			continue;
		}
		client_give(client, text, n);
		client_flush(client);
		if (console->clients[i]) {
			client_poll(client, input_room(console) > 0);
		}
	}
	return n > 0;
}

// --- clients ----------------------------------------------------------------

// The log's end has been read: it comes before what was printed meanwhile.
static void tail_done(struct log_tail *tail)
{
	struct client *client =
	    (struct client *)((char *)tail - offsetof(struct client, tail));
	struct served *served = client->served;

	client->showing = true;
	if (client->source.fd < 0) { // gone meanwhile
		free(tail->data);
		free(client);
		served_check_end(served);
		return;
	}
	if (tail->bytes + client->bytes > CLIENT_BUFFER) {
		client->bytes = CLIENT_BUFFER - tail->bytes;
	}
	memmove(client->buffer + tail->bytes, client->buffer, client->bytes);
	memcpy(client->buffer, tail->data, tail->bytes);
	client->bytes += tail->bytes;
	free(tail->data);
	tail->data = NULL;
	client_poll(client, true);
}

int console_attach(struct served *served, int fd, uint64_t bytes)
{
	struct console *console = &served->console;
	struct client *client = calloc(1, sizeof(*client));
	int slot = 0;

	while (slot < CONSOLE_MAX_CLIENTS && console->clients[slot]) {
		slot++;
	}
	if (slot == CONSOLE_MAX_CLIENTS || !client) {
		free(client);
		close(fd);
		return EBUSY;
	}
	client->served = served;
	client->source = (struct source){fd, client_ready};
	console->clients[slot] = client;
	source_add(served->worker, &client->source, 0);
	client->bytes =
	    log_pending(console->log, client->buffer, CLIENT_BUFFER / 2);
	client->tail.done = tail_done;
	log_tail_read(console->log, &client->tail,
		      bytes < CLIENT_BUFFER / 2 ? bytes : CLIENT_BUFFER / 2);
	return 0;
}

// --- beginning and end ------------------------------------------------------

int console_open(struct served *served, const struct wabed_add *add, int log_fd)
{
	struct console *console = &served->console;

	console->log = log_create(served, log_fd, add->log_bytes);
	console->page = served->peer.ops->map(&served->peer, add->console_gref);
	if (!console->page) {
		return errno ? errno : EIO;
	}
	if (served->restoring) {
		return 0; // its port comes with the state
	}
	return channel_bind(&console->channel, served, add->console_port,
			    console_turn)
		   ? 0
		   : EIO;
}

void console_close(struct served *served)
{
	struct console *console = &served->console;

	if (console->page && console->channel.port >= 0) {
		console_turn(&console->channel); // its last words
	}
	for (int i = 0; i < CONSOLE_MAX_CLIENTS; i++) {
		if (console->clients[i]) {
			client_drop(console->clients[i]);
		}
	}
	channel_unbind(&console->channel);
	if (console->page) {
		served->peer.ops->unmap(&served->peer, console->page);
		console->page = NULL;
	}
}

bool console_busy(const struct served *served)
{
	return served->console.log && log_busy(served->console.log);
}

void console_free(struct served *served)
{
	if (served->console.log) {
		log_free(served->console.log);
	}
}
