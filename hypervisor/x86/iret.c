// SPDX-License-Identifier: MIT
// The iret hypercall: how a guest's kernel returns to anything (census 3.5).
#include <wabe/hypercall.h>

#include "entry.h"
#include "mode.h"
#include "uaccess.h"

static void iret_apply(struct vcpu *v, const struct iret_context *f)
{
	struct cpu_user_regs *regs = &v->regs;

	regs->rip = f->rip;
	regs->rflags = rflags_for_guest(f->rflags);
	regs->rsp = f->rsp;
	if (unlikely(f->flags & VGCF_in_syscall)) {
		regs->cs = SEL_GUEST_CS64;
		regs->ss = SEL_GUEST_DS;
		regs->entry_vector = ENTRY_SYSRET;
	} else {
		regs->cs = (u16)f->cs | 3;
		regs->ss = (u16)f->ss | 3;
		regs->rcx = f->rcx;
		regs->r11 = f->r11;
		regs->entry_vector = 0;
	}
	if (unlikely(v->domain->vm_assist &
		     BIT(VMASST_TYPE_architectural_iopl))) {
		v->iopl = f->rflags >> 12 & 3;
	}
	v->info->evtchn_upcall_mask = !(f->rflags & RFLAGS_IF);
	v->nmi_masked = 0;
}

// The frame is on the caller's stack. Returns the rax that it holds.
long call_iret(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4)
{
	struct vcpu *v = current_vcpu();
	u64 rsp = v->regs.rsp;
	u64 inside = frame_inside(rsp + sizeof(struct iret_context));
	struct iret_context f;

	if (unlikely(inside || uaccess_read_iret(&f, rsp & ~inside))) {
		domain_crash(v->domain, "iret: no frame at %lx", rsp);
		return 0;
	}
	if ((f.cs & 3) == 3) {
		if (unlikely(!v->user_root)) {
			domain_crash(v->domain, "iret to user mode, no root");
			return 0;
		}
		mode_to_user(v);
	}
	iret_apply(v, &f);
	return (long)f.rax;
}
