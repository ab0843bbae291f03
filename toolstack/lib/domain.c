// SPDX-License-Identifier: MIT
// Domains on the hypervisor: made, paused, ended.
#define _GNU_SOURCE
#include "machine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xen/hvm/e820.h>

// Limits of a micro-domain: it maps nobody's grants, and grants its own pages
// for a store, a console, a few disks and interfaces.
#define GRANT_FRAMES 16
#define PORTS 1023

// libxenctrl tells its troubles to a logger; ours come as errors instead.
static void quiet_message(xentoollog_logger *logger, xentoollog_level level,
			  int errnoval, const char *context, const char *format,
			  va_list al)
{
}
static void quiet_progress(xentoollog_logger *logger, const char *context,
			   const char *doing_what, int percent,
			   unsigned long done, unsigned long total)
{
}
static void quiet_destroy(xentoollog_logger *logger)
{
	free(logger);
}

int machine_open(struct machine *m, struct wabe_error *err)
{
	memset(m, 0, sizeof(*m));
	m->quiet = calloc(1, sizeof(*m->quiet));
	if (!m->quiet) {
		return error_set(err, ENOMEM, "hypervisor");
	}
	m->quiet->vmessage = quiet_message;
	m->quiet->progress = quiet_progress;
	m->quiet->destroy = quiet_destroy;
	m->xch = xc_interface_open(m->quiet, m->quiet, 0);
	m->memory = m->xch ? xenforeignmemory_open(m->quiet, 0) : NULL;
	if (!m->memory) {
		error_set(err, errno,
			  "no hypervisor here, or no rights to it "
			  "(/dev/xen/privcmd)");
		machine_close(m);
		return -1;
	}
	extension_open(m);
	return 0;
}

void machine_close(struct machine *m)
{
	extension_close(m);
	if (m->memory) {
		xenforeignmemory_close(m->memory);
	}
	if (m->xch) {
		xc_interface_close(m->xch);
	}
	if (m->quiet) {
		m->quiet->destroy(m->quiet);
	}
	kernel_cache_close(&m->kernels);
	memset(m, 0, sizeof(*m));
}

static int port_make(struct machine *m, uint32_t domid, uint32_t *port,
		     struct wabe_error *err)
{
	xc_evtchn_port_or_error_t made =
	    xc_evtchn_alloc_unbound(m->xch, domid, 0);

	if (made < 0) {
		return error_set(err, errno, "event channel");
	}
	*port = (uint32_t)made;
	return 0;
}

static int limits_set(struct machine *m, const struct wabe_spec *spec,
		      struct domain *d, struct wabe_error *err)
{
	struct e820entry map = {0, spec->memory_kib * 1024, E820_RAM};

	if (xc_domain_max_vcpus(m->xch, d->domid, spec->vcpus)) {
		return error_set(err, errno, "vcpus: %u", spec->vcpus);
	}
	if (xc_domain_setmaxmem(m->xch, d->domid, spec->memory_kib)) {
		return error_set(err, errno, "memory-kib: %lu",
				 spec->memory_kib);
	}
	if (xc_domain_set_memory_map(m->xch, d->domid, &map, 1)) {
		return error_set(err, errno, "memory map");
	}
	if (port_make(m, d->domid, &d->store_port, err)) {
		return -1;
	}
	return port_make(m, d->domid, &d->console_port, err);
}

int domain_create(struct machine *m, const struct wabe_spec *spec,
		  const uint8_t uuid[16], struct domain *out,
		  struct wabe_error *err)
{
	struct xen_domctl_createdomain config = {
	    .max_vcpus = spec->vcpus,
	    .max_evtchn_port = PORTS,
	    .max_grant_frames = GRANT_FRAMES,
	    .max_maptrack_frames = 0,
	    .grant_opts = XEN_DOMCTL_GRANT_version(2),
	};

	memset(out, 0, sizeof(*out));
	out->domid = DOMID_INVALID;
	if (spec->partition) {
		struct wabe_partition_info partition;

		if (partition_find(m, spec->partition, &partition, err)) {
			return -1;
		}
		config.cpupool_id = partition.id;
	}
	memcpy(config.handle, uuid, sizeof(config.handle));
	if (xc_domain_create(m->xch, &out->domid, &config)) {
		return error_set(err, errno, "creating the domain");
	}
	if (limits_set(m, spec, out, err) || domain_build(m, spec, out, err)) {
		struct wabe_error ignored;

		domain_destroy(m, out->domid, &ignored);
		return -1;
	}
	return 0;
}

int domain_pause(struct machine *m, uint32_t domid, struct wabe_error *err)
{
	return xc_domain_pause(m->xch, domid) ? error_set(err, errno, "pause")
					      : 0;
}

int domain_unpause(struct machine *m, uint32_t domid, struct wabe_error *err)
{
	return xc_domain_unpause(m->xch, domid)
		   ? error_set(err, errno, "unpause")
		   : 0;
}

int domain_destroy(struct machine *m, uint32_t domid, struct wabe_error *err)
{
	return xc_domain_destroy(m->xch, domid)
		   ? error_set(err, errno, "destroy")
		   : 0;
}

int domain_state(struct machine *m, uint32_t domid, struct domain_state *out,
		 struct wabe_error *err)
{
	xc_domaininfo_t info;
	int n = xc_domain_getinfolist(m->xch, domid, 1, &info);

	memset(out, 0, sizeof(*out));
	if (n < 0) {
		return error_set(err, errno, "domain %u", domid);
	}
	out->exists = n == 1 && info.domain == domid;
	if (out->exists) {
		out->shutdown = info.flags & XEN_DOMINF_shutdown;
		out->dying = info.flags & XEN_DOMINF_dying;
		out->paused = info.flags & XEN_DOMINF_paused;
		out->reason = (info.flags >> XEN_DOMINF_shutdownshift) &
			      XEN_DOMINF_shutdownmask;
		out->cpu_ns = info.cpu_time;
		out->pages = info.tot_pages;
	}
	return 0;
}
