// SPDX-License-Identifier: MIT
// domctl: what a domain is given: shares, a handle, a clock, a CPU policy.
#include <wabe/cpuid.h>
#include <wabe/lib.h>
#include <wabe/sched.h>
#include <wabe/time.h>

#include "domctl.h"

#define TSC_MODE_DEFAULT 0
#define TSC_MODE_NEVER_EMULATE 2

long domctl_scheduler(struct xen_domctl *op, struct domain *d)
{
	struct xen_domctl_scheduler_op *s = &op->u.scheduler_op;
	struct xen_domctl_sched_credit2 *c = &s->u.credit2;

	if (s->sched_id != XEN_SCHEDULER_CREDIT2) {
		return -EINVAL;
	}
	switch (s->cmd) {
	case XEN_DOMCTL_SCHEDOP_putinfo:
		return sched_set_params(
		    d, c->weight ? c->weight : d->sched_weight, c->cap);
	case XEN_DOMCTL_SCHEDOP_getinfo:
		memset(&s->u, 0, sizeof(s->u));
		c->weight = d->sched_weight;
		c->cap = d->sched_cap;
		return 0;
	}
	return -EINVAL;
}

long domctl_handle(struct xen_domctl *op, struct domain *d)
{
	memcpy(d->handle, op->u.setdomainhandle.handle, sizeof(d->handle));
	return 0;
}

// --- nodes: there is one ----------------------------------------------------

long domctl_set_nodes(struct xen_domctl *op, struct domain *d)
{
	const struct xenctl_bitmap *map = &op->u.nodeaffinity.nodemap;
	u8 first = 0;

	if (map->nr_bits &&
	    copy_from_guest(&first, HANDLE_GVA(map->bitmap), 1)) {
		return -EFAULT;
	}
	return first & 1 ? 0 : -EINVAL;
}

long domctl_get_nodes(struct xen_domctl *op, struct domain *d)
{
	const struct xenctl_bitmap *map = &op->u.nodeaffinity.nodemap;
	u64 bytes =
	    MIN(DIV_ROUND_UP((u64)map->nr_bits, 8), sizeof(d->node_affinity));

	return copy_to_guest(HANDLE_GVA(map->bitmap), &d->node_affinity, bytes);
}

// --- the clock: guests read the TSC themselves ------------------------------

long domctl_set_tsc(struct xen_domctl *op, struct domain *d)
{
	u32 mode = op->u.tsc_info.tsc_mode;

	if (d == current_domain()) {
		return -EINVAL;
	}
	if (mode != TSC_MODE_DEFAULT && mode != TSC_MODE_NEVER_EMULATE) {
		return -EOPNOTSUPP;
	}
	d->tsc_mode = mode;
	return 0;
}

long domctl_get_tsc(struct xen_domctl *op, struct domain *d)
{
	struct xen_domctl_tsc_info *t = &op->u.tsc_info;

	if (d == current_domain()) {
		return -EINVAL;
	}
	memset(t, 0, sizeof(*t));
	t->tsc_mode = d->tsc_mode;
	if (t->tsc_mode == TSC_MODE_DEFAULT) {
		t->elapsed_nsec = time_now();
		t->gtsc_khz = tsc_khz;
	}
	return 0;
}

// --- what it is -------------------------------------------------------------

long domctl_set_address_size(struct xen_domctl *op, struct domain *d)
{
	return op->u.address_size.size == 64 ? 0 : -EINVAL;
}

long domctl_get_address_size(struct xen_domctl *op, struct domain *d)
{
	op->u.address_size.size = 64;
	return 0;
}

long domctl_set_policy(struct xen_domctl *op, struct domain *d)
{
	struct xen_domctl_cpu_policy *p = &op->u.cpu_policy;
	struct cpu_policy_error err = {~0u, ~0u, ~0u};
	int error;

	if (d == current_domain()) {
		return -EINVAL;
	}
	error = cpu_policy_copy_in(d, HANDLE_GVA(p->leaves), p->nr_leaves,
				   HANDLE_GVA(p->msrs), p->nr_msrs, &err);
	p->err_leaf = err.leaf;
	p->err_subleaf = err.subleaf;
	p->err_msr = err.msr;
	return error;
}

long domctl_get_policy(struct xen_domctl *op, struct domain *d)
{
	struct xen_domctl_cpu_policy *p = &op->u.cpu_policy;

	return cpu_policy_copy_out(d->policy, HANDLE_GVA(p->leaves),
				   &p->nr_leaves, HANDLE_GVA(p->msrs),
				   &p->nr_msrs);
}

// --- the machine's devices: dom0 has them all, nobody else any --------------

static long permission(const struct domain *d, bool allow)
{
	return d->privileged == allow ? 0 : -EOPNOTSUPP;
}

long domctl_irq_permission(struct xen_domctl *op, struct domain *d)
{
	return permission(d, op->u.irq_permission.allow_access);
}

long domctl_iomem_permission(struct xen_domctl *op, struct domain *d)
{
	return permission(d, op->u.iomem_permission.allow_access);
}

long domctl_ioport_permission(struct xen_domctl *op, struct domain *d)
{
	return permission(d, op->u.ioport_permission.allow_access);
}
