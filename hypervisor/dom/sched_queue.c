// SPDX-License-Identifier: MIT
// Run queues: who waits, in order of virtual time, and how vCPUs change queues.
#include <wabe/lib.h>
#include <wabe/percpu.h>
#include <wabe/sched.h>

#include "dom.h"
#include "runq.h"

// The first waiting vCPU changed: tell other CPUs.
static void first_changed(struct runq *q)
{
	struct pheap_node *first = q->heap.root;

	WRITE_ONCE(q->best, first ? first->key + q->offset : ~0ull);
}

void runq_insert(struct runq *q, struct vcpu *v)
{
	struct sched_vcpu *sv = v->sched;

	sv->node.key = sv->vtime;
	pheap_insert(&q->heap, &sv->node);
	list_insert(&q->waiting, &sv->link);
	q->waiting_count++;
	v->state = VCPU_RUNNABLE;
	first_changed(q);
}

void runq_remove(struct runq *q, struct vcpu *v)
{
	pheap_remove(&q->heap, &v->sched->node);
	list_remove(&v->sched->link);
	q->waiting_count--;
	first_changed(q);
}

static void raise_floor(struct runq *q, const struct sched_vcpu *running)
{
	u64 floor = running->vtime;

	if (q->heap.root && q->heap.root->key < floor) {
		floor = q->heap.root->key;
	}
	if ((s64)(floor - q->floor) > 0) {
		q->floor = floor;
	}
}

void runq_charge(struct runq *q, u64 now)
{
	struct vcpu *v = q->running;
	struct sched_vcpu *sv = v->sched;
	u64 ns = now - q->since;

	q->since = now;
	if (vcpu_is_idle(v) || (s64)ns <= 0) {
		return;
	}
	// More than that at once is a clock that jumped.
	ns = MIN(ns, 1ull << 31);
	sv->vtime += ns * v->domain->sched->inverse >> 24;
	if (v->domain->sched->full) {
		sv->quota -= (s64)ns;
	}
	raise_floor(q, sv);
}

// --- more than one CPU ------------------------------------------------------

// The front is a hint: a lost update is made good by the next.
static void follow_front(struct runq *q, u64 lag)
{
	u64 here = q->floor + q->offset, front = READ_ONCE(sched_front);

	if ((s64)(here - front) > 0) {
		WRITE_ONCE(sched_front, here);
	} else if (front - here > lag) {
		q->offset += front - here - lag;
		first_changed(q);
	}
}

void runq_catch_up(struct runq *q)
{
	if (vcpu_is_idle(q->running) && !q->waiting_count) {
		follow_front(q, 0);
	}
}

void runq_move(struct runq *from, struct runq *to, struct vcpu *v)
{
	v->sched->vtime += from->offset - to->offset;
	v->processor = to->cpu;
}

void runq_lock_both(struct runq *a, struct runq *b)
{
	lock(a->cpu < b->cpu ? &a->lock : &b->lock);
	lock(a->cpu < b->cpu ? &b->lock : &a->lock);
}

// A vCPU of `from` that may run on `cpu`: if it may be, one that prefers to.
// Whose registers are still live on its old CPU cannot move.
static struct vcpu *find_movable(struct runq *from, u32 cpu)
{
	struct vcpu *found = NULL;
	u32 looked = 0;

	list_for_each (l, &from->waiting) {
		struct vcpu *v = container_of(l, struct sched_vcpu, link)->vcpu;

		if (looked++ >= STEAL_SCAN) {
			break;
		}
		if (__atomic_load_n(&v->running, __ATOMIC_ACQUIRE) ||
		    !cpumask_test(&v->hard, cpu)) {
			continue;
		}
		if (cpumask_test(&v->soft, cpu)) {
			return v;
		}
		found = found ? found : v;
	}
	return found;
}

static bool steal_from(struct runq *from, struct runq *to)
{
	struct vcpu *v;

	runq_lock_both(from, to);
	v = find_movable(from, to->cpu);
	if (v) {
		runq_remove(from, v);
		runq_move(from, to, v);
		runq_insert(to, v);
	}
	unlock(&from->lock);
	unlock(&to->lock);
	return v;
}

bool runq_steal_any(struct runq *q)
{
	for (u32 i = 1; i < cpu_count; i++) {
		struct runq *from = cpus[(q->cpu + i) % cpu_count]->runq;

		if (READ_ONCE(from->waiting_count) && steal_from(from, q)) {
			return true;
		}
	}
	return false;
}

bool runq_steal_behind(struct runq *q)
{
	struct runq *from = NULL;
	u64 best, limit;

	lock(&q->lock);
	follow_front(q, LAG_NS);
	limit = q->floor + q->offset;
	unlock(&q->lock);
	best = limit - BALANCE_NS;
	for (u32 i = 1; i < cpu_count; i++) {
		struct runq *other = cpus[(q->cpu + i) % cpu_count]->runq;
		u64 theirs = READ_ONCE(other->best);

		if (theirs < best) {
			best = theirs;
			from = other;
		}
	}
	return from && steal_from(from, q);
}
