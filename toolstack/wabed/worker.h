// SPDX-License-Identifier: MIT
// The worker: serves the domains of one partition. One thread runs the event
// loop and owns everything here; the pool's threads see jobs only.
//
//   worker            the loop, its descriptors, the round of channels
//     served          a domain: its peer, store, console and devices
//       channel       an event channel and who answers it
//       backend       what disks and networks have in common: the states they
//                     go through with the guest's driver, by the store
//
// A channel that has work stands in the worker's round and gets its turn; each
// turn is bounded, so one guest cannot keep the others waiting.
#ifndef WABED_WORKER_H
#define WABED_WORKER_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "../../xenstore-glue/ring.h"
#include "exec_proto.h"
#include "peer.h"
#include "pool.h"
#include "proto.h"
#include "rate.h"

struct worker;
struct served;

struct channel {
	struct channel *next; // in the worker's round
	struct served *served;
	int port; // local; -1: not bound
	bool queued;
	bool masked;	      // the port waits for peer unmask
	uint64_t sleep_until; // throttled: nanoseconds, 0 if not
	// Do a bounded piece of work; true if there is more.
	bool (*turn)(struct channel *channel);
};

// Something the loop polls.
struct source {
	int fd; // -1: none
	void (*ready)(struct source *source, uint32_t events);
};

struct backend;

struct backend_kind {
	const char *name; // "vbd"
	bool (*turn)(struct channel *channel);
	// What the guest named: backend's gref and remote_port. NULL, or why
	// not.
	const char *(*parse)(struct backend *backend);
	// Map those rings and go on where they are.
	bool (*attach)(struct backend *backend);
	// Let go of them; false if work is under way: then finish later by
	// calling backend_disconnected(). The channel is unbound already.
	bool (*detach)(struct backend *backend);
};

struct backend {
	const struct backend_kind *kind;
	struct served *served;
	struct channel channel;
	uint32_t handle;
	char front[32], back[64]; // where its nodes are
	int state;		  // ours, enum xenbus_state
	int wanted;		  // the state after a disconnection under way
	bool connected, leaving, lost;
	bool check; // the guest changed its state
	uint32_t gref[2], remote_port;
};

enum { CONSOLE_MAX_CLIENTS = 8 };

struct console {
	struct channel channel;
	struct xencons_interface *page;
	bool lost;
	struct log *log;
	struct client *clients[CONSOLE_MAX_CLIENTS];
};

struct store_service {
	struct channel channel;
	struct store store;
	struct ring ring;
	void *page;
	bool lost;
};

struct served {
	struct served *next;
	struct worker *worker;
	struct peer peer;
	uint16_t host;
	char uuid[40], name[64];
	struct source events; // the evtchn descriptor
	struct store_service store;
	struct console console;
	struct disk *disks[WABED_MAX_DISKS];
	struct net *nets[WABED_MAX_NETS];
	uint32_t disk_count, net_count;
	struct exec *execs[EXEC_SESSIONS];
	struct rate notes; // a guest's words to the creator
	struct wabed_stats stats;
	bool exit_told;
	bool restoring;		 // the store is another process's, as it was
	int state_fd;		 // or -1
	uint32_t state_slot;	 // the one in use, 0: none
	bool leaving;		 // REMOVE came
	uint32_t leave_sequence; // to answer when the last job is done
};

struct worker {
	struct served *domains;
	struct channel *round_first, *round_last;
	uint64_t
	    wake_at; // the first throttled channel's time, UINT64_MAX: none
	int epoll_fd;
	struct pool *pool;
	struct source control, pool_done;
	struct reply *replies_first, *replies_last; // control is full
	bool ending;
};

// --- worker.c: the loop ---
uint64_t time_now(void); // nanoseconds
void source_add(struct worker *worker, struct source *source, uint32_t events);
void source_change(struct worker *worker, struct source *source,
		   uint32_t events);
void source_remove(struct worker *worker, struct source *source);
bool channel_bind(struct channel *channel, struct served *served,
		  uint32_t remote_port, bool (*turn)(struct channel *channel));
// Take over a port another process bound, and see what it left.
void channel_adopt(struct channel *channel, struct served *served, int port,
		   bool (*turn)(struct channel *channel));
