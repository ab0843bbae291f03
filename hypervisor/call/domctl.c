// SPDX-License-Identifier: MIT
// domctl: how the toolstack makes and steers domains. vCPUs' state and memory
// have files of their own.
#include <wabe/alloc.h>
#include <wabe/cpuid.h>
#include <wabe/sched.h>

#include "domctl.h"

// --- a domain's life --------------------------------------------------------

#define GRANT_FRAMES_MAX 64
#define MAPTRACK_FRAMES_MAX 1024
#define PORT_MAX ((1u << 17) - 1) // all that the FIFO interface can name
#define FLAGS_KNOWN XEN_DOMCTL_CDF_xs_domain

// A limit that the toolstack left open is the largest.
static int check(const struct xen_domctl_createdomain *c)
{
	u32 grant_version = XEN_DOMCTL_GRANT_version(c->grant_opts);

	return (c->flags & ~FLAGS_KNOWN) || c->iommu_opts || c->vmtrace_size ||
		       c->arch.emulation_flags ||
		       (c->arch.misc_flags & ~XEN_X86_MSR_RELAXED) ||
		       (c->grant_opts & ~XEN_DOMCTL_GRANT_version_mask) ||
		       grant_version < 1 || grant_version > 2 ||
		       !c->max_vcpus || c->max_vcpus > DOMAIN_VCPUS_MAX ||
		       c->max_grant_frames > GRANT_FRAMES_MAX ||
		       c->max_maptrack_frames > MAPTRACK_FRAMES_MAX
		   ? -EINVAL
		   : 0;
}

static long create(struct xen_domctl *op, struct domain *none, struct vcpu *v)
{
	const struct xen_domctl_createdomain *c = &op->u.createdomain;
	struct domain_config config = {
	    .id = op->domain && op->domain < DOMID_FIRST_RESERVED
		      ? op->domain
		      : DOMID_INVALID,
	    .partition = partition_get(c->cpupool_id),
	    .flags = c->flags,
	    .vcpus_max = c->max_vcpus,
	    .evtchn_max = MIN(c->max_evtchn_port, PORT_MAX),
	    .grant_frames = MIN((u32)c->max_grant_frames, GRANT_FRAMES_MAX),
	    .maptrack_frames =
		MIN((u32)c->max_maptrack_frames, MAPTRACK_FRAMES_MAX),
	};
	struct domain *d;
	int error = check(c);

	if (!error && (!config.partition || config.partition->closing)) {
		error = -ESRCH;
	}
	memcpy(config.handle, c->handle, sizeof(config.handle));
	if (!error) {
		error = domain_create(&config, &d);
	}
	if (!error) {
		op->domain = d->id;
	}
	return error;
}

// The domain asked for, or the next that there is.
static long info(struct xen_domctl *op, struct domain *d, struct vcpu *v)
{
	domain_info(d, &op->u.getdomaininfo);
	op->domain = d->id;
	return 0;
}

// vCPUs begin on processors in turn, each domain's first on another.
static u32 first_cpu(const struct domain *d, u32 vcpu)
{
	const struct cpumask *in = &d->partition->cpus;
	u32 cpu = cpumask_next(in, (d->id + vcpu) % cpu_count);

	return cpu < cpu_count ? cpu : cpumask_next(in, 0);
}

static long max_vcpus(struct xen_domctl *op, struct domain *d, struct vcpu *v)
{
	int error =
	    op->u.max_vcpus.max != d->vcpus_max || d->dying ? -EINVAL : 0;

	for (u32 i = 0; i < d->vcpus_max && !error; i++) {
		if (!d->vcpu[i]) {
			error = vcpu_create(d, i, first_cpu(d, i), NULL);
		}
	}
	return error;
}

static long trigger(struct xen_domctl *op, struct domain *d, struct vcpu *none)
{
	struct vcpu *v = domain_vcpu(d, op->u.sendtrigger.vcpu);

	if (!v) {
		return -ESRCH;
	}
	switch (op->u.sendtrigger.trigger) {
	case XEN_DOMCTL_SENDTRIGGER_NMI:
		return vcpu_send_nmi(v);
	case XEN_DOMCTL_SENDTRIGGER_POWER:
	case XEN_DOMCTL_SENDTRIGGER_SLEEP:
		return -EINVAL; // buttons of HVM guests
	}
	return -ENOSYS;
}

// --- what it is given -------------------------------------------------------

static long scheduler(struct xen_domctl *op, struct domain *d, struct vcpu *v)
{
	struct xen_domctl_scheduler_op *s = &op->u.scheduler_op;
	struct xen_domctl_sched_credit2 *c = &s->u.credit2;

	if (s->sched_id != XEN_SCHEDULER_CREDIT2) {
		return -EINVAL;
	}
	switch (s->cmd) {
	case XEN_DOMCTL_SCHEDOP_putinfo:
		return sched_set_params(
		    d, c->weight ? c->weight : d->sched.weight, c->cap);
	case XEN_DOMCTL_SCHEDOP_getinfo:
		memset(&s->u, 0, sizeof(s->u));
		c->weight = d->sched.weight;
		c->cap = d->sched.cap;
		return 0;
	}
	return -EINVAL;
}

