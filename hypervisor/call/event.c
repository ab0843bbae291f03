// SPDX-License-Identifier: MIT
// event_channel_op: copy the request, look up the domain it names, act, copy
// the answer back.
#include <wabe/domain.h>
#include <wabe/errno.h>
#include <wabe/evtchn.h>
#include <wabe/guest.h>
#include <wabe/hypercall.h>

#include <xen/event_channel.h>

union request {
	struct evtchn_alloc_unbound alloc_unbound;
	struct evtchn_bind_interdomain bind_interdomain;
	struct evtchn_bind_virq bind_virq;
	struct evtchn_bind_pirq bind_pirq;
	struct evtchn_bind_ipi bind_ipi;
	struct evtchn_close close;
	struct evtchn_send send;
	struct evtchn_status status;
	struct evtchn_bind_vcpu bind_vcpu;
	struct evtchn_unmask unmask;
	struct evtchn_reset reset;
	struct evtchn_init_control init_control;
	struct evtchn_expand_array expand_array;
	struct evtchn_set_priority set_priority;
};

// Bytes of each request; those that have an answer get it back whole.
static const struct {
	u8 bytes;
	bool answers;
} requests[] = {
    [EVTCHNOP_bind_interdomain] = {sizeof(struct evtchn_bind_interdomain),
				   true},
    [EVTCHNOP_bind_virq] = {sizeof(struct evtchn_bind_virq), true},
    [EVTCHNOP_bind_pirq] = {sizeof(struct evtchn_bind_pirq), true},
    [EVTCHNOP_close] = {sizeof(struct evtchn_close), false},
    [EVTCHNOP_send] = {sizeof(struct evtchn_send), false},
    [EVTCHNOP_status] = {sizeof(struct evtchn_status), true},
    [EVTCHNOP_alloc_unbound] = {sizeof(struct evtchn_alloc_unbound), true},
    [EVTCHNOP_bind_ipi] = {sizeof(struct evtchn_bind_ipi), true},
    [EVTCHNOP_bind_vcpu] = {sizeof(struct evtchn_bind_vcpu), false},
    [EVTCHNOP_unmask] = {sizeof(struct evtchn_unmask), false},
    [EVTCHNOP_reset] = {sizeof(struct evtchn_reset), false},
    [EVTCHNOP_init_control] = {sizeof(struct evtchn_init_control), true},
    [EVTCHNOP_expand_array] = {sizeof(struct evtchn_expand_array), false},
    [EVTCHNOP_set_priority] = {sizeof(struct evtchn_set_priority), false},
};

// The domain a request names, referenced: the caller's own, or any for a
// privileged caller. NULL with *error -ESRCH or -EPERM.
static struct domain *target_get(domid_t id, long *error)
{
	struct domain *d = domain_get(id);

	*error = -ESRCH;
	if (d && d != current_domain() && !current_domain()->privileged) {
		*error = -EPERM;
		domain_put(d);
		d = NULL;
	}
	return d;
}

static long op_alloc_unbound(struct evtchn_alloc_unbound *a)
{
	domid_t remote =
	    a->remote_dom == DOMID_SELF ? current_domain()->id : a->remote_dom;
	long error;
	struct domain *d = target_get(a->dom, &error);

	if (d) {
		error = evtchn_alloc_unbound(d, remote, &a->port);
		domain_put(d);
	}
	return error;
}

static long op_bind_interdomain(struct evtchn_bind_interdomain *b)
{
	struct domain *remote = domain_get(b->remote_dom);
	long error;

	if (!remote) {
		return -ESRCH;
	}
	error = evtchn_bind_interdomain(current_domain(), remote,
					b->remote_port, &b->local_port);
	domain_put(remote);
	return error;
}

static long op_bind_pirq(struct evtchn_bind_pirq *b)
{
	struct domain *d = current_domain();

	if (!d->privileged) {
		return -EPERM;
	}
	return evtchn_bind_pirq(d, b->pirq, b->flags & BIND_PIRQ__WILL_SHARE,
				&b->port);
}

static long op_status(struct evtchn_status *s)
{
	long error;
	struct domain *d = target_get(s->dom, &error);

	if (d) {
		error = evtchn_status(d, s);
		domain_put(d);
	}
	return error;
}

