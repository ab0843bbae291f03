// SPDX-License-Identifier: MIT
// The time of day, from a real-time clock in each of its forms to what
// shared_info says, and when dom0 sets it. The C library's calendar is the
// judge.
#include "../fake/include/wabe/arch.h"

#include <wabe/cpu.h>

static u8 fake_inb(u16 port);
static void fake_outb(u16 port, u8 value);

#define inb fake_inb
#define outb fake_outb
#include "../../hypervisor/x86/wallclock.c"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static u8 regs[128], at;
static u32 updating;  // so many more looks say that an update goes on
static u32 second_at; // at this many reads, a second passes
static u64 now;
static u32 warnings;
static struct shared_info info[2];
static struct domain domains[2];

// --- below -------------------------------------------------------------------

static void fake_outb(u16 port, u8 value)
{
	assert_int_equal(port, 0x70);
	at = value;
}

static u8 fake_inb(u16 port)
{
	assert_int_equal(port, 0x71);
	if (second_at && !--second_at) {
		regs[0]++;
	}
	if (at == RTC_A && updating) {
		updating--;
		return RTC_A_UPDATING;
	}
	return regs[at];
}

u64 time_now(void)
{
	return now;
}

void log_at(enum log_level level, const char *fmt, ...)
{
	warnings++;
}

struct domain *domain_next(domid_t from)
{
	return from < 2 ? &domains[from] : NULL;
}

void domain_put(struct domain *d)
{
}

static u8 bcd(int n)
{
	return (u8)(n / 10 << 4 | n % 10);
}

// The clock shows `t` in a form: RTC_B_BINARY, RTC_B_24H or neither.
static void show(time_t t, u8 mode)
{
	struct tm tm;
	int hour;

	gmtime_r(&t, &tm);
	hour = mode & RTC_B_24H ? tm.tm_hour : (tm.tm_hour + 11) % 12 + 1;
	const int fields[] = {tm.tm_sec,  tm.tm_min,	 hour,
			      tm.tm_mday, tm.tm_mon + 1, tm.tm_year % 100};
	static const u8 where[] = {0, 2, 4, 7, 8, 9};

	memset(regs, 0, sizeof(regs));
	for (u32 i = 0; i < ARRAY_SIZE(where); i++) {
		regs[where[i]] =
		    mode & RTC_B_BINARY ? (u8)fields[i] : bcd(fields[i]);
	}
	if (!(mode & RTC_B_24H) && tm.tm_hour >= 12) {
		regs[4] |= RTC_PM;
	}
	regs[RTC_B] = mode;
}

// What a guest makes of it now.
static u64 told(u32 domain)
{
	const struct shared_info *s = &info[domain];

	assert_int_equal(s->wc_version & 1, 0);
	assert_true(s->wc_nsec < NS);
	return (((u64)s->wc_sec_hi << 32 | s->wc_sec) * NS + s->wc_nsec + now) /
	       NS;
}

static u64 boot_at(time_t t, u8 mode)
{
	show(t, mode);
	wallclock_init();
	wallclock_publish(&domains[0]);
	return told(0);
}

static int setup(void **state)
{
	warnings = updating = second_at = 0;
	now = 3 * NS + 141592653;
	memset(info, 0, sizeof(info));
	domains[0] = (struct domain){.id = 0, .shared = &info[0]};
	domains[1] = (struct domain){.id = 1, .shared = &info[1]};
	return 0;
}

// --- tests -------------------------------------------------------------------

static void any_day_in_any_form(void **state)
{
	static const u8 modes[] = {0, RTC_B_24H, RTC_B_BINARY,
				   RTC_B_24H | RTC_B_BINARY};

	// 1970 to 2069: each day, at another time of it.
	for (u64 t = 43200; t < 3155760000ull - 86400; t += 86400 + 3599) {
		u64 seen = boot_at((time_t)t, modes[t / 7 % 4]);

		assert_in_range(seen, t, t + 1);
	}
	// Noon and midnight by a clock of 12 hours.
	assert_in_range(boot_at(1700006400 - 1700006400 % 86400, 0),
			1700006400 - 1700006400 % 86400,
			1700006400 - 1700006400 % 86400 + 1);
	assert_in_range(boot_at(1700006400 - 1700006400 % 86400 + 43200, 0),
			1700006400 - 1700006400 % 86400 + 43200,
			1700006400 - 1700006400 % 86400 + 43201);
	assert_int_equal(warnings, 0);
}

static void what_changes_while_it_is_read(void **state)
{
	for (second_at = 1; second_at < 40; second_at++) {
		u32 was = second_at;

		updating = 5;
		assert_in_range(boot_at(1700000000, RTC_B_24H), 1700000000,
				1700000002);
		second_at = was;
	}
	updating = ~0u; // a clock that never gets ready: not waited for
	assert_in_range(boot_at(1700000000, RTC_B_24H), 1700000000, 1700000002);
}

static void nonsense_is_told(void **state)
{
	memset(regs, 0xff, sizeof(regs)); // nothing there
	wallclock_init();
	assert_int_equal(warnings, 1);
	show(1700000000, RTC_B_24H);
	regs[8] = 0x13;
	wallclock_init();
	assert_int_equal(warnings, 2);
	wallclock_publish(&domains[0]);
	assert_int_equal(told(0), now / NS); // 1970
}

static void dom0_sets_it_for_all(void **state)
{
	boot_at(1700000000, RTC_B_24H);
	wallclock_set(4000000000ull, 500000000, now);
	for (u32 i = 0; i < 2; i++) {
		assert_int_equal(told(i), 4000000000ull);
	}
	now += 10 * NS;
	assert_int_equal(told(1), 4000000010ull);
	domains[1].shared = NULL; // one that is being made
	wallclock_set(1800000000, 0, now);
	assert_int_equal(told(0), 1800000000);
	// Past 2106, where 32 bits of seconds end.
	wallclock_set(5000000000ull, 0, now);
	assert_int_equal(told(0), 5000000000ull);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(any_day_in_any_form, setup),
	    cmocka_unit_test_setup(what_changes_while_it_is_read, setup),
	    cmocka_unit_test_setup(nonsense_is_told, setup),
	    cmocka_unit_test_setup(dom0_sets_it_for_all, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