static long set_handle(struct xen_domctl *op, struct domain *d, struct vcpu *v)
{
	memcpy(d->handle, op->u.setdomainhandle.handle, sizeof(d->handle));
	return 0;
}

// There is one node.
static long set_nodes(struct xen_domctl *op, struct domain *d, struct vcpu *v)
{
	struct cpumask nodes;

	if (bitmap_in(&nodes, &op->u.nodeaffinity.nodemap)) {
		return -EFAULT;
	}
	return nodes.bits[0] & 1 ? 0 : -EINVAL;
}

static long get_nodes(struct xen_domctl *op, struct domain *d, struct vcpu *v)
{
	const struct cpumask nodes = {{1}};

	return bitmap_out(&nodes, &op->u.nodeaffinity.nodemap);
}

#define TSC_MODE_DEFAULT 0
#define TSC_MODE_NEVER_EMULATE 2

// Guests read the TSC themselves.
static long set_tsc(struct xen_domctl *op, struct domain *d, struct vcpu *v)
{
	u32 mode = op->u.tsc_info.tsc_mode;

	if (mode != TSC_MODE_DEFAULT && mode != TSC_MODE_NEVER_EMULATE) {
		return -EOPNOTSUPP;
	}
	d->tsc_mode = mode;
	return 0;
}

static long get_tsc(struct xen_domctl *op, struct domain *d, struct vcpu *v)
{
	bool set = d->tsc_mode != TSC_MODE_DEFAULT;

	op->u.tsc_info = (struct xen_domctl_tsc_info){
	    .tsc_mode = d->tsc_mode,
	    .gtsc_khz = set ? 0 : tsc_khz,
	    .elapsed_nsec = set ? 0 : time_now(),
	};
	return 0;
}

static long set_address_size(struct xen_domctl *op, struct domain *d,
			     struct vcpu *v)
{
	return op->u.address_size.size == 64 ? 0 : -EINVAL;
}

static long get_address_size(struct xen_domctl *op, struct domain *d,
			     struct vcpu *v)
{
	op->u.address_size.size = 64;
	return 0;
}

static long set_policy(struct xen_domctl *op, struct domain *d, struct vcpu *v)
{
	struct xen_domctl_cpu_policy *p = &op->u.cpu_policy;
	struct cpu_policy_error err = {~0u, ~0u, ~0u};
	int error = cpu_policy_copy_in(d, HANDLE_GVA(p->leaves), p->nr_leaves,
				       HANDLE_GVA(p->msrs), p->nr_msrs, &err);

	p->err_leaf = err.leaf;
	p->err_subleaf = err.subleaf;
	p->err_msr = err.msr;
	return error;
}

static long get_policy(struct xen_domctl *op, struct domain *d, struct vcpu *v)
{
	struct xen_domctl_cpu_policy *p = &op->u.cpu_policy;

	return cpu_policy_copy_out(d->policy, HANDLE_GVA(p->leaves),
				   &p->nr_leaves, HANDLE_GVA(p->msrs),
				   &p->nr_msrs);
}

// What Xen has and we do not: pass-through, HVM, debugging, monitoring, soft
// reset, virtual NUMA.
static long unsupported(struct xen_domctl *op, struct domain *d, struct vcpu *v)
{
	return -EOPNOTSUPP;
}

// ----------------------------------------------------------------------------

#define OTHER 2	   // -EINVAL for the caller's own domain
#define VCPU 4	   // its first word is a vCPU's number; -ESRCH
#define INVALID 32 // -EINVAL instead
#define STOP 8	   // that vCPU is paused meanwhile (OTHER)
#define ANSWER 16  // the request comes back with an error too: which, how far

