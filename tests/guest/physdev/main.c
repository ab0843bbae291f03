// SPDX-License-Identifier: MIT
// Claim: dom0 gets the machine's interrupts by number, and a line that is level
// triggered is quiet from its event to its EOI, whatever is closed in between.
//
// answers: what each physdev operation returns, for good and bad arguments.
// edge: the clock's periodic interrupt (GSI 8, an edge by default) comes again
// and again. level: the same line as a level comes once until it is EOId; its
// port closed before the EOI, the line stays shut (it once was opened then,
// and interrupted for ever with nobody to quiet it); bound again it works.
#include "ipc.h"

#include <xen/physdev.h>

#define CLOCK 8u

static void say(const char *name, long rc)
{
	printf("%s: %s\n", name, rc > 0 ? "yes" : error_name(rc));
}

// --- the machine's clock
// ------------------------------------------------------

static u8 cmos_read(u8 reg)
{
	u8 value;

	asm volatile("outb %0, $0x70" : : "a"(reg));
	asm volatile("inb $0x71, %0" : "=a"(value));
	return value;
}

static void cmos_write(u8 reg, u8 value)
{
	asm volatile("outb %0, $0x70" : : "a"(reg));
	asm volatile("outb %0, $0x71" : : "a"(value));
}

static void clock_start(void)
{
	cmos_write(0x0a, 0x26); // 1024 Hz
	cmos_write(0x0b, cmos_read(0x0b) | 0x40);
	cmos_read(0x0c);
}

static void clock_stop(void)
{
	cmos_write(0x0b, cmos_read(0x0b) & ~0x40);
	cmos_read(0x0c);
}

static void wait_ms(u64 ms)
{
	struct vcpu_time_info *t = &vcpu_info()->time;
	u64 cycles = (ms * 1000000 << 32) / t->tsc_to_system_mul;
	u64 from = rdtsc();

	cycles =
	    t->tsc_shift < 0 ? cycles << -t->tsc_shift : cycles >> t->tsc_shift;
	while (rdtsc() - from < cycles) {
		cpu_relax();
	}
}

// Wait for a port's event with events masked; take it.
static bool event_comes(u32 port)
{
	for (u32 ms = 0; ms < 200; ms++) {
		if (event_pending(port)) {
			event_clear(port);
			vcpu_info()->evtchn_pending_sel = 0;
			vcpu_info()->evtchn_upcall_pending = 0;
			return true;
		}
		wait_ms(1);
	}
	return false;
}

// --- operations
// ---------------------------------------------------------------

static long map(u32 domid, int type, int index, int pirq)
{
	struct physdev_map_pirq op = {
	    .domid = domid, .type = type, .index = index, .pirq = pirq};
	long rc = hv_physdev_op(PHYSDEVOP_map_pirq, &op);

	return rc ? rc : op.pirq;
}

static long unmap(int pirq)
{
	struct physdev_unmap_pirq op = {.domid = DOMID_SELF, .pirq = pirq};

	return hv_physdev_op(PHYSDEVOP_unmap_pirq, &op);
}

static long bind(u32 pirq, u32 flags)
{
	struct evtchn_bind_pirq op = {.pirq = pirq, .flags = flags};
	long rc = hv_event_op(EVTCHNOP_bind_pirq, &op);

	return rc ? rc : (long)op.port;
}

static long setup(int gsi, bool level)
{
	struct physdev_setup_gsi op = {.gsi = gsi, .triggering = level};

	return hv_physdev_op(PHYSDEVOP_setup_gsi, &op);
}

static long eoi(u32 pirq)
{
	struct physdev_eoi op = {.irq = pirq};

	return hv_physdev_op(PHYSDEVOP_eoi, &op);
}

static void say_status(const char *name, u32 pirq)
{
	struct physdev_irq_status_query op = {.irq = pirq};
	long rc = hv_physdev_op(PHYSDEVOP_irq_status_query, &op);

	printf("%s: %s needs_eoi %u\n", name, error_name(rc),
	       op.flags & XENIRQSTAT_needs_eoi);
}

static void say_register(const char *name, u64 base, u32 reg)
{
	struct physdev_apic op = {.apic_physbase = base, .reg = reg};
	long rc = hv_physdev_op(PHYSDEVOP_apic_read, &op);

	printf("%s: %s %x\n", name, error_name(rc), op.value);
}

