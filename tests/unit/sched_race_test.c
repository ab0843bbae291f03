// SPDX-License-Identifier: MIT
// Several processors schedule the same vCPUs, which send each other events,
// block, poll, yield and bring a sibling up and down, while their domains are
// paused, capped and pinned. Then all only take what they were sent, and sleep:
// nobody sleeps with something untaken. MM_ROUNDS chooses how long.
#include "mm_machine.h"

#include <wabe/evtchn.h>
#include <wabe/sched.h>
#include <wabe/time.h>
#include <wabe/timer.h>

#include <pthread.h>
#include <unistd.h>
#include <xen/event_channel.h>
#include <xen/sched.h>
#include <xen/vcpu.h>

#define STEP_NS 20000
#define STEPS 4000	   // of a processor in a round
#define DRAIN_STEPS 400000 // until then all must have been taken
#define SECONDS 280	   // a deadlock is a failure
#define FIRST 1		   // domain
#define GUESTS ((FAKE_DOMAINS - FIRST) * FAKE_VCPUS)

static struct guest {
	u32 mail; // atomic: how many were sent to it
	u32 seen; // its own
	u32 port; // which tells it so
} guests[GUESTS];

static bool draining;	// atomic
static u32 rounds_done; // atomic
static u32 sent, slept, polled, paused;
static pthread_barrier_t barrier;
static u32 rounds = 20;

static struct guest *guest_of(const struct vcpu *v)
{
	return &guests[(v->domain->id - FIRST) * FAKE_VCPUS + v->id];
}

static u32 dice(u32 sides)
{
	static __thread u64 state;

	state = (state ? state : cpu_id() + 1) * 6364136223846793005ull + 1;
	return (u32)(state >> 33) % sides;
}

static void count(u32 *what)
{
	__atomic_add_fetch(what, 1, __ATOMIC_RELAXED);
}

// --- what a guest does -------------------------------------------------------

static long sched_op(u32 cmd, void *arg)
{
	return fake_hypercall(__HYPERVISOR_sched_op, cmd, (u64)arg, 0, 0);
}

static void take(struct vcpu *v, struct guest *g)
{
	__atomic_exchange_n(&v->info->evtchn_upcall_pending, 0,
			    __ATOMIC_SEQ_CST);
	__atomic_exchange_n(&v->info->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);
	bit_test_clear(v->domain->shared->evtchn_pending, g->port);
	g->seen = __atomic_load_n(&g->mail, __ATOMIC_SEQ_CST);
}

static void send_to(const struct vcpu *v)
{
	struct guest *g = guest_of(v);
	struct evtchn_send s = {g->port};

	__atomic_add_fetch(&g->mail, 1, __ATOMIC_SEQ_CST);
	assert_int_equal(fake_hypercall(__HYPERVISOR_event_channel_op,
					EVTCHNOP_send, (u64)&s, 0, 0),
			 0);
	count(&sent);
}

// From outside, so that not all sleep.
static void interrupt(void)
{
	struct guest *g = &guests[dice(GUESTS)];
	struct domain *d = fake_domain(FIRST + (u32)(g - guests) / FAKE_VCPUS);

	__atomic_add_fetch(&g->mail, 1, __ATOMIC_SEQ_CST);
	evtchn_raise(d, g->port);
}

// What came before it masked events is in `mail`, what comes later is pending.
static void poll_own(struct vcpu *v, struct guest *g)
{
	struct sched_poll p = {.nr_ports = 1};

	set_xen_guest_handle(p.ports, &g->port);
	p.timeout = dice(2) ? fake_now + dice(400000) : 0;
	WRITE_ONCE(v->info->evtchn_upcall_mask, 1);
	take(v, g);
	if (dice(2)) { // as if another port had come: only the poll can tell
		__atomic_store_n(&v->info->evtchn_upcall_pending, 1,
				 __ATOMIC_SEQ_CST);
	}
	assert_int_equal(sched_op(SCHEDOP_poll, &p), 0);
	count(&polled);
}

