// SPDX-License-Identifier: MIT
// A vCPU's whole state in the ABI's form: set it, get it, let go of it. The
// vCPU is not running: paused, or it never ran.
#include <wabe/context.h>
#include <wabe/cpu.h>
#include <wabe/guest.h>
#include <wabe/mmu.h>
#include <wabe/page.h>
#include <wabe/trap.h>

#include "dom.h"

#define RPL_GUEST 3
#define RFLAGS_IOPL_SHIFT 12
#define CR0_GUEST 0x80050033ull // what a guest reads, but for TS
#define LDT_ENTS_MAX 8192
#define GDT_FRAME_ENTS 512

#define VM_ASSIST_VALID                         \
	(BIT(VMASST_TYPE_4gb_segments) |        \
	 BIT(VMASST_TYPE_4gb_segments_notify) | \
	 BIT(VMASST_TYPE_writable_pagetables) | \
	 BIT(VMASST_TYPE_pae_extended_cr3) |    \
	 BIT(VMASST_TYPE_architectural_iopl) |  \
	 BIT(VMASST_TYPE_runstate_update_flag) | BIT(VMASST_TYPE_m2p_strict))

// --- checking ---------------------------------------------------------------

static int check_traps(const struct vcpu_guest_context *c)
{
	for (u32 i = 0; i < TRAPS; i++) {
		if (!guest_addr_ok(c->trap_ctxt[i].address)) {
			return -EINVAL;
		}
	}
	return 0;
}

static int check(const struct vcpu_guest_context *c)
{
	const u64 addresses[] = {c->event_callback_eip,
				 c->failsafe_callback_eip,
				 c->syscall_callback_eip, c->ldt_base};
	const u64 any[] = {c->user_regs.rip, c->fs_base, c->gs_base_kernel,
			   c->gs_base_user};

	for (u32 i = 0; i < ARRAY_SIZE(addresses); i++) {
		if (!guest_addr_ok(addresses[i]) ||
		    !addr_is_canonical(any[i])) {
			return -EINVAL;
		}
	}
	if (c->ldt_ents > LDT_ENTS_MAX ||
	    c->gdt_ents > FIRST_RESERVED_GDT_ENTRY ||
	    c->ctrlreg[3] < PAGE_SIZE ||
	    (!(c->flags & VGCF_in_kernel) && c->ctrlreg[1] < PAGE_SIZE)) {
		return -EINVAL;
	}
	return check_traps(c);
}

// A vCPU that has run keeps its tables; only its registers can be set anew.
static int check_same_tables(const struct vcpu *v,
			     const struct vcpu_guest_context *c)
{
	u32 frames = DIV_ROUND_UP((u32)c->gdt_ents, GDT_FRAME_ENTS);

	if (v->kernel_root != (c->ctrlreg[3] & ~PAGE_OFFSET_MASK) ||
	    v->user_root != (c->ctrlreg[1] & ~PAGE_OFFSET_MASK) ||
	    v->gdt_ents != c->gdt_ents || v->ldt_base != c->ldt_base ||
	    v->ldt_ents != c->ldt_ents) {
		return -EOPNOTSUPP;
	}
	for (u32 i = 0; i < frames; i++) {
		if (v->gdt_frames[i] != c->gdt_frames[i]) {
			return -EOPNOTSUPP;
		}
	}
	return 0;
}

// --- setting ----------------------------------------------------------------

// Roots, GDT, LDT: what takes references. Issued again after -ERESTART it goes
// on where it was, since what is there already is left alone.
static int set_tables(struct vcpu *v, const struct vcpu_guest_context *c)
{
	u64 kernel = c->ctrlreg[3] & ~PAGE_OFFSET_MASK;
	u64 user = c->ctrlreg[1] & ~PAGE_OFFSET_MASK;
	int error = 0;

	if (v->kernel_root != kernel) {
		error = root_set(v, maddr_to_mfn(kernel));
	}
	if (!error && v->user_root != user) {
		error = user_root_set(v, maddr_to_mfn(user));
	}
	if (!error) {
		error = gdt_set(v, c->gdt_frames, (u32)c->gdt_ents);
	}
	return error ? error : ldt_set(v, c->ldt_base, (u32)c->ldt_ents);
}

// entry.S moves whole words: what lies beside a selector must be clear.
static void set_regs(struct vcpu *v, const struct cpu_user_regs *in)
{
	struct cpu_user_regs *r = &v->regs;

	*r = *in;
	r->error_code = 0;
	r->entry_vector = 0;
	*(u64 *)&r->cs = in->cs | RPL_GUEST; // and saved_upcall_mask
	*(u64 *)&r->ss = in->ss | RPL_GUEST;
	*(u64 *)&r->es = in->es;
	*(u64 *)&r->ds = in->ds;
	*(u64 *)&r->fs = in->fs;
	*(u64 *)&r->gs = in->gs;
	r->rflags = rflags_for_guest(in->rflags);
	v->iopl = in->rflags >> RFLAGS_IOPL_SHIFT & 3;
}

static void set_handlers(struct vcpu *v, const struct vcpu_guest_context *c)
{
	for (u32 i = 0; i < TRAPS; i++) {
		v->traps[i] = c->trap_ctxt[i];
		v->traps[i].cs |= RPL_GUEST;
		v->traps[i].flags &= 7;
	}
	v->callbacks[CALLBACK_EVENT] =
	    (struct callback){c->event_callback_eip, true};
	v->callbacks[CALLBACK_FAILSAFE] = (struct callback){
	    c->failsafe_callback_eip, c->flags & VGCF_failsafe_disables_events};
	v->callbacks[CALLBACK_SYSCALL] = (struct callback){
	    c->syscall_callback_eip, c->flags & VGCF_syscall_disables_events};
}

