// SPDX-License-Identifier: MIT
// What the files of domctl share. Each operation is a function of the caller's
// copy of the request and the domain it names (referenced). control_lock is
// held; the caller is privileged.
#ifndef WABE_CALL_DOMCTL_H
#define WABE_CALL_DOMCTL_H

#include <wabe/domain.h>
#include <wabe/errno.h>
#include <wabe/guest.h>

#include <xen/domctl.h>

typedef long domctl_fn(struct xen_domctl *op, struct domain *d);

// domctl_create.c: a domain's life.
domctl_fn domctl_create, domctl_destroy, domctl_pause, domctl_unpause,
    domctl_resume, domctl_info, domctl_max_vcpus;
// domctl_vcpu.c: a vCPU's state.
domctl_fn domctl_set_context, domctl_get_context, domctl_vcpu_info,
    domctl_set_affinity, domctl_get_affinity, domctl_trigger;
// domctl_state.c: the rest of a vCPU's state, for saving and restoring.
domctl_fn domctl_set_ext_context, domctl_get_ext_context, domctl_set_xsave,
    domctl_get_xsave, domctl_set_msrs, domctl_get_msrs;
// domctl_memory.c
domctl_fn domctl_max_mem, domctl_frame_info, domctl_hypercall_init,
    domctl_shadow;
// domctl_settings.c
domctl_fn domctl_scheduler, domctl_handle, domctl_set_nodes, domctl_get_nodes,
    domctl_set_tsc, domctl_get_tsc, domctl_set_address_size,
    domctl_get_address_size, domctl_set_policy, domctl_get_policy,
    domctl_irq_permission, domctl_iomem_permission, domctl_ioport_permission;

// The vCPU `id` of a domain that is not the caller's own (so that it can be
// paused), or NULL with *error -EINVAL or -ESRCH.
static inline struct vcpu *domctl_other_vcpu(struct domain *d, u32 id,
					     long *error)
{
	*error = d == current_domain() ? -EINVAL : -ESRCH;
	return d == current_domain() ? NULL : domain_vcpu(d, id);
}

#endif
