// SPDX-License-Identifier: MIT
// The extension hypercall (hypervisor/include/public/wabe.h) from dom0: every
// operation, every error, and what partitions promise. Two processors.
// Prints claims; status 0: all hold.
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xencall.h>
#include <xenctrl.h>
#include <xenevtchn.h>

#include <public/wabe.h>

#define MIB 256ull // frames
#define RED (24 * MIB)

static xc_interface *xc;
static xencall_handle *calls;
static struct wabe_op *op;
static int failures;

static void claim(int ok, const char *what)
{
	printf("%s - extension: %s\n", ok ? "ok" : "not ok", what);
	if (!ok) {
		printf("    errno %d\n", errno);
		failures++;
	}
}

// The operation in *op: 0 or the error number.
static int call(uint32_t cmd)
{
	op->cmd = cmd;
	op->version = WABE_VERSION;
	errno = 0;
	return xencall1(calls, WABE_HYPERCALL, (uint64_t)op) ? errno : 0;
}

static struct wabe_partition *part(uint32_t id)
{
	memset(op, 0, sizeof(*op));
	op->u.partition.id = id;
	return &op->u.partition;
}

static int create(const char *name, uint64_t cpus)
{
	struct wabe_partition *p = part(0);

	strncpy(p->name, name, sizeof(p->name));
	p->cpus[0] = cpus;
	return call(WABE_PARTITION_CREATE);
}

static int resize(uint32_t id, uint64_t frames)
{
	part(id)->frames = frames;
	return call(WABE_PARTITION_RESIZE);
}

static struct wabe_partition info(uint32_t id)
{
	part(id);
	if (call(WABE_PARTITION_INFO)) {
		memset(op, 0, sizeof(*op));
	}
	return op->u.partition;
}

static int remove_it(uint32_t id)
{
	part(id);
	return call(WABE_PARTITION_REMOVE);
}

static void cpuid(uint32_t leaf, uint32_t r[4])
{
	asm volatile("ud2; .ascii \"xen\"; cpuid"
		     : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3])
		     : "a"(leaf), "c"(0));
}

static void found(void)
{
	uint32_t r[4];

	cpuid(WABE_CPUID_LEAF, r);
	claim(r[0] == WABE_CPUID_LEAF + 1 && !memcmp(&r[1], "WabeWabeWabe", 12),
	      "CPUID has the signature");
	cpuid(WABE_CPUID_LEAF + 1, r);
	claim(r[0] == WABE_VERSION && r[1] == WABE_HYPERCALL,
	      "CPUID has version and number");
}

static void refused(void)
{
	int wrong = 0;

	memset(op, 0, sizeof(*op));
	op->cmd = WABE_PARTITION_INFO;
	op->version = WABE_VERSION + 1;
	wrong += xencall1(calls, WABE_HYPERCALL, (uint64_t)op) != -1 ||
		 errno != EACCES;
	wrong += xencall1(calls, WABE_HYPERCALL, 8) != -1 || errno != EFAULT;
	claim(!wrong, "-EACCES, -EFAULT");
	claim(call(0) == ENOSYS && call(7) == ENOSYS && call(~0u) == ENOSYS,
	      "-ENOSYS");
}

// --- changes -----------------------------------------------------------------

static int domain(uint32_t pool, uint32_t *id)
{
	struct xen_domctl_createdomain c = {
	    .max_vcpus = 2,
	    .max_evtchn_port = 1023,
	    .max_grant_frames = 4,
	    .max_maptrack_frames = 1,
	    .grant_opts = XEN_DOMCTL_GRANT_version(1),
	    .cpupool_id = pool,
	};

	*id = 0;
	return xc_domain_create(xc, id, &c) ? errno : 0;
}

static struct wabe_changed note(void)
{
	struct wabe_changed none = {0, 0, 0, 0};

	return call(WABE_NEXT_CHANGED) ? none : op->u.changed;
}

// The next note of this domain, within a second.
static struct wabe_changed note_of(uint32_t id)
{
	for (int i = 0; i < 200; i++) {
		struct wabe_changed c = note();

		if (c.domain == id) {
			return c;
		}
		if (!c.domain) {
			usleep(5000);
		}
	}
	return (struct wabe_changed){0, 0xff, 0, 0};
}

