// SPDX-License-Identifier: MIT
// Watchdogs: a domain that does not set its timer again in time is shut down.
#include <wabe/errno.h>
#include <wabe/lib.h>
#include <wabe/time.h>

#include <xen/sched.h>

#include "dom.h"

static void watchdog_fires(void *data)
{
	struct domain *d = data;

	if (d->dying || d->shutting_down) {
		return;
	}
	log_at(LOG_WARNING, "d%u: watchdog fired\n", d->id);
	domain_shutdown(d, SHUTDOWN_watchdog);
}

void watchdogs_init(struct domain *d)
{
	for (u32 i = 0; i < ARRAY_SIZE(d->watchdog); i++) {
		timer_init(&d->watchdog[i], watchdog_fires, d);
	}
}

void watchdogs_kill(struct domain *d)
{
	d->watchdog_used = 0;
	for (u32 i = 0; i < ARRAY_SIZE(d->watchdog); i++) {
		timer_kill(&d->watchdog[i]);
	}
}

// The number (from 1) of a free one, or 0.
static u32 find_free(const struct domain *d)
{
	for (u32 i = 0; i < ARRAY_SIZE(d->watchdog); i++) {
		if (!(d->watchdog_used & BIT(i))) {
			return i + 1;
		}
	}
	return 0;
}

static int set_locked(struct domain *d, u32 id, u32 seconds)
{
	u32 bit;

	if (!id) {
		if (!seconds) {
			return -EINVAL;
		}
		id = find_free(d);
		if (!id) {
			return -ENOSPC;
		}
		d->watchdog_used |= (u8)BIT(id - 1);
	}
	bit = id - 1;
	if (bit >= ARRAY_SIZE(d->watchdog) || !(d->watchdog_used & BIT(bit))) {
		return -EINVAL;
	}
	if (seconds) {
		timer_set(&d->watchdog[bit],
			  time_now() + seconds * 1000000000ull);
		return (int)id;
	}
	d->watchdog_used &= (u8)~BIT(bit);
	timer_stop(&d->watchdog[bit]);
	return 0;
}

int watchdog_set(struct domain *d, u32 id, u32 seconds)
{
	int result;

	lock(&d->lifecycle_lock);
	result = set_locked(d, id, seconds);
	unlock(&d->lifecycle_lock);
	return result;
}
