// SPDX-License-Identifier: MIT
// The local APIC and its timer in the forms that QEMU's own processors lack:
// x2APIC and TSC deadline; and in those that they have, beside them. MSRs,
// ports and the counter are this file's.
#include "../fake/include/wabe/arch.h"

#include <wabe/cpu.h>

static u64 fake_rdmsr(u32 msr);
static void fake_wrmsr(u32 msr, u64 value);
static void fake_outb(u16 port, u8 value);
static u64 fake_tsc;

#define rdmsr fake_rdmsr
#define wrmsr fake_wrmsr
#define outb fake_outb
#define rdtsc() fake_tsc
#include "../../hypervisor/x86/apic.c"
#include "../../hypervisor/x86/time.c"
#undef rdtsc

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GHZ 1000000000ull
#define WRITES 64

struct cpu_features cpu_features;
struct options options;
struct acpi_info acpi_info = {.lapic = 0xfee00000};
__thread struct cpu *fake_cpu;
__thread u32 fake_cpu_id;

static struct cpu cpu;
static u32 page[PAGE_SIZE / 4]; // the xAPIC's registers
static u64 base, hz;		// MSR_APIC_BASE; the TSC's rate
static u32 mapped;		// times the registers were mapped
static struct {
	u32 msr;
	u64 value;
} writes[WRITES];
static u32 write_count;

// --- below -------------------------------------------------------------------

static u64 fake_rdmsr(u32 msr)
{
	if (msr == MSR_APIC_BASE) {
		return base;
	}
	assert_true(base & BASE_X2APIC); // else they fault
	return msr == MSR_X2APIC + APIC_VERSION / 16 ? 5 << 16 : 0;
}

static void fake_wrmsr(u32 msr, u64 value)
{
	assert_true(write_count < WRITES);
	writes[write_count].msr = msr;
	writes[write_count++].value = value;
	if (msr == MSR_APIC_BASE) {
		// x2APIC is entered from enabled xAPIC only.
		assert_true(!(value & BASE_X2APIC) || base & BASE_ENABLE);
		base = value;
	} else if (msr != MSR_TSC_DEADLINE) {
		assert_true(base & BASE_X2APIC);
	}
}

static void fake_outb(u16 port, u8 value)
{
}

void *vmap_mmio(u64 maddr, u64 bytes)
{
	assert_int_equal(maddr, acpi_info.lapic);
	mapped++;
	return page;
}

void log_at(enum log_level level, const char *fmt, ...)
{
}

void panic(const char *fmt, ...)
{
	fail_msg("%s", fmt);
	abort();
}

u64 tsc_calibrate(void)
{
	return hz;
}

// A counter of an eighth of the TSC's rate.
u64 counter_calibrate(u64 (*read)(void))
{
	return (hz / 8 << 24) / (GHZ >> 8);
}

void wallclock_init(void)
{
}

// The value last written to an MSR; it must have been.
static u64 written(u32 msr)
{
	for (u32 i = write_count; i--;) {
		if (writes[i].msr == msr) {
			return writes[i].value;
		}
	}
	fail_msg("MSR %x was not written", msr);
	return 0;
}

static u32 order(u32 msr)
{
	for (u32 i = 0; i < write_count; i++) {
		if (writes[i].msr == msr) {
			return i;
		}
	}
	return WRITES;
}

// A processor as firmware left it, with what it has; then ours.
static void start(bool has_x2apic, bool has_deadline, u64 base_msr, u64 rate)
{
	memset(page, 0, sizeof(page));
	page[APIC_VERSION / 4] = 5 << 16;
	fake_cpu = &cpu;
	cpu = (struct cpu){0};
	cpu_features.x2apic = has_x2apic;
	cpu_features.tsc_deadline = has_deadline;
	base = base_msr;
	hz = rate;
	fake_tsc = 12345;
	x2apic = false;
	xapic = NULL;
	write_count = mapped = 0;
	apic_init();
	apic_init_cpu();
	time_init();
	time_init_cpu();
}

// --- tests -------------------------------------------------------------------

static void x2apic_is_used_where_it_is(void **state)
{
	start(true, false, BASE_ENABLE, GHZ);
	assert_int_equal(mapped, 0);
	assert_true(apic_ready());
	assert_true(base & BASE_X2APIC && base & BASE_ENABLE);
	assert_int_equal(written(0x80f), 0x100 | VECTOR_SPURIOUS);
	assert_int_equal(written(0x832), VECTOR_TIMER);
	assert_int_equal(written(0x836), 0x400); // LINT1: NMI
	apic_eoi();
	assert_int_equal(written(0x80b), 0);
	// From disabled, by way of xAPIC.
	start(true, false, 0, GHZ);
	assert_true(base & BASE_X2APIC);
	assert_int_equal(writes[0].msr, MSR_APIC_BASE);
	assert_int_equal(writes[0].value, BASE_ENABLE);
}

