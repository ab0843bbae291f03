// SPDX-License-Identifier: MIT
// Requests about figures: memory, vCPUs, counters, the machine.
#define _GNU_SOURCE
#include "creator.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SLACK_KIB 1024 // what a guest may have over its target, as with xl
#define DMESG_MAX (128 * 1024)

static void *answer_make(struct request *q, size_t bytes)
{
	q->answer = calloc(1, bytes + 1);
	if (!q->answer) {
		abort();
	}
	q->answer_bytes = bytes;
	return q->answer;
}

int verb_memory(struct request *q, struct wabe_error *err)
{
	uint64_t kib = q->head.bytes, most = q->r->spec->memory_kib;
	char text[24];

	if (kib < 4096 || kib > most) {
		return error_set(err, 0,
				 "%s: memory %lu KiB: 4096 to %lu, what it was "
				 "made with",
				 q->r->info.name, kib, most);
	}
	if (xc_domain_setmaxmem(q->c->machine.xch, q->r->info.domid,
				kib < most ? kib + SLACK_KIB : most)) {
		return error_set(err, errno, "%s: memory", q->r->info.name);
	}
	snprintf(text, sizeof(text), "%lu", kib);
	return worker_write(q->c, q->r, "memory/target", text, err);
}

static int vcpu_look(struct request *q, uint32_t number, struct wabe_vcpu *to,
		     struct wabe_error *err)
{
	xc_interface *xch = q->c->machine.xch;
	int bytes = xc_get_cpumap_size(xch);
	xc_cpumap_t hard = xc_cpumap_alloc(xch), soft = xc_cpumap_alloc(xch);
	xc_vcpuinfo_t info;
	int status = -1;

	if (hard && soft &&
	    !xc_vcpu_getinfo(xch, q->r->info.domid, number, &info) &&
	    !xc_vcpu_getaffinity(xch, q->r->info.domid, (int)number, hard, soft,
				 XEN_VCPUAFFINITY_HARD)) {
		*to = (struct wabe_vcpu){.number = number,
					 .cpu = info.cpu,
					 .online = info.online,
					 .blocked = info.blocked,
					 .running = info.running,
					 .cpu_ns = info.cpu_time};
		if (bytes > (int)sizeof(to->affinity)) {
			bytes = sizeof(to->affinity);
		}
		memcpy(to->affinity, hard, (size_t)bytes);
		status = 0;
	} else {
		error_set(err, errno, "vCPU %u", number);
	}
	free(hard);
	free(soft);
	return status;
}

int verb_vcpus(struct request *q, struct wabe_error *err)
{
	uint32_t count = q->r->info.vcpus;
	struct wabe_vcpu *list = answer_make(q, count * sizeof(*list));

	for (uint32_t i = 0; i < count; i++) {
		if (vcpu_look(q, i, &list[i], err)) {
			return -1;
		}
	}
	return 0;
}

int verb_stats(struct request *q, struct wabe_error *err)
{
	struct wabe_stats stats;

	if (worker_stats(q->c, q->r, &stats, err)) {
		return -1;
	}
	memcpy(answer_make(q, sizeof(stats)), &stats, sizeof(stats));
	return 0;
}

static void version_look(xc_interface *xch, struct wabe_host *host)
{
	int version = xc_version(xch, XENVER_version, NULL);
	xen_extraversion_t extra = "";
	xen_capabilities_info_t capabilities = "";

	xc_version(xch, XENVER_extraversion, extra);
	xc_version(xch, XENVER_capabilities, capabilities);
	snprintf(host->hypervisor, sizeof(host->hypervisor), "%d.%d%s",
		 version >> 16, version & 0xffff, extra);
	snprintf(host->capabilities, sizeof(host->capabilities), "%.127s",
		 capabilities);
}

int verb_host(struct request *q, struct wabe_error *err)
{
	struct wabe_host *host = answer_make(q, sizeof(*host));
	xc_interface *xch = q->c->machine.xch;
	xc_physinfo_t info = {0};

	if (xc_physinfo(xch, &info)) {
		return error_set(err, errno, "the machine's figures");
	}
	version_look(xch, host);
	host->extension = q->c->machine.extension;
	host->cpus = info.nr_cpus;
	host->cpu_khz = info.cpu_khz;
	host->memory_kib = info.total_pages * 4;
	host->free_kib = info.free_pages * 4;
	for (struct record *r = q->c->records; r; r = r->next) {
		host->domains += r->info.state != WABE_EXITED;
		host->exited += r->info.state == WABE_EXITED;
	}
	return 0;
}

int verb_partitions(struct request *q, struct wabe_error *err)
{
	struct machine *m = &q->c->machine;
	struct wabe_partition_info one, *list = NULL;
	size_t count = 0;

	if (!m->extension) {
		return error_set(err, ENOSYS,
				 "this hypervisor has no partitions (Wabe's "
				 "has)");
	}
	for (uint32_t id = 0; partition_next(m, id, &one); id = one.id + 1) {
		list = realloc(list, (count + 1) * sizeof(*list));
		if (!list) {
			abort();
		}
		list[count++] = one;
	}
	q->answer = list;
	q->answer_bytes = count * sizeof(*list);
	return 0;
}

static int partition_do(struct request *q, struct wabe_error *err)
{
	struct machine *m = &q->c->machine;
	const char *what = q->head.argument;

	if (!strcmp(what, "create")) {
		return partition_create(m, q->head.name, q->head.bytes,
					q->head.cpus, err);
	}
	if (!strcmp(what, "resize")) {
		return partition_resize(m, q->head.name, q->head.bytes,
					q->head.cpus, err);
	}
	return partition_remove(m, q->head.name, err);
}

int verb_partition(struct request *q, struct wabe_error *err)
{
	int status;

	q->head.argument[sizeof(q->head.argument) - 1] = 0;
	status = partition_do(q, err);
	mirror_partitions(&q->c->machine);
	return status;
}

int verb_dmesg(struct request *q, struct wabe_error *err)
{
	unsigned int bytes = DMESG_MAX;
	char *text = answer_make(q, bytes);

	if (xc_readconsolering(q->c->machine.xch, text, &bytes,
			       q->head.flags & 1, 0, NULL)) {
		return error_set(err, errno, "the hypervisor's messages");
	}
	q->answer_bytes = bytes;
	return 0;
}
