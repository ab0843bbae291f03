// SPDX-License-Identifier: MIT
// The scheduler in simulated time: processors of the fake machine that run what
// dom/ chooses, 50 microseconds at a time; guests that spin, or sleep and wake.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <wabe/sched.h>
#include <wabe/time.h>
#include <wabe/timer.h>

#include "../../hypervisor/dom/runq.h"

#define STEP_NS 50000ull
#define MS 1000000ull
#define TASKS 12

// A vCPU of a domain of one that runs for `run` ns, then sleeps for `sleep` ns;
// sleep 0: it spins.
struct task {
	struct vcpu *v;
	u64 run, sleep;
	u64 left;     // of its run
	u64 wakes;    // when it asked to be woken, 0 while it runs
	u64 ran;      // ns in all
	u64 late_max; // longest from waking to running
	u32 begins;   // how often it began to run
	bool runs;    // it ran in the step before
	bool waits;   // woken, not yet run
	bool yields;  // in each step
};

static struct task tasks[TASKS];
static u32 task_count, processors;

static struct task *task_of(const struct vcpu *v)
{
	for (u32 i = 0; i < task_count; i++) {
		if (tasks[i].v == v) {
			return &tasks[i];
		}
	}
	return NULL;
}

// The calling thread is this processor now; nothing else changes.
static void at(u32 cpu)
{
	fake_cpu = cpus[cpu];
	fake_cpu_id = cpu;
}

static void start(u32 count)
{
	fake_init(1);
	processors = cpu_count = count;
	task_count = 0;
	fake_run(0, cpus[0]->idle);
}

static void end(void)
{
	cpu_count = FAKE_CPUS;
	fake_fini();
}

// vCPU `id` of domain `domain`, queued first on processor `cpu`.
static struct task *task(u32 domain, u32 id, u32 cpu, u64 run, u64 sleep)
{
	struct domain *d = fake_domain(domain);
	struct task *t = &tasks[task_count++];

	if (!d) {
		d = fake_domain_create(domain);
	}
	d->pause_count = 0;
	memset(t, 0, sizeof(*t));
	t->v = d->vcpu[id];
	t->run = t->left = run;
	t->sleep = sleep;
	t->v->processor = cpu;
	t->v->offline = 0;
	vcpu_wake(t->v);
	return t;
}

static struct task *spinner(u32 domain, u32 id, u32 cpu)
{
	return task(domain, id, cpu, ~0ull, 0);
}

static void serve(u32 cpu)
{
	at(cpu);
	if (fake_deadline[cpu] && fake_deadline[cpu] <= fake_now) {
		fake_deadline[cpu] = 0;
		this_cpu()->work |= WORK_TIMERS;
	}
	for (u32 i = 0; this_cpu()->work & (WORK_SCHED | WORK_TIMERS); i++) {
		u32 work = this_cpu()->work;

		assert_true(i < 100);
		this_cpu()->work = 0;
		if (work & WORK_TIMERS) {
			timers_run();
		}
		if (work & WORK_SCHED) {
			sched_run();
		}
	}
}

// Whoever runs here has run for one step.
static void account(u32 cpu)
{
	struct task *t = task_of(cpus[cpu]->current);

	for (u32 i = 0; processors == 1 && i < task_count; i++) {
		tasks[i].begins += &tasks[i] == t && !t->runs;
		tasks[i].runs = &tasks[i] == t;
	}
	if (!t) {
		return;
	}
	t->ran += STEP_NS;
	if (t->waits) {
		u64 late = fake_now - t->wakes;

		t->late_max = MAX(t->late_max, late);
		t->waits = false;
	}
	t->left -= STEP_NS;
	if (t->yields) {
		at(cpu);
		vcpu_yield();
	}
	if (t->sleep && !t->left) {
		at(cpu);
		t->wakes = fake_now + t->sleep;
		vcpu_block();
	}
}

static void wake(struct task *t)
{
	if (t->v->blocked && t->wakes <= fake_now) {
		t->left = t->run;
		t->waits = true;
		at(t->v->processor);
		vcpu_kick(t->v);
	}
}

static void pass(u64 ns)
{
	for (u64 until = fake_now + ns; fake_now < until; fake_now += STEP_NS) {
		for (u32 i = 0; i < task_count; i++) {
			wake(&tasks[i]);
		}
		for (u32 twice = 0; twice < 2; twice++) {
			for (u32 cpu = 0; cpu < processors; cpu++) {
				serve(cpu);
			}
		}
		for (u32 cpu = 0; cpu < processors; cpu++) {
			account(cpu);
		}
	}
	at(0);
}

static void forget(void)
{
	for (u32 i = 0; i < task_count; i++) {
		tasks[i].ran = tasks[i].late_max = 0;
	}
}

// `t` has had `percent` of one processor's `ns`, within `off` percent of that.
static void has(const struct task *t, u64 ns, u32 percent, u32 off)
{
	u64 want = ns * percent / 100, room = want * off / 100;

	if (t->ran + room < want || t->ran > want + room) {
		print_error("ran %llu ms, not %llu\n", t->ran / MS, want / MS);
	}
	assert_in_range(t->ran, want - room, want + room);
}

