// SPDX-License-Identifier: MIT
// What dom0's control calls share.
#include <wabe/alloc.h>
#include <wabe/cpu.h>
#include <wabe/sched.h>

#include "control.h"

int control_begin(void *op, gva_t arg, u64 bytes, u32 version)
{
	if (copy_from_guest(op, arg, bytes)) {
		return -EFAULT;
	}
	if (((u32 *)op)[1] != version) {
		return -EACCES;
	}
	return current_domain()->privileged ? 0 : -EPERM;
}

static u64 bitmap_bytes(const struct xenctl_bitmap *map)
{
	return MIN(DIV_ROUND_UP((u64)map->nr_bits, 8), sizeof(struct cpumask));
}

// Bits of the last byte beyond the map's are clear, either way.
static void bitmap_cut(struct cpumask *m, const struct xenctl_bitmap *map)
{
	if (map->nr_bits < NR_CPUS) {
		m->bits[map->nr_bits / 64] &= BIT(map->nr_bits % 64) - 1;
	}
}

int bitmap_in(struct cpumask *m, const struct xenctl_bitmap *map)
{
	int error;

	memset(m, 0, sizeof(*m));
	error = copy_from_guest(m, HANDLE_GVA(map->bitmap), bitmap_bytes(map));
	bitmap_cut(m, map);
	return error;
}

int bitmap_out(const struct cpumask *m, const struct xenctl_bitmap *map)
{
	struct cpumask out = *m;

	bitmap_cut(&out, map);
	return copy_to_guest(HANDLE_GVA(map->bitmap), &out, bitmap_bytes(map));
}

struct cpumask cpus_online(void)
{
	struct cpumask m = {{0}};

	for (u32 i = 0; i < cpu_count; i++) {
		cpumask_set(&m, i);
	}
	return m;
}

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
