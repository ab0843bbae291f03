// SPDX-License-Identifier: MIT
// What the files of dom0's control calls (sysctl*.c, platform.c) share.
#ifndef WABE_CALL_CONTROL_H
#define WABE_CALL_CONTROL_H

#include <wabe/domain.h>
#include <wabe/guest.h>
#include <wabe/percpu.h>
#include <wabe/time.h>

#include <xen/sysctl.h>

// A sysctl's work: `op` is the caller's copy, given back to the guest when 0
// or -ENOBUFS is returned.
typedef long sysctl_fn(struct xen_sysctl *op);

// sysctl_topology.c
sysctl_fn sysctl_physinfo, sysctl_cputopoinfo, sysctl_numainfo,
    sysctl_pcitopoinfo, sysctl_getcpuinfo, sysctl_availheap;
// sysctl_pool.c
sysctl_fn sysctl_cpupool_op, sysctl_scheduler_op;
// sysctl_policy.c
sysctl_fn sysctl_featureset, sysctl_cpu_policy, sysctl_levelling_caps;

// ns that a CPU has idled, the present stretch included.
static inline u64 cpu_idle_ns(const struct cpu *c)
{
	u64 since = READ_ONCE(c->idle_since), now = time_now();

	return READ_ONCE(c->idle_ns) + (since && since < now ? now - since : 0);
}

#endif