static int event(xenevtchn_handle *x)
{
	struct pollfd p = {.fd = xenevtchn_fd(x), .events = POLLIN};
	int port;

	if (poll(&p, 1, 2000) != 1) {
		return 0;
	}
	port = xenevtchn_pending(x);
	return port >= 0 && !xenevtchn_unmask(x, port);
}

static void changes(void)
{
	xenevtchn_handle *x = xenevtchn_open(NULL, 0);
	struct wabe_changed c;
	uint32_t id, serial;

	claim(xenevtchn_bind_virq(x, WABE_VIRQ_CHANGED) >= 0, "its VIRQ binds");
	while (!call(WABE_NEXT_CHANGED)) {
	}
	claim(call(WABE_NEXT_CHANGED) == ENOENT, "-ENOENT without a change");
	domain(0, &id);
	claim(event(x), "a new domain raises the VIRQ");
	c = note_of(id);
	serial = c.serial;
	claim(c.state == WABE_DOMAIN_EXISTS && serial, "and is told");
	xc_domain_shutdown(xc, (int)id, SHUTDOWN_crash);
	claim(event(x), "a shutdown raises it");
	c = note_of(id);
	claim(c.state == (WABE_DOMAIN_EXISTS | WABE_DOMAIN_SHUTDOWN) &&
		  c.shutdown_code == SHUTDOWN_crash && c.serial == serial,
	      "and is told with its reason");
	xc_domain_destroy(xc, id);
	claim(event(x), "an end raises it");
	do {
		c = note_of(id);
	} while (c.state & WABE_DOMAIN_EXISTS && c.state != 0xff);
	claim(c.state == 0, "and is told");
	xenevtchn_close(x);
}

// --- partitions --------------------------------------------------------------

static void create_errors(void)
{
	char name[16];
	int wrong = create("", 1) != EINVAL;

	wrong += create("0123456789abcdef", 1) != EINVAL;
	wrong +=
	    create("red", 0) != EINVAL || create("red", 1ull << 63) != EINVAL;
	wrong += create("default", 1) != EEXIST;
	wrong += create("red", 2) != 0 || op->u.partition.id != 1;
	wrong += create("red", 1) != EEXIST;
	claim(!wrong, "create: -EINVAL, -EEXIST");
	for (int i = 2; i < WABE_PARTITIONS_MAX; i++) {
		snprintf(name, sizeof(name), "p%d", i);
		wrong +=
		    create(name, 3) != 0 || op->u.partition.id != (uint32_t)i;
	}
	wrong += create("more", 1) != ENOSPC;
	for (uint32_t i = 2; i < WABE_PARTITIONS_MAX; i++) {
		wrong += info(i).id != i || remove_it(i);
	}
	part(2);
	wrong += call(WABE_PARTITION_INFO) != ENOENT;
	claim(!wrong, "as many as there can be, then -ENOSPC; list, remove");
}

static void resize_errors(void)
{
	uint64_t all = info(0).frames;
	int wrong = resize(0, 1) != EINVAL || resize(9, 1) != ENOENT ||
		    remove_it(0) != EINVAL || remove_it(9) != ENOENT;

	part(9)->cpus[0] = 1;
	wrong += call(WABE_PARTITION_CPUS) != ENOENT;
	part(1);
	wrong += call(WABE_PARTITION_CPUS) != EINVAL;
	wrong += resize(1, all) != ENOMEM || resize(1, ~0ull) != ENOMEM;
	wrong += info(1).frames != 0;
	claim(!wrong, "resize, cpus, remove: -EINVAL, -ENOENT, -ENOMEM");
	wrong = resize(1, 400 * MIB) || info(1).free_frames != 400 * MIB ||
		resize(1, 3) || info(1).frames != 3 || resize(1, RED) ||
		info(1).frames != RED || info(0).frames != all - RED;
	claim(!wrong, "resize up and down, to the frame");
}

// How many pages a domain can get.
static uint64_t fill(uint32_t id, uint64_t most)
{
	uint64_t got = 0;

	while (got < most) {
		xen_pfn_t pfn = got;

		if (xc_domain_populate_physmap(xc, id, 1, 0, 0, &pfn) != 1) {
			break;
		}
		got++;
	}
	return got;
}

