// SPDX-License-Identifier: MIT
// The scheduler: who runs next on this CPU, who wakes, who stops. What orders
// the vCPUs stands in runq.h.
//
// v->running says that the vCPU's registers are live on v->processor: set when
// it is chosen, cleared when context_switch() has saved them. While it is set
// the vCPU does not change queues, so no CPU ever loads what another still
// saves, and who pauses a vCPU waits for it.
#include <wabe/context.h>
#include <wabe/irq.h>
#include <wabe/cpu.h>
#include <wabe/sched.h>
#include <wabe/time.h>

#include "dom.h"
#include "runq.h"

static inline void raise_here(struct cpu *c, u32 work)
{
	__atomic_fetch_or(&c->work, work, __ATOMIC_RELAXED);
}

struct runq *runq_lock_vcpu(const struct vcpu *v)
{
	for (;;) {
		u32 cpu = READ_ONCE(v->processor);
		struct runq *q = cpus[cpu]->runq;

		lock(&q->lock);
		if (likely(v->processor == cpu)) {
			return q;
		}
		unlock(&q->lock);
	}
}

// --- choosing a CPU ---------------------------------------------------------

// Take an idle CPU out of the set that `v` may (with `soft`: likes to) run on.
static bool claim_idler(const struct vcpu *v, bool soft, u32 *cpu)
{
	for (u32 i = 0; i < NR_CPUS / 64; i++) {
		u64 m = READ_ONCE(sched_idlers.bits[i]) & v->hard.bits[i];

		m &= soft ? v->soft.bits[i] : ~0ull;
		while (m) {
			u32 n = i * 64 + (u32)__builtin_ctzll(m);

			if (bit_test_clear(sched_idlers.bits, n)) {
				*cpu = n;
				return true;
			}
			m &= m - 1;
		}
	}
	return false;
}

// Where to queue a vCPU that wakes: where it was, if that CPU idles; on an
// idle one; else where it was.
static u32 choose_cpu(const struct vcpu *v)
{
	u32 here = v->processor, cpu;
	bool may = cpumask_test(&v->hard, here);

	if (cpu_count == 1 || (may && v->running)) {
		return here;
	}
	if (may && cpumask_test(&v->soft, here) &&
	    cpumask_test(&sched_idlers, here)) {
		bit_test_clear(sched_idlers.bits, here);
		return here;
	}
	if (claim_idler(v, true, &cpu) || claim_idler(v, false, &cpu)) {
		return cpu;
	}
	cpu = cpumask_next(&v->hard, 0);
	return may || cpu >= cpu_count ? here : cpu;
}

// Someone waits who an idle CPU could run: let it steal.
static void kick_idler(const struct vcpu *v)
{
	u32 cpu;

	if (cpu_count > 1 && claim_idler(v, false, &cpu)) {
		cpu_raise(cpus[cpu], WORK_SCHED);
	}
}

// --- waking and stopping ----------------------------------------------------

static bool preempts(const struct vcpu *v, const struct vcpu *running)
{
	return (s64)(running->sched.vtime - v->sched.vtime) > (s64)PREEMPT_NS;
}

// Look again at `when`, or before.
static void look_at(struct runq *q, u64 when)
{
	if (!timer_is_set(&q->slice) || q->slice.node.key > when) {
		timer_set_on(&q->slice, when, q->cpu);
	}
}

// Queue a vCPU on `q`, which is locked; unlocks.
static void wake_on(struct runq *q, struct vcpu *v)
{
	u64 now = time_now();
	bool tell;

	if (vcpu_is_idle(q->running)) {
		runq_limit_credit(q, v, WAKE_CREDIT_NS);
		runq_insert(q, v);
		tell = true;
	} else {
		runq_charge(q, now);
		runq_limit_credit(q, v, WAKE_CREDIT_NS);
		runq_insert(q, v);
		// Who sends piece by piece sends some before they are taken.
		tell = preempts(v, q->running) && now >= q->keep_until;
		look_at(q, now < q->keep_until ? q->keep_until : q->slice_end);
	}
	runstate_change(v, RUNSTATE_runnable, now);
	unlock(&q->lock);
	if (tell) {
		cpu_raise(cpus[q->cpu], WORK_SCHED);
	} else {
		kick_idler(v);
	}
}

// Move a sleeping vCPU to another queue and wake it there. false: it changed.
static bool wake_elsewhere(struct runq *q, struct runq *to, struct vcpu *v)
{
	lock_two(&q->lock, &to->lock);
	if (v->processor != q->cpu || v->running || v->state >= VCPU_RUNNABLE ||
	    !vcpu_runnable(v)) {
		unlock_two(&q->lock, &to->lock);
		return false;
	}
	runq_catch_up(to);
	runq_move(q, to, v);
	unlock(&q->lock);
	wake_on(to, v);
	return true;
}

