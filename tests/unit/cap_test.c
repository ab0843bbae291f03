// SPDX-License-Identifier: MIT
// The budget of a capped domain when it is filled at the very moment that two
// of its vCPUs take from it: whoever is parked then is woken some time.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

// Takes the place of wabe/arch.h.
#define WABE_ARCH_H
#include <wabe/types.h>
struct cpu;
static struct cpu *this_cpu(void);
static u32 cpu_id(void);

#include <wabe/sched.h>
#include <wabe/timer.h>

static bool is_set(const struct timer *t);
#define timer_is_set is_set
#include "../../hypervisor/dom/sched_cap.c"

#define VCPUS 3

static struct cpu cpu, *the_cpus[] = {&cpu};
struct cpu *cpus[NR_CPUS];
u32 cpu_count = 1;
static struct domain domain;
static struct vcpu vcpus[VCPUS], *list[] = {&vcpus[0], &vcpus[1], &vcpus[2]};
static bool fires_behind; // the timer fires when it has been looked at

static struct cpu *this_cpu(void)
{
	return the_cpus[0];
}

static u32 cpu_id(void)
{
	return 0;
}

void cpu_raise(struct cpu *c, u32 work)
{
}

u64 time_now(void)
{
	return 1;
}

u64 bitmap_next(const u64 *map, u64 bits, u64 from)
{
	return bits;
}

struct runq *runq_lock_vcpu(const struct vcpu *v)
{
	return NULL;
}

void runq_remove(struct runq *q, struct vcpu *v)
{
}

void vcpu_wake(struct vcpu *v)
{
}

void timer_init(struct timer *t, void (*fn)(void *), void *data)
{
	*t = (struct timer){.fn = fn, .data = data};
}

void timer_set(struct timer *t, u64 expires)
{
	t->set = 1;
}

void timer_kill(struct timer *t)
{
	t->set = 0;
}

static void fire(struct timer *t)
{
	t->set = 0;
	t->fn(t->data);
}

// On other processors, meanwhile: the timer fires, and two take all there is.
static bool is_set(const struct timer *t)
{
	bool set = t->set;

	if (fires_behind) {
		fires_behind = false;
		fire(&domain.sched.refill);
		vcpus[1].sched.quota = budget_take(&domain.sched);
		vcpus[2].sched.quota = budget_take(&domain.sched);
	}
	return set;
}

static void who_is_parked_has_a_timer(void **state)
{
	domain.vcpu = list;
	domain.vcpus_max = VCPUS;
	for (u32 i = 0; i < VCPUS; i++) {
		vcpus[i].domain = &domain;
	}
	sched_domain_init(&domain);
	assert_int_equal(sched_set_params(&domain, 256, 100), 0);
	// A period passed without use: the timer is set, the budget full.
	assert_true(cap_take(&vcpus[0]));
	cap_return(&vcpus[0]);
	assert_int_equal(domain.sched.budget, CAP_PERIOD_NS);
	assert_true(domain.sched.refill.set);
	fires_behind = true;
	if (!cap_take(&vcpus[0])) {
		assert_true(vcpus[0].sched.parked);
		assert_true(domain.sched.refill.set);
		cap_return(&vcpus[1]);
		cap_return(&vcpus[2]);
		fire(&domain.sched.refill);
	}
	assert_false(vcpus[0].sched.parked);
}

// Whoever takes sees to it that what he took comes again.
static void what_is_taken_is_filled_up(void **state)
{
	assert_int_equal(sched_set_params(&domain, 256, 100), 0);
	for (u32 i = 0; i < VCPUS; i++) {
		vcpus[i].sched.quota = 0;
	}
	domain.sched.refill.set = 0;
	assert_true(cap_take(&vcpus[0]));
	assert_true(domain.sched.refill.set);
	assert_true(cap_take(&vcpus[1]));
	assert_false(cap_take(&vcpus[2]));
	assert_true(vcpus[2].sched.parked);
	vcpus[0].sched.quota = vcpus[1].sched.quota = 0; // they used it
	fire(&domain.sched.refill);
	assert_false(vcpus[2].sched.parked);
	assert_true(cap_take(&vcpus[2]));
	assert_true(domain.sched.refill.set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(who_is_parked_has_a_timer),
	    cmocka_unit_test(what_is_taken_is_filled_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
