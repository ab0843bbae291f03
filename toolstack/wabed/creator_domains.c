// SPDX-License-Identifier: MIT
// Micro-domains from their making to their end.
#define _GNU_SOURCE
#include "creator.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#include "file.h"
#include "spec.h"

#define SWEEP_BATCH 256

static int uuid_parse(const char *text, uint8_t out[16], struct wabe_error *err)
{
	unsigned int n = 0;

	for (const char *p = text; *p && n < 16; p++) {
		unsigned int byte;
		char hex[3] = {p[0], p[1], 0};

		if (*p == '-') {
			continue;
		}
		if (strspn(hex, "0123456789abcdefABCDEF") != 2) {
			break;
		}
		sscanf(hex, "%2x", &byte);
		out[n++] = (uint8_t)byte;
		p++;
	}
	return n == 16 ? 0
		       : error_set(err, 0, "uuid \"%s\": 32 hex digits", text);
}

// What is known once it is made, and needs the domain to exist.
static int domain_serve(struct creator *c, struct record *r,
			const struct domain *d, struct wabe_error *err)
{
	if (worker_get(c, r->spec->partition, &r->worker, err) ||
	    worker_add(c, r, d, err)) {
		r->worker = NULL;
		return -1;
	}
	if (forward_start(r, err)) {
		return -1;
	}
	if (!(r->flags & WABE_CREATE_PAUSED) &&
	    domain_unpause(&c->machine, d->domid, err)) {
		return -1;
	}
	mirror_add(r); // the guest does not wait for it
	return 0;
}

// Everything of its domain outside this process, in reverse order. The network
// stays for the next one of this record, if there will be one.
static void domain_undo(struct creator *c, struct record *r)
{
	struct wabe_error err;

	forward_stop(r);
	if (r->worker) {
		worker_remove(c, r);
	}
	if (r->info.domid < DOMIDS) {
		mirror_remove(r->info.domid, r->info.uuid);
		if (domain_destroy(&c->machine, r->info.domid, &err) &&
		    err.code != ESRCH) {
			creator_log("%s: %s", r->info.name, err.text);
		}
		c->by_domid[r->info.domid] = NULL;
		r->info.domid = DOMID_INVALID;
	}
	live_forget(r);
}

static int domain_make(struct creator *c, struct record *r,
		       struct wabe_error *err)
{
	struct domain d;
	uint8_t uuid[16];

	if (uuid_parse(r->spec->uuid, uuid, err) || live_note(r, uuid, err) ||
	    network_up(c, r, err) ||
	    domain_create(&c->machine, r->spec, uuid, &d, err)) {
		return -1;
	}
	r->info.domid = d.domid;
	r->started_ms = now_ms();
	c->by_domid[d.domid] = r;
	return domain_serve(c, r, &d, err);
}

int record_create(struct creator *c, struct wabe_spec *spec, unsigned int flags,
		  struct record **out, struct wabe_error *err)
{
	struct record *r;

	if (record_name(c, spec, err)) {
		wabe_spec_free(spec);
		return -1;
	}
	spec_disks_name(spec);
	if (!spec->hostname) {
		spec->hostname = strdup(spec->name);
	}
	r = record_add(c, spec);
	r->flags = flags;
	r->info.created = time(NULL);
	r->info.vcpus = spec->vcpus;
	r->info.memory_kib = spec->memory_kib;
	r->info.state = flags & WABE_CREATE_PAUSED ? WABE_PAUSED : WABE_RUNNING;
	if (domain_make(c, r, err)) {
		char log[256];

		domain_undo(c, r);
		network_down(c, r);
		log_path(r, log);
		unlink(log);
		error_wrap(err, "%s", r->info.name);
		record_forget(c, r);
		return -1;
	}
	if (spec->net_count && spec->nets[0].ip) {
		snprintf(r->info.ip, sizeof(r->info.ip), "%s",
			 spec->nets[0].ip);
		r->info.ip[strcspn(r->info.ip, "/")] = 0;
	}
	clients_tell(c, r);
	*out = r;
	return 0;
}

int record_remake(struct creator *c, struct record *r, struct wabe_error *err)
{
	r->flags &= ~(unsigned int)WABE_CREATE_PAUSED;
	r->info.end = WABE_END_NONE;
	r->info.value = 0;
	r->info.restarts++;
	r->info.state = WABE_RUNNING;
	if (domain_make(c, r, err)) {
		domain_undo(c, r);
		return error_wrap(err, "%s", r->info.name);
	}
	clients_tell(c, r);
	return 0;
}