static void weights_divide_a_processor(void **state)
{
	struct task *a, *b;

	start(1);
	a = spinner(1, 0, 0);
	b = spinner(2, 0, 0);
	assert_int_equal(sched_set_params(b->v->domain, 512, 0), 0);
	pass(3000 * MS);
	has(a, 3000 * MS, 33, 4);
	has(b, 3000 * MS, 67, 4);
	end();
}

static void a_cap_holds(void **state)
{
	struct task *a, *b;

	start(1);
	a = spinner(1, 0, 0);
	assert_int_equal(sched_set_params(a->v->domain, 256, 25), 0);
	pass(2000 * MS);
	has(a, 2000 * MS, 25, 4);
	b = spinner(2, 0, 0);
	forget();
	pass(2000 * MS);
	has(a, 2000 * MS, 25, 4);
	has(b, 2000 * MS, 75, 4);
	end();
}

static void three_share_two_processors(void **state)
{
	struct task *t[3];

	start(2);
	t[0] = spinner(1, 0, 0);
	t[1] = spinner(2, 0, 1);
	t[2] = spinner(3, 0, 1);
	pass(1200 * MS);
	for (u32 i = 0; i < 3; i++) {
		has(t[i], 1200 * MS, 67, 7);
	}
	end();
}

// Its ticks come more often than slices end.
static void three_share_two_processors_beside_dom0(void **state)
{
	struct task *t[3], *ticks;
	u64 all;

	start(2);
	ticks = task(0, 0, 0, 400000, 4 * MS);
	t[0] = spinner(1, 0, 0);
	t[1] = spinner(2, 0, 1);
	t[2] = spinner(3, 0, 1);
	pass(1200 * MS);
	all = 2400 * MS - ticks->ran;
	for (u32 i = 0; i < 3; i++) {
		has(t[i], all, 33, 8);
	}
	end();
}

// A sleeper that wakes on a processor that idled long owes nothing for that.
static void who_wakes_on_an_idle_processor_shares_as_others(void **state)
{
	struct cpumask zero = {.bits = {1}}, all = {.bits = {3}};
	struct task *t[3];

	start(2);
	t[0] = spinner(1, 0, 0);
	t[1] = task(2, 0, 0, 300 * MS, 500 * MS);
	assert_int_equal(sched_set_affinity(t[0]->v, &zero, NULL), 0);
	assert_int_equal(sched_set_affinity(t[1]->v, &zero, NULL), 0);
	pass(700 * MS);
	assert_true(t[1]->v->blocked);
	assert_int_equal(sched_set_affinity(t[0]->v, &all, NULL), 0);
	assert_int_equal(sched_set_affinity(t[1]->v, &all, NULL), 0);
	t[1]->run = ~0ull;
	pass(500 * MS);
	assert_int_equal(t[1]->v->processor, 1);
	t[2] = spinner(3, 0, 0);
	forget();
	pass(1200 * MS);
	for (u32 i = 0; i < 3; i++) {
		has(t[i], 1200 * MS, 67, 7);
	}
	end();
}

// A processor that idled long has stolen one and not yet chosen it, when a
// sleeper of its own wakes there.
static void who_is_stolen_does_not_wait_for_the_time_idled(void **state)
{
	struct cpumask zero = {.bits = {1}}, all = {.bits = {3}};
	struct task *t[3];

	start(2);
	t[2] = task(3, 0, 1, 300000, 1000 * MS);
	t[0] = spinner(1, 0, 0);
	t[1] = spinner(2, 0, 0);
	assert_int_equal(sched_set_affinity(t[0]->v, &zero, NULL), 0);
	assert_int_equal(sched_set_affinity(t[1]->v, &zero, NULL), 0);
	pass(900 * MS);
	assert_int_equal(t[2]->v->processor, 1);
	assert_true(t[2]->v->blocked);
	assert_int_equal(sched_set_affinity(t[0]->v, &all, NULL), 0);
	assert_int_equal(sched_set_affinity(t[1]->v, &all, NULL), 0);
	at(1);
	assert_true(runq_steal_any(cpus[1]->runq));
	at(0);
	t[2]->run = ~0ull;
	t[2]->wakes = fake_now;
	wake(&tasks[0]);
	pass(50 * MS);
	forget();
	pass(600 * MS);
	for (u32 i = 0; i < 3; i++) {
		has(t[i], 600 * MS, 67, 12);
	}
	end();
}

static void a_sleeper_wakes_soon_beside_spinners(void **state)
{
	struct task *sleeper;

	start(2);
	for (u32 i = 0; i < 4; i++) {
		spinner(1, i, i % 2);
	}
	sleeper = task(2, 0, 0, 100000, 10 * MS);
	pass(2000 * MS);
	assert_in_range(sleeper->late_max, 0, MS);
	assert_true(sleeper->ran > 15 * MS);
	end();
}

