// SPDX-License-Identifier: MIT
// Making a domain, counting references to it, freeing it. The structures
// themselves are never given back to the heap (domains_unused), which lets
// domain_get() look at one without a lock.
//
// References: one for existing, given back by domain_destroy(); one while the
// domain owns frames, one while heap pages are shared with it (mm/); one for
// each domain_get(). When the last goes, the reaper, a timer function that
// runs with no lock held, frees everything.
#include <wabe/alloc.h>
#include <wabe/cpuid.h>
#include <wabe/evtchn.h>
#include <wabe/grant.h>
#include <wabe/irq.h>
#include <wabe/sched.h>
#include <wabe/time.h>

#include "dom.h"

// --- lists of structures ----------------------------------------------------

static void push(struct domain **list, struct domain *d)
{
	lock(&domlist_lock);
	d->next_unused = *list;
	*list = d;
	unlock(&domlist_lock);
}

static struct domain *pop(struct domain **list)
{
	struct domain *d;

	lock(&domlist_lock);
	d = *list;
	if (d) {
		*list = d->next_unused;
	}
	unlock(&domlist_lock);
	return d;
}

// --- references -------------------------------------------------------------

void domain_hold(struct domain *d)
{
	__atomic_fetch_add(&d->refs, 1, __ATOMIC_RELAXED);
}

void domain_put(struct domain *d)
{
	if (!__atomic_sub_fetch(&d->refs, 1, __ATOMIC_ACQ_REL)) {
		push(&domains_dead, d);
		timer_set(&domain_reaper, 0);
	}
}

// --- structures -------------------------------------------------------------

// Nobody holds a reference. Its count stays 0 while the rest is cleared.
static void struct_free(struct domain *d)
{
	BUG_ON(d->refs);
	memset(d, 0, sizeof(*d));
	push(&domains_unused, d);
}

// Free what domain_create() made, whole or in part, but the shared page.
static void parts_free(struct domain *d)
{
	watchdogs_kill(d);
	sched_domain_fini(d); // its timer looks at all vCPUs
	for (u32 i = 0; d->vcpu && i < d->vcpus_max; i++) {
		if (d->vcpu[i]) {
			vcpu_destroy(d->vcpu[i]);
		}
	}
	heap_free(d->vcpu);
	cpu_policy_destroy(d);
	grants_destroy(d);
	evtchns_destroy(d);
	heap_free(d->memory_map);
	__atomic_fetch_sub(&d->partition->domains, 1, __ATOMIC_RELEASE);
	domain_id_release(d);
	struct_free(d);
}

// One domain at a time; what else the CPU has to do comes in between.
static void reap(void *unused)
{
	struct domain *d = pop(&domains_dead);

	if (d) {
		bool known = d->published;
		domid_t id = d->id;

		parts_free(d);
		if (known) {
			domain_changed(id, true);
		}
	}
	domain_changes_tell();
	if (READ_ONCE(domains_dead)) {
		timer_set(&domain_reaper, 0);
	}
}

struct timer domain_reaper = {.fn = reap};

// --- creation ---------------------------------------------------------------

static int shared_info_create(struct domain *d)
{
	d->shared = heap_alloc_for(d, PAGE_SIZE);
	if (!d->shared) {
		return -ENOMEM;
	}
	d->shared_mfn = heap_mfn(d->shared);
	heap_page_share(d->shared, d);
	wallclock_publish(d);
	return 0;
}

static int parts_create(struct domain *d, const struct domain_config *config)
{
	int error;

	d->vcpu = heap_alloc_for(d, config->vcpus_max * sizeof(*d->vcpu));
	if (!d->vcpu) {
		return -ENOMEM;
	}
	sched_domain_init(d);
	error = cpu_policy_create(d);
	if (!error) {
		error = evtchns_create(d, config->evtchn_max);
	}
	if (!error) {
		error = grants_create(d, config->grant_frames,
				      config->maptrack_frames);
	}
	return error ? error : shared_info_create(d);
}

static void fill(struct domain *d, const struct domain_config *config)
{
	d->partition = config->partition;
	__atomic_fetch_add(&d->partition->domains, 1, __ATOMIC_RELAXED);
	d->privileged = config->privileged;
	memcpy(d->handle, config->handle, sizeof(d->handle));
	d->flags = config->flags;
	d->vcpus_max = config->vcpus_max;
	d->pause_count = 1;
	d->control_pauses = config->privileged ? 0 : 1;
	d->shutdown_code = ~0u;
	watchdogs_init(d);
}

// Let go of a domain that could not be made; it was never published. Its heap
// pages may hold references, so the structure goes when they have gone.
static void abandon(struct domain *d)
{
	grants_release_frames(d);
	if (d->shared) {
		heap_page_unshare(d->shared);
		d->shared = &shared_info_dummy;
	}
	domain_put(d);
}

int domain_create(const struct domain_config *config, struct domain **out)
{
	struct domain *d;
	int error;

	if (!config->vcpus_max || config->vcpus_max > DOMAIN_VCPUS_MAX) {
		return -EINVAL;
	}
	d = pop(&domains_unused);
	d = d ? d : heap_alloc(sizeof(*d));
	if (!d) {
		return -ENOMEM;
	}
	error = domain_id_take(d, config->id);
	if (error) {
		struct_free(d);
		return error;
	}
	fill(d, config);
	__atomic_store_n(&d->refs, 1, __ATOMIC_RELEASE);
	error = parts_create(d, config);
	if (error) {
		abandon(d);
		return error;
	}
	__atomic_store_n(&d->published, true, __ATOMIC_RELEASE);
	domain_changed(d->id, false);
	*out = d;
	return 0;
}

struct vcpu *domain_vcpu(struct domain *d, u32 id)
{
	return id < d->vcpus_max ? d->vcpu[index_clamp(id, d->vcpus_max)]
				 : NULL;
}
