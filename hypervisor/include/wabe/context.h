// SPDX-License-Identifier: MIT
// What of a vCPU is in the CPU's registers: switched here (x86/context.c).
#ifndef WABE_CONTEXT_H
#define WABE_CONTEXT_H

#include <wabe/domain.h>
#include <wabe/errno.h>
#include <wabe/types.h>

// Save `prev`'s live state, load `next`'s, set this_cpu()->current. Called by
// the scheduler with no lock held, interrupts off. Idle vCPUs have no state
// of their own: switching to idle leaves the old root and FPU in place.
void context_switch(struct vcpu *prev, struct vcpu *next);
// What CR3 must hold when this CPU flushes its TLB: an idle CPU lets go of the
// root of the vCPU that ran last, so that its frames can be freed.
u64 context_flush_root(void);
// Load CR3 with the root of the vCPU's mode.
void context_load_root(struct vcpu *v);

// Initial register state for a new vCPU (segments, FPU, debug registers).
int context_init_vcpu(struct vcpu *v); // 0 or -ENOMEM

// Segment bases (set_segment_base and MSRs), for the current vCPU. -EINVAL
// for non-canonical. `which` is SEGBASE_*.
int segment_base_set(u32 which, u64 base);
u64 segment_base_get(struct vcpu *v, u32 which);

// GDT: take `frames` (mfns) as descriptor pages of the vCPU; entries beyond
// are empty. The old ones are let go. Current or paused vCPU.
int gdt_set(struct vcpu *v, const u64 *frames, u32 ents);
int ldt_set(struct vcpu *v, u64 base, u32 ents);
// A #PF inside the LDT window: map the page if the guest's LDT has one.
bool ldt_fault(u64 offset);
// Check and fix a descriptor for guest use (DPL 3 forced etc.); false: refuse.
bool descriptor_check(u64 *descriptor);

// Debug registers: value checked; -EINVAL, -EPERM as Xen.
int debugreg_set(struct vcpu *v, u32 reg, u64 value);

// FPU (x86/fpu.c). XSAVE area for domctl; sizes in bytes.
u32 fpu_state_bytes(void);
int fpu_init_vcpu(struct vcpu *v);
void fpu_destroy_vcpu(struct vcpu *v);
void fpu_save(struct vcpu *v);
void fpu_load(struct vcpu *v);
// To be called after a write to v->fpu of a vCPU that does not run: its XSAVE
// area, fpu_state_bytes() long (without XSAVE an FXSAVE image).
void fpu_changed(struct vcpu *v);
// Legacy 512-byte image, for vcpu_guest_context.
void fpu_get_fxsave(struct vcpu *v, void *out512);
void fpu_set_fxsave(struct vcpu *v, const void *in512);
// Guest XSETBV; -EINVAL: #GP.
int fpu_set_xcr0(struct vcpu *v, u64 value);
// CR0.TS as the guest wants it.
void fpu_taskswitch(bool set);

#endif
