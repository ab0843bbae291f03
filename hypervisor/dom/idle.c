// SPDX-License-Identifier: MIT
// What a CPU does before it returns to a guest, and when it has no guest to
// return to.
#include <wabe/alloc.h>
#include <wabe/cpu.h>
#include <wabe/sched.h>
#include <wabe/time.h>

// Nothing to do. Scrub a free frame, and look again; or sleep until an
// interrupt. Interrupts are off when cpu.work is looked at for the last time,
// and whoever sets it from another CPU sends one, so none is missed.
static void idle(struct cpu *c)
{
	bool scrubbed = alloc_scrub_one();
	u64 since;

	if (READ_ONCE(c->work)) {
		return;
	}
	if (scrubbed) {
		cpu_idle_window(false);
		return;
	}
	since = time_now();
	cpu_idle_window(true);
	c->idle_ns += time_now() - since;
}

// The scheduler comes last: the other work may wake vCPUs.
static void do_work(u32 work)
{
	if (work & WORK_CALL) {
		cpu_calls_run();
	}
	if (work & WORK_NMI) {
		nmi_report();
	}
	if (work & WORK_TIMERS) {
		timers_run();
	}
	if (work & WORK_SCHED) {
		sched_run();
	}
}

void cpu_do_work(void)
{
	struct cpu *c = this_cpu();

	for (;;) {
		u32 work = __atomic_exchange_n(&c->work, 0, __ATOMIC_SEQ_CST);

		if (work) {
			do_work(work);
		} else if (vcpu_is_idle(c->current)) {
			idle(c);
		} else {
			return;
		}
	}
}