// Values that the hardware would refuse are left out, as on Xen.
static void set_debug_registers(struct vcpu *v, const unsigned long *values)
{
	for (u32 i = 0; i < 8; i++) {
		if (i != 4 && i != 5 && debugreg_set(v, i, values[i])) {
			log_at(LOG_DEBUG, "d%uv%u: debug register %u refused\n",
			       v->domain->id, v->id, i);
		}
	}
}

static void set_rest(struct vcpu *v, const struct vcpu_guest_context *c)
{
	set_regs(v, &c->user_regs);
	set_handlers(v, c);
	set_debug_registers(v, c->debugreg);
	v->kernel_mode = !!(c->flags & VGCF_in_kernel);
	v->kernel_ss = (u16)c->kernel_ss | RPL_GUEST;
	v->kernel_rsp = c->kernel_sp;
	v->fs_base = c->fs_base;
	v->gs_kernel = c->gs_base_kernel;
	v->gs_user = c->gs_base_user;
	v->ts = !!(c->ctrlreg[0] & CR0_TS);
	v->cr4 = c->ctrlreg[4];
	if (c->flags & VGCF_i387_valid) {
		fpu_set_fxsave(v, &c->fpu_ctxt);
	}
	if (v->id == 0) {
		v->domain->vm_assist = c->vm_assist & VM_ASSIST_VALID;
	}
	v->offline = !(c->flags & VGCF_online);
}

int vcpu_set_context(struct vcpu *v, const struct vcpu_guest_context *c)
{
	int error = check(c);

	if (error) {
		return error;
	}
	// Its vcpu_info must be the domain's own before it may run.
	if (v->info == shared_info_dummy.vcpu_info) {
		return -EINVAL;
	}
	error = v->initialised ? check_same_tables(v, c) : set_tables(v, c);
	if (error) {
		return error;
	}
	set_rest(v, c);
	v->initialised = true;
	return 0;
}

// --- getting ----------------------------------------------------------------

static void get_handlers(struct vcpu *v, struct vcpu_guest_context *c)
{
	for (u32 i = 0; i < TRAPS; i++) {
		c->trap_ctxt[i] = v->traps[i];
		c->trap_ctxt[i].vector = (u8)i;
	}
	c->event_callback_eip = v->callbacks[CALLBACK_EVENT].address;
	c->failsafe_callback_eip = v->callbacks[CALLBACK_FAILSAFE].address;
	c->syscall_callback_eip = v->callbacks[CALLBACK_SYSCALL].address;
	if (v->callbacks[CALLBACK_FAILSAFE].mask_events) {
		c->flags |= VGCF_failsafe_disables_events;
	}
	if (v->callbacks[CALLBACK_SYSCALL].mask_events) {
		c->flags |= VGCF_syscall_disables_events;
	}
}

static void get_tables(struct vcpu *v, struct vcpu_guest_context *c)
{
	u32 frames = DIV_ROUND_UP(v->gdt_ents, GDT_FRAME_ENTS);

	for (u32 i = 0; i < frames; i++) {
		c->gdt_frames[i] = v->gdt_frames[i];
	}
	c->gdt_ents = v->gdt_ents;
	c->ldt_base = v->ldt_base;
	c->ldt_ents = v->ldt_ents;
	c->ctrlreg[0] = CR0_GUEST | (v->ts ? CR0_TS : 0);
	c->ctrlreg[1] = v->user_root;
	c->ctrlreg[2] = v->info->arch.cr2;
	c->ctrlreg[3] = v->kernel_root;
	c->ctrlreg[4] = v->cr4;
}

static void get_regs(struct vcpu *v, struct vcpu_guest_context *c)
{
	c->user_regs = v->regs;
	c->user_regs.error_code = 0;
	c->user_regs.entry_vector = 0;
	c->user_regs.saved_upcall_mask = 0;
	c->user_regs.rflags |= (u64)v->iopl << RFLAGS_IOPL_SHIFT;
	c->kernel_ss = v->kernel_ss;
	c->kernel_sp = v->kernel_rsp;
	c->fs_base = v->fs_base;
	c->gs_base_kernel = v->gs_kernel;
	c->gs_base_user = v->gs_user;
	memcpy(c->debugreg, v->dr, sizeof(c->debugreg));
}

void vcpu_get_context(struct vcpu *v, struct vcpu_guest_context *c)
{
	memset(c, 0, sizeof(*c));
	c->flags = VGCF_i387_valid;
	if (v->kernel_mode) {
		c->flags |= VGCF_in_kernel;
	}
	if (!v->offline) {
		c->flags |= VGCF_online;
	}
	fpu_get_fxsave(v, &c->fpu_ctxt);
	get_regs(v, c);
	get_handlers(v, c);
	get_tables(v, c);
	c->vm_assist = v->domain->vm_assist;
}

// --- letting go -------------------------------------------------------------

int vcpu_release_context(struct vcpu *v)
{
	int error = put_pending_finish(v);

	if (!error) {
		gdt_set(v, NULL, 0);
		ldt_set(v, 0, 0);
		error = user_root_set(v, MFN(0));
	}
	return error ? error : root_set(v, MFN(0));
}