// vCPUs 0 to 2 stay up.
static void sibling(const struct vcpu *v)
{
	if (v->id != FAKE_VCPUS - 1) {
		(void)fake_hypercall(__HYPERVISOR_vcpu_op,
				     dice(3) ? VCPUOP_up : VCPUOP_down,
				     FAKE_VCPUS - 1, 0, 0);
	}
}

// Its own or a sibling's.
static void timers_set(const struct vcpu *v)
{
	struct vcpu_set_periodic_timer p = {1000000 + dice(9) * 100000};
	struct vcpu_set_singleshot_timer s = {fake_now + dice(500000), 0};
	u32 whose = dice(FAKE_VCPUS);
	bool stop = !dice(4);

	assert_int_equal(fake_hypercall(__HYPERVISOR_vcpu_op,
					stop ? VCPUOP_stop_periodic_timer
					     : VCPUOP_set_periodic_timer,
					whose, (u64)&p, 0),
			 0);
	assert_int_equal(fake_hypercall(__HYPERVISOR_vcpu_op,
					VCPUOP_set_singleshot_timer, v->id,
					(u64)&s, 0),
			 0);
}

static void guest_step(struct vcpu *v)
{
	struct guest *g = guest_of(v);
	u32 what = __atomic_load_n(&draining, __ATOMIC_SEQ_CST) ? 0 : dice(16);

	take(v, g);
	if (what < 3) {
		count(&slept);
		assert_int_equal(sched_op(SCHEDOP_block, NULL), 0);
	} else if (what < 5) {
		poll_own(v, g);
	} else if (what < 6) {
		(void)sched_op(SCHEDOP_yield, NULL);
	} else if (what < 7) {
		sibling(v);
	} else if (what < 8) {
		timers_set(v);
	} else if (what < 13) {
		send_to(v->domain->vcpu[dice(FAKE_VCPUS)]);
	}
}

// --- what the toolstack does -------------------------------------------------

static void control_step(void)
{
	struct domain *d = fake_domain(FIRST + dice(FAKE_DOMAINS - FIRST));
	struct cpumask mask = {{dice(15) + 1}}, all = {{15}};
	struct vcpu *v = d->vcpu[dice(FAKE_VCPUS)];

	if (d == current_domain()) {
		return;
	}
	count(&paused);
	switch (dice(4)) {
	case 0:
		domain_pause(d);
		domain_unpause(d);
		break;
	case 1:
		vcpu_pause(v);
		assert_false(v->running);
		vcpu_unpause(v);
		break;
	case 2:
		assert_int_equal(sched_set_params(d, 256, dice(3) * 40), 0);
		break;
	default:
		assert_int_equal(
		    sched_set_affinity(v, dice(2) ? &mask : &all, &mask), 0);
	}
}

// --- processors --------------------------------------------------------------

static void work_do(void)
{
	u32 cpu = cpu_id(), work;

	if (fake_deadline[cpu] && fake_deadline[cpu] <= time_now()) {
		fake_deadline[cpu] = 0;
		cpu_raise(this_cpu(), WORK_TIMERS);
	}
	while ((work = __atomic_exchange_n(&this_cpu()->work, 0,
					   __ATOMIC_SEQ_CST))) {
		if (work & WORK_TIMERS) {
			timers_run();
		}
		if (work & WORK_SCHED) {
			sched_run();
		}
	}
}

static void step(u32 cpu)
{
	struct vcpu *v;

	__atomic_add_fetch(&fake_now, STEP_NS, __ATOMIC_SEQ_CST);
	work_do();
	v = current_vcpu();
	if (!vcpu_is_idle(v)) {
		guest_step(v);
	}
	if (__atomic_load_n(&draining, __ATOMIC_SEQ_CST)) {
		return;
	}
	if (vcpu_is_idle(v)) {
		interrupt();
	}
	if (cpu == 0 && !dice(8)) {
		control_step();
	}
	if (!dice(16)) {
		sched_yield();
	}
}

static struct vcpu *vcpu_at(u32 i)
{
	return fake_domain(FIRST + i / FAKE_VCPUS)->vcpu[i % FAKE_VCPUS];
}

