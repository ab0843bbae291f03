// SPDX-License-Identifier: MIT
// The creator: makes and ends micro-domains, starts the workers that serve
// them, answers clients. One thread, one loop. It holds the machine's control
// interface and never reads what a guest wrote, save what a worker passes on.
#ifndef WABED_CREATOR_H
#define WABED_CREATOR_H

#include "creator_proto.h"
#include "machine.h"
#include "proto.h"

#define CREATOR_RUN "/run/wabe"
#define CREATOR_LIVE "/run/wabe/live"
#define CREATOR_LOGS "/var/log/wabe"
#define NAME_BUCKETS 4096
#define DOMIDS 0x7ff0 // those above mean something else (DOMID_INVALID)

struct worker {
	struct worker *next;
	char partition[WABE_NAME_BYTES];
	pid_t pid;
	int fd; // its control socket; -1: dead
	uint32_t sequence;
	uint32_t domains;
};

// A micro-domain, or what is left of one that has exited.
struct record {
	struct record *next_name;   // in its bucket
	struct record *next, *prev; // in creator.records, oldest first
	struct wabe_info info;
	struct wabe_spec *spec;
	unsigned int flags;    // WABE_CREATE_*
	struct client *owner;  // WABE_CREATE_ATTACHED
	struct worker *worker; // NULL: not served
	uint32_t seen;	       // the sweep that saw it last
	int taps[WABE_MAX_NETS];
	uint32_t address[WABE_MAX_NETS]; // of the bridge's network; 0: none
	pid_t forwarder;		 // serves its published ports, or 0
	bool stopping;			 // asked to end: not to be restarted
	uint64_t started_ms;		 // when it was last
	uint64_t restart_ms;		 // WABE_RESTARTING: when to
	uint32_t failures;		 // ends in a row
	uint32_t told;			 // lines in the log by its worker
};

struct client {
	struct client *next;
	int fd;
	struct record *waiting; // for it to exit
	bool listening;		// to events
};

struct network {
	bool ready;
	uint32_t next;		  // where to look for a free address first
	uint8_t taken[65536 / 8]; // addresses of the bridge's /16
};

struct creator {
	struct machine machine;
	int listener, signals;
	int changes; // says that a domain has changed; -1: it must be looked
	struct client *clients;
	struct worker *workers;
	struct record *records, *records_end;
	struct record *by_name[NAME_BUCKETS];
	struct record *by_domid[DOMIDS];
	uint32_t record_count;
	struct network network;
	struct pollfd *polls; // of creator_turn()
	unsigned int poll_room;
	uint32_t sweep;
	uint32_t restarting; // how many wait for it
	bool hurry;	     // an end is near: look soon
	bool leaving;
	_Alignas(8) char packet[CREATOR_PACKET_MAX]; // read as messages
};

// creator_table.c
struct record *record_find(struct creator *c, const char *name);
struct record *record_add(struct creator *c, struct wabe_spec *spec);
// Out of the table and freed. It must hold no domain.
void record_forget(struct creator *c, struct record *r);
int record_name(struct creator *c, struct wabe_spec *spec,
		struct wabe_error *err);

// creator_domains.c
int record_create(struct creator *c, struct wabe_spec *spec, unsigned int flags,
		  struct record **out, struct wabe_error *err);
// End it now; it becomes an exited one (or goes, as its flags say).
void record_end(struct creator *c, struct record *r, enum wabe_end end,
		uint32_t value);
// How it is at this moment, into its info.
void record_refresh(struct creator *c, struct record *r);
int record_state(struct creator *c, struct record *r, bool paused,
		 struct wabe_error *err);
// Make it again: its spec, name and addresses stay.
int record_remake(struct creator *c, struct record *r, struct wabe_error *err);
void domains_sweep(struct creator *c);
// Those that the hypervisor says have changed.
void domains_changed(struct creator *c);

// creator_live.c
int live_note(const struct record *r, const uint8_t uuid[16],
	      struct wabe_error *err);
void live_forget(const struct record *r);
void live_adopt(struct creator *c); // ends what an earlier creator left

// creator_restart.c: what follows an end
// Is it to be made again? If so it is WABE_RESTARTING now.
bool restart_plan(struct creator *c, struct record *r, enum wabe_end end,
		  uint32_t reason);
void restart_cancel(struct creator *c, struct record *r);
void restarts_run(struct creator *c); // those whose time has come

// creator_worker.c
int worker_pair(int pair[2], struct wabe_error *err); // the creator's end first
int worker_get(struct creator *c, const char *partition, struct worker **out,
	       struct wabe_error *err);
int worker_add(struct creator *c, struct record *r, const struct domain *d,
	       struct wabe_error *err);
void worker_remove(struct creator *c, struct record *r);
int worker_console(struct creator *c, struct record *r, uint64_t bytes, int *fd,
		   struct wabe_error *err);
int worker_session(struct creator *c, struct record *r, int *fd,
		   struct wabe_error *err);
int worker_stats(struct creator *c, struct record *r, struct wabe_stats *out,
		 struct wabe_error *err);
int worker_write(struct creator *c, struct record *r, const char *path,
		 const char *value, struct wabe_error *err);
// Its socket has something: take all of it.
void worker_serve(struct creator *c, struct worker *w);
void workers_reap(struct creator *c);
void log_path(const struct record *r, char path[256]);

// creator_network.c
// A record that is made again keeps what it has.
int network_up(struct creator *c, struct record *r, struct wabe_error *err);
void network_down(struct creator *c, struct record *r);

// creator_tap.c
int tap_open(const struct wabe_net *net, int sock, int *out,
	     struct wabe_error *err);
int interface_up(int sock, const char *name);
// The network of micro-domains is IPv4's: no address by which a guest reaches
// dom0 past the bridge's, and no talk of them to every guest.
void interface_no_ipv6(const char *name);

// creator_forward.c
int forward_start(struct record *r, struct wabe_error *err);
void forward_stop(struct record *r);

// creator_mirror.c: names for xl
void mirror_add(const struct record *r);
void mirror_remove(uint32_t domid, const char *uuid);
void mirror_partitions(struct machine *m); // as they are now

// creator_clients.c
void client_accept(struct creator *c);
void client_serve(struct creator *c, struct client *client);
void clients_sweep(struct creator *c); // drop those that closed
void clients_end(struct creator *c);   // drop all
void clients_tell_exit(struct creator *c, struct record *r);
// Tell those who listen how a micro-domain is now.
void clients_tell(struct creator *c, const struct record *r);

// creator_figures.c: requests about figures
struct request;
typedef int verb_fn(struct request *q, struct wabe_error *err);
verb_fn verb_memory, verb_vcpus, verb_stats, verb_host, verb_dmesg,
    verb_partitions, verb_partition;

struct request {
	struct creator *c;
	struct client *client;
	struct creator_request head;
	size_t body_bytes; // in c->packet, behind the head
	struct record *r;  // for verbs about one
	struct creator_reply reply;
	void *answer; // behind the reply, to be freed
	size_t answer_bytes;
	int fd;	     // goes with the reply
	bool silent; // answered later, or already
};

// creator.c
uint64_t now_ms(void);
void creator_log(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
