// SPDX-License-Identifier: MIT
// One processor makes others do something.
#include <wabe/cpu.h>
#include <wabe/irq.h>
#include <wabe/lock.h>

void ipi_send(u32 cpu, u8 vector)
{
	apic_ipi(cpus[cpu]->apic_id, vector);
}

void cpu_raise(struct cpu *c, u32 work)
{
	u32 old = __atomic_fetch_or(&c->work, work, __ATOMIC_SEQ_CST);

	// Work set and not yet seen: its interrupt is on the way, or the CPU
	// is in the hypervisor and looks before it leaves.
	if (c != this_cpu() && (old & work) != work) {
		ipi_send(c->id, VECTOR_RESCHEDULE);
	}
}

// --- calls ------------------------------------------------------------------

// One call at a time, its owner holding call_lock (which is no part of the
// order of locks: whoever waits for it holds no other).
static lock_t call_lock;
static struct {
	void (*fn)(void *);
	void *data;
	struct cpumask todo; // atomic bits
	u32 left;	     // atomic
} call;

void cpu_calls_run(void)
{
	if (bit_test_clear(call.todo.bits, cpu_id())) {
		call.fn(call.data);
		__atomic_sub_fetch(&call.left, 1, __ATOMIC_SEQ_CST);
	}
}

// Wait, doing for other CPUs what they may be waiting for.
static void relax_working(void)
{
	cpu_relax_serving();
	cpu_calls_run();
}

static u32 call_start(void (*fn)(void *), void *data)
{
	u32 others = 0;

	while (!lock_try(&call_lock)) {
		relax_working();
	}
	call.fn = fn;
	call.data = data;
	for (u32 i = 0; i < cpu_count; i++) {
		others += i != cpu_id() && cpus[i]->online;
	}
	__atomic_store_n(&call.left, others, __ATOMIC_SEQ_CST);
	for (u32 i = 0; i < cpu_count; i++) {
		if (i != cpu_id() && cpus[i]->online) {
			bit_test_set(call.todo.bits, i);
			cpu_raise(cpus[i], WORK_CALL);
		}
	}
	return others;
}

static void call_finish(void)
{
	while (__atomic_load_n(&call.left, __ATOMIC_ACQUIRE)) {
		cpu_relax_serving();
	}
	unlock(&call_lock);
}

void cpus_call(void (*fn)(void *), void *data)
{
	call_start(fn, data);
	call_finish();
}

struct quiet {
	u32 parked;   // atomic
	u32 released; // atomic
};

static void park(void *data)
{
	struct quiet *q = data;

	__atomic_add_fetch(&q->parked, 1, __ATOMIC_SEQ_CST);
	while (!__atomic_load_n(&q->released, __ATOMIC_ACQUIRE)) {
		cpu_relax_serving();
	}
}

void cpus_quiet(void (*fn)(void *), void *data)
{
	struct quiet q = {0, 0};
	u32 others = call_start(park, &q);

	while (__atomic_load_n(&q.parked, __ATOMIC_ACQUIRE) != others) {
		cpu_relax_serving();
	}
	fn(data);
	__atomic_store_n(&q.released, 1, __ATOMIC_SEQ_CST);
	call_finish();
}
