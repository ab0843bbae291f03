// SPDX-License-Identifier: MIT
// event_channel_op: the operations are in ipc/.
#include <wabe/evtchn.h>

#include <xen/event_channel.h>

#include "subop.h"

#define EVENT(op, flags) \
	[EVTCHNOP_##op] = {evtchn_##op, sizeof(struct evtchn_##op), flags}

static const struct subop operations[] = {
    EVENT(bind_interdomain, SUBOP_OUT),
    EVENT(bind_virq, SUBOP_OUT | SUBOP_PORTS),
    EVENT(bind_pirq, SUBOP_OUT | SUBOP_PORTS),
    EVENT(close, 0),
    EVENT(send, 0),
    EVENT(status, SUBOP_OUT | SUBOP_PORTS | SUBOP_TARGET),
    EVENT(alloc_unbound, SUBOP_OUT | SUBOP_PORTS | SUBOP_TARGET),
    EVENT(bind_ipi, SUBOP_OUT | SUBOP_PORTS),
    EVENT(bind_vcpu, SUBOP_PORTS),
    EVENT(unmask, 0),
    EVENT(reset, SUBOP_TARGET),
    EVENT(init_control, SUBOP_OUT | SUBOP_PORTS),
    EVENT(expand_array, SUBOP_PORTS),
    EVENT(set_priority, SUBOP_PORTS),
};

static long op_any(u32 cmd, gva_t arg)
{
	long rc = subop_run(operations, ARRAY_SIZE(operations), cmd, arg);

	return rc == -ERESTART
		   ? hypercall_continue(__HYPERVISOR_event_channel_op, cmd,
					arg.a, 0, 0, 0)
		   : rc;
}

// Those that a guest does all the time, whose argument is a port.
long call_event_channel_op(u64 cmd, u64 arg, u64 a2, u64 a3, u64 a4)
{
	bool send = likely((u32)cmd == EVTCHNOP_send);
	evtchn_port_t port;

	if (!send && (u32)cmd != EVTCHNOP_unmask) {
		return op_any((u32)cmd, GVA(arg));
	}
	if (copy_from_guest(&port, GVA(arg), sizeof(port))) {
		return -EFAULT;
	}
	return send ? evtchn_send(current_domain(), &port)
		    : evtchn_unmask(current_domain(), &port);
}

// The old form: one structure with the command in front. It knows the
// operations up to unmask.
long call_event_channel_op_compat(u64 op, u64 a1, u64 a2, u64 a3, u64 a4)
{
	u32 cmd;

	if (copy_from_guest(&cmd, GVA(op), sizeof(cmd))) {
		return -EFAULT;
	}
	return cmd > EVTCHNOP_unmask
		   ? -ENOSYS
		   : op_any(cmd, GVA(op + offsetof(struct evtchn_op, u)));
}
