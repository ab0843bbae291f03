// SPDX-License-Identifier: MIT
// The fake machine as a whole: started, with domains that dom/ makes; ended,
// however tests leave it.
#include <wabe/sched.h>
#include <wabe/errno.h>

#include "../../hypervisor/dom/dom.h"
#include "fake.h"

#define EVENTS_MAX 4095
#define GRANT_FRAMES 4
#define MAPTRACK_FRAMES 2

struct domain *fake_domain(u32 id)
{
	struct domain *d = id < FAKE_DOMAINS ? domain_by_id((domid_t)id) : NULL;

	return d && d->published && !d->dying ? d : NULL;
}

struct domain *fake_domain_create(u32 id)
{
	const struct domain_config config = {
	    .id = (domid_t)id,
	    .partition = partition_default,
	    .privileged = id == 0,
	    .vcpus_max = FAKE_VCPUS,
	    .evtchn_max = EVENTS_MAX,
	    .grant_frames = GRANT_FRAMES,
	    .maptrack_frames = MAPTRACK_FRAMES,
	};
	struct domain *d;

	if (domain_create(&config, &d)) {
		return NULL;
	}
	d->pages_max = FAKE_FRAMES;
	for (u32 i = 0; i < FAKE_VCPUS; i++) {
		if (vcpu_create(d, i, i % FAKE_CPUS, NULL)) {
			fake_domain_destroy(d);
			return NULL;
		}
	}
	return d;
}

void fake_domain_destroy(struct domain *d)
{
	while (domain_destroy(d) == -ERESTART) {
		fake_work = fake_work > WORK_UNITS ? FAKE_ENDLESS : 20;
	}
	fake_settle();
}

// What dom/state.c holds, as it was at the start. The heap is forgotten whole.
static void state_forget(void)
{
	memset(domain_table, 0, sizeof(domain_table));
	memset(domain_ids, 0, sizeof(domain_ids));
	domain_reaper.set = 0;
	domain_reaper.cpu = 0;
	memset(&sched_idlers, 0, sizeof(sched_idlers));
	domain_id_next = 1;
	domains_unused = NULL;
	domains_dead = NULL;
	domain_exception = domain_change = false;
	memset(domains_changed, 0, sizeof(domains_changed));
	domain_told = 0;
	memset(&shared_info_dummy, 0, sizeof(shared_info_dummy));
	sched_front = 1ull << 40;
	dom0 = NULL;
}

void fake_fini(void)
{
	fake_machine_fini();
	state_forget();
	fake_heap_init();
}

void fake_init(u32 count)
{
	fake_fini();
	fake_memory_init();
	fake_machine_init();
	for (u32 i = 0; i < count; i++) {
		(void)fake_domain_create(i);
	}
	dom0 = fake_domain(0);
	fake_run(0, dom0->vcpu[0]);
}
