// SPDX-License-Identifier: MIT
// The scheduler's making and unmaking of its structures; affinity.
#include <wabe/alloc.h>
#include <wabe/errno.h>
#include <wabe/lib.h>
#include <wabe/cpu.h>
#include <wabe/sched.h>
#include <wabe/time.h>

#include "dom.h"
#include "runq.h"

// The timer is not moved with each switch: it looks when the slice really ends.
static void slice_over(void *data)
{
	struct runq *q = data;

	if (time_now() >= READ_ONCE(q->slice_end)) {
		cpu_raise(this_cpu(), WORK_SCHED);
	} else if (!vcpu_is_idle(this_cpu()->current)) {
		timer_set(&q->slice, READ_ONCE(q->slice_end));
	}
}

static struct vcpu *idle_create(u32 cpu)
{
	struct vcpu *v = heap_alloc(sizeof(*v));

	if (!v) {
		return NULL;
	}
	// It never runs a guest; nobody sees what is written to its info.
	v->info = heap_alloc(sizeof(*v->info));
	if (!v->info) {
		heap_free(v);
		return NULL;
	}
	v->domain = &idle_domain;
	v->id = cpu;
	v->processor = cpu;
	v->state = VCPU_RUNNING;
	v->running = 1;
	return v;
}

int sched_init_cpu(struct cpu *c)
{
	struct runq *q = heap_alloc(sizeof(*q));

	if (!q) {
		return -ENOMEM;
	}
	if (!c->idle) {
		c->idle = idle_create(c->id);
	}
	if (!c->idle) {
		heap_free(q);
		return -ENOMEM;
	}
	if (!c->current) {
		c->current = c->idle;
		c->regs_top = (u64)&c->idle->regs.es;
	}
	q->cpu = c->id;
	q->floor = 1ull << 40;
	q->best = ~0ull;
	q->running = c->idle;
	list_init(&q->waiting);
	timer_init(&q->slice, slice_over, q);
	q->slice.cpu = c->id;
	c->runq = q;
	c->work |= WORK_SCHED;
	return 0;
}

int sched_vcpu_create(struct vcpu *v)
{
	struct sched_vcpu *sv = heap_alloc_for(v->domain, sizeof(*sv));

	if (!sv) {
		return -ENOMEM;
	}
	sv->vcpu = v;
	sv->time_cpu = ~0u;
	list_init(&sv->link);
	v->hard = v->domain->partition->cpus;
	memset(&v->soft, 0xff, sizeof(v->soft));
	v->state = VCPU_OFFLINE;
	v->runstate.state = RUNSTATE_offline;
	v->runstate.state_entry_time = time_now();
	v->sched = sv;
	return 0;
}

void sched_vcpu_destroy(struct vcpu *v)
{
	BUG_ON(v->state == VCPU_RUNNABLE || v->running);
	heap_free(v->sched);
	v->sched = NULL;
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

// --- debug keys -------------------------------------------------------------

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
			struct sched_vcpu *sv =
			    container_of(l, struct sched_vcpu, link);

			printk("  d%uv%u vtime %lu\n", sv->vcpu->domain->id,
			       sv->vcpu->id, sv->vtime);
		}
		unlock(&q->lock);
	}
}
