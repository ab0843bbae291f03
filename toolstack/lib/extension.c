// SPDX-License-Identifier: MIT
// The calls that Wabe's hypervisor has beyond Xen's
// (hypervisor/include/public/wabe.h). On Xen they are not there, and this says
// so.
#define _GNU_SOURCE
#include "machine.h"

#include <errno.h>
#include <string.h>
#include <xencall.h>
#include <xenevtchn.h>

#include "../../hypervisor/include/public/wabe.h"

// 0, or -1 with errno.
static int extension_call(struct machine *m, struct wabe_op *op)
{
	struct wabe_op *shared;
	int status, why;

	if (!m->call) {
		errno = ENOSYS;
		return -1;
	}
	shared = xencall_alloc_buffer(m->call, sizeof(*shared));
	if (!shared) {
		return -1;
	}
	op->version = WABE_VERSION;
	*shared = *op;
	status = xencall1(m->call, WABE_HYPERCALL, (uint64_t)(uintptr_t)shared);
	why = errno;
	*op = *shared;
	xencall_free_buffer(m->call, shared);
	errno = why;
	return status < 0 ? -1 : 0;
}

void extension_open(struct machine *m)
{
	struct wabe_op op = {.cmd = WABE_PARTITION_INFO};

	m->call = xencall_open(m->quiet, 0);
	m->extension = 0;
	if (!extension_call(m, &op)) {
		m->extension = WABE_VERSION;
	}
}

void extension_close(struct machine *m)
{
	if (m->events) {
		xenevtchn_close(m->events);
	}
	if (m->call) {
		xencall_close(m->call);
	}
}

// --- Which domain changed? --------------------------------------------------

int changes_watch(struct machine *m)
{
	if (!m->extension) {
		return -1;
	}
	m->events = xenevtchn_open(m->quiet, 0);
	if (m->events &&
	    xenevtchn_bind_virq(m->events, WABE_VIRQ_CHANGED) >= 0) {
		return xenevtchn_fd(m->events);
	}
	return -1;
}

void changes_clear(struct machine *m)
{
	xenevtchn_port_or_error_t port = xenevtchn_pending(m->events);

	if (port >= 0) {
		xenevtchn_unmask(m->events, (evtchn_port_t)port);
	}
}

bool changes_next(struct machine *m, uint32_t *domid, struct domain_state *out)
{
	struct wabe_op op = {.cmd = WABE_NEXT_CHANGED};

	if (extension_call(m, &op)) {
		return false;
	}
	*domid = op.u.changed.domain;
	memset(out, 0, sizeof(*out));
	out->exists = op.u.changed.state & WABE_DOMAIN_EXISTS;
	out->shutdown = op.u.changed.state & WABE_DOMAIN_SHUTDOWN;
	out->dying = op.u.changed.state & WABE_DOMAIN_DYING;
	out->reason = op.u.changed.shutdown_code;
	return true;
}

// --- Partitions -------------------------------------------------------------

static int refused(struct machine *m, const char *name, struct wabe_error *err)
{
	switch (m->extension ? errno : ENOSYS) {
	case ENOSYS:
		return error_set(err, ENOSYS,
				 "partition %s: this hypervisor has no "
				 "partitions (Wabe's has)",
				 name);
	case EEXIST:
		return error_set(err, EEXIST, "partition %s is there already",
				 name);
	case ENOENT:
		return error_set(err, ENOENT,
				 "partition %s: no such partition (wabe "
				 "partition list)",
				 name);
	case ENOMEM:
		return error_set(err, ENOMEM,
				 "partition %s: the machine has not that much "
				 "memory free (wabe info)",
				 name);
	case EBUSY:
		return error_set(err, EBUSY,
				 "partition %s is in use: its micro-domains "
				 "have that memory (wabe list)",
				 name);
	case EINVAL:
		return error_set(err, EINVAL,
				 "partition %s: not the default one, and at "
				 "least one processor of the machine",
				 name);
	default:
		return error_set(err, errno, "partition %s", name);
	}
}

