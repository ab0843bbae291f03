// SPDX-License-Identifier: MIT
// Claim: what the primitives cost, one line each: `bench NAME median`.
//
// Run with `-icount shift=0,sleep=off` (tests/guest/run does), where the time
// stamp counter counts instructions, scaled by what the hypervisor says its
// frequency is to be; the cost of an empty measurement is subtracted. The names
// follow xen-primitives.md. Each row's operation is measured alone, 256 times,
// the guest's few instructions (arguments, its shortest possible handlers)
// included.
#include "bench.h"

u32 samples[RUNS_MOST];
u32 empty_cost;

static void sort(u32 *a, unsigned int count)
{
	for (unsigned int i = 1; i < count; i++) {
		u32 x = a[i];
		unsigned int j = i;

		for (; j && a[j - 1] > x; j--) {
			a[j] = a[j - 1];
		}
		a[j] = x;
	}
}

void report(const char *name, unsigned int runs)
{
	u32 median;

	MARK(3);
	sort(samples, runs);
	median = samples[runs / 2];
	printf("bench %s %u\n", name,
	       median > empty_cost ? median - empty_cost : 0);
}

static void calibrate(void)
{
	u64 from, ticks;

	MEASURE("empty", );
	empty_cost = samples[128];
	from = rdtsc();
	asm volatile("mov $100000, %%ecx; 1: dec %%ecx; jnz 1b" ::: "rcx");
	ticks = rdtsc() - from;
	printf("bench 200000-instructions %lu\n", ticks);
}

int guest_main(void)
{
	calibrate();
	bench_calls();
	bench_events();
	bench_entries();
	bench_ptwr();
	bench_pinning();
	bench_traps();
	bench_user();
	bench_privileged();
	bench_grants();
	bench_memory();
	return 0;
}