void channel_unbind(struct channel *channel);
void channel_notify(struct channel *channel);
void channel_queue(struct channel *channel); // give it a turn
void channel_sleep(struct channel *channel, uint64_t until);
// One pass: wait at most `wait` milliseconds (-1: as long as it takes) for
// something to do, then do a bounded part of it.
void worker_step(struct worker *worker, int wait);
int worker_init(struct worker *worker, int control_fd);
void worker_fini(struct worker *worker);

// --- confine.c ---
// Become an unprivileged user for good. Exits the process if that fails.
void rights_drop(unsigned uid, unsigned gid);
// Allow this process and its threads only what the loop needs. Same.
void confine(void);

// --- control.c: the creator ---
void control_ready(struct source *source, uint32_t events);
void control_send(struct worker *worker, struct wabed_message *message,
		  const void *value, size_t bytes);
void control_done(struct worker *worker, uint32_t sequence, uint16_t domid,
		  int error);
void control_drop(struct worker *worker); // unsent replies

// --- served.c: a domain's beginning and end ---
struct served *served_find(struct worker *worker, uint16_t domid);
// Takes over the descriptors in any case. 0 or an errno.
int served_add(struct worker *worker, const struct wabed_message *message,
	       const struct peer_ops *ops, const int *fds, const void *fdt);
void served_remove(struct served *served, uint32_t sequence);
// Every job's end asks whether it was the last.
void served_check_end(struct served *served);
// A device is lost: one line to the log and the creator.
void served_lost(struct served *served, const char *device, const char *why);

// --- store.c ---
int store_open(struct served *served, const struct wabed_add *add,
	       const void *fdt);
void store_close(struct served *served);
bool store_turn(struct channel *channel);
int store_fill(struct served *served, const struct wabed_add *add,
	       const void *fdt);

// --- backend.c ---
void backend_init(struct backend *backend, const struct backend_kind *kind,
		  struct served *served, uint32_t handle);
void backend_publish(struct backend *backend, const char *node,
		     const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void backend_start(struct backend *backend); // nodes are complete: InitWait
void backend_front_changed(struct backend *backend);
void backend_disconnected(struct backend *backend);
// The guest broke the rules: shut for good.
void backend_lose(struct backend *backend, const char *why);
bool backend_front_number(const struct backend *backend, const char *node,
			  uint64_t max, uint64_t *number);

// A node of the guest's side that only we write.
void backend_tell(struct backend *backend, const char *node, const char *format,
		  ...) __attribute__((format(printf, 3, 4)));
// Look at the guest's state, if it changed.
void backend_check(struct backend *backend);
// Shut for the domain's end.
void backend_close(struct backend *backend);

// --- state.c: what outlives this process ---
// Takes over the descriptor. 0 or an errno.
int state_open(struct served *served, int fd);
void state_close(struct served *served);
bool state_exists(const struct served *served);
void state_save(struct served *served);
// Before the devices are open: the store and the ports. After: the devices.
bool state_restore_store(struct served *served);
void state_restore_devices(struct served *served);

// --- console.c ---
int console_open(struct served *served, const struct wabed_add *add,
		 int log_fd);
bool console_turn(struct channel *channel);
void console_close(struct served *served); // jobs may go on
void console_free(struct served *served);
bool console_busy(const struct served *served);
int console_attach(struct served *served, int fd, uint64_t bytes);

// --- exec.c ---
// Takes over the descriptor. 0 or an errno.
int exec_open(struct served *served, int fd);
// The guest wrote wabe/exec/`slot`.
void exec_answered(struct served *served, const char *slot, const char *value);
void execs_close(struct served *served);
void execs_free(struct served *served);
// Tell the guest that the sessions of a process before this one are over. True
// if there were any, and so ports of theirs.
bool execs_forget(struct served *served);
struct channel *exec_port_find(struct served *served, int port);

// --- block.c ---
int disk_open(struct served *served, const struct wabed_disk *config, int fd);

void disk_free(struct disk *disk);
bool disk_busy(const struct disk *disk);
struct backend *disk_backend(struct disk *disk);

// --- net.c ---
int net_open(struct served *served, const struct wabed_net *config, int fd);

void net_free(struct net *net);
struct backend *net_backend(struct net *net);

void worker_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