static void info_fill(const struct wabe_partition *from,
		      struct wabe_partition_info *to)
{
	memset(to, 0, sizeof(*to));
	memcpy(to->name, from->name, sizeof(from->name));
	to->id = from->id;
	to->domains = from->domains;
	memcpy(to->cpus, from->cpus, sizeof(to->cpus));
	to->memory_kib = from->frames * 4;
	to->free_kib = from->free_frames * 4;
	to->own_kib = from->heap_frames * 4;
}

bool partition_next(struct machine *m, uint32_t from,
		    struct wabe_partition_info *out)
{
	struct wabe_op op = {.cmd = WABE_PARTITION_INFO,
			     .u.partition.id = from};

	if (extension_call(m, &op)) {
		return false;
	}
	info_fill(&op.u.partition, out);
	return true;
}

int partition_find(struct machine *m, const char *name,
		   struct wabe_partition_info *out, struct wabe_error *err)
{
	for (uint32_t id = 0; partition_next(m, id, out); id = out->id + 1) {
		if (!strcmp(out->name, name)) {
			return 0;
		}
	}
	errno = ENOENT;
	return refused(m, name, err);
}

static int resize(struct machine *m, uint32_t id, const char *name,
		  uint64_t kib, struct wabe_error *err)
{
	struct wabe_op op = {
	    .cmd = WABE_PARTITION_RESIZE,
	    .u.partition = {.id = id, .frames = kib / 4},
	};

	return extension_call(m, &op) ? refused(m, name, err) : 0;
}

static bool has_cpus(const uint64_t cpus[4])
{
	return cpus[0] | cpus[1] | cpus[2] | cpus[3];
}

int partition_create(struct machine *m, const char *name, uint64_t kib,
		     const uint64_t cpus[4], struct wabe_error *err)
{
	struct wabe_op op = {.cmd = WABE_PARTITION_CREATE}, undo;

	if (!*name || strlen(name) >= sizeof(op.u.partition.name) ||
	    name[strspn(name, "abcdefghijklmnopqrstuvwxyz"
			      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")]) {
		return error_set(err, 0,
				 "partition \"%s\": letters, digits, - _ . "
				 "only, at most %zu",
				 name, sizeof(op.u.partition.name) - 1);
	}
	strcpy(op.u.partition.name, name);
	memset(op.u.partition.cpus, has_cpus(cpus) ? 0 : 0xff,
	       sizeof(op.u.partition.cpus));
	if (has_cpus(cpus)) {
		memcpy(op.u.partition.cpus, cpus, sizeof(op.u.partition.cpus));
	}
	if (extension_call(m, &op)) {
		return refused(m, name, err);
	}
	if (kib && resize(m, op.u.partition.id, name, kib, err)) {
		undo = (struct wabe_op){.cmd = WABE_PARTITION_REMOVE,
					.u.partition.id = op.u.partition.id};
		extension_call(m, &undo);
		return -1;
	}
	return 0;
}

int partition_resize(struct machine *m, const char *name, uint64_t kib,
		     const uint64_t cpus[4], struct wabe_error *err)
{
	struct wabe_op op = {.cmd = WABE_PARTITION_CPUS};
	struct wabe_partition_info info;

	if (partition_find(m, name, &info, err) ||
	    (kib && resize(m, info.id, name, kib, err))) {
		return -1;
	}
	op.u.partition.id = info.id;
	memcpy(op.u.partition.cpus, cpus, sizeof(op.u.partition.cpus));
	return has_cpus(cpus) && extension_call(m, &op) ? refused(m, name, err)
							: 0;
}

int partition_remove(struct machine *m, const char *name,
		     struct wabe_error *err)
{
	struct wabe_op op = {.cmd = WABE_PARTITION_REMOVE};
	struct wabe_partition_info info;

	if (partition_find(m, name, &info, err)) {
		return -1;
	}
	op.u.partition.id = info.id;
	return extension_call(m, &op) ? refused(m, name, err) : 0;
}
