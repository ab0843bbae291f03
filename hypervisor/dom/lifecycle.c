// SPDX-License-Identifier: MIT
// Pausing, shutting down, crashing and resuming a domain; its watchdogs.
//
// A shut-down domain is a paused one with a reason. Shutting down takes no lock
// that others hold while they call it, so every context may do it.
#include <wabe/boot.h>
#include <wabe/cpu.h>
#include <wabe/sched.h>
#include <wabe/time.h>

#include <xen/sched.h>

#include "dom.h"

// --- pausing ----------------------------------------------------------------

static void pause_count_up(struct domain *d, bool wait)
{
	__atomic_fetch_add(&d->pause_count, 1, __ATOMIC_SEQ_CST);
	domain_for_each_vcpu (v, d) {
		vcpu_sleep(v, false);
	}
	if (wait) {
		domain_for_each_vcpu (v, d) {
			vcpu_sleep(v, true);
		}
	}
}

void domain_pause(struct domain *d)
{
	ASSERT(d != current_domain());
	pause_count_up(d, true);
}

void domain_unpause(struct domain *d)
{
	if (__atomic_sub_fetch(&d->pause_count, 1, __ATOMIC_SEQ_CST)) {
		return;
	}
	domain_for_each_vcpu (v, d) {
		vcpu_wake(v);
	}
}

void vcpu_pause(struct vcpu *v)
{
	__atomic_fetch_add(&v->pause_count, 1, __ATOMIC_SEQ_CST);
	vcpu_sleep(v, true);
}

void vcpu_unpause(struct vcpu *v)
{
	if (!__atomic_sub_fetch(&v->pause_count, 1, __ATOMIC_SEQ_CST)) {
		vcpu_wake(v);
	}
}

int vcpu_send_nmi(struct vcpu *v)
{
	if (!__atomic_exchange_n(&v->nmi_pending, 1, __ATOMIC_SEQ_CST)) {
		vcpu_kick(v);
	}
	return 0;
}

int domain_pause_control(struct domain *d)
{
	if (d->control_pauses == 255) {
		return -EOVERFLOW;
	}
	d->control_pauses++;
	domain_pause(d);
	return 0;
}

int domain_unpause_control(struct domain *d)
{
	if (!d->control_pauses) {
		return -EINVAL;
	}
	d->control_pauses--;
	domain_unpause(d);
	return 0;
}

// --- shutting down ----------------------------------------------------------

static void machine_shutdown(u32 reason)
{
	printk("dom0 shut down, reason %u\n", reason);
	if (reason == SHUTDOWN_poweroff) {
		machine_power_off();
	}
	if (reason != SHUTDOWN_reboot && options.noreboot) {
		machine_halt();
	}
	machine_reboot();
}

void domain_shutdown(struct domain *d, u32 reason)
{
	u32 none = ~0u;

	if (d == dom0) {
		machine_shutdown(reason);
	}
	if (__atomic_exchange_n(&d->shutting_down, true, __ATOMIC_SEQ_CST)) {
		return;
	}
	// SCHEDOP_shutdown_code may have said it before.
	__atomic_compare_exchange_n(&d->shutdown_code, &none, reason, false,
				    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	pause_count_up(d, false);
	__atomic_store_n(&d->shut_down, true, __ATOMIC_SEQ_CST);
	domain_changed(d->id, true);
}

void domain_crash(struct domain *d, const char *fmt, ...)
{
	char reason[128];
	va_list ap;

	if (!__atomic_exchange_n(&d->crashed, true, __ATOMIC_SEQ_CST)) {
		va_start(ap, fmt);
		vsnprintf(reason, sizeof(reason), fmt, ap);
		va_end(ap);
		log_at(LOG_WARNING, "d%u crashed: %s\n", d->id, reason);
		if (current_domain() == d) {
			regs_print(&current_vcpu()->regs);
		}
	}
	domain_shutdown(d, SHUTDOWN_crash);
}

int domain_resume(struct domain *d)
{
	if (d->dying) {
		return -EINVAL;
	}
	if (d->shut_down) {
		d->shut_down = false;
		d->crashed = false;
		d->shutdown_code = ~0u;
		__atomic_store_n(&d->shutting_down, false, __ATOMIC_SEQ_CST);
		domain_unpause(d);
	}
	return 0;
}

// --- watchdogs: who does not set its timer again in time is shut down --------

static void watchdog_fires(void *data)
{
	struct domain *d = data;

	if (!d->dying && !d->shutting_down) {
		log_at(LOG_WARNING, "d%u: watchdog fired\n", d->id);
		domain_shutdown(d, SHUTDOWN_watchdog);
	}
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

// Id 0 asks for a new one, and ids begin at 1. Without a time a new one fires
// at once, as on Xen, and one that there is stops.
static int watchdog_set_locked(struct domain *d, u32 id, u32 seconds)
{
	u32 count = ARRAY_SIZE(d->watchdog), i = id - 1;

	if (!id) {
		i = (u32)__builtin_ctz(~(u32)d->watchdog_used);
		if (i >= count) {
			return -ENOSPC;
		}
		d->watchdog_used |= (u8)BIT(i);
	}
	if (i >= count || !(d->watchdog_used & BIT(i))) {
		return -EINVAL;
	}
	if (id && !seconds) {
		d->watchdog_used &= (u8)~BIT(i);
		timer_stop(&d->watchdog[i]);
		return 0;
	}
	timer_set(&d->watchdog[i], time_now() + seconds * 1000000000ull);
	return id ? 0 : (int)i + 1;
}

int watchdog_set(struct domain *d, u32 id, u32 seconds)
{
	int result;

	lock(&d->lifecycle_lock);
	result = watchdog_set_locked(d, id, seconds);
	unlock(&d->lifecycle_lock);
	return result;
}
