// SPDX-License-Identifier: MIT
// sysctl: the machine as dom0's tools see and steer it. What it is made of is
// told in sysctl_topology.c.
//
// Nothing here changes what control_lock guards, so none of it takes it.
#include <wabe/alloc.h>
#include <wabe/console.h>
#include <wabe/cpuid.h>

#include "control.h"

#define CHUNK 512u
#define KEYS_MAX 32u

static long readconsole(struct xen_sysctl *op)
{
	struct xen_sysctl_readconsole *rc = &op->u.readconsole;
	gva_t to = HANDLE_GVA(rc->buffer);
	char text[CHUNK];
	u32 done = 0, part;

	if (!rc->incremental) {
		rc->index = ~0u;
	}
	do {
		part = console_ring_read(text, MIN(CHUNK, rc->count - done),
					 &rc->index);
		if (copy_to_guest(gva_add(to, done), text, part)) {
			return -EFAULT;
		}
		done += part;
	} while (part);
	if (rc->clear) {
		console_ring_clear();
	}
	rc->count = done;
	return 0;
}

static long sched_id(struct xen_sysctl *op)
{
	op->u.sched_id.sched_id = XEN_SCHEDULER_CREDIT2;
	return 0;
}

static long getdomaininfolist(struct xen_sysctl *op)
{
	struct xen_sysctl_getdomaininfolist *l = &op->u.getdomaininfolist;
	u32 count = 0, from = l->first_domain;

	while (count < l->max_domains && from < DOMID_FIRST_RESERVED) {
		struct domain *d = domain_next((domid_t)from);
		struct xen_domctl_getdomaininfo info;

		if (!d) {
			break;
		}
		domain_info(d, &info);
		from = d->id + 1u;
		domain_put(d);
		if (copy_to_guest_at(HANDLE_GVA(l->buffer), count++, &info,
				     sizeof(info))) {
			return -EFAULT;
		}
	}
	l->num_domains = count;
	return 0;
}

static long debug_keys(struct xen_sysctl *op)
{
	const struct xen_sysctl_debug_keys *k = &op->u.debug_keys;
	char keys[KEYS_MAX];

	if (k->nr_keys > KEYS_MAX) {
		return -E2BIG;
	}
	if (copy_from_guest(keys, HANDLE_GVA(k->keys), k->nr_keys)) {
		return -EFAULT;
	}
	for (u32 i = 0; i < k->nr_keys; i++) {
		debug_key(keys[i]);
	}
	return 0;
}

// --- CPU pools and their scheduler ------------------------------------------

// The pools are the partitions, which public/wabe.h changes.

// The pool with the lowest id at or above the one asked for.
static long pool_info(struct xen_sysctl_cpupool_op *p)
{
	const struct partition *part = partition_from(p->cpupool_id);
	struct cpumask in = cpus_online();

	if (!part) {
		return -ENOENT;
	}
	in = cpumask_and(&part->cpus, &in);
	p->cpupool_id = part->id;
	p->sched_id = XEN_SCHEDULER_CREDIT2;
	p->n_dom = READ_ONCE(part->domains);
	return bitmap_out(&in, &p->cpumap);
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

static long cpupool_op(struct xen_sysctl *op)
{
	struct xen_sysctl_cpupool_op *p = &op->u.cpupool_op;
	const struct cpumask none = {};

	switch (p->op) {
	case XEN_SYSCTL_CPUPOOL_OP_INFO:
		return pool_info(p);
	case XEN_SYSCTL_CPUPOOL_OP_FREEINFO:
		return bitmap_out(&none, &p->cpumap);
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
static long scheduler_op(struct xen_sysctl *op)
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

// --- what the processor can do ----------------------------------------------

static long cpu_featureset(struct xen_sysctl *op)
{
	struct xen_sysctl_cpu_featureset *f = &op->u.cpu_featureset;
	const struct cpu_policy *p = cpu_policy_featureset(f->index);
	u32 words[CPU_FEATURE_WORDS];
	u32 count = MIN(f->nr_features, CPU_FEATURE_WORDS);

	if (!p) {
		return -EINVAL;
	}
	if (!HANDLE_GVA(f->features).a) {
		f->nr_features = CPU_FEATURE_WORDS;
		return 0;
	}
	cpu_policy_words(p, words);
	if (copy_to_guest(HANDLE_GVA(f->features), words,
			  count * sizeof(words[0]))) {
		return -EFAULT;
	}
	f->nr_features = count;
	return count < CPU_FEATURE_WORDS ? -ENOBUFS : 0;
}

static long cpu_policy(struct xen_sysctl *op)
{
	struct xen_sysctl_cpu_policy *c = &op->u.cpu_policy;
	const struct cpu_policy *p = cpu_policy_system(c->index);

	if (!p || c->_rsvd) {
		return -EINVAL;
	}
	return cpu_policy_copy_out(p, HANDLE_GVA(c->leaves), &c->nr_leaves,
				   HANDLE_GVA(c->msrs), &c->nr_msrs);
}

// Guests ask for CPUID by the forced-emulation prefix; native CPUID is neither
// masked nor made to fault.
static long cpu_levelling_caps(struct xen_sysctl *op)
{
	op->u.cpu_levelling_caps.caps = 0;
	return 0;
}

// ----------------------------------------------------------------------------

// Processors do not come and go, and their power states are left alone.
static long refused(struct xen_sysctl *op)
{
	return -EOPNOTSUPP;
}

static long no_device(struct xen_sysctl *op)
{
	return -ENODEV;
}

// By XEN_SYSCTL_*. Performance counters, trace buffers, lock profiles, page
// offlining, idle times, heap by node: -ENOSYS.
#define OP(name, fn) [XEN_SYSCTL_##name] = fn

static sysctl_fn *const operations[] = {
    OP(readconsole, readconsole),
    OP(physinfo, sysctl_physinfo),
    OP(sched_id, sched_id),
    OP(getdomaininfolist, getdomaininfolist),
    OP(debug_keys, debug_keys),
    OP(get_pmstat, no_device),
    OP(cpu_hotplug, refused),
    OP(pm_op, no_device),
    OP(cputopoinfo, sysctl_cputopoinfo),
    OP(numainfo, sysctl_numainfo),
    OP(cpupool_op, cpupool_op),
    OP(scheduler_op, scheduler_op),
    OP(coverage_op, refused),
    OP(psr_cmt_op, no_device),
    OP(pcitopoinfo, sysctl_pcitopoinfo),
    OP(psr_alloc, no_device),
    OP(get_cpu_levelling_caps, cpu_levelling_caps),
    OP(get_cpu_featureset, cpu_featureset),
    OP(livepatch_op, refused),
    OP(get_cpu_policy, cpu_policy),
};

long call_sysctl(u64 arg, u64 a1, u64 a2, u64 a3, u64 a4)
{
	struct xen_sysctl op;
	sysctl_fn *fn = NULL;
	long rc = control_begin(&op, GVA(arg), sizeof(op),
				XEN_SYSCTL_INTERFACE_VERSION);

	if (rc) {
		return rc;
	}
	if (op.cmd < ARRAY_SIZE(operations)) {
		fn = operations[index_clamp(op.cmd, ARRAY_SIZE(operations))];
	}
	rc = fn ? fn(&op) : -ENOSYS;
	if ((!rc || rc == -ENOBUFS) &&
	    copy_to_guest(GVA(arg), &op, sizeof(op))) {
		rc = -EFAULT;
	}
	return rc;
}
