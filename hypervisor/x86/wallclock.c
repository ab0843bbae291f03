// SPDX-License-Identifier: MIT
// The time of day: UTC at system time 0, read from the real-time clock at boot
// and set by dom0 later. Guests add their system time to what shared_info says.
#include <wabe/cpu.h>
#include <wabe/domain.h>
#include <wabe/time.h>

#define NS 1000000000ull

// UTC at system time 0, in ns since 1970. Atomic.
static u64 utc_base;

// --- the real-time clock ----------------------------------------------------

#define RTC_INDEX 0x70
#define RTC_DATA 0x71
#define RTC_A 0x0a
#define RTC_A_UPDATING 0x80
#define RTC_B 0x0b
#define RTC_B_BINARY 0x04
#define RTC_B_24H 0x02
#define RTC_PM 0x80

enum { SECOND, MINUTE, HOUR, DAY, MONTH, YEAR, RTC_FIELDS };

static u8 INIT_TEXT rtc_reg(u8 reg)
{
	outb(RTC_INDEX, reg);
	return inb(RTC_DATA);
}

static void INIT_TEXT rtc_fields(u8 f[RTC_FIELDS])
{
	static const u8 regs[RTC_FIELDS] = {0, 2, 4, 7, 8, 9};

	// An update takes 2 ms; the bound is for a clock that is none.
	for (u32 i = 0; i < 10000 && rtc_reg(RTC_A) & RTC_A_UPDATING; i++) {
		cpu_relax();
	}
	for (u32 i = 0; i < RTC_FIELDS; i++) {
		f[i] = rtc_reg(regs[i]);
	}
}

// Twice the same: no update came between.
static void INIT_TEXT rtc_fields_stable(u8 f[RTC_FIELDS])
{
	u8 again[RTC_FIELDS];

	rtc_fields(f);
	for (u32 i = 0; i < 10; i++) {
		rtc_fields(again);
		if (memcmp(f, again, sizeof(again)) == 0) {
			return;
		}
		memcpy(f, again, sizeof(again));
	}
}

// Days from 1970-01-01; years begin in March, so leap days come last.
static u64 INIT_TEXT days(u32 year, u32 month, u32 day)
{
	u32 y = month <= 2 ? year - 1 : year;
	u32 m = month <= 2 ? month + 9 : month - 3;

	return 365ull * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 +
	       day - 1 - 719468;
}

// Seconds since 1970, or 0 where the clock tells nonsense.
static u64 INIT_TEXT rtc_seconds(void)
{
	u8 f[RTC_FIELDS], mode = rtc_reg(RTC_B);
	u32 n[RTC_FIELDS];
	bool pm;

	rtc_fields_stable(f);
	pm = !(mode & RTC_B_24H) && f[HOUR] & RTC_PM;
	f[HOUR] &= mode & RTC_B_24H ? 0xff : ~RTC_PM;
	for (u32 i = 0; i < RTC_FIELDS; i++) {
		n[i] =
		    mode & RTC_B_BINARY ? f[i] : (f[i] >> 4) * 10 + (f[i] & 15);
	}
	if (!(mode & RTC_B_24H)) {
		n[HOUR] = n[HOUR] % 12 + (pm ? 12 : 0);
	}
	if (n[SECOND] > 59 || n[MINUTE] > 59 || n[HOUR] > 23 || !n[DAY] ||
	    n[DAY] > 31 || !n[MONTH] || n[MONTH] > 12 || n[YEAR] > 99) {
		return 0;
	}
	n[YEAR] += n[YEAR] < 70 ? 2000 : 1900;
	return ((days(n[YEAR], n[MONTH], n[DAY]) * 24 + n[HOUR]) * 60 +
		n[MINUTE]) *
		   60 +
	       n[SECOND];
}

void INIT_TEXT wallclock_init(void)
{
	u64 seconds = rtc_seconds();

	if (!seconds) {
		log_at(LOG_WARNING, "The real-time clock tells no time");
	}
	utc_base = seconds * NS - (seconds ? time_now() : 0);
}

// --- for guests -------------------------------------------------------------

void wallclock_publish(struct domain *d)
{
	volatile struct shared_info *s = d->shared;
	u64 base = READ_ONCE(utc_base);
	u32 version;

	if (!s) {
		return;
	}
	version = s->wc_version | 1;
	s->wc_version = version;
	s->wc_sec = base / NS;
	s->wc_sec_hi = base / NS >> 32;
	s->wc_nsec = base % NS;
	s->wc_version = version + 1;
}

// One pass over all domains. dom0 asks for it at boot and each 11 minutes.
void wallclock_set(u64 secs, u32 nsecs, u64 system_ns)
{
	struct domain *d;

	WRITE_ONCE(utc_base, secs * NS + nsecs - system_ns);
	for (d = domain_next(0); d;) {
		domid_t id = d->id;

		wallclock_publish(d);
		domain_put(d);
		d = domain_next(id + 1);
	}
}
