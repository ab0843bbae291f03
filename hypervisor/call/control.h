// SPDX-License-Identifier: MIT
// What dom0's control calls (domctl, sysctl, platform_op) share.
#ifndef WABE_CALL_CONTROL_H
#define WABE_CALL_CONTROL_H

#include <wabe/domain.h>
#include <wabe/guest.h>
#include <wabe/hypercall.h>
#include <wabe/percpu.h>
#include <wabe/time.h>

#include <xen/domctl.h>
#include <xen/sysctl.h>

// Copy a request in, which begins with a command and an interface version, and
// see that the caller may make it. -EFAULT, -EACCES, -EPERM.
int control_begin(void *op, gva_t arg, u64 bytes, u32 version) MUST_CHECK;

// A sysctl's work: `op` is the caller's copy of the request, which is given
// back when it returns 0 or -ENOBUFS.
typedef long sysctl_fn(struct xen_sysctl *op);

// sysctl_topology.c
sysctl_fn sysctl_physinfo, sysctl_cputopoinfo, sysctl_numainfo,
    sysctl_pcitopoinfo;

// Bitmaps of the toolstack's, which may be shorter or longer than ours.
int bitmap_in(struct cpumask *m, const struct xenctl_bitmap *map) MUST_CHECK;
int bitmap_out(const struct cpumask *m, const struct xenctl_bitmap *map);
struct cpumask cpus_online(void);

// What getdomaininfo and getdomaininfolist say. Zeroes *out first.
void domain_info(struct domain *d, struct xen_domctl_getdomaininfo *out);

#endif