void record_end(struct creator *c, struct record *r, enum wabe_end end,
		uint32_t value)
{
	char log[256];

	if (r->info.state == WABE_RESTARTING) {
		restart_cancel(c, r);
	}
	domain_undo(c, r);
	if (r->info.end == WABE_END_NONE) {
		r->info.end = end;
		r->info.value = value;
	}
	if (restart_plan(c, r, end, value)) {
		clients_tell(c, r);
		return;
	}
	network_down(c, r);
	r->info.state = WABE_EXITED;
	r->owner = NULL;
	clients_tell_exit(c, r);
	clients_tell(c, r);
	if (r->flags & WABE_CREATE_REMOVE) {
		log_path(r, log);
		unlink(log);
		record_forget(c, r);
	}
}

void record_refresh(struct creator *c, struct record *r)
{
	struct wabe_error ignored;
	struct domain_state s;

	if (r->info.domid < DOMIDS &&
	    !domain_state(&c->machine, r->info.domid, &s, &ignored) &&
	    s.exists) {
		r->info.cpu_ns = s.cpu_ns;
		r->info.memory_kib = s.pages * 4;
		r->info.state = s.paused ? WABE_PAUSED : WABE_RUNNING;
	}
}

int record_state(struct creator *c, struct record *r, bool paused,
		 struct wabe_error *err)
{
	enum wabe_state to = paused ? WABE_PAUSED : WABE_RUNNING;

	record_refresh(c, r); // xl may have paused it
	if (r->info.state == to) {
		return error_set(err, 0, "%s is %s already", r->info.name,
				 paused ? "paused" : "running");
	}
	if (paused ? domain_pause(&c->machine, r->info.domid, err)
		   : domain_unpause(&c->machine, r->info.domid, err)) {
		return error_wrap(err, "%s", r->info.name);
	}
	r->info.state = to;
	clients_tell(c, r);
	return 0;
}

// Is it over? If so, it ends here.
static void record_check(struct creator *c, struct record *r,
			 const struct domain_state *s)
{
	if (!s->exists || s->dying) {
		record_end(c, r, WABE_END_DESTROYED, 0);
	} else if (s->shutdown) {
		// What it said before it went is in the worker's socket now.
		worker_serve(c, r->worker);
		record_end(c, r,
			   s->reason == SHUTDOWN_crash ? WABE_END_CRASH
						       : WABE_END_DOWN,
			   s->reason);
	}
}

static void record_look(struct creator *c, struct record *r,
			const xc_domaininfo_t *info)
{
	struct domain_state s = {
	    .exists = true,
	    .dying = info->flags & XEN_DOMINF_dying,
	    .shutdown = info->flags & XEN_DOMINF_shutdown,
	    .reason = (info->flags >> XEN_DOMINF_shutdownshift) &
		      XEN_DOMINF_shutdownmask,
	};

	r->seen = c->sweep;
	r->info.cpu_ns = info->cpu_time;
	r->info.memory_kib = info->tot_pages * 4;
	r->info.state =
	    info->flags & XEN_DOMINF_paused ? WABE_PAUSED : WABE_RUNNING;
	record_check(c, r, &s);
}

void domains_changed(struct creator *c)
{
	struct domain_state s;
	uint32_t domid;

	changes_clear(&c->machine);
	while (changes_next(&c->machine, &domid, &s)) {
		if (domid < DOMIDS && c->by_domid[domid]) {
			record_check(c, c->by_domid[domid], &s);
		}
	}
}

// Look at all domains, some hundred a call: for their figures, and because
// Debian's Xen has no event for whoever is not xenstored.
void domains_sweep(struct creator *c)
{
	static xc_domaininfo_t infos[SWEEP_BATCH];
	uint32_t next = 1;
	int n;

	c->sweep++;
	c->hurry = false;
	while ((n = xc_domain_getinfolist(c->machine.xch, next, SWEEP_BATCH,
					  infos)) > 0) {
		next = infos[n - 1].domain + 1u;
		for (int i = 0; i < n; i++) {
			struct record *r = infos[i].domain < DOMIDS
					       ? c->by_domid[infos[i].domain]
					       : NULL;

			if (r) {
				record_look(c, r, &infos[i]);
			}
		}
		if (n < SWEEP_BATCH) {
			break;
		}
	}
	if (n < 0) {
		return; // not known: that is no one's end
	}
	for (struct record *r = c->records, *after; r; r = after) {
		after = r->next;
		if (r->info.domid >= DOMIDS) {
			continue;
		}
		if (r->seen != c->sweep) {
			record_end(c, r, WABE_END_DESTROYED, 0);
		} else if (r->worker->fd < 0) {
			creator_log("%s: its worker died: ended", r->info.name);
			record_end(c, r, WABE_END_CRASH, 0);
		}
	}
	workers_reap(c);
}
