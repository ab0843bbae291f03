// SPDX-License-Identifier: MIT
// The hypervisor as the privileged side uses it, and domains on it. Only the
// creator (and tests) link what is declared here; whoever holds a struct
// machine holds the machine.
#ifndef WABE_LIB_MACHINE_H
#define WABE_LIB_MACHINE_H

#include <xenctrl.h>
#include <xencall.h>
#include <xenevtchn.h>
#include <xenforeignmemory.h>

#include "error.h"
#include "kernel.h"

struct machine {
	xc_interface *xch;
	xenforeignmemory_handle *memory;
	xentoollog_logger *quiet;
	xencall_handle *call;	  // for the extension
	xenevtchn_handle *events; // changes_watch(), or NULL
	uint32_t extension;	  // its version; 0: a hypervisor without
	struct kernel_cache kernels;
};

int machine_open(struct machine *m, struct wabe_error *err);
void machine_close(struct machine *m);

// What a worker and a list need to know of a fresh domain.
struct domain {
	uint32_t domid;
	uint32_t store_port, console_port;
	uint64_t store_mfn, console_mfn;
};

// Create, build, leave paused. On failure there is no domain.
int domain_create(struct machine *m, const struct wabe_spec *spec,
		  const uint8_t uuid[16], struct domain *out,
		  struct wabe_error *err);
int domain_pause(struct machine *m, uint32_t domid, struct wabe_error *err);
int domain_unpause(struct machine *m, uint32_t domid, struct wabe_error *err);
int domain_destroy(struct machine *m, uint32_t domid, struct wabe_error *err);

struct domain_state {
	bool exists; // false: somebody destroyed it
	bool shutdown, dying, paused;
	unsigned int reason; // SHUTDOWN_*
	uint64_t cpu_ns, pages;
};
int domain_state(struct machine *m, uint32_t domid, struct domain_state *out,
		 struct wabe_error *err);

// extension.c: what only Wabe's hypervisor has.
void extension_open(struct machine *m);
void extension_close(struct machine *m);
// A descriptor that is readable when a domain has changed; -1: there is none,
// so look now and then. After it was readable: clear, then next until false.
int changes_watch(struct machine *m);
void changes_clear(struct machine *m);
bool changes_next(struct machine *m, uint32_t *domid, struct domain_state *out);
// The first partition at or above a number; false: none.
bool partition_next(struct machine *m, uint32_t from,
		    struct wabe_partition_info *out);
int partition_find(struct machine *m, const char *name,
		   struct wabe_partition_info *out, struct wabe_error *err);
// Nothing of it is left if it fails. cpus: no bit: all.
int partition_create(struct machine *m, const char *name, uint64_t kib,
		     const uint64_t cpus[4], struct wabe_error *err);
// What is 0 stays as it is.
int partition_resize(struct machine *m, const char *name, uint64_t kib,
		     const uint64_t cpus[4], struct wabe_error *err);
int partition_remove(struct machine *m, const char *name,
		     struct wabe_error *err);

// build.c: kernel, initrd, tables and first vCPU of a created domain.
int domain_build(struct machine *m, const struct wabe_spec *spec,
		 struct domain *d, struct wabe_error *err);

#endif