void vcpu_wake(struct vcpu *v)
{
	for (;;) {
		struct runq *q = runq_lock_vcpu(v);
		u32 cpu;

		if (v->state >= VCPU_RUNNABLE || !vcpu_runnable(v)) {
			unlock(&q->lock);
			return;
		}
		cpu = choose_cpu(v);
		if (cpu == q->cpu) {
			runq_catch_up(q);
			wake_on(q, v);
			return;
		}
		unlock(&q->lock);
		if (!v->running && wake_elsewhere(q, cpus[cpu]->runq, v)) {
			return;
		}
		// A claimed idler must look by itself; and v may be going off
		// a CPU that it may no longer run on.
		cpu_raise(cpus[cpu], WORK_SCHED);
		cpu_relax_serving();
	}
}

static int stopped_state(const struct vcpu *v)
{
	if (v->blocked) {
		return RUNSTATE_blocked;
	}
	return v->sched.parked ? RUNSTATE_runnable : RUNSTATE_offline;
}

// Not runnable any more, and neither queued nor running. runq.lock held.
static void stopped(struct vcpu *v, u64 now)
{
	v->state = v->offline ? VCPU_OFFLINE : VCPU_BLOCKED;
	runstate_change(v, stopped_state(v), now);
}

void vcpu_sleep(struct vcpu *v, bool wait)
{
	struct runq *q = runq_lock_vcpu(v);
	bool tell = false;

	if (!vcpu_runnable(v)) {
		if (v->state == VCPU_RUNNABLE) {
			runq_remove(q, v);
			stopped(v, time_now());
		}
		tell = v->state == VCPU_RUNNING;
	}
	unlock(&q->lock);
	if (tell) {
		cpu_raise(cpus[q->cpu], WORK_SCHED);
	}
	ASSERT(!wait || v != current_vcpu());
	while (wait && __atomic_load_n(&v->running, __ATOMIC_ACQUIRE)) {
		cpu_relax_serving();
	}
}

// --- what a guest does ------------------------------------------------------

void vcpu_kick(struct vcpu *v)
{
	// The pending bit is written before `blocked` is read: vcpu_block()
	// does the reverse.
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (READ_ONCE(v->blocked)) {
		vcpu_poll_end(v);
		__atomic_store_n(&v->blocked, 0, __ATOMIC_SEQ_CST);
		vcpu_wake(v);
	} else if (READ_ONCE(v->running) && v->processor != cpu_id()) {
		ipi_send(v->processor, VECTOR_RESCHEDULE);
	}
}

void vcpu_block(void)
{
	struct vcpu *v = current_vcpu();

	WRITE_ONCE(v->info->evtchn_upcall_mask, 0);
	__atomic_store_n(&v->blocked, 1, __ATOMIC_SEQ_CST);
	if (READ_ONCE(v->info->evtchn_upcall_pending) || v->nmi_pending) {
		v->blocked = 0;
		return;
	}
	raise_here(this_cpu(), WORK_SCHED);
}

void vcpu_yield(void)
{
	struct cpu *c = this_cpu();

	if (READ_ONCE(c->runq->waiting_count)) {
		c->runq->yielding = true;
		raise_here(c, WORK_SCHED);
	}
}

// --- choosing who runs ------------------------------------------------------

// The budget of a capped domain lets it run.
static bool may_use(struct vcpu *v)
{
	return likely(!v->domain->sched.full) || cap_take(v);
}

// Does the vCPU that ran go on as a candidate?
static bool stays(const struct runq *q, struct vcpu *v)
{
	return vcpu_runnable(v) && cpumask_test(&v->hard, q->cpu) && may_use(v);
}

// Its slice is over, and a CPU that it likes better than this one is idle.
static bool likes_elsewhere(const struct runq *q, const struct vcpu *v, u64 now)
{
	if (likely(cpumask_test(&v->soft, q->cpu)) || now < q->slice_end) {
		return false;
	}
	for (u32 i = 0; i < NR_CPUS / 64; i++) {
		if (READ_ONCE(sched_idlers.bits[i]) & v->hard.bits[i] &
		    v->soft.bits[i]) {
			return true;
		}
	}
	return false;
}

static bool goes_before(const struct runq *q, const struct vcpu *first,
			const struct vcpu *prev, u64 now)
{
	if (q->yielding) {
		return true;
	}
	if (now < q->slice_end) {
		return now >= q->keep_until && preempts(first, prev);
	}
	return first->sched.vtime < prev->sched.vtime;
}

