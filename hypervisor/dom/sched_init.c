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
	struct sched_vcpu *sv = heap_alloc(sizeof(*sv));

	if (!sv) {
		return -ENOMEM;
	}
	sv->vcpu = v;
	sv->time_cpu = ~0u;
	list_init(&sv->link);
	memset(&v->hard, 0xff, sizeof(v->hard));
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

static u32 first_online(const struct cpumask *m)
{
	u32 cpu = cpumask_next(m, 0);

	return cpu < cpu_count ? cpu : NR_CPUS;
}

// The vCPU is paused. Its next CPU is chosen when it wakes.
static void leave_cpu(struct vcpu *v)
{
	struct runq *from = cpus[v->processor]->runq, *to;

	if (cpumask_test(&v->hard, v->processor)) {
		return;
	}
	to = cpus[first_online(&v->hard)]->runq;
	runq_lock_both(from, to);
	runq_move(from, to, v);
	unlock(&from->lock);
	unlock(&to->lock);
}

int sched_set_affinity(struct vcpu *v, const struct cpumask *hard,
		       const struct cpumask *soft)
{
	bool self = v == current_vcpu();

	if ((hard && first_online(hard) == NR_CPUS) ||
	    (soft && first_online(soft) == NR_CPUS)) {
		return -EINVAL;
	}
	if (!self) {
		vcpu_pause(v);
	}
	if (hard) {
		v->hard = *hard;
	}
	if (soft) {
		v->soft = *soft;
	}
	if (self) {
		cpu_raise(this_cpu(), WORK_SCHED);
	} else {
		leave_cpu(v);
		vcpu_unpause(v);
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
		list_for_each(l, &q->waiting) {
			struct sched_vcpu *sv =
				container_of(l, struct sched_vcpu, link);

			printk("  d%uv%u vtime %lu\n", sv->vcpu->domain->id,
			       sv->vcpu->id, sv->vtime);
		}
		unlock(&q->lock);
	}
}
