// SPDX-License-Identifier: MIT
// domctl: vCPUs: their state, as `xl save` and `xl restore` move it, and where
// they may run. Most run with the vCPU paused (domctl.c's table).
#include <wabe/alloc.h>
#include <wabe/context.h>
#include <wabe/cpu.h>
#include <wabe/layout.h>
#include <wabe/sched.h>

#include "domctl.h"

long domctl_set_context(struct xen_domctl *op, struct domain *d,
			struct vcpu *none)
{
	const struct xen_domctl_vcpucontext *vc = &op->u.vcpucontext;
	struct vcpu *v = domain_vcpu(d, vc->vcpu);
	struct vcpu_guest_context *c;
	long error;

	if (!v || d == current_domain() || d->dying) {
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

long domctl_get_context(struct xen_domctl *op, struct domain *d, struct vcpu *v)
{
	struct vcpu_guest_context *c;
	long error;

	if (!v->initialised) {
		return -ENODATA;
	}
	c = heap_alloc(sizeof(*c));
	if (!c) {
		return -ENOMEM;
	}
	vcpu_get_context(v, c);
	error =
	    copy_to_guest(HANDLE_GVA(op->u.vcpucontext.ctxt), c, sizeof(*c));
	heap_free(c);
	return error;
}

long domctl_vcpu_info(struct xen_domctl *op, struct domain *d, struct vcpu *v)
{
	struct xen_domctl_getvcpuinfo *info = &op->u.getvcpuinfo;

	memset(info, 0, sizeof(*info)); // padding, too
	info->vcpu = v->id;
	info->online = !v->offline;
	info->blocked = v->blocked;
	info->running = v->running;
	info->cpu_time = vcpu_cpu_time(v);
	info->cpu = v->processor;
	return 0;
}

// --- affinity ---------------------------------------------------------------

#define HARD XEN_VCPUAFFINITY_HARD
#define SOFT XEN_VCPUAFFINITY_SOFT

static int affinity_out(const struct cpumask *hard, const struct cpumask *soft,
			const struct xen_domctl_vcpuaffinity *a)
{
	int error = a->flags & HARD ? bitmap_out(hard, &a->cpumap_hard) : 0;

	return !error && (a->flags & SOFT) ? bitmap_out(soft, &a->cpumap_soft)
					   : error;
}

static int check_flags(const struct xen_domctl_vcpuaffinity *a)
{
	return (a->flags & (HARD | SOFT)) &&
		       !(a->flags & ~(HARD | SOFT | XEN_VCPUAFFINITY_FORCE))
		   ? 0
		   : -EINVAL;
}

// What was set and what is effective may differ: the latter is told.
long domctl_set_affinity(struct xen_domctl *op, struct domain *d,
			 struct vcpu *v)
{
	const struct xen_domctl_vcpuaffinity *a = &op->u.vcpuaffinity;
	struct cpumask hard, soft;
	int error = check_flags(a);

	if (!error && (a->flags & HARD)) {
		error = bitmap_in(&hard, &a->cpumap_hard);
	}
	if (!error && (a->flags & SOFT)) {
		error = bitmap_in(&soft, &a->cpumap_soft);
	}
	if (!error) {
		error = sched_set_affinity(v, a->flags & HARD ? &hard : NULL,
					   a->flags & SOFT ? &soft : NULL);
	}
	if (error) {
		return error;
	}
	hard = cpus_online();
	hard = cpumask_and(&v->hard, &hard);
	soft = cpumask_and(&v->soft, &hard);
	return affinity_out(&hard, &soft, a);
}

long domctl_get_affinity(struct xen_domctl *op, struct domain *d,
			 struct vcpu *v)
{
	const struct xen_domctl_vcpuaffinity *a = &op->u.vcpuaffinity;
	int error = check_flags(a);

	return error ? error : affinity_out(&v->hard, &v->soft, a);
}

// --- 32-bit entry points ----------------------------------------------------

long domctl_get_ext_context(struct xen_domctl *op, struct domain *d,
			    struct vcpu *v)
{
	struct xen_domctl_ext_vcpucontext *e = &op->u.ext_vcpucontext;
	const struct callback *syscall = &v->callbacks[CALLBACK_SYSCALL32],
			      *sysenter = &v->callbacks[CALLBACK_SYSENTER];

	memset(e, 0, sizeof(*e));
	e->vcpu = v->id;
	e->size = sizeof(*e);
	e->syscall32_callback_eip = syscall->address;
	e->syscall32_callback_cs = SEL_GUEST_CS64;
	e->syscall32_disables_events = syscall->mask_events;
	e->sysenter_callback_eip = sysenter->address;
	e->sysenter_callback_cs = SEL_GUEST_CS64;
	e->sysenter_disables_events = sysenter->mask_events;
	return 0;
}

long domctl_set_ext_context(struct xen_domctl *op, struct domain *d,
			    struct vcpu *v)
{
	const struct xen_domctl_ext_vcpucontext *e = &op->u.ext_vcpucontext;

	if (e->size < offsetof(struct xen_domctl_ext_vcpucontext, mcg_cap) ||
	    !guest_addr_ok(e->syscall32_callback_eip) ||
	    !guest_addr_ok(e->sysenter_callback_eip)) {
		return -EINVAL;
	}
	v->callbacks[CALLBACK_SYSCALL32] = (struct callback){
	    e->syscall32_callback_eip, e->syscall32_disables_events};
	v->callbacks[CALLBACK_SYSENTER] = (struct callback){
	    e->sysenter_callback_eip, e->sysenter_disables_events};
	return 0;
}

// --- XSAVE ------------------------------------------------------------------

// What is moved: two words, then the area in its standard form.
struct xsave_record {
	u64 xcr0, xcr0_accum;
	u8 legacy[512];
	u64 xstate_bv, xcomp_bv, reserved[6];
	// and the rest
};
#define RECORD_HEADER offsetof(struct xsave_record, legacy)

static u64 record_bytes(void)
{
	return cpu_features.xsave ? RECORD_HEADER + fpu_state_bytes() : 0;
}

// Asked without a buffer: how large it must be.
long domctl_get_xsave(struct xen_domctl *op, struct domain *d, struct vcpu *v)
{
	struct xen_domctl_vcpuextstate *e = &op->u.vcpuextstate;
	u64 bytes = record_bytes(), mask = bytes ? cpu_features.xcr0 : 0;
	struct xsave_record *r;
	long error;

	if ((!e->size && !e->xfeature_mask) || !HANDLE_GVA(e->buffer).a) {
		e->size = bytes;
		e->xfeature_mask = mask;
		return 0;
	}
	if (!bytes || e->size != bytes || e->xfeature_mask != mask) {
		return -EINVAL;
	}
	r = heap_alloc(bytes);
	if (!r) {
		return -ENOMEM;
	}
	r->xcr0 = v->xcr0;
	r->xcr0_accum = cpu_features.xcr0;
	memcpy(r->legacy, v->fpu, bytes - RECORD_HEADER);
	error = copy_to_guest(HANDLE_GVA(e->buffer), r, bytes);
	heap_free(r);
	return error;
}

// Only the standard form, and only features this machine has. What XRSTOR
// would still refuse resets the state when it is loaded (x86/fpu.c).
static bool record_ok(const struct xsave_record *r)
{
	u64 wrong =
	    ((r->xstate_bv | r->xcr0_accum) & ~cpu_features.xcr0) | r->xcomp_bv;

	for (u32 i = 0; i < ARRAY_SIZE(r->reserved); i++) {
		wrong |= r->reserved[i];
	}
	return !wrong;
}

// A record of two words sets XCR0 alone.
static int xsave_apply(struct vcpu *v, const struct xsave_record *r, u64 bytes)
{
	int error = bytes < sizeof(*r) || record_ok(r)
			? fpu_set_xcr0(v, r->xcr0)
			: -EINVAL;

	if (!error && bytes >= sizeof(*r)) {
		memset(v->fpu, 0, fpu_state_bytes());
		memcpy(v->fpu, r->legacy, bytes - RECORD_HEADER);
		fpu_changed(v);
	}
	return error;
}

long domctl_set_xsave(struct xen_domctl *op, struct domain *d, struct vcpu *v)
{
	const struct xen_domctl_vcpuextstate *e = &op->u.vcpuextstate;
	struct xsave_record *r;
	long error;

	if (e->size < RECORD_HEADER || e->size > record_bytes() ||
	    (e->size > RECORD_HEADER && e->size < sizeof(*r))) {
		return -EINVAL;
	}
	r = heap_alloc(MAX(e->size, sizeof(*r)));
	if (!r) {
		return -ENOMEM;
	}
	error = copy_from_guest(r, HANDLE_GVA(e->buffer), e->size);
	if (!error) {
		error = xsave_apply(v, r, e->size);
	}
	heap_free(r);
	return error;
}

// --- MSRs -------------------------------------------------------------------

#define MSRS_MAX 64

// A vCPU has no MSR of its own that is not elsewhere: there are none to get.
long domctl_get_msrs(struct xen_domctl *op, struct domain *d, struct vcpu *v)
{
	op->u.vcpu_msrs.msr_count = 0;
	return 0;
}

// Xen's stream names some with their reset value, which is what they have. The
// count says which one was refused.
long domctl_set_msrs(struct xen_domctl *op, struct domain *d, struct vcpu *v)
{
	struct xen_domctl_vcpu_msrs *m = &op->u.vcpu_msrs;
	u32 count = m->msr_count;

	if (count > MSRS_MAX) {
		return -EINVAL;
	}
	for (u32 i = 0; i < count; i++) {
		struct xen_domctl_vcpu_msr msr;

		m->msr_count = i;
		if (copy_from_guest_at(&msr, HANDLE_GVA(m->msrs), i,
				       sizeof(msr))) {
			return -EFAULT;
		}
		if (msr.reserved || msr.value) {
			return -EINVAL;
		}
	}
	m->msr_count = count;
	return 0;
}
