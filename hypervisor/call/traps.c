// SPDX-License-Identifier: MIT
// Where a guest wants its traps and callbacks: set_trap_table, set_callbacks,
// callback_op, nmi_op.
#include <wabe/context.h>
#include <wabe/domain.h>
#include <wabe/errno.h>
#include <wabe/guest.h>
#include <wabe/hypercall.h>
#include <wabe/page.h>
#include <wabe/trap.h>

#include <xen/callback.h>
#include <xen/nmi.h>
#include <xen/xen.h>

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
		v->traps[t.vector] = (struct trap_entry){
		    .address = t.address,
		    .cs = t.cs | 3,
		    .flags = t.flags,
		};
	}
}

static void callback_set(struct vcpu *v, u32 callback, u64 address,
			 bool mask_events)
{
	v->callbacks[callback] = (struct callback){address, mask_events};
}

// Kept where vector 2 is: either way of asking for NMIs sets the other.
static void nmi_set(struct vcpu *v, u64 address)
{
	v->traps[TRAP_NMI].address = address;
	v->traps[TRAP_NMI].flags = TI_MASK_EVENTS;
}

long call_set_callbacks(u64 event, u64 failsafe, u64 syscall, u64 a3, u64 a4)
{
	struct vcpu *v = current_vcpu();

	if (!addr_is_canonical(event) || !addr_is_canonical(failsafe) ||
	    !addr_is_canonical(syscall)) {
		return -EINVAL;
	}
	callback_set(v, CALLBACK_EVENT, event, true);
	callback_set(v, CALLBACK_FAILSAFE, failsafe, false);
	callback_set(v, CALLBACK_SYSCALL, syscall, false);
	return 0;
}

static long callback_register(gva_t arg)
{
	struct vcpu *v = current_vcpu();
	struct callback_register r;
	bool mask;

	if (copy_from_guest(&r, arg, sizeof(r))) {
		return -EFAULT;
	}
	if (!addr_is_canonical(r.address)) {
		return -EINVAL;
	}
	mask = r.flags & CALLBACKF_mask_events;
	switch (r.type) {
	case CALLBACKTYPE_event:
		callback_set(v, CALLBACK_EVENT, r.address, true);
		return 0;
	case CALLBACKTYPE_failsafe:
		callback_set(v, CALLBACK_FAILSAFE, r.address, mask);
		return 0;
	case CALLBACKTYPE_syscall:
		callback_set(v, CALLBACK_SYSCALL, r.address, mask);
		return 0;
	case CALLBACKTYPE_syscall32:
		callback_set(v, CALLBACK_SYSCALL32, r.address, mask);
		return 0;
	case CALLBACKTYPE_sysenter:
		callback_set(v, CALLBACK_SYSENTER, r.address, mask);
		return 0;
	case CALLBACKTYPE_nmi:
		nmi_set(v, r.address);
		return 0;
	default:
		return -ENOSYS;
	}
}

// Only the NMI callback can be given back.
static long callback_unregister(gva_t arg)
{
	struct callback_unregister u;

	if (copy_from_guest(&u, arg, sizeof(u))) {
		return -EFAULT;
	}
	switch (u.type) {
	case CALLBACKTYPE_event:
	case CALLBACKTYPE_failsafe:
	case CALLBACKTYPE_syscall:
	case CALLBACKTYPE_syscall32:
	case CALLBACKTYPE_sysenter:
		return -EINVAL;
	case CALLBACKTYPE_nmi:
		nmi_set(current_vcpu(), 0);
		return 0;
	default:
		return -ENOSYS;
	}
}

long call_callback_op(u64 cmd, u64 arg, u64 a2, u64 a3, u64 a4)
{
	switch ((u32)cmd) {
	case CALLBACKOP_register:
		return callback_register(GVA(arg));
	case CALLBACKOP_unregister:
		return callback_unregister(GVA(arg));
	default:
		return -ENOSYS;
	}
}

long call_nmi_op(u64 cmd, u64 arg, u64 a2, u64 a3, u64 a4)
{
	struct xennmi_callback c;

	switch ((u32)cmd) {
	case XENNMI_register_callback:
		if (copy_from_guest(&c, GVA(arg), sizeof(c))) {
			return -EFAULT;
		}
		if (!addr_is_canonical(c.handler_address)) {
			return -EINVAL;
		}
		nmi_set(current_vcpu(), c.handler_address);
		return 0;
	case XENNMI_unregister_callback:
		nmi_set(current_vcpu(), 0);
		return 0;
	default:
		return -ENOSYS;
	}
}
