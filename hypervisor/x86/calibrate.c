// SPDX-License-Identifier: MIT
// How fast the time-stamp counter runs: told by CPUID, or measured in 4 ms
// against ACPI's timer or the old interval timer.
//
// At either end of the 4 ms both clocks are read many times, and the readings
// that took longest are left out. The means of the rest stand for a moment far
// more exact than one reading, so a short wait does.
#include <wabe/acpi.h>
#include <wabe/cpu.h>
#include <wabe/lib.h>
#include <wabe/time.h>

#define WAIT_HZ 250 // the 4 ms
#define SAMPLES 32
#define FRACTION 64 // a mean count is kept in parts of a tick
#define MHZ 1000000ul

// A clock of known rate.
struct reference {
	const char *name;
	u64 hz;
	u64 mask; // it wraps past this
	u64 (*read)(void);
};

// --- told -------------------------------------------------------------------

#define LEAF_HYPERVISOR 0x40000000
#define LEAF_TIMING 0x40000010
#define LEAF_CRYSTAL 0x15

// VMware's leaf, which KVM and QEMU can show as well.
static u64 INIT_TEXT hz_by_hypervisor(void)
{
	if (!cpu_features.hypervisor ||
	    cpuid(LEAF_HYPERVISOR, 0).a < LEAF_TIMING ||
	    cpuid(LEAF_HYPERVISOR, 0).a > LEAF_HYPERVISOR + 0xff) {
		return 0;
	}
	return cpuid(LEAF_TIMING, 0).a * 1000ull;
}

static u64 INIT_TEXT hz_by_crystal(void)
{
	struct cpuid_regs r;

	if (cpu_features.max_leaf < LEAF_CRYSTAL) {
		return 0;
	}
	r = cpuid(LEAF_CRYSTAL, 0);
	return r.a && r.b && r.c ? (u64)r.c * r.b / r.a : 0;
}

// --- measured ---------------------------------------------------------------

static u64 INIT_TEXT pm_timer_read(void)
{
	return inl(acpi_info.pm_timer);
}

static bool INIT_TEXT pm_timer_start(struct reference *r)
{
	u32 first;

	if (!acpi_info.pm_timer) {
		return false;
	}
	*r = (struct reference){"ACPI timer", 3579545, 0xffffff, pm_timer_read};
	first = pm_timer_read();
	for (u32 i = 0; i < 100; i++) {
		if (pm_timer_read() != first) {
			return true;
		}
	}
	return false;
}

#define PIT_HZ 1193182

// Channel 2, which counts down and interrupts nobody.
static u64 INIT_TEXT pit_read(void)
{
	u16 low;

	outb(0x43, 0x80);
	low = inb(0x42);
	return 0xffff - (low | inb(0x42) << 8);
}

static void INIT_TEXT pit_start(struct reference *r)
{
	outb(0x61, (inb(0x61) & ~2) | 1); // gate on, speaker off
	outb(0x43, 0xb0);
	outb(0x42, 0xff);
	outb(0x42, 0xff);
	*r = (struct reference){"PIT", PIT_HZ, 0xffff, pit_read};
}

// A moment: both clocks, since the moments of `first_*`.
struct moment {
	u64 tsc, count; // count in 1/FRACTION
};

static struct moment INIT_TEXT moment_read(const struct reference *r,
					   u64 tsc_first, u64 count_first)
{
	u64 at[SAMPLES], count[SAMPLES], took[SAMPLES], least = ~0ull;
	struct moment sum = {0, 0};
	u64 used = 0;

	for (u32 i = 0; i < SAMPLES; i++) {
		u64 start = rdtsc();

		count[i] = (r->read() - count_first) & r->mask;
		took[i] = rdtsc() - start;
		at[i] = start + took[i] / 2 - tsc_first;
		least = MIN(least, took[i]);
	}
	for (u32 i = 0; i < SAMPLES; i++) {
		if (took[i] <= least + least / 4) {
			sum.tsc += at[i];
			sum.count += count[i];
			used++;
		}
	}
	return (struct moment){sum.tsc / used, sum.count * FRACTION / used};
}

// How far both clocks go until one of them has counted so much. That begins
// behind the first readings, whose time may be long: the processor of a virtual
// machine stands still as it likes.
static struct moment INIT_TEXT elapse(const struct reference *r, u64 tsc,
				      u64 count)
{
	u64 tsc_first = rdtsc(), count_first = r->read() & r->mask;
	struct moment a = moment_read(r, tsc_first, count_first), b;
	u64 tsc_from = rdtsc(), count_from = r->read();

	while (rdtsc() - tsc_from < tsc &&
	       ((r->read() - count_from) & r->mask) < count) {
		cpu_relax();
	}
	b = moment_read(r, tsc_first, count_first);
	return (struct moment){b.tsc - a.tsc, b.count - a.count};
}

static u64 INIT_TEXT hz_measure(const struct reference *r)
{
	struct moment m = elapse(r, ~0ull, r->hz / WAIT_HZ);

	return m.tsc * FRACTION * r->hz / m.count;
}

// In 1 ms.
u64 INIT_TEXT counter_calibrate(u64 (*read)(void))
{
	const struct reference r = {"", 0, 0xffffffff, read};
	struct moment m = elapse(&r, tsc_khz, ~0ull);

	// FRACTION is 2^6.
	return (m.count << 26) / (m.tsc * MHZ / tsc_khz);
}

// Makers choose whole MHz, and measuring errs by more than they do: within 30
// parts in a million it is taken for one.
static u64 INIT_TEXT hz_round(u64 hz)
{
	u64 whole = (hz + MHZ / 2) / MHZ * MHZ;
	u64 off = hz > whole ? hz - whole : whole - hz;

	return off * 33333 < hz ? whole : hz;
}

u64 INIT_TEXT tsc_calibrate(void)
{
	struct reference r = {.name = "CPUID"};
	u64 hz = hz_by_hypervisor();

	if (!hz) {
		hz = hz_by_crystal();
	}
	if (!hz) {
		if (!pm_timer_start(&r)) {
			pit_start(&r);
		}
		hz = hz_round(hz_measure(&r));
	}
	if (hz < MHZ) {
		panic("The TSC does not run (%lu Hz by %s)", hz, r.name);
	}
	printk("TSC: %lu.%03lu MHz by %s", hz / MHZ, hz % MHZ / 1000, r.name);
	return hz;
}
