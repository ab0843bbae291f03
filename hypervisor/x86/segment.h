// SPDX-License-Identifier: MIT
// FS and GS bases in the CPU. While the hypervisor runs, the guest's GS base
// is the one that SWAPGS would bring back.
#ifndef WABE_SEGMENT_H
#define WABE_SEGMENT_H

#include <wabe/cpu.h>
#include <wabe/domain.h>

// A base that is not canonical would fault, here with the wrong GS. All were
// checked when they came in; this makes sure.
static inline u64 base_canonical(u64 base)
{
	return (u64)((s64)(base << 16) >> 16);
}

static inline u64 fs_base_read(void)
{
	u64 base;

	if (unlikely(!this_cpu()->fsgsbase)) {
		return rdmsr(MSR_FS_BASE);
	}
	asm volatile("rdfsbase %0" : "=r"(base));
	return base;
}

static inline void fs_base_write(u64 base)
{
	base = base_canonical(base);
	if (unlikely(!this_cpu()->fsgsbase)) {
		wrmsr(MSR_FS_BASE, base);
		return;
	}
	asm volatile("wrfsbase %0" ::"r"(base));
}

static inline u64 gs_base_read(void)
{
	u64 base;

	if (unlikely(!this_cpu()->fsgsbase)) {
		return rdmsr(MSR_KERNEL_GS_BASE);
	}
	asm volatile("swapgs; rdgsbase %0; swapgs" : "=r"(base)::"memory");
	return base;
}

static inline void gs_base_write(u64 base)
{
	base = base_canonical(base);
	if (unlikely(!this_cpu()->fsgsbase)) {
		wrmsr(MSR_KERNEL_GS_BASE, base);
		return;
	}
	asm volatile("swapgs; wrgsbase %0; swapgs" ::"r"(base) : "memory");
}

// `base` is canonical: what v->gs_* hold is.
static inline u64 gs_base_exchange(u64 base)
{
	u64 old;

	if (unlikely(!this_cpu()->fsgsbase)) {
		old = rdmsr(MSR_KERNEL_GS_BASE);
		wrmsr(MSR_KERNEL_GS_BASE, base);
		return old;
	}
	asm volatile("swapgs; rdgsbase %0; wrgsbase %1; swapgs"
		     : "=&r"(old)
		     : "r"(base)
		     : "memory");
	return old;
}

// Where the base that the CPU holds belongs.
static inline u64 *gs_base_home(struct vcpu *v)
{
	return v->kernel_mode ? &v->gs_kernel : &v->gs_user;
}

// Selectors and bases of the vCPU that stops or starts to run here. Loading
// returns false where a selector was refused (it is 0 then).
void segments_save(struct vcpu *v);
bool segments_load(struct vcpu *v) MUST_CHECK;

#endif
