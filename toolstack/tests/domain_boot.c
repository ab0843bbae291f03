// SPDX-License-Identifier: MIT
// domain-boot FILE: the builder alone. Builds a micro-domain from a
// description, starts it, prints its console (whose ring it reads by polling)
// and says how it ended. Nobody serves a store: what works with this works
// from the start info alone.
#define _GNU_SOURCE
#include "machine.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <xen/io/console.h>

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void ring_print(struct xencons_interface *ring)
{
	uint32_t to = __atomic_load_n(&ring->out_prod, __ATOMIC_ACQUIRE);

	while (ring->out_cons != to) {
		putchar(ring->out[ring->out_cons & (sizeof(ring->out) - 1)]);
		__atomic_store_n(&ring->out_cons, ring->out_cons + 1,
				 __ATOMIC_RELEASE);
	}
	fflush(stdout);
}

static int watch(struct machine *m, const struct domain *d,
		 struct wabe_error *err)
{
	xen_pfn_t mfn = d->console_mfn;
	struct xencons_interface *ring = xenforeignmemory_map(
	    m->memory, d->domid, PROT_READ | PROT_WRITE, 1, &mfn, NULL);
	struct domain_state s = {0};

	if (!ring) {
		return error_set(err, 0, "mapping the console");
	}
	do {
		ring_print(ring);
		usleep(5000);
		if (domain_state(m, d->domid, &s, err)) {
			break;
		}
	} while (s.exists && !s.shutdown && !s.dying);
	ring_print(ring);
	xenforeignmemory_unmap(m->memory, ring, 1);
	printf("domain-boot: ended, reason %u, %lu ms of CPU\n", s.reason,
	       (unsigned long)(s.cpu_ns / 1000000));
	return 0;
}

static int boot(const char *path, struct wabe_error *err)
{
	static const uint8_t uuid[16] = {1, 2, 3};
	struct wabe_spec *spec = NULL;
	struct machine m;
	struct domain d;
	uint64_t before;
	int status;

	if (wabe_spec_read(&spec, path, err) || machine_open(&m, err)) {
		return -1;
	}
	before = now_ns();
	status = domain_create(&m, spec, uuid, &d, err);
	if (!status) {
		printf("domain-boot: domain %u built in %lu us\n", d.domid,
		       (unsigned long)(now_ns() - before) / 1000);
		status = domain_unpause(&m, d.domid, err);
		status = status ? status : watch(&m, &d, err);
		domain_destroy(&m, d.domid, err);
	}
	machine_close(&m);
	wabe_spec_free(spec);
	return status;
}

int main(int argc, char **argv)
{
	struct wabe_error err = {0};

	if (argc != 2) {
		fprintf(stderr, "usage: domain-boot FILE\n");
		return 2;
	}
	if (boot(argv[1], &err)) {
		fprintf(stderr, "domain-boot: %s\n", err.text);
		return 1;
	}
	return 0;
}
