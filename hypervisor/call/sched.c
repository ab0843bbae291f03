// SPDX-License-Identifier: MIT
// sched_op: what a vCPU says about its own running, and a domain about its end.
// SCHEDOP_pin_override is not there (-ENOSYS): Linux then goes on without.
#include <wabe/evtchn.h>
#include <wabe/sched.h>

#include <xen/sched.h>

#include "subop.h"

#define POLL_PORTS_MAX 128
#define REASON_MASK 0xff

static long op_shutdown(struct domain *d, void *arg)
{
	domain_shutdown(d,
			((struct sched_shutdown *)arg)->reason & REASON_MASK);
	return 0;
}

static long op_shutdown_code(struct domain *d, void *arg)
{
	WRITE_ONCE(d->shutdown_code,
		   ((struct sched_shutdown *)arg)->reason & REASON_MASK);
	return 0;
}

static long op_remote_shutdown(struct domain *d, void *arg)
{
	if (!current_domain()->privileged) {
		return -EPERM;
	}
	domain_shutdown(d, ((struct sched_remote_shutdown *)arg)->reason &
			       REASON_MASK);
	return 0;
}

static long op_watchdog(struct domain *d, void *arg)
{
	const struct sched_watchdog *w = arg;

	return watchdog_set(d, w->id, w->timeout);
}

// Is one of the ports pending? 1, 0, or why a port cannot be polled.
static long look(struct domain *d, const struct sched_poll *poll)
{
	int found = 0;

	for (u32 i = 0; i < poll->nr_ports && !found; i++) {
		evtchn_port_t port;

		if (copy_from_guest_at(&port, HANDLE_GVA(poll->ports), i,
				       sizeof(port))) {
			return -EFAULT;
		}
		found = evtchn_is_pending(d, port);
	}
	return found;
}

static bool upcall_due(const struct vcpu *v)
{
	return READ_ONCE(v->info->evtchn_upcall_pending) &&
	       !READ_ONCE(v->info->evtchn_upcall_mask);
}

static long op_poll(struct domain *d, void *arg)
{
	const struct sched_poll *p = arg;
	evtchn_port_t port = ~0u;
	long found;

	if (p->nr_ports > POLL_PORTS_MAX) {
		return -EINVAL;
	}
	if (p->nr_ports == 1 &&
	    copy_from_guest(&port, HANDLE_GVA(p->ports), sizeof(port))) {
		return -EFAULT;
	}
	// Announce, then look: a port that comes now is not missed.
	vcpu_poll_begin(port);
	found = upcall_due(current_vcpu()) ? 1 : look(d, p);
	if (found) {
		vcpu_poll_cancel();
		return MIN(found, 0);
	}
	vcpu_poll_wait(p->timeout);
	return 0;
}

#define OP(op, type, flags) \
	[SCHEDOP_##op] = {op_##op, sizeof(struct sched_##type), flags}

static const struct subop operations[] = {
    OP(shutdown, shutdown, 0),
    OP(poll, poll, 0),
    OP(remote_shutdown, remote_shutdown, SUBOP_TARGET),
    OP(shutdown_code, shutdown, 0),
    OP(watchdog, watchdog, 0),
};

long call_sched_op(u64 cmd, u64 arg, u64 a2, u64 a3, u64 a4)
{
	switch ((u32)cmd) {
	case SCHEDOP_yield:
		vcpu_yield();
		return 0;
	case SCHEDOP_block:
		vcpu_block();
		return 0;
	default:
		return subop_run(operations, ARRAY_SIZE(operations), (u32)cmd,
				 GVA(arg));
	}
}

// The old form: the reason is the argument itself.
long call_sched_op_compat(u64 cmd, u64 arg, u64 a2, u64 a3, u64 a4)
{
	struct sched_shutdown s = {(u32)arg};

	if ((u32)cmd == SCHEDOP_shutdown) {
		return op_shutdown(current_domain(), &s);
	}
	return (u32)cmd < SCHEDOP_shutdown ? call_sched_op(cmd, arg, 0, 0, 0)
					   : -ENOSYS;
}
