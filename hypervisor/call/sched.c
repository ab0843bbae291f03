// SPDX-License-Identifier: MIT
// sched_op: what a vCPU says about its own running, and a domain about its end.
// SCHEDOP_pin_override is not there (-ENOSYS): Linux then goes on without.
#include <wabe/errno.h>
#include <wabe/evtchn.h>
#include <wabe/guest.h>
#include <wabe/hypercall.h>
#include <wabe/lib.h>
#include <wabe/sched.h>

#include <xen/sched.h>

#define POLL_PORTS_MAX 128
#define REASON_MASK 0xff

static long shut_down(gva_t arg)
{
	struct sched_shutdown s;

	if (copy_from_guest(&s, arg, sizeof(s))) {
		return -EFAULT;
	}
	domain_shutdown(current_domain(), s.reason & REASON_MASK);
	return 0;
}

static long shutdown_code(gva_t arg)
{
	struct sched_shutdown s;

	if (copy_from_guest(&s, arg, sizeof(s))) {
		return -EFAULT;
	}
	WRITE_ONCE(current_domain()->shutdown_code, s.reason & REASON_MASK);
	return 0;
}

static long remote_shutdown(gva_t arg)
{
	struct sched_remote_shutdown s;
	struct domain *d;

	if (copy_from_guest(&s, arg, sizeof(s))) {
		return -EFAULT;
	}
	if (!current_domain()->privileged) {
		return -EPERM;
	}
	d = domain_get(s.domain_id);
	if (!d) {
		return -ESRCH;
	}
	domain_shutdown(d, s.reason & REASON_MASK);
	domain_put(d);
	return 0;
}

static long watchdog(gva_t arg)
{
	struct sched_watchdog w;

	if (copy_from_guest(&w, arg, sizeof(w))) {
		return -EFAULT;
	}
	return watchdog_set(current_domain(), w.id, w.timeout);
}

// Is one of the ports pending? 1, 0, or why a port cannot be polled.
static long look(const struct sched_poll *poll)
{
	struct domain *d = current_domain();

	for (u32 i = 0; i < poll->nr_ports; i++) {
		evtchn_port_t port;
		int pending;

		if (copy_from_guest_at(&port, HANDLE_GVA(poll->ports), i,
				       sizeof(port))) {
			return -EFAULT;
		}
		pending = evtchn_is_pending(d, port);
		if (pending) {
			return pending;
		}
	}
	return 0;
}

static bool upcall_due(const struct vcpu *v)
{
	return READ_ONCE(v->info->evtchn_upcall_pending) &&
	       !READ_ONCE(v->info->evtchn_upcall_mask);
}

static long poll(gva_t arg)
{
	struct sched_poll p;
	evtchn_port_t port = ~0u;
	long found;

	if (copy_from_guest(&p, arg, sizeof(p))) {
		return -EFAULT;
	}
	if (p.nr_ports > POLL_PORTS_MAX) {
		return -EINVAL;
	}
	if (p.nr_ports == 1 &&
	    copy_from_guest(&port, HANDLE_GVA(p.ports), sizeof(port))) {
		return -EFAULT;
	}
	// Announce, then look: a port that comes now is not missed.
	vcpu_poll_begin(port);
	found = upcall_due(current_vcpu()) ? 1 : look(&p);
	if (found) {
		vcpu_poll_cancel();
		return MIN(found, 0);
	}
	vcpu_poll_wait(p.timeout);
	return 0;
}

long call_sched_op(u64 cmd, u64 arg, u64 a2, u64 a3, u64 a4)
{
	switch (cmd) {
	case SCHEDOP_yield:
		vcpu_yield();
		return 0;
	case SCHEDOP_block:
		vcpu_block();
		return 0;
	case SCHEDOP_shutdown:
		return shut_down(GVA(arg));
	case SCHEDOP_poll:
		return poll(GVA(arg));
	case SCHEDOP_remote_shutdown:
		return remote_shutdown(GVA(arg));
	case SCHEDOP_shutdown_code:
		return shutdown_code(GVA(arg));
	case SCHEDOP_watchdog:
		return watchdog(GVA(arg));
	}
	return -ENOSYS;
}

// The old form: the reason is the argument itself.
long call_sched_op_compat(u64 cmd, u64 arg, u64 a2, u64 a3, u64 a4)
{
	switch (cmd) {
	case SCHEDOP_yield:
		vcpu_yield();
		return 0;
	case SCHEDOP_block:
		vcpu_block();
		return 0;
	case SCHEDOP_shutdown:
		domain_shutdown(current_domain(), arg & REASON_MASK);
		return 0;
	}
	return -ENOSYS;
}
