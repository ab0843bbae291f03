// SPDX-License-Identifier: MIT
// The local APIC, by MMIO (xAPIC) or MSRs (x2APIC), and its timer.
#include <wabe/acpi.h>
#include <wabe/boot.h>
#include <wabe/cpu.h>
#include <wabe/irq.h>
#include <wabe/mapcache.h>

// Registers, as offsets in the xAPIC's page.
#define APIC_VERSION 0x30
#define APIC_TPR 0x80
#define APIC_EOI 0xb0
#define APIC_SPURIOUS 0xf0
#define APIC_ISR 0x100
#define APIC_ERROR 0x280
#define APIC_ICR 0x300
#define APIC_ICR_HIGH 0x310
#define APIC_LVT_TIMER 0x320
#define APIC_LVT_THERMAL 0x330
#define APIC_LVT_PERF 0x340
#define APIC_LVT_LINT0 0x350
#define APIC_LVT_LINT1 0x360
#define APIC_LVT_ERROR 0x370
#define APIC_TIMER_START 0x380
#define APIC_TIMER_COUNT 0x390
#define APIC_TIMER_DIVIDE 0x3e0

#define BASE_X2APIC BIT(10)
#define BASE_ENABLE BIT(11)
#define BASE_ADDRESS 0x000ffffffffff000ull
#define SPURIOUS_ENABLE 0x100
#define LVT_MASKED 0x10000
#define LVT_NMI 0x400
#define LVT_DEADLINE 0x40000
#define DIVIDE_BY_1 0xb
#define ICR_PENDING 0x1000
#define ICR_NMI 0x400
#define ICR_ASSERT 0x4000
#define ICR_SELF 0x40000
#define ICR_OTHERS 0xc0000

static bool x2apic;	    // constant after apic_init()
static volatile u32 *xapic; // the registers, or NULL

static u32 reg_read(u32 reg)
{
	return x2apic ? rdmsr(MSR_X2APIC + reg / 16) : xapic[reg / 4];
}

static void reg_write(u32 reg, u32 value)
{
	if (x2apic) {
		wrmsr(MSR_X2APIC + reg / 16, value);
	} else {
		xapic[reg / 4] = value;
	}
}

bool apic_ready(void)
{
	return x2apic || xapic;
}

void apic_eoi(void)
{
	reg_write(APIC_EOI, 0);
}

u32 apic_error_read(void)
{
	reg_write(APIC_ERROR, 0);
	return reg_read(APIC_ERROR);
}

// --- interrupts between processors ------------------------------------------

// Bounded: an NMI may have come between another's wait and its write.
static void icr_wait(void)
{
	for (u32 i = 0; i < 100000 && xapic[APIC_ICR / 4] & ICR_PENDING; i++) {
		cpu_relax();
	}
}

void apic_ipi(u32 apic_id, u32 icr_low)
{
	if (x2apic) {
		// This WRMSR does not wait for stores; the other CPU is to
		// see them.
		asm volatile("mfence; lfence" ::: "memory");
		wrmsr(MSR_X2APIC + APIC_ICR / 16, (u64)apic_id << 32 | icr_low);
		return;
	}
	icr_wait();
	xapic[APIC_ICR_HIGH / 4] = apic_id << 24;
	xapic[APIC_ICR / 4] = icr_low;
}

// With a shorthand the high half is not used: half a command that an NMI
// interrupted is not spoiled.
static void ipi_shorthand(u32 icr_low)
{
	if (!x2apic) {
		icr_wait();
	}
	reg_write(APIC_ICR, icr_low);
}

void apic_ipi_self(u8 vector)
{
	ipi_shorthand(ICR_SELF | ICR_ASSERT | vector);
}

void apic_nmi_others(void)
{
	ipi_shorthand(ICR_OTHERS | ICR_ASSERT | ICR_NMI);
}

// --- setting up -------------------------------------------------------------

// Before LINT0 is masked: a request of the 8259s that the CPU has seen would
// else stay, for a vector nobody gives (QEMU faults on it). ioapic.c does the
// rest.
static void INIT_TEXT pic_mask(void)
{
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
}

void INIT_TEXT apic_init(void)
{
	u64 base = rdmsr(MSR_APIC_BASE);
	u64 maddr = acpi_info.lapic ? acpi_info.lapic : base & BASE_ADDRESS;

	pic_mask();
	// Firmware that turned it on may have processors xAPIC cannot name.
	x2apic =
	    cpu_features.x2apic && (!options.no_x2apic || base & BASE_X2APIC);
	if (!x2apic) {
		volatile u32 *regs = vmap_mmio(maddr, PAGE_SIZE);

		if (!regs) {
			panic("No room to map the local APIC");
		}
		xapic = regs;
	}
	printk("Local APIC: %s mode, timer by %s", x2apic ? "x2APIC" : "xAPIC",
	       cpu_features.tsc_deadline ? "TSC deadline" : "count");
}

static void in_service_clear(void)
{
	for (u32 i = 0; i < 256; i++) {
		u32 any = 0;

		for (u32 r = 0; r < 8; r++) {
			any |= reg_read(APIC_ISR + r * 16);
		}
		if (!any) {
			return;
		}
		apic_eoi();
	}
}

static void lvt_setup(void)
{
	u32 entries = (reg_read(APIC_VERSION) >> 16 & 0xff) + 1;

	reg_write(APIC_LVT_LINT0, LVT_MASKED);
	reg_write(APIC_LVT_LINT1, cpu_id() ? LVT_NMI | LVT_MASKED : LVT_NMI);
	reg_write(APIC_LVT_ERROR, VECTOR_ERROR);
	if (entries > 4) {
		reg_write(APIC_LVT_PERF, LVT_MASKED);
	}
	if (entries > 5) {
		reg_write(APIC_LVT_THERMAL, LVT_MASKED);
	}
	if (cpu_features.tsc_deadline) {
		reg_write(APIC_LVT_TIMER, LVT_DEADLINE | VECTOR_TIMER);
		// The mode is set before the first deadline is.
		asm volatile("mfence" ::: "memory");
	} else {
		reg_write(APIC_TIMER_DIVIDE, DIVIDE_BY_1);
		reg_write(APIC_LVT_TIMER, VECTOR_TIMER);
	}
}

void apic_init_cpu(void)
{
	u64 base = rdmsr(MSR_APIC_BASE) | BASE_ENABLE;

	wrmsr(MSR_APIC_BASE, base); // from disabled only by way of xAPIC
	if (x2apic) {
		wrmsr(MSR_APIC_BASE, base | BASE_X2APIC);
	}
	reg_write(APIC_TPR, 0);
	reg_write(APIC_SPURIOUS, SPURIOUS_ENABLE | VECTOR_SPURIOUS);
	in_service_clear();
	lvt_setup();
	apic_error_read();
}

void apic_timer_oneshot(u32 count)
{
	reg_write(APIC_TIMER_START, count);
}

u32 apic_timer_read(void)
{
	return reg_read(APIC_TIMER_COUNT);
}