static int vcpus_within(uint32_t id, unsigned char cpus)
{
	xc_cpumap_t map = xc_cpumap_alloc(xc);
	int ok = 1;

	for (int v = 0; v < 2; v++) {
		ok &= !xc_vcpu_getaffinity(xc, id, v, map, NULL,
					   XEN_VCPUAFFINITY_HARD) &&
		      (map[0] & 3) == cpus;
	}
	free(map);
	return ok;
}

static int pin(uint32_t id, unsigned char cpus)
{
	unsigned char map[8] = {cpus}, soft[8] = {0xff};

	return xc_vcpu_setaffinity(xc, id, 0, map, soft, XEN_VCPUAFFINITY_HARD)
		   ? errno
		   : 0;
}

static void processors(uint32_t id)
{
	claim(xc_domain_max_vcpus(xc, id, 2) == 0 && vcpus_within(id, 2),
	      "vCPUs are on the partition's processors");
	claim(pin(id, 1) == EINVAL && pin(id, 3) == 0 && vcpus_within(id, 2),
	      "no pin leads out of it");
	part(1)->cpus[0] = 3;
	claim(call(WABE_PARTITION_CPUS) == 0 && vcpus_within(id, 3) &&
		  info(1).cpus[0] == 3,
	      "other processors for it: its vCPUs follow");
}

// As many domains as there is room for in 1: what the next one gets.
static int crowd(void)
{
	uint32_t ids[1000], count = 0;
	int error = 0;

	while (count < 1000) {
		error = domain(1, &ids[count]);
		if (error) {
			break;
		}
		count++;
	}
	while (count) {
		xc_domain_destroy(xc, ids[--count]);
	}
	return error;
}

// One tenant takes all it can.
static void memory(uint32_t red, uint32_t blue)
{
	struct wabe_partition before = info(0), p;
	uint64_t got;

	xc_domain_setmaxmem(xc, red, 1 << 20);
	xc_domain_setmaxmem(xc, blue, 1 << 20);
	got = fill(red, 2 * RED);
	p = info(1);
	claim(got == RED - p.heap_frames && p.free_frames == 0 &&
		  p.heap_frames && p.heap_bytes > 8192,
	      "a domain gets all of its partition, less what is kept for it");
	claim(info(0).free_frames == before.free_frames,
	      "and nothing of another's");
	claim(fill(blue, 100) == 100, "where others get what they want");
	claim(crowd() == ENOMEM,
	      "in a full one no domain can be made: -ENOMEM");
	claim(resize(1, RED - 1) == EBUSY && remove_it(1) == EBUSY,
	      "in use: -EBUSY");
}

static int emptied(uint32_t id)
{
	for (int i = 0; i < 200 && info(id).domains; i++) {
		usleep(10000);
	}
	return info(id).domains == 0 && info(id).heap_bytes == 0;
}

static void partitions(void)
{
	struct wabe_partition before = info(0);
	uint32_t red, blue;
	xc_domaininfo_t d;

	create_errors();
	resize_errors();
	claim(domain(2, &red) == ESRCH, "createdomain: -ESRCH without it");
	claim(domain(1, &red) == 0 && domain(0, &blue) == 0 &&
		  xc_domain_getinfolist(xc, red, 1, &d) == 1 && d.cpupool == 1,
	      "a domain in it");
	processors(red);
	memory(red, blue);
	xc_domain_destroy(xc, red);
	xc_domain_destroy(xc, blue);
	claim(emptied(1), "when it is gone nothing is charged");
	claim(remove_it(1) == 0 && remove_it(1) == ENOENT, "remove it");
	usleep(300000);
	claim(info(0).frames == before.frames &&
		  info(0).free_frames == before.free_frames,
	      "the default partition is what it was");
	if (info(0).free_frames != before.free_frames) {
		printf("    %lu %lu\n", (long)before.free_frames,
		       (long)info(0).free_frames);
	}
}

int main(void)
{
	xc = xc_interface_open(NULL, NULL, 0);
	calls = xencall_open(NULL, 0);
	op = xencall_alloc_buffer(calls, sizeof(*op));
	if (!xc || !calls || !op) {
		perror("extension");
		return 1;
	}
	found();
	refused();
	changes();
	partitions();
	fflush(stdout);
	return failures != 0;
}
