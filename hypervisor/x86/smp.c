// SPDX-License-Identifier: MIT
// The other processors. Each is sent INIT and STARTUP, runs trampoline.S in a
// page below 1 MiB, comes to ap_start() on its own stack, compares its clock
// with ours and goes to the scheduler, which idles.
#include <wabe/acpi.h>
#include <wabe/boot.h>
#include <wabe/cpu.h>
#include <wabe/irq.h>
#include <wabe/paging.h>
#include <wabe/time.h>
#include <wabe/tlb.h>
#include <wabe/trap.h>

#define ICR_INIT 0x4500
#define ICR_STARTUP 0x4600

#define US 1000ull
#define MS (1000 * US)
#define INIT_NS (10 * US)     // what processors since 2006 want
#define STARTUP_NS (200 * US) // then STARTUP is sent once more
#define ARRIVE_NS (500 * MS)  // then it is left out
#define TSC_ROUNDS 16

// What trampoline.S reads at offset 8 of its page.
struct trampoline {
	u64 code;
	u64 cr3, stack;
	struct cpu *cpu;
	void (*entry)(struct cpu *c);
};

extern const char trampoline_start[], trampoline_end[];

// The CPU that may start now. It takes itself out; whoever comes too late
// finds another and stops. Atomic.
static struct cpu *awaited;

// --- do the time-stamp counters agree? --------------------------------------

// Two CPUs take turns; the counter seen may never be less than the last one.
static struct {
	u32 turn;	 // atomic; even: ours, odd: the new CPU's
	u64 last, worst; // whose turn it is
} tsc_check;

static void tsc_check_run(u32 parity)
{
	for (u32 i = parity; i < TSC_ROUNDS; i += 2) {
		u64 now;

		while (__atomic_load_n(&tsc_check.turn, __ATOMIC_ACQUIRE) !=
		       i) {
			cpu_relax_serving();
		}
		asm volatile("lfence" ::: "memory");
		now = rdtsc();
		if (now < tsc_check.last) {
			tsc_check.worst =
			    MAX(tsc_check.worst, tsc_check.last - now);
		}
		tsc_check.last = now;
		__atomic_store_n(&tsc_check.turn, i + 1, __ATOMIC_RELEASE);
	}
}

// --- the new processor ------------------------------------------------------

static void ap_start(struct cpu *c)
{
	struct cpu *expected = c;

	if (!__atomic_compare_exchange_n(&awaited, &expected, NULL, false,
					 __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
		machine_halt();
	}
	cpu_init_this(c);
	apic_init_cpu();
	time_init_cpu();
	tsc_check_run(1);
	__atomic_store_n(&c->online, true, __ATOMIC_SEQ_CST);
	tlb_flush_all_local(); // nobody asked it to before
	exit_to_guest();
}

// --- the boot processor -----------------------------------------------------

// Wait so long, or until the awaited CPU has come: has it?
static bool INIT_TEXT arrived(u64 within_ns)
{
	u64 end = time_now() + within_ns;
	bool there;

	do {
		cpu_relax();
		there = !__atomic_load_n(&awaited, __ATOMIC_ACQUIRE);
	} while (!there && time_now() < end);
	return there;
}

static bool INIT_TEXT ap_wake(struct cpu *c, u64 page)
{
	struct cpu *expected = c;

	__atomic_store_n(&awaited, c, __ATOMIC_SEQ_CST);
	apic_ipi(c->apic_id, ICR_INIT);
	arrived(INIT_NS); // not yet: a wait
	for (u32 i = 0; i < 2; i++) {
		apic_ipi(c->apic_id, ICR_STARTUP | page >> PAGE_SHIFT);
		if (arrived(i ? ARRIVE_NS : STARTUP_NS)) {
			return true;
		}
	}
	// Not there in time. If it comes now, it stops; later it must not come,
	// as it would find the next one's words and stack.
	if (!__atomic_compare_exchange_n(&awaited, &expected, NULL, false,
					 __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
		return true;
	}
	apic_ipi(c->apic_id, ICR_INIT);
	return false;
}

static void INIT_TEXT ap_join(struct cpu *c)
{
	tsc_check.turn = 0;
	tsc_check.last = tsc_check.worst = 0;
	tsc_check_run(0);
	while (!__atomic_load_n(&c->online, __ATOMIC_ACQUIRE)) {
		cpu_relax_serving();
	}
	if (tsc_check.worst) {
		log_at(LOG_WARNING, "CPU %u: TSC behind by %lu; time will jump",
		       c->id, tsc_check.worst);
	}
	cpu_count = c->id + 1;
}

static bool INIT_TEXT ap_boot(const struct acpi_cpu *a, u64 page)
{
	struct trampoline *t = boot_ptr(page, PAGE_SIZE);
	struct cpu *c = cpu_alloc(cpu_count, a->apic_id, a->acpi_id);

	if (!t || !c) {
		log_at(LOG_WARNING, "No memory for processor %u", a->apic_id);
		return false;
	}
	t->cr3 = hv_root;
	t->stack = c->stack_top;
	t->cpu = c;
	t->entry = ap_start;
	if (!ap_wake(c, page)) {
		log_at(LOG_WARNING, "Processor with APIC id %u does not start",
		       a->apic_id);
		cpus[c->id] = NULL;
		return false;
	}
	ap_join(c);
	return true;
}

u32 INIT_TEXT smp_boot(void)
{
	u64 page = boot_low_page();
	u32 max = options.max_cpus ? MIN(options.max_cpus, NR_CPUS) : NR_CPUS;
	void *code = page ? boot_ptr(page, PAGE_SIZE) : NULL;

	if (!code) {
		log_at(LOG_WARNING, "No page below 1 MiB: one processor only");
		return cpu_count;
	}
	memcpy(code, trampoline_start, trampoline_end - trampoline_start);
	for (u32 i = 0; i < acpi_info.cpu_count && cpu_count < max; i++) {
		const struct acpi_cpu *a = &acpi_info.cpus[i];

		if (a->enabled && a->apic_id != cpus[0]->apic_id) {
			ap_boot(a, page);
		}
	}
	return cpu_count;
}
