// SPDX-License-Identifier: MIT
// The guests' FPU state, switched eagerly. It is saved whenever a vCPU stops
// to run, so what is in memory is complete; loading is spared when the vCPU
// comes back to the CPU where its registers still are (cpu.fpu_owner, vcpu.
// fpu_cpu). The hypervisor's own code uses none of these registers.
#include <wabe/alloc.h>
#include <wabe/context.h>
#include <wabe/cpu.h>

#include "uaccess.h"

#define LEGACY_BYTES 512
#define FCW_RESET 0x37f
#define MXCSR_RESET 0x1f80

// What FXSAVE and XSAVE write, as far as it is looked at here.
struct fpu_state {
	u16 fcw, fsw;
	u8 ftw, reserved0;
	u16 fop;
	u64 fip, fdp;
	u32 mxcsr, mxcsr_mask;
	u8 st[128], xmm[256], reserved1[96];
	u64 xstate_bv, xcomp_bv, reserved2[6];
};
_Static_assert(offsetof(struct fpu_state, xstate_bv) == LEGACY_BYTES, "layout");

u32 fpu_state_bytes(void)
{
	struct cpuid_regs avx = {0};

	if (cpu_features.xcr0 & XCR0_AVX) {
		avx = cpuid(0xd, 2);
	}
	return MAX(XSAVE_LEAST, avx.a + avx.b);
}

static void state_reset(struct fpu_state *s)
{
	memset(s, 0, fpu_state_bytes());
	s->fcw = FCW_RESET;
	s->mxcsr = MXCSR_RESET;
}

// heap_alloc() aligns to the size, rounded up to a power of two.
int fpu_init_vcpu(struct vcpu *v)
{
	v->fpu = heap_alloc_for(v->domain, fpu_state_bytes());
	if (!v->fpu) {
		return -ENOMEM;
	}
	BUG_ON((u64)v->fpu & 63);
	state_reset(v->fpu);
	v->xcr0 = cpu_features.xcr0 & (XCR0_X87 | XCR0_SSE);
	return 0;
}

void fpu_destroy_vcpu(struct vcpu *v)
{
	heap_free(v->fpu);
	v->fpu = NULL;
}

static void xcr0_load(struct cpu *c, u64 value)
{
	if (unlikely(c->xcr0 != value)) {
		xsetbv(value);
		c->xcr0 = value;
	}
}

static void ts_set(void)
{
	X86_WRITE_CR(0, X86_READ_CR(0) | CR0_TS);
}

#define XSAVE(how, area, mask)                                \
	asm volatile(how " (%0)" ::"r"(area), "a"((u32)mask), \
		     "d"((u32)((u64)mask >> 32))              \
		     : "memory")

// All states the CPU has are saved, not those the guest enabled last: what
// it hid behind XCR0 must come back, and must not leak.
void fpu_save(struct vcpu *v)
{
	struct cpu *c = this_cpu();
	u64 mask = cpu_features.xcr0;

	if (unlikely(v->ts)) {
		asm volatile("clts");
	}
	if (mask) {
		xcr0_load(c, mask);
	}
	if (likely(cpu_features.xsaveopt)) {
		XSAVE("xsaveopt64", v->fpu, mask);
	} else if (mask) {
		XSAVE("xsave64", v->fpu, mask);
	} else {
		XSAVE("fxsave64", v->fpu, 0);
	}
}

// Some of AMD's processors load the x87 pointers only where an exception is
// pending, and those of the vCPU before would stay (XSA-52). Overwritten by an
// instruction of ours they say nothing.
static int state_restore(const struct fpu_state *s)
{
	static const u32 zero;

	if (cpu_features.x87_pointers_stay) {
		asm volatile("fnclex; ffree %%st(7); fildl %0" ::"m"(zero));
	}
	return cpu_features.xcr0 ? fpu_xrstor(s, cpu_features.xcr0)
				 : fpu_fxrstor(s);
}

void fpu_load(struct vcpu *v)
{
	struct cpu *c = this_cpu();

	if (c->fpu_owner != v || v->fpu_cpu != c->id + 1) {
		if (cpu_features.xsave) {
			xcr0_load(c, cpu_features.xcr0);
		}
		if (unlikely(state_restore(v->fpu))) {
			// A toolstack wrote what the CPU does not take.
			state_reset(v->fpu);
			BUG_ON(state_restore(v->fpu));
		}
		c->fpu_owner = v;
		v->fpu_cpu = c->id + 1;
	}
	if (cpu_features.xsave) {
		xcr0_load(c, v->xcr0);
	}
	if (unlikely(v->ts)) {
		ts_set();
	}
}

void fpu_changed(struct vcpu *v)
{
	v->fpu_cpu = 0;
}

// A state that XSAVE found in its initial form was not written.
void fpu_get_fxsave(struct vcpu *v, void *out512)
{
	struct fpu_state *s = v->fpu, *out = out512;

	if (v == current_vcpu()) {
		fpu_save(v);
		fpu_load(v);
	}
	memcpy(out, s, LEGACY_BYTES);
	if (cpu_features.xsave && !(s->xstate_bv & XCR0_X87)) {
		out->fcw = FCW_RESET;
		out->fsw = out->fop = 0;
		out->ftw = 0;
		out->fip = out->fdp = 0;
		memset(out->st, 0, sizeof(out->st));
	}
	if (cpu_features.xsave && !(s->xstate_bv & XCR0_SSE)) {
		memset(out->xmm, 0, sizeof(out->xmm));
		if (!(s->xstate_bv & XCR0_AVX)) {
			out->mxcsr = MXCSR_RESET;
		}
	}
}

void fpu_set_fxsave(struct vcpu *v, const void *in512)
{
	struct fpu_state *s = v->fpu;
	u32 mask = s->mxcsr_mask ? s->mxcsr_mask : 0xffbf;

	state_reset(s);
	memcpy(s, in512, LEGACY_BYTES);
	s->mxcsr &= mask;
	s->xstate_bv = cpu_features.xcr0 & (XCR0_X87 | XCR0_SSE);
	fpu_changed(v);
}

int fpu_set_xcr0(struct vcpu *v, u64 value)
{
	// XSETBV's own rules: x87 always, AVX needs SSE.
	if (value & ~cpu_features.xcr0 || !(value & XCR0_X87) ||
	    (value & XCR0_AVX && !(value & XCR0_SSE))) {
		return -EINVAL;
	}
	v->xcr0 = value;
	if (v == current_vcpu()) {
		xcr0_load(this_cpu(), value);
	}
	return 0;
}

void fpu_taskswitch(bool set)
{
	struct vcpu *v = current_vcpu();

	if (set && !v->ts) {
		ts_set();
	} else if (!set && v->ts) {
		asm volatile("clts");
	}
	v->ts = set;
}
