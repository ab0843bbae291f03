// SPDX-License-Identifier: MIT
// How fast the clocks run is measured right whenever the processor stands
// still for a while: a virtual machine's does. Once the wait between the two
// ends began before the readings of the first: who stood still during those
// measured over next to nothing.
#define WABE_ARCH_H // this file's own fake of wabe/arch.h
#include <wabe/types.h>

struct cpu;
static u64 now;			  // ns
static u32 reads, still_at = ~0u; // at this read time goes on alone
static u64 still_ns;

static u64 clock_read(u32 takes)
{
	now += takes + (reads++ == still_at ? still_ns : 0);
	return now;
}

static inline struct cpu *this_cpu(void)
{
	return NULL;
}

static inline u32 cpu_id(void)
{
	return 0;
}

static inline u64 rdtsc(void)
{
	return clock_read(7) * 5 / 2; // 2.5 GHz
}

static inline u32 fake_inl(u16 port)
{
	return (u32)((unsigned __int128)clock_read(700) * 3579545 / 1000000000);
}

static inline u8 fake_inb(u16 port)
{
	return 0;
}

static inline void fake_outb(u16 port, u8 value)
{
}

static inline void cpu_relax(void)
{
}

#include <wabe/cpu.h>
#define inl fake_inl
#define inb fake_inb
#define outb fake_outb
#include "../../hypervisor/x86/calibrate.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct cpu_features cpu_features;
struct acpi_info acpi_info = {.pm_timer = 0x608};
u32 tsc_khz = 2500000;

void panic(const char *fmt, ...)
{
	abort();
}

void log_at(enum log_level level, const char *fmt, ...)
{
}

#define COUNTER_HZ 1000000ull

static u64 counter(void)
{
	return (u32)(clock_read(300) * COUNTER_HZ / 1000000000);
}

#define READS 220 // more than are made before the wait

// Within one part in 1,000.
static void near(u64 measured, u64 is)
{
	u64 off = measured > is ? measured - is : is - measured;

	if (off * 1000 > is) {
		fail_msg("%lu, not %lu, still at %u", measured, is, still_at);
	}
}

static void the_counter_wherever_it_stands_still(void **state)
{
	u64 ticks_per_ns = (COUNTER_HZ << 32) / 1000000000; // times 2^32

	still_ns = 3000000;
	for (u32 at = 0; at < READS; at++) {
		reads = 0;
		still_at = at;
		near(counter_calibrate(counter), ticks_per_ns);
	}
}

static void the_tsc_wherever_it_stands_still(void **state)
{
	still_ns = 9000000;
	for (u32 at = 0; at < READS; at++) {
		reads = 0;
		still_at = at;
		near(tsc_calibrate(), 2500000000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_counter_wherever_it_stands_still),
	    cmocka_unit_test(the_tsc_wherever_it_stands_still),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
