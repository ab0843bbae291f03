// SPDX-License-Identifier: MIT
// What the toolstack sets: affinity, at the end; a domain's shares: its weight,
// and its cap: a budget of CPU time that is filled each CAP_PERIOD_NS. A vCPU
// takes what it is going to use from the budget before it runs and gives back
// the rest, so several together keep to it; what it ran beyond makes the budget
// negative and is missing in the next period. Who finds nothing is parked until
// the budget is filled.
#include <wabe/alloc.h>
#include <wabe/sched.h>
#include <wabe/time.h>

#include "runq.h"

static void unpark(struct vcpu *v)
{
	if (__atomic_exchange_n(&v->sched.parked, 0, __ATOMIC_SEQ_CST)) {
		vcpu_wake(v);
	}
}

// The timer stops when a whole period passed without use.
static void refill(void *data)
{
	struct domain *d = data;
	struct sched_domain *sd = &d->sched;
	s64 full = READ_ONCE(sd->full), before;

	before = __atomic_load_n(&sd->budget, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(
	    &sd->budget, &before, MIN(before + full, full), false,
	    __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {
	}
	if (full && before < full) {
		timer_set(&sd->refill, time_now() + CAP_PERIOD_NS);
	}
	domain_for_each_vcpu (v, d) {
		unpark(v);
	}
}

static s64 budget_take(struct sched_domain *sd)
{
	s64 have = __atomic_load_n(&sd->budget, __ATOMIC_SEQ_CST), want;

	do {
		want = MIN(have, (s64)SLICE_NS);
		if (want <= 0) {
			return 0;
		}
	} while (!__atomic_compare_exchange_n(&sd->budget, &have, have - want,
					      false, __ATOMIC_SEQ_CST,
					      __ATOMIC_SEQ_CST));
	return want;
}

bool cap_take(struct vcpu *v)
{
	struct sched_domain *sd = &v->domain->sched;

	if (v->sched.quota > 0) {
		return true;
	}
	cap_return(v);
	v->sched.quota = budget_take(sd);
	if (!v->sched.quota) {
		// It may have been filled since: then refill() missed us.
		__atomic_store_n(&v->sched.parked, 1, __ATOMIC_SEQ_CST);
		v->sched.quota = budget_take(sd);
		if (v->sched.quota) {
			v->sched.parked = 0;
		}
	}
	// Looked at behind the take, which a timer that fires now then sees.
	if (!timer_is_set(&sd->refill)) {
		timer_set(&sd->refill, time_now() + CAP_PERIOD_NS);
	}
	return v->sched.quota;
}

void cap_return(struct vcpu *v)
{
	__atomic_fetch_add(&v->domain->sched.budget, v->sched.quota,
			   __ATOMIC_SEQ_CST);
	v->sched.quota = 0;
}

int sched_set_params(struct domain *d, u32 weight, u32 cap)
{
	struct sched_domain *sd = &d->sched;

	if (!weight || weight > 0xffff || cap > 0xffff) {
		return -EINVAL;
	}
	sd->weight = (u16)weight;
	sd->cap = (u16)cap;
	sd->inverse = ((u64)WEIGHT_DEFAULT << 24) / weight;
	sd->budget = (s64)(cap * (CAP_PERIOD_NS / 100));
	WRITE_ONCE(sd->full, sd->budget);
	// Whoever was parked for the old cap looks again; whoever runs without
	// a quota gets one at the next switch.
	domain_for_each_vcpu (v, d) {
		unpark(v);
		if (v->running) {
			cpu_raise(cpus[v->processor], WORK_SCHED);
		}
	}
	return 0;
}

void sched_domain_init(struct domain *d)
{
	timer_init(&d->sched.refill, refill, d);
	(void)sched_set_params(d, WEIGHT_DEFAULT, 0);
}

void sched_domain_fini(struct domain *d)
{
	timer_kill(&d->sched.refill);
}

// --- affinity ---------------------------------------------------------------

// Nobody waits for the vCPU: it may be of the caller's own domain, and its CPU
// may wait for a lock that the caller holds.
int sched_set_affinity(struct vcpu *v, const struct cpumask *hard,
		       const struct cpumask *soft)
{
	struct runq *q;
	struct cpumask in = v->domain->partition->cpus;
	bool leaves, runs;

	if (hard) {
		in = cpumask_and(&in, hard);
	}
	if (cpumask_next(&in, 0) >= cpu_count) {
		return -EINVAL;
	}
	q = runq_lock_vcpu(v);
	if (hard) {
		v->hard = in;
	}
	if (soft) {
		v->soft = *soft;
	}
	leaves = !cpumask_test(&v->hard, q->cpu);
	runs = v->state == VCPU_RUNNING;
	if (leaves && v->state == VCPU_RUNNABLE) {
		runq_remove(q, v);
		v->state = VCPU_BLOCKED;
	}
	unlock(&q->lock);
	if (leaves && runs) {
		cpu_raise(cpus[q->cpu], WORK_SCHED);
	} else if (leaves) {
		vcpu_wake(v);
	}
	return 0;
}
