// SPDX-License-Identifier: MIT
// domctl: a domain's life, from createdomain to destroydomain.
#include <wabe/alloc.h>
#include <wabe/evtchn.h>
#include <wabe/lib.h>

#include "domctl.h"

#define GRANT_FRAMES_MAX 64
#define MAPTRACK_FRAMES_MAX 1024
#define PORT_MAX ((1u << 17) - 1) // all that the FIFO interface can name
#define FLAGS_KNOWN XEN_DOMCTL_CDF_xs_domain

// A limit that the toolstack left open gets the largest.
static int limit(s32 asked, u32 most, u32 *out)
{
	*out = asked < 0 ? most : (u32)asked;
	return *out > most ? -EINVAL : 0;
}

static int check(const struct xen_domctl_createdomain *c)
{
	u32 grant_version = XEN_DOMCTL_GRANT_version(c->grant_opts);

	if ((c->flags & ~FLAGS_KNOWN) || c->iommu_opts || c->vmtrace_size ||
	    c->arch.emulation_flags ||
	    (c->arch.misc_flags & ~XEN_X86_MSR_RELAXED) ||
	    (c->grant_opts & ~XEN_DOMCTL_GRANT_version_mask) ||
	    grant_version < 1 || grant_version > 2) {
		return -EINVAL;
	}
	return c->max_vcpus && c->max_vcpus <= DOMAIN_VCPUS_MAX ? 0 : -EINVAL;
}

long domctl_create(struct xen_domctl *op, struct domain *none)
{
	const struct xen_domctl_createdomain *c = &op->u.createdomain;
	struct domain_config config = {
	    .id = op->domain,
	    .partition = partition_get(c->cpupool_id),
	    .flags = c->flags,
	    .vcpus_max = c->max_vcpus,
	    .evtchn_max = MIN(c->max_evtchn_port, PORT_MAX),
	};
	struct domain *d;
	int error = check(c);

	if (!op->domain || op->domain >= DOMID_FIRST_RESERVED) {
		config.id = DOMID_INVALID;
	}
	if (!error) {
		error = limit(c->max_grant_frames, GRANT_FRAMES_MAX,
			      &config.grant_frames);
	}
	if (!error) {
		error = limit(c->max_maptrack_frames, MAPTRACK_FRAMES_MAX,
			      &config.maptrack_frames);
	}
	if (error) {
		return error;
	}
	if (!config.partition || config.partition->closing) {
		return -ESRCH;
	}
	memcpy(config.handle, c->handle, sizeof(config.handle));
	error = domain_create(&config, &d);
	if (!error) {
		op->domain = d->id;
	}
	return error;
}

long domctl_destroy(struct xen_domctl *op, struct domain *d)
{
	return domain_destroy(d);
}

long domctl_pause(struct xen_domctl *op, struct domain *d)
{
	return d == current_domain() ? -EINVAL : domain_pause_control(d);
}

long domctl_unpause(struct xen_domctl *op, struct domain *d)
{
	return domain_unpause_control(d);
}

long domctl_resume(struct xen_domctl *op, struct domain *d)
{
	return d == current_domain() ? -EINVAL : domain_resume(d);
}

// The domain asked for, or the next that there is.
long domctl_info(struct xen_domctl *op, struct domain *none)
{
	struct domain *d;

	if (op->domain >= DOMID_FIRST_RESERVED) {
		return -EINVAL;
	}
	d = domain_next(op->domain);
	if (!d) {
		return -ESRCH;
	}
	domain_info(d, &op->u.getdomaininfo);
	op->domain = d->id;
	domain_put(d);
	return 0;
}

// vCPUs begin on processors in turn, each domain's first on another.
static u32 first_cpu(const struct domain *d, u32 vcpu)
{
	const struct cpumask *in = &d->partition->cpus;
	u32 cpu = cpumask_next(in, (d->id + vcpu) % cpu_count);

	return cpu < cpu_count ? cpu : cpumask_next(in, 0);
}

long domctl_max_vcpus(struct xen_domctl *op, struct domain *d)
{
	if (d == current_domain() || op->u.max_vcpus.max != d->vcpus_max ||
	    d->dying) {
		return -EINVAL;
	}
	for (u32 i = 0; i < d->vcpus_max; i++) {
		int error;

		if (d->vcpu[i]) {
			continue;
		}
		error = vcpu_create(d, i, first_cpu(d, i), NULL);
		if (error) {
			return error;
		}
	}
	return 0;
}