// `prev`: who ran, if it is still a candidate, else NULL.
static struct vcpu *choose(struct runq *q, struct vcpu *prev, u64 now)
{
	while (q->heap.root) {
		struct vcpu *first = node_vcpu(q->heap.root);

		if (prev && !goes_before(q, first, prev, now)) {
			return prev;
		}
		runq_remove(q, first);
		if (may_use(first)) {
			return first;
		}
		stopped(first, now);
	}
	return prev;
}

// Nobody waits here. First say that this CPU idles, then look elsewhere: so
// who queues a vCPU elsewhere at this moment sees one or is seen.
static struct vcpu *choose_elsewhere(struct cpu *c, u64 now)
{
	struct runq *q = c->runq;
	struct vcpu *v = NULL;

	bit_test_set(sched_idlers.bits, c->id);
	q->running = c->idle;
	if (cpu_count > 1) {
		unlock(&q->lock);
		runq_steal_any(q);
		lock(&q->lock);
		v = choose(q, NULL, now);
		if (v) {
			bit_test_clear(sched_idlers.bits, c->id);
		}
	}
	return v ? v : c->idle;
}

// Enter who runs next; the slice begins anew when it is over or another runs.
static void start(struct runq *q, struct vcpu *prev, struct vcpu *next, u64 now)
{
	q->running = next;
	q->since = now;
	q->yielding = false;
	if (vcpu_is_idle(next)) {
		return;
	}
	// Not so where it goes on. It may have been stopped, woken and chosen
	// again while its registers stayed live.
	if (next->state != VCPU_RUNNING) {
		next->state = VCPU_RUNNING;
		__atomic_store_n(&next->running, 1, __ATOMIC_RELAXED);
		runstate_change(next, RUNSTATE_running, now);
	}
	if (next != prev) {
		q->keep_until = now + KEEP_NS;
	}
	if (next != prev || now >= q->slice_end) {
		q->slice_end = now + SLICE_NS;
	}
	if (unlikely(next->domain->sched.full)) {
		q->slice_end = MIN(q->slice_end, now + (u64)next->sched.quota);
		timer_set_on(&q->slice, q->slice_end, q->cpu);
	} else if (q->waiting_count || cpu_count > 1) {
		look_at(q, q->slice_end);
	}
}

// Put away who ran and choose who runs, under the lock. *moves: `prev` may
// run, but not on this CPU, or likes another better.
static struct vcpu *decide(struct cpu *c, struct vcpu *prev, u64 now,
			   bool *moves)
{
	struct runq *q = c->runq;
	bool guest = !vcpu_is_idle(prev), stay;
	struct vcpu *next;

	lock(&q->lock);
	runq_charge(q, now);
	stay = guest && stays(q, prev) && !likes_elsewhere(q, prev, now);
	next = choose(q, stay ? prev : NULL, now);
	if (guest && next != prev) {
		if (prev->domain->sched.full) {
			cap_return(prev);
		}
		if (stay) {
			runq_insert(q, prev);
			runstate_change(prev, RUNSTATE_runnable, now);
		} else {
			*moves = vcpu_runnable(prev);
			stopped(prev, now);
		}
	}
	if (!next) {
		next = choose_elsewhere(c, now);
	}
	if (!guest && next != prev) {
		bit_test_clear(sched_idlers.bits, c->id);
	}
	start(q, prev, next, now);
	if (unlikely(q->waiting_count && cpu_count > 1)) {
		kick_idler(node_vcpu(q->heap.root));
	}
	unlock(&q->lock);
	return next;
}

static void switch_to(struct cpu *c, struct vcpu *prev, struct vcpu *next,
		      bool moves)
{
	context_switch(prev, next);
	__atomic_store_n(&prev->running, 0, __ATOMIC_RELEASE);
	if (moves) {
		vcpu_wake(prev);
	}
	if (vcpu_is_idle(next)) {
		return;
	}
	if (next->sched.time_cpu != c->id + 1) {
		next->sched.time_cpu = c->id + 1;
		vcpu_time_publish(next);
	}
	if (unlikely(next->period_ns)) {
		vcpu_ticks_start(next);
	}
	if (unlikely(next->runstate_gva)) {
		runstate_copy_out(next);
	}
}

void sched_run(void)
{
	struct cpu *c = this_cpu();
	struct vcpu *prev = c->current, *next;
	u64 now = time_now();
	bool moves = false;

	// Not at the end of slices: one that is interrupted often has none.
	if (cpu_count > 1 && now >= c->runq->balance_at &&
	    !vcpu_is_idle(prev)) {
		c->runq->balance_at = now + SLICE_NS;
		runq_steal_behind(c->runq);
	}
	next = decide(c, prev, now, &moves);
	if (next != prev) {
		switch_to(c, prev, next, moves);
	}
}
