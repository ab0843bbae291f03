// SPDX-License-Identifier: MIT
// domctl: how the toolstack makes and steers domains. One table says which
// operations there are; they stand in domctl_*.c by idea.
#include <wabe/hypercall.h>
#include <wabe/lib.h>

#include "domctl.h"

// What Xen has and we do not: pass-through, HVM, debugging, monitoring, soft
// reset, virtual NUMA.
static long unsupported(struct xen_domctl *op, struct domain *d)
{
	return -EOPNOTSUPP;
}

static domctl_fn *const operations[] = {
    [XEN_DOMCTL_createdomain] = domctl_create,
    [XEN_DOMCTL_destroydomain] = domctl_destroy,
    [XEN_DOMCTL_pausedomain] = domctl_pause,
    [XEN_DOMCTL_unpausedomain] = domctl_unpause,
    [XEN_DOMCTL_getdomaininfo] = domctl_info,
    [XEN_DOMCTL_setvcpuaffinity] = domctl_set_affinity,
    [XEN_DOMCTL_shadow_op] = domctl_shadow,
    [XEN_DOMCTL_max_mem] = domctl_max_mem,
    [XEN_DOMCTL_setvcpucontext] = domctl_set_context,
    [XEN_DOMCTL_getvcpucontext] = domctl_get_context,
    [XEN_DOMCTL_getvcpuinfo] = domctl_vcpu_info,
    [XEN_DOMCTL_max_vcpus] = domctl_max_vcpus,
    [XEN_DOMCTL_scheduler_op] = domctl_scheduler,
    [XEN_DOMCTL_setdomainhandle] = domctl_handle,
    [XEN_DOMCTL_setdebugging] = unsupported,
    [XEN_DOMCTL_irq_permission] = domctl_irq_permission,
    [XEN_DOMCTL_iomem_permission] = domctl_iomem_permission,
    [XEN_DOMCTL_ioport_permission] = domctl_ioport_permission,
    [XEN_DOMCTL_hypercall_init] = domctl_hypercall_init,
    [XEN_DOMCTL_settimeoffset] = unsupported,
    [XEN_DOMCTL_getvcpuaffinity] = domctl_get_affinity,
    [XEN_DOMCTL_resumedomain] = domctl_resume,
    [XEN_DOMCTL_sendtrigger] = domctl_trigger,
    [XEN_DOMCTL_subscribe... XEN_DOMCTL_sethvmcontext] = unsupported,
    [XEN_DOMCTL_set_address_size] = domctl_set_address_size,
    [XEN_DOMCTL_get_address_size] = domctl_get_address_size,
    [XEN_DOMCTL_assign_device... XEN_DOMCTL_ioport_mapping] = unsupported,
    [XEN_DOMCTL_set_ext_vcpucontext] = domctl_set_ext_context,
    [XEN_DOMCTL_get_ext_vcpucontext] = domctl_get_ext_context,
    [XEN_DOMCTL_test_assign_device... XEN_DOMCTL_mem_sharing_op] = unsupported,
    [XEN_DOMCTL_gettscinfo] = domctl_get_tsc,
    [XEN_DOMCTL_settscinfo] = domctl_set_tsc,
    [XEN_DOMCTL_getpageframeinfo3] = domctl_frame_info,
    [XEN_DOMCTL_setvcpuextstate] = domctl_set_xsave,
    [XEN_DOMCTL_getvcpuextstate] = domctl_get_xsave,
    [XEN_DOMCTL_set_access_required... XEN_DOMCTL_set_broken_page_p2m] =
	unsupported,
    [XEN_DOMCTL_setnodeaffinity] = domctl_set_nodes,
    [XEN_DOMCTL_getnodeaffinity] = domctl_get_nodes,
    [XEN_DOMCTL_cacheflush] = unsupported,
    [XEN_DOMCTL_get_vcpu_msrs] = domctl_get_msrs,
    [XEN_DOMCTL_set_vcpu_msrs] = domctl_set_msrs,
    [XEN_DOMCTL_setvnumainfo... XEN_DOMCTL_vuart_op] = unsupported,
    [XEN_DOMCTL_get_cpu_policy] = domctl_get_policy,
    [XEN_DOMCTL_set_cpu_policy] = domctl_set_policy,
    [XEN_DOMCTL_vmtrace_op... XEN_DOMCTL_set_paging_mempool_size] = unsupported,
};

// The two that may name no domain that is there.
static bool finds_own_domain(u32 cmd)
{
	return cmd == XEN_DOMCTL_createdomain ||
	       cmd == XEN_DOMCTL_getdomaininfo;
}

static long run(domctl_fn *fn, struct xen_domctl *op)
{
	struct domain *d = NULL;
	long result;

	if (!finds_own_domain(op->cmd)) {
		d = op->domain < DOMID_FIRST_RESERVED ? domain_get(op->domain)
						      : NULL;
		if (!d) {
			return -ESRCH;
		}
	}
	result = fn(op, d);
	if (d) {
		domain_put(d);
	}
	return result;
}

// Errors with which the request comes back as well: it says what is wrong.
static bool gives_back(long result, u32 cmd)
{
	return !result || result == -ENOBUFS ||
	       cmd == XEN_DOMCTL_set_cpu_policy ||
	       cmd == XEN_DOMCTL_set_vcpu_msrs;
}

long call_domctl(u64 arg, u64 a1, u64 a2, u64 a3, u64 a4)
{
	struct xen_domctl op;
	domctl_fn *fn = NULL;
	long result;

	if (copy_from_guest(&op, GVA(arg), sizeof(op))) {
		return -EFAULT;
	}
	if (op.interface_version != XEN_DOMCTL_INTERFACE_VERSION) {
		return -EACCES;
	}
	if (!current_domain()->privileged) {
		return -EPERM;
	}
	if (op.cmd < ARRAY_SIZE(operations)) {
		fn = operations[index_clamp(op.cmd, ARRAY_SIZE(operations))];
	}
	if (!fn) {
		return -ENOSYS;
	}
	// Whoever waits returns to the guest meanwhile: the holder may be
	// waiting for this CPU.
	if (!lock_try(&control_lock)) {
		return hypercall_continue(__HYPERVISOR_domctl, arg, 0, 0, 0, 0);
	}
	result = run(fn, &op);
	unlock(&control_lock);
	// What takes long may leave in the request where it is.
	if (result == -ERESTART && op.cmd == XEN_DOMCTL_shadow_op &&
	    copy_to_guest(GVA(arg), &op, sizeof(op))) {
		return -EFAULT;
	}
	if (result == -ERESTART) {
		return hypercall_continue(__HYPERVISOR_domctl, arg, 0, 0, 0, 0);
	}
	if (gives_back(result, op.cmd) &&
	    copy_to_guest(GVA(arg), &op, sizeof(op))) {
		return -EFAULT;
	}
	return result;
}