// Another domain's ports are reset while the toolstack has it paused only.
static long op_reset(struct evtchn_reset *r)
{
	long error;
	struct domain *d = target_get(r->dom, &error);

	if (!d) {
		return error;
	}
	error = d != current_domain() && !READ_ONCE(d->control_pauses)
		    ? -EINVAL
		    : evtchns_close_all(d);
	domain_put(d);
	return error;
}

static long op_init_control(struct evtchn_init_control *c)
{
	c->link_bits = EVTCHN_FIFO_LINK_BITS;
	return evtchn_init_control(current_domain(), c->vcpu,
				   MFN(c->control_gfn), c->offset);
}

static long op_run(u32 cmd, union request *r)
{
	struct domain *d = current_domain();

	switch (cmd) {
	case EVTCHNOP_unmask:
		return evtchn_unmask(d, r->unmask.port);
	case EVTCHNOP_bind_interdomain:
		return op_bind_interdomain(&r->bind_interdomain);
	case EVTCHNOP_bind_virq:
		return evtchn_bind_virq(d, r->bind_virq.virq, r->bind_virq.vcpu,
					&r->bind_virq.port);
	case EVTCHNOP_bind_pirq:
		return op_bind_pirq(&r->bind_pirq);
	case EVTCHNOP_close:
		return evtchn_close(d, r->close.port);
	case EVTCHNOP_send:
		return evtchn_send(d, r->send.port);
	case EVTCHNOP_status:
		return op_status(&r->status);
	case EVTCHNOP_alloc_unbound:
		return op_alloc_unbound(&r->alloc_unbound);
	case EVTCHNOP_bind_ipi:
		return evtchn_bind_ipi(d, r->bind_ipi.vcpu, &r->bind_ipi.port);
	case EVTCHNOP_bind_vcpu:
		return evtchn_bind_vcpu(d, r->bind_vcpu.port,
					r->bind_vcpu.vcpu);
	case EVTCHNOP_reset:
		return op_reset(&r->reset);
	case EVTCHNOP_init_control:
		return op_init_control(&r->init_control);
	case EVTCHNOP_expand_array:
		return evtchn_expand_array(d, MFN(r->expand_array.array_gfn));
	case EVTCHNOP_set_priority:
		return evtchn_set_priority(d, r->set_priority.port,
					   r->set_priority.priority);
	default:
		return -ENOSYS;
	}
}

static long op_any(u32 cmd, gva_t arg)
{
	union request r;
	long result;

	if (cmd >= ARRAY_SIZE(requests)) {
		return -ENOSYS;
	}
	cmd = (u32)index_clamp(cmd, ARRAY_SIZE(requests));
	if (copy_from_guest(&r, arg, requests[cmd].bytes)) {
		return -EFAULT;
	}
	result = op_run(cmd, &r);
	if (result == -ERESTART) {
		return hypercall_continue(__HYPERVISOR_event_channel_op, cmd,
					  arg.a, 0, 0, 0);
	}
	if (!result && requests[cmd].answers &&
	    copy_to_guest(arg, &r, requests[cmd].bytes)) {
		result = -EFAULT;
	}
	return result;
}

long call_event_channel_op(u64 cmd, u64 arg, u64 a2, u64 a3, u64 a4)
{
	struct evtchn_send send;

	if (unlikely((u32)cmd != EVTCHNOP_send)) {
		return op_any((u32)cmd, GVA(arg));
	}
	if (copy_from_guest(&send, GVA(arg), sizeof(send))) {
		return -EFAULT;
	}
	return evtchn_send(current_domain(), send.port);
}

// The old form: one structure with the command in front. It knows the
// operations up to unmask.
long call_event_channel_op_compat(u64 op, u64 a1, u64 a2, u64 a3, u64 a4)
{
	u32 cmd;

	if (copy_from_guest(&cmd, GVA(op), sizeof(cmd))) {
		return -EFAULT;
	}
	if (cmd > EVTCHNOP_unmask) {
		return -ENOSYS;
	}
	return op_any(cmd, GVA(op + offsetof(struct evtchn_op, u)));
}
