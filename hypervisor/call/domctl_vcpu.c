// SPDX-License-Identifier: MIT
// domctl: vCPUs: their state, what they do, where they may run.
#include <wabe/alloc.h>
#include <wabe/lib.h>
#include <wabe/sched.h>

#include "domctl.h"

#define MASK_BYTES sizeof(struct cpumask)

long domctl_set_context(struct xen_domctl *op, struct domain *d)
{
	const struct xen_domctl_vcpucontext *vc = &op->u.vcpucontext;
	struct vcpu_guest_context *c;
	long error;
	struct vcpu *v = domctl_other_vcpu(d, vc->vcpu, &error);

	if (!v || d->dying) {
		return -EINVAL;
	}
	c = heap_alloc(sizeof(*c));
	if (!c) {
		return -ENOMEM;
	}
	error = copy_from_guest(c, HANDLE_GVA(vc->ctxt), sizeof(*c));
	if (!error) {
		domain_pause(d);
		error = vcpu_set_context(v, c);
		domain_unpause(d);
	}
	heap_free(c);
	return error;
}

long domctl_get_context(struct xen_domctl *op, struct domain *d)
{
	const struct xen_domctl_vcpucontext *vc = &op->u.vcpucontext;
	struct vcpu_guest_context *c;
	long error;
	struct vcpu *v = domctl_other_vcpu(d, vc->vcpu, &error);

	if (!v) {
		return -EINVAL;
	}
	if (!v->initialised) {
		return -ENODATA;
	}
	c = heap_alloc(sizeof(*c));
	if (!c) {
		return -ENOMEM;
	}
	vcpu_pause(v);
	vcpu_get_context(v, c);
	vcpu_unpause(v);
	error = copy_to_guest(HANDLE_GVA(vc->ctxt), c, sizeof(*c));
	heap_free(c);
	return error;
}

long domctl_vcpu_info(struct xen_domctl *op, struct domain *d)
{
	struct xen_domctl_getvcpuinfo *info = &op->u.getvcpuinfo;
	u32 id = info->vcpu;
	struct vcpu *v = domain_vcpu(d, id);

	if (!v) {
		return -ESRCH;
	}
	memset(info, 0, sizeof(*info));
	info->vcpu = id;
	info->online = !v->offline;
	info->blocked = !!v->blocked;
	info->running = !!v->running;
	info->cpu_time = vcpu_cpu_time(v);
	info->cpu = v->processor;
	return 0;
}

long domctl_trigger(struct xen_domctl *op, struct domain *d)
{
	struct vcpu *v = domain_vcpu(d, op->u.sendtrigger.vcpu);

	if (!v) {
		return -ESRCH;
	}
	if (op->u.sendtrigger.trigger != XEN_DOMCTL_SENDTRIGGER_NMI) {
		return -ENOSYS;
	}
	if (!__atomic_exchange_n(&v->nmi_pending, 1, __ATOMIC_SEQ_CST)) {
		vcpu_kick(v);
	}
	return 0;
}

// --- affinity ---------------------------------------------------------------

// The toolstack's bitmaps may be shorter or longer than ours.
static u64 map_bytes(const struct xenctl_bitmap *map)
{
	return MIN(DIV_ROUND_UP((u64)map->nr_bits, 8), MASK_BYTES);
}

static int mask_in(struct cpumask *m, const struct xenctl_bitmap *map)
{
	memset(m, 0, sizeof(*m));
	return copy_from_guest(m, HANDLE_GVA(map->bitmap), map_bytes(map));
}

static int mask_out(const struct cpumask *m, const struct xenctl_bitmap *map)
{
	return copy_to_guest(HANDLE_GVA(map->bitmap), m, map_bytes(map));
}

static struct cpumask online(void)
{
	struct cpumask m = {{0}};

	for (u32 i = 0; i < cpu_count; i++) {
		cpumask_set(&m, i);
	}
	return m;
}

// What was set and what is effective may differ: the latter is told.
static int tell_effective(struct vcpu *v,
			  const struct xen_domctl_vcpuaffinity *a)
{
	struct cpumask on = online(), hard = cpumask_and(&v->hard, &on);
	struct cpumask soft = cpumask_and(&v->soft, &hard);
	int error = 0;

	if (a->flags & XEN_VCPUAFFINITY_HARD) {
		error = mask_out(&hard, &a->cpumap_hard);
	}
	if (!error && (a->flags & XEN_VCPUAFFINITY_SOFT)) {
		error = mask_out(&soft, &a->cpumap_soft);
	}
	return error;
}

static int check_flags(const struct xen_domctl_vcpuaffinity *a)
{
	const u32 both = XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT;

	return (a->flags & both) &&
		       !(a->flags & ~(both | XEN_VCPUAFFINITY_FORCE))
		   ? 0
		   : -EINVAL;
}

long domctl_set_affinity(struct xen_domctl *op, struct domain *d)
{
	const struct xen_domctl_vcpuaffinity *a = &op->u.vcpuaffinity;
	struct vcpu *v = domain_vcpu(d, a->vcpu);
	struct cpumask hard, soft;
	int error = v ? check_flags(a) : -EINVAL;

	if (error) {
		return error;
	}
	if ((a->flags & XEN_VCPUAFFINITY_HARD) &&
	    mask_in(&hard, &a->cpumap_hard)) {
		return -EFAULT;
	}
	if ((a->flags & XEN_VCPUAFFINITY_SOFT) &&
	    mask_in(&soft, &a->cpumap_soft)) {
		return -EFAULT;
	}
	error = sched_set_affinity(
	    v, a->flags & XEN_VCPUAFFINITY_HARD ? &hard : NULL,
	    a->flags & XEN_VCPUAFFINITY_SOFT ? &soft : NULL);
	return error ? error : tell_effective(v, a);
}

long domctl_get_affinity(struct xen_domctl *op, struct domain *d)
{
	const struct xen_domctl_vcpuaffinity *a = &op->u.vcpuaffinity;
	struct vcpu *v = domain_vcpu(d, a->vcpu);
	int error = v ? check_flags(a) : -EINVAL;

	if (!error && (a->flags & XEN_VCPUAFFINITY_HARD)) {
		error = mask_out(&v->hard, &a->cpumap_hard);
	}
	if (!error && (a->flags & XEN_VCPUAFFINITY_SOFT)) {
		error = mask_out(&v->soft, &a->cpumap_soft);
	}
	return error;
}