// Who gives another something to do is not interrupted each time.
static void who_wakes_another_runs_on_for_a_while(void **state)
{
	struct task *a, *b;

	start(1);
	a = spinner(1, 0, 0);
	b = task(2, 0, 0, STEP_NS, 2 * STEP_NS);
	assert_int_equal(sched_set_params(b->v->domain, 4096, 0), 0);
	pass(1000 * MS);
	assert_in_range(a->begins, 3000, 5000);
	assert_in_range(b->late_max, KEEP_NS / 2, KEEP_NS);
	end();
}

// Who sleeps a little, whenever it seems to pay, has no more than who spins.
static void short_sleeps_gain_nothing(void **state)
{
	static const u64 plays[][2] = {{50000, 50000},	  {150000, 50000},
				       {950000, 50000},	  {4950000, 50000},
				       {5950000, 50000},  {5000000, 5 * MS},
				       {10 * MS, 10 * MS}};

	for (u32 i = 0; i < sizeof(plays) / sizeof(plays[0]); i++) {
		struct task *a, *b;

		start(1);
		a = task(1, 0, 0, plays[i][0], plays[i][1]);
		b = spinner(2, 0, 0);
		pass(3000 * MS);
		assert_true(a->ran < 1530 * MS);
		assert_true(b->ran > 1470 * MS);
		end();
	}
}

// Nor do those that yield all the time, to each other as well.
static void yielding_gains_nothing(void **state)
{
	struct task *a[2], *b;

	start(1);
	a[0] = spinner(1, 0, 0);
	a[1] = spinner(1, 1, 0);
	b = spinner(2, 0, 0);
	a[0]->yields = a[1]->yields = true;
	pass(3000 * MS);
	assert_true(b->ran > 970 * MS);
	assert_true(a[0]->ran + a[1]->ran < 2030 * MS);
	end();
}

// A cap is a domain's, however many vCPUs take from it and when they stop.
static void a_cap_holds_for_many_that_stop_early(void **state)
{
	static const u64 plays[][2] = {
	    {100000, 50000}, {950000, 50000}, {2450000, 50000}, {MS, 9 * MS}};

	for (u32 i = 0; i < sizeof(plays) / sizeof(plays[0]); i++) {
		u64 ran = 0;

		start(2);
		for (u32 v = 0; v < 4; v++) {
			(void)task(1, v, v % 2, plays[i][0], plays[i][1]);
		}
		assert_int_equal(sched_set_params(fake_domain(1), 256, 50), 0);
		pass(2000 * MS);
		for (u32 v = 0; v < 4; v++) {
			ran += tasks[v].ran;
		}
		assert_true(ran < 1040 * MS);
		end();
	}
}

static void no_processor_idles_while_someone_waits(void **state)
{
	u64 sum = 0;

	start(4);
	for (u32 i = 0; i < 4; i++) {
		spinner(1, i, 0);
	}
	pass(500 * MS);
	for (u32 i = 0; i < 4; i++) {
		sum += tasks[i].ran;
	}
	assert_in_range(sum, 4 * 495 * MS, 4 * 500 * MS);
	end();
}

static void affinity_is_kept(void **state)
{
	struct cpumask one = {.bits = {2}}, two = {.bits = {1}};
	struct task *a, *b;

	start(2);
	a = spinner(1, 0, 0);
	b = spinner(2, 0, 0);
	assert_int_equal(sched_set_affinity(a->v, &one, NULL), 0);
	assert_int_equal(sched_set_affinity(b->v, &one, NULL), 0);
	pass(400 * MS);
	assert_int_equal(a->v->processor, 1);
	assert_int_equal(b->v->processor, 1);
	has(a, 400 * MS, 50, 6);
	assert_int_equal(sched_set_affinity(b->v, &two, NULL), 0);
	forget();
	pass(400 * MS);
	has(a, 400 * MS, 100, 3);
	has(b, 400 * MS, 100, 3);
	end();
}

static void soft_affinity_is_followed_when_free(void **state)
{
	struct cpumask one = {.bits = {2}};
	struct task *a;

	start(2);
	a = spinner(1, 0, 0);
	assert_int_equal(sched_set_affinity(a->v, NULL, &one), 0);
	pass(100 * MS);
	assert_int_equal(a->v->processor, 1);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(weights_divide_a_processor),
	    cmocka_unit_test(a_cap_holds),
	    cmocka_unit_test(three_share_two_processors),
	    cmocka_unit_test(three_share_two_processors_beside_dom0),
	    cmocka_unit_test(who_wakes_on_an_idle_processor_shares_as_others),
	    cmocka_unit_test(who_is_stolen_does_not_wait_for_the_time_idled),
	    cmocka_unit_test(a_sleeper_wakes_soon_beside_spinners),
	    cmocka_unit_test(who_wakes_another_runs_on_for_a_while),
	    cmocka_unit_test(short_sleeps_gain_nothing),
	    cmocka_unit_test(yielding_gains_nothing),
	    cmocka_unit_test(a_cap_holds_for_many_that_stop_early),
	    cmocka_unit_test(no_processor_idles_while_someone_waits),
	    cmocka_unit_test(affinity_is_kept),
	    cmocka_unit_test(soft_affinity_is_followed_when_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
