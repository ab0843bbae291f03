// SPDX-License-Identifier: MIT
// What the toolstack is told about a domain.
#include <wabe/alloc.h>
#include <wabe/cpu.h>
#include <wabe/lib.h>
#include <wabe/sched.h>

#include <xen/domctl.h>

#include "dom.h"

// Running if one vCPU runs, blocked if all that are up are blocked.
static void vcpus_info(struct domain *d, struct xen_domctl_getdomaininfo *out)
{
	u32 state = XEN_DOMINF_blocked;

	out->max_vcpu_id = XEN_INVALID_MAX_VCPU_ID;
	domain_for_each_vcpu (v, d) {
		out->cpu_time += vcpu_cpu_time(v);
		out->max_vcpu_id = v->id;
		if (v->offline) {
			continue;
		}
		out->nr_online_vcpus++;
		if (!v->blocked) {
			state &= ~XEN_DOMINF_blocked;
		}
		if (v->running) {
			state |= XEN_DOMINF_running;
		}
	}
	out->flags |= out->nr_online_vcpus ? state : 0;
}

void domain_info(struct domain *d, struct xen_domctl_getdomaininfo *out)
{
	memset(out, 0, sizeof(*out));
	out->domain = d->id;
	vcpus_info(d, out);
	if (d->dying == DOMAIN_DEAD) {
		out->flags |= XEN_DOMINF_dying;
	}
	if (d->shut_down) {
		out->flags |= XEN_DOMINF_shutdown |
			      (d->shutdown_code & XEN_DOMINF_shutdownmask)
				  << XEN_DOMINF_shutdownshift;
	}
	if (d->control_pauses) {
		out->flags |= XEN_DOMINF_paused;
	}
	if (d->flags & XEN_DOMCTL_CDF_xs_domain) {
		out->flags |= XEN_DOMINF_xs_domain;
	}
	out->tot_pages = d->pages;
	out->max_pages = d->pages_max;
	out->outstanding_pages = d->claim;
	out->cpupool = d->partition->id;
	out->shared_info_frame = d->shared_mfn.n;
	memcpy(out->handle, d->handle, sizeof(out->handle));
	out->gpaddr_bits = (u8)cpu_features.maddr_bits;
}
