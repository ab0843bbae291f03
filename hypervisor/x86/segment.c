// SPDX-License-Identifier: MIT
// Guests' segment selectors and bases. In 64-bit mode only the bases of FS and
// GS matter to code, but selectors are state that a guest can see.
#include <wabe/context.h>
#include <wabe/guest.h>

#include "segment.h"
#include "uaccess.h"

#define SELECTOR_READ(seg)                                      \
	({                                                      \
		u32 sel;                                        \
		asm volatile("mov %%" #seg ", %0" : "=r"(sel)); \
		(u16) sel;                                      \
	})

void segments_save(struct vcpu *v)
{
	struct cpu_user_regs *regs = &v->regs;

	regs->ds = SELECTOR_READ(ds);
	regs->es = SELECTOR_READ(es);
	regs->fs = SELECTOR_READ(fs);
	regs->gs = SELECTOR_READ(gs);
	v->fs_base = fs_base_read();
	*gs_base_home(v) = gs_base_read();
}

// A selector that ring 3 may load: RPL 3, unless it is a null one.
static u16 selector_for_guest(u16 sel)
{
	return sel > 3 ? sel | 3 : sel;
}

// A selector into gs. That changes the GS base too, which is ours: put it back
// at once. Returns the base the selector's descriptor has, in *base.
static int gs_selector_load(u16 sel, u64 *base)
{
	struct cpu *own = this_cpu();
	int error = segment_load_gs(selector_for_guest(sel));

	if (likely(own->fsgsbase)) {
		asm volatile("rdgsbase %0; wrgsbase %1"
			     : "=&r"(*base)
			     : "r"(own)
			     : "memory");
	} else {
		*base = rdmsr(MSR_GS_BASE);
		wrmsr(MSR_GS_BASE, (u64)own);
	}
	return error;
}

// What is loaded again is refused again if the tables changed, as in Xen. A
// null selector over a null selector needs no load.
static bool selectors_load(const struct cpu_user_regs *regs)
{
	int error = 0;
	u64 base;

	if (regs->ds | SELECTOR_READ(ds)) {
		error |= segment_load_ds(selector_for_guest(regs->ds));
	}
	if (regs->es | SELECTOR_READ(es)) {
		error |= segment_load_es(selector_for_guest(regs->es));
	}
	if (regs->fs | SELECTOR_READ(fs)) {
		error |= segment_load_fs(selector_for_guest(regs->fs));
	}
	if (regs->gs | SELECTOR_READ(gs)) {
		error |= gs_selector_load(regs->gs, &base);
	}
	return !error;
}

bool segments_load(struct vcpu *v)
{
	bool ok = selectors_load(&v->regs);

	fs_base_write(v->fs_base);
	gs_base_write(*gs_base_home(v));
	return ok;
}

// A selector into the user mode's gs; its descriptor gives the base.
static int user_gs_selector_set(struct vcpu *v, u16 sel)
{
	u64 base;
	int error = gs_selector_load(sel, &base);

	if (error || sel <= 3) {
		base = 0;
	}
	v->gs_user = base;
	if (!v->kernel_mode) {
		gs_base_write(base);
	}
	return error ? -EINVAL : 0;
}

int segment_base_set(u32 which, u64 base)
{
	struct vcpu *v = current_vcpu();

	if (which == SEGBASE_GS_USER_SEL) {
		return user_gs_selector_set(v, (u16)base);
	}
	if (!addr_is_canonical(base)) {
		return -EINVAL;
	}
	switch (which) {
	case SEGBASE_FS:
		fs_base_write(base);
		return 0;
	case SEGBASE_GS_USER:
		v->gs_user = base;
		break;
	case SEGBASE_GS_KERNEL:
		v->gs_kernel = base;
		break;
	default:
		return -EINVAL;
	}
	if (v->kernel_mode == (which == SEGBASE_GS_KERNEL)) {
		gs_base_write(base); // the active one
	}
	return 0;
}

u64 segment_base_get(struct vcpu *v, u32 which)
{
	bool live = v == current_vcpu();

	switch (which) {
	case SEGBASE_FS:
		return live ? fs_base_read() : v->fs_base;
	case SEGBASE_GS_USER:
		return live && !v->kernel_mode ? gs_base_read() : v->gs_user;
	default:
		return live && v->kernel_mode ? gs_base_read() : v->gs_kernel;
	}
}
