// SPDX-License-Identifier: MIT
// What the files of domctl share.
#ifndef WABE_CALL_DOMCTL_H
#define WABE_CALL_DOMCTL_H

#include "control.h"

// A domctl's work: `op` is the caller's copy of the request, `d` the domain it
// names (referenced), `v` the vCPU, if the operation names one. control_lock is
// held.
typedef long domctl_fn(struct xen_domctl *op, struct domain *d, struct vcpu *v);

// domctl_memory.c
domctl_fn domctl_max_mem, domctl_frames_info, domctl_hypercall_init,
    domctl_shadow;
// domctl_vcpu.c
domctl_fn domctl_set_context, domctl_get_context, domctl_vcpu_info,
    domctl_set_affinity, domctl_get_affinity, domctl_set_ext_context,
    domctl_get_ext_context, domctl_set_xsave, domctl_get_xsave, domctl_set_msrs,
    domctl_get_msrs;

#endif
