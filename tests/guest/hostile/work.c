// SPDX-License-Identifier: MIT
// The bystander: pages that only it writes, a timer, an event to itself, and
// the processor. It says what of them was lost.
#include "hostile.h"

#define PAGES 64
#define STEP_NS 5000000

static u64 *pages[PAGES];

static u64 time_in(u32 state)
{
	struct vcpu_runstate_info info = {0};

	hv_vcpu_op(VCPUOP_get_runstate_info, 0, &info);
	return info.time[state];
}

static u64 pages_check(u64 round)
{
	u64 wrong = 0;

	for (u32 p = 0; p < PAGES; p++) {
		for (u32 i = 0; i < 512; i++) {
			wrong += pages[p][i] != (round + p) * 0x9e3779b9 + i;
			pages[p][i] = (round + 1 + p) * 0x9e3779b9 + i;
		}
	}
	return wrong;
}

// Events are masked while it is looked whether to wait: one that came between
// the look and the call, which unmasks them, would be slept through.
static void wait_for(u32 port, u64 count)
{
	events_mask();
	while (event_count[port] < count) {
		hv_sched_op(SCHEDOP_block, NULL);
		events_mask();
	}
	events_unmask();
}

void work(u64 until)
{
	u32 timer = event_bind_virq(VIRQ_TIMER, 0), ipi = event_bind_ipi(0);
	u64 wrong = 0, round = 0, late = 0, sent = 0;
	u64 ran = time_in(RUNSTATE_running);
	u64 waited = time_in(RUNSTATE_runnable);
	u64 start = time_now();

	hv_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);
	for (u32 p = 0; p < PAGES; p++) {
		pages[p] = page_alloc();
	}
	pages_check(0);
	event_count[timer] = event_count[ipi] = 0;
	for (; time_now() < until; round++) {
		u64 at = time_now() + STEP_NS;

		wrong += pages_check(round + 1);
		event_send(ipi);
		sent++;
		hv_set_timer(at);
		wait_for(timer, round + 1);
		late += time_now() - at;
		while (time_now() < at + STEP_NS) {
			cpu_relax();
		}
	}
	events_mask();
	ok(round > 0, "it worked");
	ok(wrong == 0, "its memory has what it wrote");
	ok(event_count[ipi] == sent, "each of its events came");
	ran = time_in(RUNSTATE_running) - ran;
	waited = time_in(RUNSTATE_runnable) - waited;
	ok(waited < ran * 10, "it did not wait for long");
	printf(
	    "%lu rounds, ran %lu ms, waited %lu ms, of %lu ms; late %lu us\n",
	    round, ran / 1000000, waited / 1000000,
	    (time_now() - start) / 1000000, late / (round ? round : 1) / 1000);
}
