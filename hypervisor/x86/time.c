// SPDX-License-Identifier: MIT
// System time: nanoseconds since boot, read from the time-stamp counters, which
// run at one constant rate and in step on all CPUs (smp.c looks whether they
// do). One line from ticks to nanoseconds serves for the machine's whole life,
// so every vCPU is told the same numbers and only once.
#include <wabe/cpu.h>
#include <wabe/domain.h>
#include <wabe/irq.h>
#include <wabe/time.h>

#define NS 1000000000ull

// Constant after time_init().
u32 tsc_khz;
u32 tsc_to_ns_mul;
s8 tsc_to_ns_shift;
static u64 tsc_base; // the counter at system time 0

// Timer ticks a nanosecond, times 2^32: of the TSC or the APIC's counter.
static u64 timer_rate;
static bool timer_is_tsc;

static u64 mul_shift32(u64 a, u64 b)
{
	return (unsigned __int128)a * b >> 32;
}

static u64 ticks_to_ns(u64 ticks)
{
	if (tsc_to_ns_shift >= 0) {
		ticks <<= tsc_to_ns_shift;
	} else {
		ticks >>= -tsc_to_ns_shift;
	}
	return mul_shift32(ticks, tsc_to_ns_mul);
}

// Not read before what stands before it: time may not run backwards from one
// CPU's view to the next.
static u64 rdtsc_ordered(void)
{
	asm volatile("lfence" ::: "memory");
	return rdtsc();
}

u64 time_now(void)
{
	return ticks_to_ns(rdtsc_ordered() - tsc_base);
}

// --- the deadline -----------------------------------------------------------

#define TIMER_NS_MAX (1ull << 40) // far from where its ticks would wrap

// An interrupt `ns` from `tsc` on, not before; 0: none. If that is far ahead it
// comes earlier; then there is nothing due and the rest is set again.
static void timer_start(u64 tsc, u64 ns)
{
	u64 ticks = ns ? mul_shift32(MIN(ns, TIMER_NS_MAX), timer_rate) + 1 : 0;

	if (timer_is_tsc) {
		wrmsr(MSR_TSC_DEADLINE, ns ? tsc + ticks : 0);
	} else {
		apic_timer_oneshot(MIN(ticks, 0xffffffffull));
	}
}

void deadline_set(u64 expires)
{
	struct cpu *c = this_cpu();
	u64 tsc, now;

	if (expires == c->deadline) {
		return;
	}
	c->deadline = expires;
	if (expires == ~0ull) {
		timer_start(0, 0);
		return;
	}
	tsc = rdtsc_ordered();
	now = ticks_to_ns(tsc - tsc_base);
	if (expires > now) {
		timer_start(tsc, expires - now);
		return;
	}
	// Due already. What the timer was set to before may still come.
	c->deadline = ~0ull;
	__atomic_or_fetch(&c->work, WORK_TIMERS, __ATOMIC_SEQ_CST);
}

// --- guests -----------------------------------------------------------------

void vcpu_time_publish(struct vcpu *v)
{
	volatile struct vcpu_time_info *t = &v->info->time;
	u32 version = t->version;

	if (likely(t->tsc_timestamp == tsc_base &&
		   t->tsc_to_system_mul == tsc_to_ns_mul && !(version & 1))) {
		return;
	}
	// x86 keeps stores in order; volatile keeps the compiler from it.
	version |= 1;
	t->version = version;
	t->tsc_timestamp = tsc_base;
	t->system_time = 0;
	t->tsc_to_system_mul = tsc_to_ns_mul;
	t->tsc_shift = tsc_to_ns_shift;
	t->flags = 0; // not TSC_STABLE, as Xen where it was observed
	t->version = version + 1;
}

// --- starting ---------------------------------------------------------------

// The line from ticks to nanoseconds, its factor in [2^31, 2^32).
static void INIT_TEXT scale_set(u64 hz)
{
	tsc_to_ns_shift = 0;
	tsc_khz = (hz + 500) / 1000;
	while (hz > 2 * NS) {
		hz >>= 1;
		tsc_to_ns_shift--;
	}
	while (hz <= NS) {
		hz <<= 1;
		tsc_to_ns_shift++;
	}
	tsc_to_ns_mul = (NS << 32) / hz;
}

static u64 INIT_TEXT apic_ticks(void)
{
	return 0xffffffff - apic_timer_read();
}

void INIT_TEXT time_init(void)
{
	u64 hz = tsc_calibrate();

	scale_set(hz);
	tsc_base = rdtsc();
	timer_is_tsc = cpu_features.tsc_deadline;
	timer_rate = (hz << 24) / (NS >> 8); // << 32, / NS
	if (!cpu_features.invariant_tsc) {
		printk("The TSC is not known to be invariant; time assumes it");
	}
	if (!timer_is_tsc) {
		apic_timer_oneshot(0xffffffff);
		timer_rate = counter_calibrate(apic_ticks);
		apic_timer_oneshot(0);
	}
	if (!timer_rate) {
		panic("The local APIC's timer does not run");
	}
	wallclock_init();
}

void time_init_cpu(void)
{
	this_cpu()->deadline = ~0ull;
}
