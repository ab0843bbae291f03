// SPDX-License-Identifier: MIT
// The fake machine's processors: what x86/ does for the core, as far as it
// shows: which vCPU runs, which root is loaded, who was told to look.
#include <wabe/acpi.h>
#include <wabe/context.h>
#include <wabe/guest.h>
#include <wabe/irq.h>
#include <wabe/paging.h>
#include <wabe/sched.h>
#include <wabe/time.h>

#include <stdio.h>
#include <stdlib.h>

#include "fake.h"

__thread struct cpu *fake_cpu;
__thread u32 fake_cpu_id;
bool fake_verbose;
void (*fake_delay)(void);
u64 fake_now;
u64 fake_deadline[FAKE_CPUS];
u32 fake_ipis, fake_switches;

struct cpu_features cpu_features = {.maddr_bits = 36};
struct acpi_info acpi_info = {.lapic = 0x1000 * (FAKE_HOLE + 16)};
struct boot_info boot_info;
struct options options;

// --- processors --------------------------------------------------------------

void fake_run(u32 cpu, struct vcpu *v)
{
	fake_cpu = cpus[cpu];
	fake_cpu_id = cpu;
	if (fake_cpu->current == v) {
		return; // a call from where it was: no CR3 load
	}
	WRITE_ONCE(fake_cpu->current, v);
	if (v->kernel_root) {
		context_load_root(v);
	} else {
		WRITE_ONCE(fake_cpu->root, hv_root);
		tlb_flush_local();
	}
}

void fake_settle(void)
{
	while (__atomic_fetch_and(&this_cpu()->work, ~(u32)WORK_TIMERS,
				  __ATOMIC_SEQ_CST) &
	       WORK_TIMERS) {
		timers_run();
	}
}

void context_load_root(struct vcpu *v)
{
	WRITE_ONCE(this_cpu()->root,
		   v->kernel_mode ? v->kernel_root : v->user_root);
	tlb_flush_local();
}

void context_switch(struct vcpu *prev, struct vcpu *next)
{
	this_cpu()->current = next;
	if (!vcpu_is_idle(next)) {
		__atomic_fetch_add(&fake_switches, 1, __ATOMIC_RELAXED);
		context_load_root(next);
	}
}

void cpu_raise(struct cpu *cpu, u32 work)
{
	__atomic_fetch_or(&cpu->work, work, __ATOMIC_SEQ_CST);
	if (cpu != this_cpu()) {
		__atomic_fetch_add(&fake_ipis, 1, __ATOMIC_RELAXED);
	}
}

void ipi_send(u32 cpu, u8 vector)
{
	__atomic_fetch_add(&fake_ipis, 1, __ATOMIC_RELAXED);
}

void cpus_call(void (*fn)(void *), void *data)
{
}

void cpus_quiet(void (*fn)(void *), void *data)
{
	fn(data);
}

u64 time_now(void)
{
	return __atomic_load_n(&fake_now, __ATOMIC_SEQ_CST);
}

void deadline_set(u64 expires)
{
	fake_deadline[cpu_id()] = expires;
}

bool guest_addr_ok(u64 a)
{
	return a < 1ull << 47 || a >= HV_END;
}

bool addr_is_canonical(u64 a)
{
	return (u64)((s64)(a << 16) >> 16) == a;
}

bool guest_range_ok(u64 a, u64 bytes)
{
	return addr_is_canonical(a) && a + bytes >= a &&
	       (a + bytes <= HV_START || a >= HV_END);
}

void lock_contended(lock_t *l)
{
	BUG_ON(lock_is_mine(l));
	do {
		cpu_relax_serving();
	} while (!lock_try(l));
}

// --- words -------------------------------------------------------------------

void serial_write(const char *text, size_t bytes)
{
	if (fake_verbose) {
		fwrite(text, 1, bytes, stdout);
	}
}

void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
	abort();
}

size_t strlcpy(char *dst, const char *src, size_t bytes)
{
	return (size_t)snprintf(dst, bytes, "%s", src);
}

// -----------------------------------------------------------------------------

void fake_machine_fini(void)
{
	for (u32 i = 0; i < cpu_count; i++) {
		free(cpus[i]);
	}
	cpu_count = 0;
}

void fake_machine_init(void)
{
	fake_now = 1000000000;
	fake_ipis = fake_switches = 0;
	fake_fail_after = ~0ull;
	cpu_count = FAKE_CPUS;
	for (u32 i = 0; i < FAKE_CPUS; i++) {
		cpus[i] = calloc(1, sizeof(struct cpu));
		cpus[i]->self = cpus[i];
		cpus[i]->id = i;
		cpus[i]->online = true;
		cpus[i]->work_left = FAKE_ENDLESS;
		fake_cpu = cpus[i];
		fake_cpu_id = i;
		if (timers_init_cpu(cpus[i]) || sched_init_cpu(cpus[i])) {
			panic("no memory for CPU %u", i);
		}
	}
	fake_cpu = cpus[0];
	fake_cpu_id = 0;
	fake_tlb_init();
}