#define OP(name, fn, flags) [XEN_DOMCTL_##name] = {fn, NULL, flags}
#define LIFE(name, fn, flags) [XEN_DOMCTL_##name] = {NULL, fn, flags}
#define NONE(first, last) \
	[XEN_DOMCTL_##first... XEN_DOMCTL_##last] = {unsupported, NULL, 0}

// One of the two functions: with the request, or of the domain alone.
static const struct operation {
	domctl_fn *fn;
	int (*life)(struct domain *d);
	u8 flags;
} operations[] = {
    OP(createdomain, create, 0),
    LIFE(destroydomain, domain_destroy, 0),
    LIFE(pausedomain, domain_pause_control, OTHER),
    LIFE(unpausedomain, domain_unpause_control, 0),
    OP(getdomaininfo, info, 0),
    OP(setvcpuaffinity, domctl_set_affinity, VCPU | INVALID),
    OP(shadow_op, domctl_shadow, OTHER | ANSWER),
    OP(max_mem, domctl_max_mem, 0),
    OP(setvcpucontext, domctl_set_context, 0),
    OP(getvcpucontext, domctl_get_context, OTHER | VCPU | STOP | INVALID),
    OP(getvcpuinfo, domctl_vcpu_info, VCPU | INVALID),
    OP(max_vcpus, max_vcpus, OTHER),
    OP(scheduler_op, scheduler, 0),
    OP(setdomainhandle, set_handle, 0),
    NONE(setdebugging, ioport_permission),
    OP(hypercall_init, domctl_hypercall_init, 0),
    NONE(settimeoffset, settimeoffset),
    OP(getvcpuaffinity, domctl_get_affinity, VCPU | INVALID),
    LIFE(resumedomain, domain_resume, OTHER),
    OP(sendtrigger, trigger, 0),
    NONE(subscribe, sethvmcontext),
    OP(set_address_size, set_address_size, 0),
    OP(get_address_size, get_address_size, 0),
    NONE(assign_device, ioport_mapping),
    OP(set_ext_vcpucontext, domctl_set_ext_context, OTHER | VCPU | STOP),
    OP(get_ext_vcpucontext, domctl_get_ext_context, OTHER | VCPU | STOP),
    NONE(test_assign_device, mem_sharing_op),
    OP(gettscinfo, get_tsc, OTHER),
    OP(settscinfo, set_tsc, OTHER),
    OP(getpageframeinfo3, domctl_frames_info, 0),
    OP(setvcpuextstate, domctl_set_xsave, OTHER | VCPU | STOP),
    OP(getvcpuextstate, domctl_get_xsave, OTHER | VCPU | STOP),
    NONE(set_access_required, set_broken_page_p2m),
    OP(setnodeaffinity, set_nodes, 0),
    OP(getnodeaffinity, get_nodes, 0),
    NONE(cacheflush, cacheflush),
    OP(get_vcpu_msrs, domctl_get_msrs, OTHER | VCPU),
    OP(set_vcpu_msrs, domctl_set_msrs, OTHER | VCPU | ANSWER),
    NONE(setvnumainfo, vuart_op),
    OP(get_cpu_policy, get_policy, 0),
    OP(set_cpu_policy, set_policy, OTHER | ANSWER),
    NONE(vmtrace_op, set_paging_mempool_size),
};

static long run_named(struct xen_domctl *op, struct domain *d,
		      const struct operation *o)
{
	struct vcpu *v = NULL;
	u8 flags = o->flags;
	long rc;

	if ((flags & OTHER) && d == current_domain()) {
		return -EINVAL;
	}
	if (flags & VCPU) {
		v = domain_vcpu(d, *(u32 *)&op->u);
		if (!v) {
			return flags & INVALID ? -EINVAL : -ESRCH;
		}
	}
	if (flags & STOP) {
		vcpu_pause(v);
	}
	rc = o->life ? o->life(d) : o->fn(op, d, v);
	if (flags & STOP) {
		vcpu_unpause(v);
	}
	return rc;
}

// The domain that is meant, referenced: none by createdomain, the next that
// there is by getdomaininfo.
static long find(const struct xen_domctl *op, struct domain **d)
{
	bool next = op->cmd == XEN_DOMCTL_getdomaininfo;

	*d = NULL;
	if (op->cmd == XEN_DOMCTL_createdomain) {
		return 0;
	}
	if (op->domain >= DOMID_FIRST_RESERVED) {
		return next ? -EINVAL : -ESRCH;
	}
	*d = next ? domain_next(op->domain) : domain_get(op->domain);
	return *d ? 0 : -ESRCH;
}

// Whoever waits for the lock returns to the guest meanwhile: the holder may be
// waiting for this CPU.
static long run_locked(struct xen_domctl *op, struct domain *d,
		       const struct operation *o)
{
	long rc = -ERESTART;

	if (lock_try(&control_lock)) {
		rc = run_named(op, d, o);
		unlock(&control_lock);
	}
	return rc;
}

long call_domctl(u64 arg, u64 a1, u64 a2, u64 a3, u64 a4)
{
	struct xen_domctl op;
	struct domain *d;
	long rc = control_begin(&op, GVA(arg), sizeof(op),
				XEN_DOMCTL_INTERFACE_VERSION);
	const struct operation *o;
	long found;

	if (rc && rc != -EPERM) {
		return rc;
	}
	// As on Xen, who may not is told first that there is no such domain.
	found = find(&op, &d);
	rc = found ? found : rc;
	o = &operations[index_clamp(op.cmd, ARRAY_SIZE(operations))];
	if (!rc && (op.cmd >= ARRAY_SIZE(operations) || !(o->fn || o->life))) {
		rc = -ENOSYS;
	}
	if (!rc) {
		rc = run_locked(&op, d, o);
		if ((!rc || rc == -ENOBUFS || (o->flags & ANSWER)) &&
		    copy_to_guest(GVA(arg), &op, sizeof(op))) {
			rc = -EFAULT;
		}
	}
	if (d) {
		domain_put(d);
	}
	return rc == -ERESTART
		   ? hypercall_continue(__HYPERVISOR_domctl, arg, 0, 0, 0, 0)
		   : rc;
}
