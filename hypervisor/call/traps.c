// SPDX-License-Identifier: MIT
// Where a guest wants its traps and callbacks: set_trap_table, set_callbacks,
// callback_op, nmi_op.
#include <wabe/page.h>
#include <wabe/trap.h>

#include <xen/callback.h>
#include <xen/nmi.h>
#include <xen/xen.h>

#include "subop.h"

#define TI_MASK_EVENTS 4

// Reads changes into the vCPU's table; an entry with address 0 ends the list.
// No list: every entry is cleared. A list without an end is cut by work_spent()
// and goes on.
long call_set_trap_table(u64 traps, u64 a1, u64 a2, u64 a3, u64 a4)
{
	struct vcpu *v = current_vcpu();
	struct trap_info t;

	if (!traps) {
		memset(v->traps, 0, sizeof(v->traps));
		return 0;
	}
	for (u64 i = 0;; i++) {
		if (i && work_spent(1)) {
			return hypercall_continue(__HYPERVISOR_set_trap_table,
						  traps + i * sizeof(t), 0, 0,
						  0, 0);
		}
		if (copy_from_guest_at(&t, GVA(traps), i, sizeof(t))) {
			return -EFAULT;
		}
		if (!t.address) {
			return 0;
		}
		if (!addr_is_canonical(t.address)) {
			return -EINVAL;
		}
		t.cs |= 3;
		v->traps[t.vector] = t;
	}
}

// Kept where vector 2 is: either way of asking for NMIs sets the other.
static long nmi_set(u64 address)
{
	struct trap_info *t = &current_vcpu()->traps[TRAP_NMI];

	if (!addr_is_canonical(address)) {
		return -EINVAL;
	}
	t->address = address;
	t->flags = TI_MASK_EVENTS;
	return 0;
}

long call_set_callbacks(u64 event, u64 failsafe, u64 syscall, u64 a3, u64 a4)
{
	struct callback *c = current_vcpu()->callbacks;

	if (!addr_is_canonical(event) || !addr_is_canonical(failsafe) ||
	    !addr_is_canonical(syscall)) {
		return -EINVAL;
	}
	c[CALLBACK_EVENT] = (struct callback){event, true};
	c[CALLBACK_FAILSAFE] = (struct callback){failsafe, false};
	c[CALLBACK_SYSCALL] = (struct callback){syscall, false};
	return 0;
}

// Which of ours a CALLBACKTYPE_* is, or -1. That for NMIs is no callback.
static int callback_of(u16 type)
{
	static const u8 types[CALLBACKS] = {
	    [CALLBACK_EVENT] = CALLBACKTYPE_event,
	    [CALLBACK_FAILSAFE] = CALLBACKTYPE_failsafe,
	    [CALLBACK_SYSCALL] = CALLBACKTYPE_syscall,
	    [CALLBACK_SYSCALL32] = CALLBACKTYPE_syscall32,
	    [CALLBACK_SYSENTER] = CALLBACKTYPE_sysenter,
	    [CALLBACK_NMI] = CALLBACKTYPE_nmi,
	};

	for (int i = 0; i < CALLBACKS; i++) {
		if (types[i] == type) {
			return i;
		}
	}
	return -1;
}

static long callback_register(struct domain *d, void *arg)
{
	const struct callback_register *r = arg;
	int which = callback_of(r->type);

	if (!addr_is_canonical(r->address)) {
		return -EINVAL;
	}
	if (which == CALLBACK_NMI) {
		return nmi_set(r->address);
	}
	if (which < 0) {
		return -ENOSYS;
	}
	current_vcpu()->callbacks[which] = (struct callback){
	    r->address,
	    which == CALLBACK_EVENT || (r->flags & CALLBACKF_mask_events)};
	return 0;
}

// Only the NMI callback can be given back.
static long callback_unregister(struct domain *d, void *arg)
{
	int which = callback_of(((struct callback_unregister *)arg)->type);

	if (which == CALLBACK_NMI) {
		return nmi_set(0);
	}
	return which < 0 ? -ENOSYS : -EINVAL;
}

long call_callback_op(u64 cmd, u64 arg, u64 a2, u64 a3, u64 a4)
{
	static const struct subop operations[] = {
	    [CALLBACKOP_register] = {callback_register,
				     sizeof(struct callback_register), 0},
	    [CALLBACKOP_unregister] = {callback_unregister,
				       sizeof(struct callback_unregister), 0},
	};

	return subop_run(operations, ARRAY_SIZE(operations), (u32)cmd,
			 GVA(arg));
}

static long nmi_register(struct domain *d, void *arg)
{
	return nmi_set(((struct xennmi_callback *)arg)->handler_address);
}

static long nmi_unregister(struct domain *d, void *arg)
{
	return nmi_set(0);
}

long call_nmi_op(u64 cmd, u64 arg, u64 a2, u64 a3, u64 a4)
{
	static const struct subop operations[] = {
	    [XENNMI_register_callback] = {nmi_register,
					  sizeof(struct xennmi_callback), 0},
	    [XENNMI_unregister_callback] = {nmi_unregister, 0, 0},
	};

	return subop_run(operations, ARRAY_SIZE(operations), (u32)cmd,
			 GVA(arg));
}
