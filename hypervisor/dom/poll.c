// SPDX-License-Identifier: MIT
// SCHEDOP_poll: a vCPU sleeps until one of some ports is pending, upcall or
// not. domain.pollers counts them, so that raising an event costs nothing
// where nobody polls.
#include <wabe/lib.h>
#include <wabe/sched.h>

// Whoever turns `polling` off, the waker or the vCPU itself, uncounts it.
void vcpu_poll_end(struct vcpu *v)
{
	if (v->polling &&
	    __atomic_exchange_n(&v->polling, 0, __ATOMIC_SEQ_CST)) {
		__atomic_fetch_sub(&v->domain->pollers, 1, __ATOMIC_SEQ_CST);
		timer_stop(&v->poll_timer);
	}
}

// Count first and block, then look (the caller): whoever raises a port sets it
// pending first and looks here then.
void vcpu_poll_begin(u32 port)
{
	struct vcpu *v = current_vcpu();

	v->poll_port = port;
	__atomic_store_n(&v->blocked, 1, __ATOMIC_SEQ_CST);
	if (!__atomic_exchange_n(&v->polling, 1, __ATOMIC_SEQ_CST)) {
		__atomic_fetch_add(&v->domain->pollers, 1, __ATOMIC_SEQ_CST);
	}
}

void vcpu_poll_wait(u64 until)
{
	if (until) {
		timer_set(&current_vcpu()->poll_timer, until);
	}
	cpu_raise(this_cpu(), WORK_SCHED);
}

void vcpu_poll_cancel(void)
{
	vcpu_poll_end(current_vcpu());
	current_vcpu()->blocked = 0;
}

void pollers_wake_slow(struct domain *d, u32 port)
{
	domain_for_each_vcpu (v, d) {
		u32 polled = READ_ONCE(v->poll_port);

		if (READ_ONCE(v->polling) &&
		    (polled == port || polled == ~0u)) {
			vcpu_kick(v);
		}
	}
}
