// SPDX-License-Identifier: MIT
// Taking a domain apart, in stages; each may say -ERESTART and is then entered
// again. domain.destroy_stage remembers where. control_lock serialises.
//
// Nothing of the domain runs from the first stage on. What others map of its
// frames keeps those frames and the structure (a reference, mm/) until they
// let go; the last reference wakes the reaper (domain.c).
#include <wabe/alloc.h>
#include <wabe/context.h>
#include <wabe/evtchn.h>
#include <wabe/grant.h>

#include "dom.h"

// The pause is never undone.
static int stop(struct domain *d)
{
	__atomic_store_n(&d->dying, DOMAIN_DYING, __ATOMIC_SEQ_CST);
	domain_pause(d);
	watchdogs_kill(d);
	domain_changed(d->id, false);
	return frames_claim(d, 0);
}

static int release_vcpus(struct domain *d)
{
	domain_for_each_vcpu (v, d) {
		int error;

		vcpu_kill_timers(v);
		runstate_release(v);
		vcpu_info_reset(v);
		error = vcpu_release_context(v);
		if (error) {
			return error;
		}
	}
	return 0;
}

// The domain's shared pages go back to the heap when nobody maps them.
static int release_shared(struct domain *d)
{
	void *page = d->shared;

	d->shared = &shared_info_dummy;
	domain_for_each_vcpu (v, d) {
		vcpu_info_reset(v);
	}
	grants_release_frames(d);
	heap_page_unshare(page);
	return 0;
}

static int (*const stages[])(struct domain *d) = {
    stop,	   evtchns_close_all, grants_unmap_all,
    release_vcpus, pages_relinquish,  release_shared,
};

int domain_destroy(struct domain *d)
{
	if (d == current_domain() || d == dom0) {
		return -EINVAL;
	}
	while (d->destroy_stage < ARRAY_SIZE(stages)) {
		int error = stages[d->destroy_stage](d);

		if (error) {
			return error;
		}
		d->destroy_stage++;
	}
	if (d->dying != DOMAIN_DEAD) {
		d->dying = DOMAIN_DEAD;
		domain_changed(d->id, true);
		domain_put(d);
	}
	return 0;
}