static void x2apic_names_processors_by_32_bits(void **state)
{
	start(true, false, BASE_ENABLE, GHZ);
	apic_ipi(0x12345, 0x4000 | VECTOR_RESCHEDULE);
	assert_int_equal(written(0x830),
			 0x12345ull << 32 | 0x4000 | VECTOR_RESCHEDULE);
	apic_ipi_self(VECTOR_RESCHEDULE);
	assert_int_equal(written(0x830), 0x44000 | VECTOR_RESCHEDULE);
	apic_nmi_others();
	assert_int_equal(written(0x830), 0xc4400);
}

static void x2apic_can_be_switched_off(void **state)
{
	options.no_x2apic = true;
	start(true, false, BASE_ENABLE, GHZ);
	assert_int_equal(mapped, 1);
	assert_false(base & BASE_X2APIC);
	// Firmware that has it on may have processors xAPIC cannot name.
	start(true, false, BASE_ENABLE | BASE_X2APIC, GHZ);
	assert_int_equal(mapped, 0);
	assert_true(base & BASE_X2APIC);
	options.no_x2apic = false;
}

static void xapic_is_used_else(void **state)
{
	start(false, false, BASE_ENABLE, GHZ);
	assert_int_equal(mapped, 1);
	assert_int_equal(page[APIC_SPURIOUS / 4], 0x100 | VECTOR_SPURIOUS);
	assert_int_equal(page[APIC_LVT_TIMER / 4], VECTOR_TIMER);
	apic_ipi(0x21, 0x4000 | VECTOR_RESCHEDULE);
	assert_int_equal(page[APIC_ICR_HIGH / 4], 0x21u << 24);
	assert_int_equal(page[APIC_ICR / 4], 0x4000 | VECTOR_RESCHEDULE);
	apic_nmi_others();
	assert_int_equal(page[APIC_ICR / 4], 0xc4400);
}

// Deadlines are ticks of the TSC, less than a microsecond behind the time asked
// for, and before it by rounding only (then the rest is set again).
static void deadlines_by_tsc(void **state)
{
	static const u64 rates[] = {333000000, GHZ, 2400000000, 5123456789};

	for (u32 i = 0; i < ARRAY_SIZE(rates); i++) {
		u64 ticks;

		start(true, true, BASE_ENABLE, rates[i]);
		assert_int_equal(written(0x832), 0x40000 | VECTOR_TIMER);
		assert_true(order(0x832) < order(MSR_TSC_DEADLINE));
		fake_tsc += rates[i]; // a second later
		for (u64 ns = 1000; ns < 100 * GHZ; ns *= 10) {
			u64 now = time_now();

			deadline_set(now + ns);
			ticks = written(MSR_TSC_DEADLINE) - fake_tsc;
			assert_in_range(ticks * 1.0 / rates[i] * GHZ,
					ns - (ns >> 30) - 1, ns + 1000);
		}
		deadline_set(~0ull);
		assert_int_equal(written(MSR_TSC_DEADLINE), 0);
	}
}

static void deadlines_by_count(void **state)
{
	start(false, false, BASE_ENABLE, 2400000000);
	deadline_set(time_now() + 1000000);
	assert_in_range(page[APIC_TIMER_START / 4], 300000, 300300);
	// Too far for it: as far as it goes; the rest is set again then.
	deadline_set(time_now() + 1000 * GHZ);
	assert_int_equal(page[APIC_TIMER_START / 4], 0xffffffff);
	deadline_set(~0ull);
	assert_int_equal(page[APIC_TIMER_START / 4], 0);
	assert_int_equal(order(MSR_TSC_DEADLINE), WRITES);
}

static void what_is_due_needs_no_timer(void **state)
{
	start(true, true, BASE_ENABLE, GHZ);
	fake_tsc += GHZ;
	write_count = 0;
	deadline_set(time_now() - 1);
	assert_int_equal(write_count, 0);
	assert_true(cpu.work & WORK_TIMERS);
	assert_int_equal(cpu.deadline, ~0ull);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(x2apic_is_used_where_it_is),
	    cmocka_unit_test(x2apic_names_processors_by_32_bits),
	    cmocka_unit_test(x2apic_can_be_switched_off),
	    cmocka_unit_test(xapic_is_used_else),
	    cmocka_unit_test(deadlines_by_tsc),
	    cmocka_unit_test(deadlines_by_count),
	    cmocka_unit_test(what_is_due_needs_no_timer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