static u32 untaken(void)
{
	u32 n = 0;

	for (u32 i = 0; i < GUESTS; i++) {
		n += READ_ONCE(guests[i].seen) != READ_ONCE(guests[i].mail);
	}
	return n;
}

// The last one may be down: it is not to be waited for.
static void drain_begin(void)
{
	draining = true;
	for (u32 i = 0; i < GUESTS; i++) {
		__atomic_store_n(&vcpu_at(i)->offline, 0, __ATOMIC_SEQ_CST);
		vcpu_wake(vcpu_at(i));
	}
}

static void drain_end(void)
{
	for (u32 i = 0; i < GUESTS; i++) {
		const struct vcpu *v = vcpu_at(i);

		if (guests[i].seen != guests[i].mail) {
			printf("# d%uv%u: state %u, blocked %u, parked %u, "
			       "pauses %u, running %u on %u\n",
			       v->domain->id, v->id, v->state, v->blocked,
			       v->sched.parked, v->pause_count, v->running,
			       v->processor);
		}
	}
	assert_int_equal(untaken(), 0);
	draining = false;
}

// Processor 0 waits for the others when it pauses a vCPU, so they go on until
// it is done.
static void round_run(u32 cpu, u32 round)
{
	if (cpu == 0) {
		for (u32 i = 0; i < STEPS; i++) {
			step(cpu);
		}
		__atomic_store_n(&rounds_done, round + 1, __ATOMIC_SEQ_CST);
	}
	while (__atomic_load_n(&rounds_done, __ATOMIC_SEQ_CST) <= round) {
		step(cpu);
	}
	pthread_barrier_wait(&barrier);
	if (cpu == 0) {
		drain_begin();
	}
	pthread_barrier_wait(&barrier);
	for (u32 i = 0; i < DRAIN_STEPS && untaken(); i++) {
		step(cpu);
	}
	pthread_barrier_wait(&barrier);
	if (cpu == 0) {
		drain_end();
	}
	pthread_barrier_wait(&barrier);
}

static void *processor(void *number)
{
	u32 cpu = (u32)(u64)number;

	fake_cpu = cpus[cpu];
	fake_cpu_id = cpu;
	for (u32 round = 0; round < rounds; round++) {
		round_run(cpu, round);
	}
	return NULL;
}

static void begin(struct vcpu *v)
{
	struct evtchn_bind_ipi ipi = {.vcpu = v->id};

	fake_cpu->current = v;
	assert_int_equal(fake_hypercall(__HYPERVISOR_event_channel_op,
					EVTCHNOP_bind_ipi, (u64)&ipi, 0, 0),
			 0);
	guest_of(v)->port = ipi.port;
	fake_cpu->current = fake_cpu->idle;
	v->initialised = true;
	v->info->evtchn_upcall_mask = 0;
	v->offline = 0;
}

static void nobody_sleeps_with_an_event_untaken(void **state)
{
	const char *given = getenv("MM_ROUNDS");
	pthread_t threads[FAKE_CPUS];

	rounds = given ? (u32)strtoul(given, NULL, 0) : rounds;
	fake_init(FAKE_DOMAINS);
	fake_cpu->current = fake_cpu->idle;
	for (u32 id = FIRST; id < FAKE_DOMAINS; id++) {
		struct domain *d = fake_domain(id);

		domain_for_each_vcpu (v, d) {
			begin(v);
		}
		domain_unpause(d);
	}
	pthread_barrier_init(&barrier, NULL, FAKE_CPUS);
	alarm(SECONDS);
	for (u64 i = 0; i < FAKE_CPUS; i++) {
		pthread_create(&threads[i], NULL, processor, (void *)i);
	}
	for (u32 i = 0; i < FAKE_CPUS; i++) {
		pthread_join(threads[i], NULL);
	}
	printf("# %u sent, %u blocks, %u polls, %u control operations\n", sent,
	       slept, polled, paused);
	assert_true(sent > rounds * STEPS / 8);
	fake_cpu = cpus[0];
	fake_cpu_id = 0;
	for (u32 i = 0; i < FAKE_CPUS; i++) {
		cpus[i]->current = cpus[i]->idle;
	}
	fake_fini();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nobody_sleeps_with_an_event_untaken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
