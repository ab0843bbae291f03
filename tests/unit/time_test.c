// SPDX-License-Identifier: MIT
// Deadlines: what the timer is told. One so far ahead that its ticks do not fit
// into a word was once due at once, again and again, on the processor of
// whoever ran there.
#define WABE_ARCH_H // this file's own fake of wabe/arch.h
#include <wabe/types.h>

struct cpu;
static struct cpu *the_cpu;

static inline struct cpu *this_cpu(void)
{
	return the_cpu;
}

static inline u32 cpu_id(void)
{
	return 0;
}

static inline u64 rdtsc(void)
{
	return 0;
}

#include "../../hypervisor/x86/time.c"

#include <setjmp.h>
#include <stdlib.h>

#include <cmocka.h>

struct cpu_features cpu_features;
static struct cpu cpu;
static u32 told;

void apic_timer_oneshot(u32 count)
{
	told = count;
}

u32 apic_timer_read(void)
{
	return 0;
}

u64 counter_calibrate(u64 (*read)(void))
{
	return 0;
}

u64 tsc_calibrate(void)
{
	return 0;
}

void wallclock_init(void)
{
}

void panic(const char *fmt, ...)
{
	abort();
}

void log_at(enum log_level level, const char *fmt, ...)
{
}

static u32 told_for(u64 expires)
{
	cpu.deadline = ~0ull;
	deadline_set(expires);
	return told;
}

static void far_deadlines_are_not_due(void **state)
{
	the_cpu = &cpu;
	timer_rate = 3ull << 32; // three ticks a nanosecond
	for (u32 bit = 40; bit < 64; bit++) {
		assert_int_equal(told_for(1ull << bit), ~0u);
		assert_int_equal(told_for(~0ull / 3 + (1ull << bit)), ~0u);
	}
	assert_int_equal(told_for(~0ull / 3 + 1), ~0u);
	assert_int_equal(told_for(1000), 3001);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(far_deadlines_are_not_due),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
