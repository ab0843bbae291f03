// SPDX-License-Identifier: MIT
// The iret hypercall: how a guest's kernel returns to anything (census 3.5).
// And `iretq`, where QEMU 7 makes it fault.
#include <wabe/guest.h>
#include <wabe/hypercall.h>

#include "entry.h"
#include "mode.h"
#include "uaccess.h"

#define IRETQ 0xcf48 // bytes 48 cf

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

// QEMU 7 reads the frame of an `iretq` at CPL 3 as the supervisor would. With
// SMAP on, that is a #PF of a present page with U clear, which no processor
// raises there: it reads nothing as the supervisor but descriptors, and those
// are always mapped or the LDT's. Linux uses that return to itself (sync_core),
// so it is done here, and SMAP stays on.
bool iretq_fault(struct cpu_user_regs *regs)
{
	struct {
		u64 rip, cs, rflags, rsp, ss;
	} f;
	u16 opcode;

	if (regs->error_code != PFEC_P ||
	    copy_from_guest(&opcode, GVA(regs->rip), sizeof(opcode)) ||
	    opcode != IRETQ || copy_from_guest(&f, GVA(regs->rsp), sizeof(f))) {
		return false;
	}
	regs->rip = f.rip;
	regs->cs = (u16)f.cs | 3;
	regs->rflags = rflags_for_guest(f.rflags);
	regs->rsp = f.rsp;
	regs->ss = (u16)f.ss | 3;
	return true;
}
