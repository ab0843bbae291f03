// SPDX-License-Identifier: MIT
// Making and freeing a vCPU; its timers; where its vcpu_info lies.
#include <wabe/alloc.h>
#include <wabe/context.h>
#include <wabe/evtchn.h>
#include <wabe/sched.h>
#include <wabe/share.h>
#include <wabe/time.h>

#include "dom.h"

#define PERIOD_DEFAULT_NS 10000000ull

// --- timers -----------------------------------------------------------------

static void singleshot_fires(void *data)
{
	virq_raise_vcpu(data, VIRQ_TIMER);
}

static void periodic_fires(void *data)
{
	struct vcpu *v = data;
	u64 period = READ_ONCE(v->period_ns);

	if (!READ_ONCE(v->running)) {
		return; // no ticks for who sleeps or waits
	}
	virq_raise_vcpu(v, VIRQ_TIMER);
	if (period) {
		timer_set(&v->periodic,
			  MAX(v->periodic.node.key + period, time_now()));
	}
}

// When the next is due, or now.
void vcpu_ticks_start(struct vcpu *v)
{
	timer_set(&v->periodic, MAX(v->periodic.node.key, time_now()));
}

static void poll_times_out(void *data)
{
	struct vcpu *v = data;

	if (v->polling) {
		vcpu_kick(v);
	}
}

void vcpu_kill_timers(struct vcpu *v)
{
	v->period_ns = 0;
	timer_kill(&v->singleshot);
	timer_kill(&v->periodic);
	timer_kill(&v->poll_timer);
}

// --- SCHEDOP_poll -----------------------------------------------------------

// A vCPU sleeps until one of some ports is pending, upcall or not.
// domain.pollers counts them, so that raising an event costs nothing where
// nobody polls.

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

// --- vcpu_info --------------------------------------------------------------

// Domains of up to 32 vCPUs find them in shared_info; others must register.
static struct vcpu_info *info_default(const struct vcpu *v)
{
	return v->id < XEN_LEGACY_MAX_VCPUS
		   ? &v->domain->shared->vcpu_info[v->id]
		   : shared_info_dummy.vcpu_info;
}

void vcpu_info_reset(struct vcpu *v)
{
	struct share *old = v->info_share;

	v->info_share = NULL;
	WRITE_ONCE(v->info, info_default(v));
	share_destroy(old);
}

// Events that are raised while it moves are written to the old place or the
// new one; evtchn_recheck() finds what went to the old one after the copy.
static void info_move(struct vcpu *v, struct vcpu_info *to)
{
	if (v->info == shared_info_dummy.vcpu_info) {
		memset(to, 0, sizeof(*to));
		to->evtchn_upcall_mask = 1;
	} else {
		memcpy(to, v->info, sizeof(*to));
	}
	__atomic_store_n(&v->info, to, __ATOMIC_SEQ_CST);
	vcpu_time_publish(v);
	evtchn_recheck(v);
}

int vcpu_info_register(struct vcpu *v, u64 mfn, u32 offset)
{
	struct domain *d = v->domain;
	int error;

	if (offset > PAGE_SIZE - sizeof(struct vcpu_info) ||
	    offset % __alignof__(struct vcpu_info)) {
		return -ENXIO;
	}
	if (v != current_vcpu() && !v->offline) {
		return -EINVAL;
	}
	lock(&d->lifecycle_lock);
	error =
	    v->info_share ? -EINVAL : share_create(d, MFN(mfn), &v->info_share);
	unlock(&d->lifecycle_lock);
	if (!error) {
		info_move(v, (void *)((char *)v->info_share->page + offset));
	}
	return error;
}

// --- creation ---------------------------------------------------------------

int vcpu_create(struct domain *d, u32 id, u32 cpu, struct vcpu **out)
{
	struct vcpu *v;
	int error;

	if (id >= d->vcpus_max || d->vcpu[id]) {
		return -EINVAL;
	}
	v = heap_alloc_for(d, sizeof(*v));
	if (!v) {
		return -ENOMEM;
	}
	v->domain = d;
	v->id = id;
	v->serial = __atomic_add_fetch(&vcpu_serial, 1, __ATOMIC_RELAXED);
	v->processor = cpu;
	v->offline = 1;
	v->kernel_mode = 1;
	v->period_ns = PERIOD_DEFAULT_NS;
	timer_init(&v->singleshot, singleshot_fires, v);
	timer_init(&v->periodic, periodic_fires, v);
	timer_init(&v->poll_timer, poll_times_out, v);
	sched_vcpu_init(v);
	error = context_init_vcpu(v);
	if (error) {
		heap_free(v);
		return error;
	}
	v->info = info_default(v);
	v->info->evtchn_upcall_mask = 1;
	__atomic_store_n(&d->vcpu[id], v, __ATOMIC_RELEASE);
	if (out) {
		*out = v;
	}
	return 0;
}

void vcpu_destroy(struct vcpu *v)
{
	BUG_ON(v->state == VCPU_RUNNABLE || v->running);
	v->domain->vcpu[v->id] = NULL;
	vcpu_kill_timers(v);
	runstate_release(v);
	share_destroy(v->info_share);
	fpu_destroy_vcpu(v);
	heap_free(v);
}
