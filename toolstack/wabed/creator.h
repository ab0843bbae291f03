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
#define DOMIDS 32768

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
};

struct client {
	struct client *next;
	int fd;
	struct record *waiting; // for it to exit
};

struct network {
	bool ready;
	uint32_t next;		  // where to look for a free address first
	uint8_t taken[65536 / 8]; // addresses of the bridge's /16
};

struct creator {
	struct machine machine;
	int listener, signals;
	struct client *clients;
	struct worker *workers;
	struct record *records, *records_end;
	struct record *by_name[NAME_BUCKETS];
	struct record *by_domid[DOMIDS];
	uint32_t record_count;
	struct network network;
	uint32_t sweep;
	bool hurry; // an end is near: look soon
	bool leaving;
	char packet[CREATOR_PACKET_MAX];
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
int record_state(struct creator *c, struct record *r, bool paused,
		 struct wabe_error *err);
void domains_sweep(struct creator *c);
void domains_adopt(struct creator *c); // ends what an earlier creator left

// creator_worker.c
int worker_get(struct creator *c, const char *partition, struct worker **out,
	       struct wabe_error *err);
int worker_add(struct creator *c, struct record *r, const struct domain *d,
	       struct wabe_error *err);
void worker_remove(struct creator *c, struct record *r);
int worker_console(struct creator *c, struct record *r, uint64_t bytes, int *fd,
		   struct wabe_error *err);
int worker_write(struct creator *c, struct record *r, const char *path,
		 const char *value, struct wabe_error *err);
// Its socket has something: take all of it.
void worker_serve(struct creator *c, struct worker *w);
void workers_reap(struct creator *c);
void log_path(const struct record *r, char path[256]);

// creator_network.c
int network_up(struct creator *c, struct record *r, struct wabe_error *err);
void network_down(struct creator *c, struct record *r);

// creator_forward.c
int forward_start(struct record *r, struct wabe_error *err);
void forward_stop(struct record *r);

// creator_mirror.c: names for `xl list`
void mirror_add(const struct record *r);
void mirror_remove(const struct record *r);

// creator_clients.c
void client_accept(struct creator *c);
void client_serve(struct creator *c, struct client *client);
void clients_sweep(struct creator *c); // drop those that closed
void clients_tell_exit(struct creator *c, struct record *r);

// creator.c
void creator_log(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
