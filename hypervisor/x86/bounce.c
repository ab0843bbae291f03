// SPDX-License-Identifier: MIT
// Delivering traps and callbacks to a guest's kernel: its registers go onto
// its kernel stack, in the frame the ABI defines, and it goes on at the
// handler it registered. From the new stack pointer upwards:
//
//   rcx  r11  [error code]  rip  cs | upcall mask << 32  rflags  rsp  ss
//
// rcx and r11 come first because SYSRET, which starts the handler, loses them.
#include <wabe/guest.h>

#include "entry.h"
#include "mode.h"
#include "uaccess.h"

#define RFLAGS_CLEARED \
	(RFLAGS_TF | RFLAGS_NT | RFLAGS_RF | RFLAGS_VM | RFLAGS_AC)
#define IRET_BYTES 40 // rip cs rflags rsp ss
#define FAILSAFE_WORDS 11

// Vectors that push an error code: 8, 10 to 14, 17, 21.
#define ERROR_VECTORS 0x227d00u

// What the frame shows of the guest's state.
struct origin {
	u64 rsp; // where the frame ends, aligned
	u64 cs, rflags;
};

// cs as the guest's kernel knows it: RPL 0 for itself, 3 for its user mode.
// IF is the inverse of the upcall mask; both are shown. Goes to kernel mode.
static inline struct origin origin_leave(struct vcpu *v)
{
	const struct cpu_user_regs *regs = &v->regs;
	u64 mask = v->info->evtchn_upcall_mask;
	struct origin o;

	o.cs = regs->cs | mask << 32;
	if (v->kernel_mode) {
		o.cs &= ~3ull;
		o.rsp = regs->rsp & ~15ull;
	} else {
		mode_to_kernel(v);
		o.rsp = v->kernel_rsp & ~15ull;
	}
	o.rflags = regs->rflags & ~(RFLAGS_IF | RFLAGS_IOPL);
	if (!mask) {
		o.rflags |= RFLAGS_IF;
	}
	if (unlikely(v->domain->vm_assist &
		     BIT(VMASST_TYPE_architectural_iopl))) {
		o.rflags |= (u64)v->iopl << 12;
	}
	return o;
}

static inline void handler_enter(struct vcpu *v, u64 handler, u64 rsp,
				 bool mask_events)
{
	struct cpu_user_regs *regs = &v->regs;

	if (mask_events) {
		v->info->evtchn_upcall_mask = 1;
	}
	regs->rip = handler;
	regs->rsp = rsp;
	regs->cs = SEL_GUEST_CS64;
	regs->ss = SEL_GUEST_DS;
	regs->rflags &= ~RFLAGS_CLEARED;
	regs->entry_vector = ENTRY_SYSRET;
}

// `error_bytes`: 8 if the frame has an error code, else 0. False: it cannot
// be delivered, and nothing but the mode has changed.
static ALWAYS_INLINE bool bounce(struct vcpu *v, u64 handler, bool mask_events,
				 u64 error_bytes, u32 error_code)
{
	struct origin o = origin_leave(v);
	u64 inside = frame_inside(o.rsp), top = (o.rsp - IRET_BYTES) & ~inside;
	u64 bottom = top - 16 - error_bytes;

	if (unlikely(!handler || inside)) {
		return false;
	}
	if (unlikely(uaccess_frame(bottom, &v->regs, o.cs, o.rflags, top,
				   error_code))) {
		return false;
	}
	handler_enter(v, handler, bottom, mask_events);
	return true;
}

static inline void inject(u8 vector, u64 error_bytes, u32 error_code)
{
	struct vcpu *v = current_vcpu();
	const struct trap_info *t = &v->traps[vector];

	if (unlikely(!bounce(v, t->address, t->flags & 4, error_bytes,
			     error_code))) {
		domain_crash(v->domain, "trap %u (error %x, cr2 %lx): %s",
			     vector, error_code, v->info->arch.cr2,
			     t->address ? "no stack for its frame"
					: "no handler");
	}
}

void trap_inject(u8 vector, u32 error_code)
{
	inject(vector, ERROR_VECTORS >> (vector & 31) & 1 ? 8 : 0, error_code);
}

void trap_inject_soft(u8 vector)
{
	inject(vector, 0, 0);
}

// The address goes where the guest looks for it; a fault of its kernel is
// shown as one of ring 0.
void trap_inject_pf(u64 cr2, u32 error_code)
{
	struct vcpu *v = current_vcpu();

	v->info->arch.cr2 = cr2;
	if (v->kernel_mode) {
		error_code &= ~(u32)PFEC_U;
	}
	trap_inject(TRAP_PF, error_code);
}

static inline void inject_callback(u32 callback)
{
	struct vcpu *v = current_vcpu();
	const struct callback *c = &v->callbacks[callback];
	bool mask_events = callback == CALLBACK_EVENT || c->mask_events;

	if (unlikely(!bounce(v, c->address, mask_events, 0, 0))) {
		domain_crash(v->domain, "callback %u: %s", callback,
			     c->address ? "no stack for its frame"
					: "not registered");
	}
}

void trap_inject_callback(u32 callback)
{
	inject_callback(callback);
}

void trap_inject_event(void)
{
	inject_callback(CALLBACK_EVENT);
}

// `syscall` of a guest's user mode.
void trap_syscall64(void)
{
	if (unlikely(!current_vcpu()->callbacks[CALLBACK_SYSCALL].address)) {
		trap_syscall(CALLBACK_SYSCALL);
		return;
	}
	inject_callback(CALLBACK_SYSCALL);
}

static bool failsafe_write(struct vcpu *v, const u16 sel[4])
{
	const struct cpu_user_regs *regs = &v->regs;
	struct origin o = origin_leave(v);
	u64 frame[FAILSAFE_WORDS] = {
	    regs->rcx, regs->r11, sel[0],   sel[1],    sel[2],	 sel[3],
	    regs->rip, o.cs,	  o.rflags, regs->rsp, regs->ss,
	};
	u64 bottom = o.rsp - sizeof(frame);

	if (copy_to_guest(GVA(bottom), frame, sizeof(frame))) {
		return false;
	}
	handler_enter(v, v->callbacks[CALLBACK_FAILSAFE].address, bottom,
		      v->callbacks[CALLBACK_FAILSAFE].mask_events);
	return true;
}

void bounce_failsafe(struct vcpu *v, const u16 sel[4])
{
	if (!v->callbacks[CALLBACK_FAILSAFE].address ||
	    !failsafe_write(v, sel)) {
		domain_crash(v->domain, "failsafe callback not possible");
	}
}

// At the exit to a guest with nmi_pending. True: look at everything again.
// False: the guest handles one already; its iret lets the next in.
bool trap_deliver_nmi(void)
{
	struct vcpu *v = current_vcpu();

	if (v->nmi_masked) {
		return false;
	}
	__atomic_store_n(&v->nmi_pending, 0, __ATOMIC_SEQ_CST);
	if (!v->traps[TRAP_NMI].address) {
		return true; // none registered: lost, as in Xen
	}
	v->nmi_masked = 1;
	trap_inject(TRAP_NMI, 0);
	return true;
}
