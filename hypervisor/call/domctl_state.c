// SPDX-License-Identifier: MIT
// domctl: the rest of a vCPU's state, as `xl save` and `xl restore` move it:
// 32-bit entry points, the XSAVE area, MSRs.
#include <wabe/alloc.h>
#include <wabe/context.h>
#include <wabe/cpu.h>
#include <wabe/layout.h>
#include <wabe/lib.h>

#include "domctl.h"

// --- 32-bit entry points ----------------------------------------------------

long domctl_get_ext_context(struct xen_domctl *op, struct domain *d)
{
	struct xen_domctl_ext_vcpucontext *e = &op->u.ext_vcpucontext;
	u32 id = e->vcpu;
	long error;
	struct vcpu *v = domctl_other_vcpu(d, id, &error);

	if (!v) {
		return error;
	}
	memset(e, 0, sizeof(*e));
	e->vcpu = id;
	e->size = sizeof(*e);
	e->syscall32_callback_eip = v->callbacks[CALLBACK_SYSCALL32].address;
	e->syscall32_callback_cs = SEL_GUEST_CS64;
	e->syscall32_disables_events =
	    v->callbacks[CALLBACK_SYSCALL32].mask_events;
	e->sysenter_callback_eip = v->callbacks[CALLBACK_SYSENTER].address;
	e->sysenter_callback_cs = SEL_GUEST_CS64;
	e->sysenter_disables_events =
	    v->callbacks[CALLBACK_SYSENTER].mask_events;
	return 0;
}

long domctl_set_ext_context(struct xen_domctl *op, struct domain *d)
{
	const struct xen_domctl_ext_vcpucontext *e = &op->u.ext_vcpucontext;
	long error;
	struct vcpu *v = domctl_other_vcpu(d, e->vcpu, &error);

	if (!v) {
		return error;
	}
	if (e->size < offsetof(struct xen_domctl_ext_vcpucontext, mcg_cap) ||
	    !guest_addr_ok(e->syscall32_callback_eip) ||
	    !guest_addr_ok(e->sysenter_callback_eip)) {
		return -EINVAL;
	}
	vcpu_pause(v);
	v->callbacks[CALLBACK_SYSCALL32] = (struct callback){
	    e->syscall32_callback_eip, e->syscall32_disables_events};
	v->callbacks[CALLBACK_SYSENTER] = (struct callback){
	    e->sysenter_callback_eip, e->sysenter_disables_events};
	vcpu_unpause(v);
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

#define MSRS_MAX 64

static u64 record_bytes(void)
{
	return cpu_features.xsave ? RECORD_HEADER + fpu_state_bytes() : 0;
}

static long xsave_out(struct vcpu *v, gva_t to, u64 bytes)
{
	struct xsave_record *r = heap_alloc(bytes);
	long error;

	if (!r) {
		return -ENOMEM;
	}
	vcpu_pause(v);
	r->xcr0 = v->xcr0;
	r->xcr0_accum = cpu_features.xcr0;
	memcpy(r->legacy, fpu_area(v), bytes - RECORD_HEADER);
	vcpu_unpause(v);
	error = copy_to_guest(to, r, bytes);
	heap_free(r);
	return error;
}

// Asked without a buffer: how large it must be.
long domctl_get_xsave(struct xen_domctl *op, struct domain *d)
{
	struct xen_domctl_vcpuextstate *e = &op->u.vcpuextstate;
	u64 bytes = record_bytes(), mask = cpu_features.xcr0;
	gva_t buffer = HANDLE_GVA(e->buffer);
	long error;
	struct vcpu *v = domctl_other_vcpu(d, e->vcpu, &error);

	if (!v) {
		return error;
	}
	if ((!e->size && !e->xfeature_mask) || !buffer.a) {
		e->size = bytes;
		e->xfeature_mask = bytes ? mask : 0;
		return 0;
	}
	if (!bytes || e->size != bytes || e->xfeature_mask != mask) {
		return -EINVAL;
	}
	return xsave_out(v, buffer, bytes);
}

// Only the standard form, and only features this machine has. What XRSTOR
// would still refuse resets the state when it is loaded (x86/fpu.c).
static int check_record(const struct xsave_record *r)
{
	if ((r->xstate_bv & ~cpu_features.xcr0) || r->xcomp_bv ||
	    (r->xcr0_accum & ~cpu_features.xcr0)) {
		return -EINVAL;
	}
	for (u32 i = 0; i < ARRAY_SIZE(r->reserved); i++) {
		if (r->reserved[i]) {
			return -EINVAL;
		}
	}
	return 0;
}

static int xsave_apply(struct vcpu *v, const struct xsave_record *r, u64 bytes)
{
	int error;

	if (bytes < sizeof(*r)) {
		return fpu_set_xcr0(v, r->xcr0);
	}
	error = check_record(r);
	if (!error) {
		error = fpu_set_xcr0(v, r->xcr0);
	}
	if (!error) {
		memset(fpu_area(v), 0, fpu_state_bytes());
		memcpy(fpu_area(v), r->legacy, bytes - RECORD_HEADER);
		fpu_changed(v);
	}
	return error;
}

long domctl_set_xsave(struct xen_domctl *op, struct domain *d)
{
	const struct xen_domctl_vcpuextstate *e = &op->u.vcpuextstate;
	struct xsave_record *r;
	long error;
	struct vcpu *v = domctl_other_vcpu(d, e->vcpu, &error);

	if (!v) {
		return error;
	}
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
		vcpu_pause(v);
		error = xsave_apply(v, r, e->size);
		vcpu_unpause(v);
	}
	heap_free(r);
	return error;
}

// --- MSRs -------------------------------------------------------------------

// A vCPU has no MSR of its own that is not elsewhere: there are none to get.
long domctl_get_msrs(struct xen_domctl *op, struct domain *d)
{
	long error;

	if (!domctl_other_vcpu(d, op->u.vcpu_msrs.vcpu, &error)) {
		return error;
	}
	op->u.vcpu_msrs.msr_count = 0;
	return 0;
}

// Xen's stream names some with their reset value, which is what they have.
long domctl_set_msrs(struct xen_domctl *op, struct domain *d)
{
	struct xen_domctl_vcpu_msrs *m = &op->u.vcpu_msrs;
	u32 count = m->msr_count;
	long error;

	if (!domctl_other_vcpu(d, m->vcpu, &error)) {
		return error;
	}
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
