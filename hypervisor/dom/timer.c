// SPDX-License-Identifier: MIT
// Timers: a heap per CPU. The hardware is told the earliest time whenever that
// becomes earlier; when the earliest timer is stopped nothing is told, and the
// interrupt that comes too early sets the next one.
#include <wabe/alloc.h>
#include <wabe/cpu.h>
#include <wabe/time.h>
#include <wabe/timer.h>

struct timers {
	lock_t lock;
	struct pheap heap;
	struct timer *firing; // whose function this CPU runs
	u64 programmed;	      // what deadline_set() was last told
};

static inline struct timer *node_timer(struct pheap_node *n)
{
	return container_of(n, struct timer, node);
}

int timers_init_cpu(struct cpu *c)
{
	c->timers = heap_alloc(sizeof(*c->timers));
	if (!c->timers) {
		return -ENOMEM;
	}
	c->timers->programmed = ~0ull;
	return 0;
}

void timer_init(struct timer *t, void (*fn)(void *), void *data)
{
	t->fn = fn;
	t->data = data;
	t->cpu = cpu_id();
	t->set = 0;
}

// Lock the heap that the timer is in, or was in last.
static struct timers *lock_timer(struct timer *t)
{
	for (;;) {
		u32 cpu = READ_ONCE(t->cpu);
		struct timers *ts = cpus[cpu]->timers;

		lock(&ts->lock);
		if (likely(t->cpu == cpu)) {
			return ts;
		}
		unlock(&ts->lock);
	}
}

static void take_out(struct timers *ts, struct timer *t)
{
	if (t->set) {
		pheap_remove(&ts->heap, &t->node);
		t->set = 0;
	}
}

static void put_in(struct timers *ts, struct timer *t)
{
	pheap_insert(&ts->heap, &t->node);
	t->set = 1;
}

// The head of this CPU's heap may be earlier than what the hardware knows.
static void program(struct timers *ts)
{
	u64 head = ts->heap.root ? ts->heap.root->key : ~0ull;

	if (head < ts->programmed) {
		ts->programmed = head;
		if (head <= time_now()) {
			cpu_raise(this_cpu(), WORK_TIMERS);
		} else {
			deadline_set(head);
		}
	}
}

// After a change of t's heap, which is locked: see to its deadline.
static void unlock_program(struct timers *ts, struct timer *t)
{
	bool is_head = ts->heap.root == &t->node;
	u32 cpu = t->cpu;

	if (is_head && cpu == cpu_id()) {
		program(ts);
	}
	unlock(&ts->lock);
	if (is_head && cpu != cpu_id()) {
		cpu_raise(cpus[cpu], WORK_TIMERS);
	}
}

// Where two CPUs set one timer at once the last one wins.
void timer_set_on(struct timer *t, u64 expires, u32 cpu)
{
	struct timers *to = cpus[cpu]->timers, *from;

	// Until it is in the heap whose lock was taken.
	for (;;) {
		from = cpus[READ_ONCE(t->cpu)]->timers;
		lock_two(&from->lock, &to->lock);
		if (likely(from == cpus[t->cpu]->timers)) {
			break;
		}
		unlock_two(&from->lock, &to->lock);
	}
	take_out(from, t);
	// While both are held, or another CPU finds it free in the old one.
	t->cpu = cpu;
	if (from != to) {
		unlock(&from->lock);
	}
	t->node.key = expires;
	put_in(to, t);
	unlock_program(to, t);
}

void timer_set(struct timer *t, u64 expires)
{
	timer_set_on(t, expires, cpu_id());
}

void timer_stop(struct timer *t)
{
	if (READ_ONCE(t->set)) {
		struct timers *ts = lock_timer(t);

		take_out(ts, t);
		unlock(&ts->lock);
	}
}

void timer_kill(struct timer *t)
{
	if (!t->fn) {
		return;
	}
	timer_stop(t);
	for (u32 i = 0; i < cpu_count; i++) {
		struct timers *ts = cpus[i]->timers;

		while (i != cpu_id() &&
		       __atomic_load_n(&ts->firing, __ATOMIC_ACQUIRE) == t) {
			cpu_relax_serving();
		}
	}
	// The function may have set it again meanwhile; it runs no more.
	timer_stop(t);
}

void timers_run(void)
{
	struct timers *ts = this_cpu()->timers;
	u64 now = time_now();

	lock(&ts->lock);
	while (ts->heap.root && ts->heap.root->key <= now) {
		struct timer *t = node_timer(ts->heap.root);
		void (*fn)(void *) = t->fn;
		void *data = t->data;

		take_out(ts, t);
		__atomic_store_n(&ts->firing, t, __ATOMIC_RELEASE);
		unlock(&ts->lock);
		fn(data);
		__atomic_store_n(&ts->firing, NULL, __ATOMIC_RELEASE);
		lock(&ts->lock);
	}
	ts->programmed = ~0ull;
	program(ts);
	unlock(&ts->lock);
}
