// SPDX-License-Identifier: MIT
// Run queues: who waits, in order of virtual time, and how vCPUs change queues.
#include <wabe/alloc.h>
#include <wabe/sched.h>
#include <wabe/time.h>

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
	struct sched_vcpu *sv = &v->sched;

	sv->node.key = sv->vtime;
	pheap_insert(&q->heap, &sv->node);
	list_insert(&q->waiting, &sv->link);
	q->waiting_count++;
	v->state = VCPU_RUNNABLE;
	first_changed(q);
}

void runq_limit_credit(const struct runq *q, struct vcpu *v, u64 ns)
{
	if ((s64)(v->sched.vtime - (q->floor - ns)) < 0) {
		v->sched.vtime = q->floor - ns;
	}
}

void runq_remove(struct runq *q, struct vcpu *v)
{
	pheap_remove(&q->heap, &v->sched.node);
	list_remove(&v->sched.link);
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
	struct sched_vcpu *sv = &v->sched;
	u64 ns = now - q->since;

	q->since = now;
	if (vcpu_is_idle(v) || (s64)ns <= 0) {
		return;
	}
	// More than that at once is one who ran alone, or a processor that did
	// not run: not worth a wait of the same length.
	ns = MIN(ns, LAG_NS);
	sv->vtime += ns * v->domain->sched.inverse >> 24;
	if (v->domain->sched.full) {
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
	v->sched.vtime += from->offset - to->offset;
	v->processor = to->cpu;
}

// A vCPU of `from` that may run on `cpu`: if it may be, one that prefers to.
// Whose registers are still live on its old CPU cannot move.
static struct vcpu *find_movable(struct runq *from, u32 cpu)
{
	struct vcpu *found = NULL;
	u32 looked = 0;

	list_for_each (l, &from->waiting) {
		struct vcpu *v = container_of(l, struct vcpu, sched.link);

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

	lock_two(&from->lock, &to->lock);
	v = find_movable(from, to->cpu);
	if (v) {
		runq_catch_up(to);
		runq_remove(from, v);
		runq_move(from, to, v);
		runq_limit_credit(to, v, LAG_NS);
		runq_insert(to, v);
	}
	unlock_two(&from->lock, &to->lock);
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

// --- making them, printing them ---------------------------------------------

// The timer is not moved with each switch: it may come too early, and is then
// set again.
static void slice_over(void *data)
{
	if (!vcpu_is_idle(this_cpu()->current)) {
		cpu_raise(this_cpu(), WORK_SCHED);
	}
}

// The idle vCPU never runs a guest; nobody sees what is written to its info.
int sched_init_cpu(struct cpu *c)
{
	struct {
		struct vcpu idle;
		struct vcpu_info info;
		struct runq runq;
	} *own = heap_alloc(sizeof(*own));
	struct runq *q = &own->runq;

	if (!own) {
		return -ENOMEM;
	}
	own->idle.info = &own->info;
	own->idle.domain = &idle_domain;
	own->idle.id = own->idle.processor = c->id;
	own->idle.state = VCPU_RUNNING;
	own->idle.running = 1;
	c->idle = c->current = &own->idle;
	c->regs_top = (u64)&c->idle->regs.es;
	q->cpu = c->id;
	q->floor = 1ull << 40;
	q->best = ~0ull;
	q->running = c->idle;
	list_init(&q->waiting);
	timer_init(&q->slice, slice_over, NULL);
	q->slice.cpu = c->id;
	c->runq = q;
	c->work |= WORK_SCHED;
	return 0;
}

void sched_vcpu_init(struct vcpu *v)
{
	list_init(&v->sched.link);
	v->hard = v->domain->partition->cpus;
	memset(&v->soft, 0xff, sizeof(v->soft));
	v->state = VCPU_OFFLINE;
	v->runstate.state = RUNSTATE_offline;
	v->runstate.state_entry_time = time_now();
}

void sched_dump(void)
{
	printk("front %lu\n", sched_front);
	for (u32 i = 0; i < cpu_count; i++) {
		struct cpu *c = cpus[i];
		struct runq *q = c->runq;

		lock(&q->lock);
		printk("CPU%u: runs d%uv%u, floor %lu, offset %ld, %u wait, "
		       "idle %lu ms\n",
		       i, q->running->domain->id, q->running->id, q->floor,
		       (s64)q->offset, q->waiting_count, c->idle_ns / 1000000);
		list_for_each (l, &q->waiting) {
			struct vcpu *v =
			    container_of(l, struct vcpu, sched.link);

			printk("  d%uv%u vtime %lu\n", v->domain->id, v->id,
			       v->sched.vtime);
		}
		unlock(&q->lock);
	}
}