static void answers(void)
{
	struct physdev_irq vector = {.irq = 1};
	struct physdev_get_free_pirq any = {.type = MAP_PIRQ_TYPE_GSI};
	long rc;

	say_register("IO-APIC register 1", 0xfec00000, 1);
	say_register("of another address", 0xfec01000, 1);
	say("alloc_irq_vector 1",
	    hv_physdev_op(PHYSDEVOP_alloc_irq_vector, &vector));
	vector.irq = 5000;
	say("alloc_irq_vector 5000",
	    hv_physdev_op(PHYSDEVOP_alloc_irq_vector, &vector));
	say_status("status of 1", 1);
	say_status("status of 5000", 5000);
	say("map GSI 8", map(DOMID_SELF, MAP_PIRQ_TYPE_GSI, CLOCK, CLOCK));
	say("again", map(DOMID_SELF, MAP_PIRQ_TYPE_GSI, CLOCK, CLOCK));
	say("map GSI 5000", map(DOMID_SELF, MAP_PIRQ_TYPE_GSI, 5000, -1));
	say("map GSI -1", map(DOMID_SELF, MAP_PIRQ_TYPE_GSI, -1, -1));
	say("map as 5000", map(DOMID_SELF, MAP_PIRQ_TYPE_GSI, 1, 5000));
	say("map for domain 77", map(77, MAP_PIRQ_TYPE_GSI, CLOCK, CLOCK));
	say("map type 99", map(DOMID_SELF, 99, CLOCK, CLOCK));
	say("MSI of no device", map(DOMID_SELF, MAP_PIRQ_TYPE_MSI_SEG, -1, -1));
	say("setup GSI -1", setup(-1, true));
	say("setup GSI 5000", setup(5000, true));
	say("bind 5000", bind(5000, 0));
	say("eoi of 5000", eoi(5000));
	say("unmap 5000", unmap(5000));
	rc = hv_physdev_op(PHYSDEVOP_get_free_pirq, &any);
	say("get_free_pirq", rc);
	ok(any.pirq >= 16, "it is no legacy line");
	say("operation 99", hv_physdev_op(99, &any));
}

static void edge(void)
{
	long port = bind(CLOCK, 0);
	u32 came = 0;

	say("bind GSI 8", port);
	say("again", bind(CLOCK, 0));
	say_status("status as an edge", CLOCK);
	clock_start();
	for (u32 i = 0; i < 100; i++) {
		came += event_comes(port);
		cmos_read(0x0c);
	}
	printf("%u of 100 edges came\n", came);
	clock_stop();
	say("close", event_close(port));
}

// Is the clock's line masked in the IO-APIC?
static bool line_masked(void)
{
	struct physdev_apic op = {.apic_physbase = 0xfec00000,
				  .reg = 0x10 + 2 * CLOCK};

	hv_physdev_op(PHYSDEVOP_apic_read, &op);
	return op.value >> 16 & 1;
}

static void level(void)
{
	long port;
	u32 came = 0;

	say("setup GSI 8 as a level", setup(CLOCK, true));
	port = bind(CLOCK, BIND_PIRQ__WILL_SHARE);
	say("bind", port);
	say_status("status as a level", CLOCK);
	clock_start();
	for (u32 i = 0; i < 100; i++) {
		came += event_comes(port);
		cmos_read(0x0c);
		eoi(CLOCK);
	}
	printf("%u of 100 levels came\n", came);
	ok(event_comes(port), "another");
	printf("and %u before the EOI\n", event_comes(port));
	say("close before the EOI", event_close(port));
	say("EOI", eoi(CLOCK));
	ok(line_masked(), "the line is shut");
	wait_ms(5);
	cmos_read(0x0c);
	port = bind(CLOCK, BIND_PIRQ__WILL_SHARE);
	say("bind again", port);
	cmos_read(0x0c);
	ok(event_comes(port), "it comes again");
	clock_stop();
	eoi(CLOCK);
	say("close", event_close(port));
	say("unmap", unmap(CLOCK));
	say("unmap again", unmap(CLOCK));
	say("bind what is not mapped", bind(CLOCK, 0));
}

int guest_main(void)
{
	struct physdev_set_iopl iopl = {.iopl = 4};

	say("iopl 4", hv_physdev_op(PHYSDEVOP_set_iopl, &iopl));
	iopl.iopl = 1;
	say("iopl 1", hv_physdev_op(PHYSDEVOP_set_iopl, &iopl));
	answers();
	edge();
	level();
	return failed_count != 0;
}
