// SPDX-License-Identifier: MIT
// sysctl: CPU pools and their scheduler. The pools are the partitions, which
// public/wabe.h changes.
#include <wabe/alloc.h>
#include <wabe/lib.h>

#include "control.h"

#define BYTES_MAX (NR_CPUS / 8)

// The first `bits` of `map` to the guest's bitmap; zeros to its end, as far as
// any processor could have a bit.
static long bitmap_return(const struct xenctl_bitmap *to, const u64 *map,
			  u32 bits)
{
	u8 out[BYTES_MAX];
	u32 bytes = DIV_ROUND_UP((u64)to->nr_bits, 8);

	memset(out, 0, sizeof(out));
	memcpy(out, map, DIV_ROUND_UP(bits, 8));
	if (to->nr_bits < NR_CPUS && to->nr_bits % 8) {
		out[to->nr_bits / 8] &= (u8)(BIT(to->nr_bits % 8) - 1);
	}
	return copy_to_guest(HANDLE_GVA(to->bitmap), out,
			     MIN(bytes, sizeof(out)));
}

// The pool with the lowest id at or above the one asked for.
static long pool_info(struct xen_sysctl_cpupool_op *p)
{
	const struct partition *part = partition_from(p->cpupool_id);
	struct cpumask in = {};

	if (!part) {
		return -ENOENT;
	}
	for (u32 i = 0; i < cpu_count; i++) {
		if (cpumask_test(&part->cpus, i)) {
			cpumask_set(&in, i);
		}
	}
	p->cpupool_id = part->id;
	p->sched_id = XEN_SCHEDULER_CREDIT2;
	p->n_dom = READ_ONCE(part->domains);
	return bitmap_return(&p->cpumap, in.bits, cpu_count);
}

static long pool_free_cpus(struct xen_sysctl_cpupool_op *p)
{
	struct cpumask none = {};

	return bitmap_return(&p->cpumap, none.bits, cpu_count);
}

// A move to where it is.
static long pool_move(const struct xen_sysctl_cpupool_op *p)
{
	struct domain *d = domain_get((domid_t)p->domid);
	long error;

	if (!d) {
		return -EINVAL;
	}
	error = p->cpupool_id == d->partition->id ? 0
		: partition_get(p->cpupool_id)	  ? -EOPNOTSUPP
						  : -ENOENT;
	domain_put(d);
	return error;
}

long sysctl_cpupool_op(struct xen_sysctl *op)
{
	struct xen_sysctl_cpupool_op *p = &op->u.cpupool_op;

	switch (p->op) {
	case XEN_SYSCTL_CPUPOOL_OP_INFO:
		return pool_info(p);
	case XEN_SYSCTL_CPUPOOL_OP_FREEINFO:
		return pool_free_cpus(p);
	case XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN:
		return pool_move(p);
	case XEN_SYSCTL_CPUPOOL_OP_DESTROY:
		return partition_get(p->cpupool_id) ? -EBUSY : -ENOENT;
	case XEN_SYSCTL_CPUPOOL_OP_CREATE:
	case XEN_SYSCTL_CPUPOOL_OP_ADDCPU:
	case XEN_SYSCTL_CPUPOOL_OP_RMCPU:
		return -EOPNOTSUPP;
	default:
		return -ENOSYS;
	}
}

// No rate limit: what the one parameter's 0 means.
long sysctl_scheduler_op(struct xen_sysctl *op)
{
	struct xen_sysctl_scheduler_op *s = &op->u.scheduler_op;

	if (!partition_get(s->cpupool_id)) {
		return -ESRCH;
	}
	if (s->sched_id != XEN_SCHEDULER_CREDIT2) {
		return -EINVAL;
	}
	switch (s->cmd) {
	case XEN_SYSCTL_SCHEDOP_getinfo:
		memset(&s->u, 0, sizeof(s->u));
		return 0;
	case XEN_SYSCTL_SCHEDOP_putinfo:
		return s->u.sched_credit2.ratelimit_us ? -EOPNOTSUPP : 0;
	default:
		return -EINVAL;
	}
}
