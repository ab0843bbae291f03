// SPDX-License-Identifier: MIT
// Debug keys: single letters typed at the serial console (Ctrl-A three times
// first) or sent by `xl debug-keys`, each of which prints something.
#include <wabe/alloc.h>
#include <wabe/console.h>
#include <wabe/cpu.h>
#include <wabe/evtchn.h>
#include <wabe/grant.h>
#include <wabe/irq.h>
#include <wabe/sched.h>
#include <wabe/time.h>

static void help_print(void);

static void domain_print(struct domain *d)
{
	printk("d%u: refs %u, pauses %u, dying %u, pages %lu of %lu, heap %lu, "
	       "maps %u",
	       d->id, READ_ONCE(d->refs), READ_ONCE(d->pause_count),
	       READ_ONCE(d->dying), d->pages, d->pages_max, d->heap_frames,
	       grants_maps(d));
	domain_for_each_vcpu (v, d) {
		printk("  v%u: cpu %u, state %u, pauses %u, blocked %u, "
		       "offline %u, events %s%s",
		       v->id, v->processor, v->state, READ_ONCE(v->pause_count),
		       v->blocked, v->offline,
		       READ_ONCE(v->info->evtchn_upcall_pending) ? "pending"
								 : "none",
		       READ_ONCE(v->info->evtchn_upcall_mask) ? ", masked"
							      : "");
	}
}

static void domains_each(void (*fn)(struct domain *d))
{
	struct domain *d = domain_next(0);

	while (d) {
		domid_t id = d->id;

		fn(d);
		domain_put(d);
		d = domain_next(id + 1);
	}
}

static void domains_print(void)
{
	printk("Domains, at %lu ms:", time_now() / 1000000);
	domains_each(domain_print);
}

static void events_print(void)
{
	domains_each(evtchn_dump);
}

static void audit_run(void *data)
{
	*(u64 *)data = page_audit();
}

static void audit_print(void)
{
	u64 wrong = 0;

	cpus_quiet(audit_run, &wrong);
	printk("Audit: %lu frames do not agree", wrong);
}

static void reboot(void)
{
	printk("Rebooting by debug key");
	machine_reboot();
}

static const struct {
	char key;
	void (*fn)(void);
	const char *help;
} keys[] = {
    {'A', audit_print, "audit the memory's types and counts"},
    {'R', reboot, "reboot the machine"},
    {'d', cpus_dump, "registers of all CPUs"},
    {'e', events_print, "event channels"},
    {'h', help_print, "this list"},
    {'i', irqs_dump, "interrupts"},
    {'m', alloc_dump, "memory"},
    {'q', domains_print, "domains and vCPUs"},
    {'r', sched_dump, "run queues"},
};

static void help_print(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(keys); i++) {
		printk("'%c': %s", keys[i].key, keys[i].help);
	}
}

void debug_key(char key)
{
	for (u32 i = 0; i < ARRAY_SIZE(keys); i++) {
		if (keys[i].key == key) {
			printk("'%c' pressed -> %s", key, keys[i].help);
			keys[i].fn();
			return;
		}
	}
	printk("'%c' pressed: no such key, 'h' lists them",
	       key >= ' ' && key <= '~' ? key : '?');
}
