// SPDX-License-Identifier: MIT
// The scheduler: a run queue per CPU, weights, caps, affinity (dom/sched.c).
#ifndef WABE_SCHED_H
#define WABE_SCHED_H

#include <wabe/domain.h>
#include <wabe/types.h>

// Make a vCPU runnable if it has a reason to run (not paused, not offline,
// not blocked). Any CPU; takes runq.lock. The CPU chosen is told.
void vcpu_wake(struct vcpu *v);
// It lost its reason to run; returns at once. With `wait`, returns when no
// CPU runs it (not for the current vCPU).
void vcpu_sleep(struct vcpu *v, bool wait);
// An event became pending: unblock it, or make the CPU that runs it look.
void vcpu_kick(struct vcpu *v);
// SCHEDOP_block: unmask events and sleep until one comes. Current vCPU.
void vcpu_block(void);
// SCHEDOP_yield. Current vCPU.
void vcpu_yield(void);

// SCHEDOP_poll, current vCPU: announce that it is going to wait for `port` (~0:
// several). Then the caller looks at the ports, and either waits (until `until`
// ns; 0: no limit) or cancels.
void vcpu_poll_begin(u32 port);
void vcpu_poll_wait(u64 until);
void vcpu_poll_cancel(void);
// It waits no more (also if it never did).
void vcpu_poll_end(struct vcpu *v);
// SCHEDOP_poll waits: `port` of `d` became pending (evtchn code, on each 0 -> 1
// of a pending bit, masked or not): wake who polls it. Cheap if no one polls.
void pollers_wake_slow(struct domain *d, u32 port);
static inline void pollers_wake(struct domain *d, u32 port)
{
	if (unlikely(READ_ONCE(d->pollers))) {
		pollers_wake_slow(d, port);
	}
}

// Choose and switch (WORK_SCHED). Afterwards this_cpu()->current may differ.
void sched_run(void);
// Before returning to a guest: do all pending work, switch, idle in HLT. On
// return this_cpu()->current is a guest's vCPU that may run. Called by
// entry.S on an empty stack.
void cpu_do_work(void);

// Run queue and idle vCPU (c->idle; also c->current if that is NULL). Before
// the CPU comes online. 0 or -ENOMEM.
int sched_init_cpu(struct cpu *c);
// Shares of a new domain; of one that is gone.
void sched_domain_init(struct domain *d);
void sched_domain_fini(struct domain *d);
void sched_vcpu_init(struct vcpu *v);
// New hard or soft affinity (NULL: as it was); moves the vCPU if it must. Hard
// is cut down to the partition's CPUs. -EINVAL if none of them is online.
int sched_set_affinity(struct vcpu *v, const struct cpumask *hard,
		       const struct cpumask *soft);
// Weight 1..65535; cap in percent of one CPU, 0 = none.
int sched_set_params(struct domain *d, u32 weight, u32 cap);
// Bring runstate up to now and copy it (ns in each state).
void vcpu_runstate_get(struct vcpu *v, struct vcpu_runstate_info *out);
// VCPUOP_register_runstate_memory_area: copy it to `va` of the current address
// space at each change. 0, -EFAULT.
int runstate_register(struct vcpu *v, u64 va);
// For debug keys: print run queues.
void sched_dump(void);

#endif
