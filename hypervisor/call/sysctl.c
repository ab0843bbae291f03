// SPDX-License-Identifier: MIT
// sysctl: the machine as dom0's tools see and steer it. One table says which
// operations there are; the larger families have files of their own.
//
// Nothing here changes what control_lock guards, so none of it takes it.
#include <wabe/console.h>
#include <wabe/hypercall.h>
#include <wabe/lib.h>

#include "control.h"

#define CHUNK 512u
#define KEYS_MAX 32u

static long readconsole(struct xen_sysctl *op)
{
	struct xen_sysctl_readconsole *rc = &op->u.readconsole;
	u32 done = 0, ignored = 0;
	bool incremental = rc->incremental;
	char text[CHUNK];

	while (done < rc->count) {
		size_t part =
		    console_ring_read(text, MIN(CHUNK, rc->count - done),
				      &rc->index, incremental, false);

		if (!part) {
			break;
		}
		if (copy_to_guest(gva_add(HANDLE_GVA(rc->buffer), done), text,
				  part)) {
			return -EFAULT;
		}
		done += part;
		incremental = true;
	}
	if (rc->clear) {
		console_ring_read(text, 0, &ignored, false, true);
	}
	rc->count = done;
	return 0;
}

static long sched_id(struct xen_sysctl *op)
{
	op->u.sched_id.sched_id = XEN_SCHEDULER_CREDIT2;
	return 0;
}

static long getdomaininfolist(struct xen_sysctl *op)
{
	struct xen_sysctl_getdomaininfolist *l = &op->u.getdomaininfolist;
	u32 count = 0, from = l->first_domain;

	while (count < l->max_domains && from < DOMID_FIRST_RESERVED) {
		struct domain *d = domain_next((domid_t)from);
		struct xen_domctl_getdomaininfo info;
		int err;

		if (!d) {
			break;
		}
		domain_info(d, &info);
		from = d->id + 1u;
		domain_put(d);
		err = copy_to_guest_at(HANDLE_GVA(l->buffer), count, &info,
				       sizeof(info));
		if (err) {
			return err;
		}
		count++;
	}
	l->num_domains = count;
	return 0;
}

static long debug_keys(struct xen_sysctl *op)
{
	const struct xen_sysctl_debug_keys *k = &op->u.debug_keys;
	char keys[KEYS_MAX];

	if (k->nr_keys > KEYS_MAX) {
		return -E2BIG;
	}
	if (copy_from_guest(keys, HANDLE_GVA(k->keys), k->nr_keys)) {
		return -EFAULT;
	}
	for (u32 i = 0; i < k->nr_keys; i++) {
		debug_key(keys[i]);
	}
	return 0;
}

// Processors do not come and go, and their power states are left alone.
static long refused(struct xen_sysctl *op)
{
	return -EOPNOTSUPP;
}

static long no_device(struct xen_sysctl *op)
{
	return -ENODEV;
}

// By XEN_SYSCTL_*. Performance counters, trace buffers, lock profiles,
// coverage, page offlining: -ENOSYS, as Xen without them.
static sysctl_fn *const operations[] = {
    [XEN_SYSCTL_readconsole] = readconsole,
    [XEN_SYSCTL_physinfo] = sysctl_physinfo,
    [XEN_SYSCTL_sched_id] = sched_id,
    [XEN_SYSCTL_getdomaininfolist] = getdomaininfolist,
    [XEN_SYSCTL_debug_keys] = debug_keys,
    [XEN_SYSCTL_getcpuinfo] = sysctl_getcpuinfo,
    [XEN_SYSCTL_availheap] = sysctl_availheap,
    [XEN_SYSCTL_get_pmstat] = no_device,
    [XEN_SYSCTL_cpu_hotplug] = refused,
    [XEN_SYSCTL_pm_op] = no_device,
    [XEN_SYSCTL_cputopoinfo] = sysctl_cputopoinfo,
    [XEN_SYSCTL_numainfo] = sysctl_numainfo,
    [XEN_SYSCTL_cpupool_op] = sysctl_cpupool_op,
    [XEN_SYSCTL_scheduler_op] = sysctl_scheduler_op,
    [XEN_SYSCTL_coverage_op] = refused,
    [XEN_SYSCTL_psr_cmt_op] = no_device,
    [XEN_SYSCTL_pcitopoinfo] = sysctl_pcitopoinfo,
    [XEN_SYSCTL_psr_alloc] = no_device,
    [XEN_SYSCTL_get_cpu_levelling_caps] = sysctl_levelling_caps,
    [XEN_SYSCTL_get_cpu_featureset] = sysctl_featureset,
    [XEN_SYSCTL_livepatch_op] = refused,
    [XEN_SYSCTL_get_cpu_policy] = sysctl_cpu_policy,
};

long call_sysctl(u64 arg, u64 a1, u64 a2, u64 a3, u64 a4)
{
	struct xen_sysctl op;
	sysctl_fn *fn = NULL;
	long ret;

	if (copy_from_guest(&op, GVA(arg), sizeof(op))) {
		return -EFAULT;
	}
	if (op.interface_version != XEN_SYSCTL_INTERFACE_VERSION) {
		return -EACCES;
	}
	if (!current_domain()->privileged) {
		return -EPERM;
	}
	if (op.cmd < ARRAY_SIZE(operations)) {
		fn = operations[index_clamp(op.cmd, ARRAY_SIZE(operations))];
	}
	ret = fn ? fn(&op) : -ENOSYS;
	if ((ret == 0 || ret == -ENOBUFS) &&
	    copy_to_guest(GVA(arg), &op, sizeof(op))) {
		ret = -EFAULT;
	}
	return ret;
}
