// SPDX-License-Identifier: MIT
// Event channels, 2-level and FIFO (ipc/evtchn.c, ipc/evtchn_fifo.c).
#ifndef WABE_EVTCHN_H
#define WABE_EVTCHN_H

#include <wabe/domain.h>
#include <wabe/hypercall.h>
#include <wabe/types.h>

int evtchns_create(struct domain *d, u32 port_max);
// Close every port; bounded slice, -ERESTART until done.
int evtchns_close_all(struct domain *d);
// No reference to the domain is left: free the rest. Tolerates a domain whose
// evtchns_create() failed or never ran.
void evtchns_destroy(struct domain *d);

// Raise a port from hypervisor context (pirq).
void evtchn_raise(struct domain *d, u32 port);
// Is the port pending? 1, 0, -EINVAL: there is no such port. For SCHEDOP_poll.
int evtchn_is_pending(struct domain *d, u32 port);
// After vcpu_info moved: look again at what is pending.
void evtchn_recheck(struct vcpu *v);
void evtchn_dump(struct domain *d);

// The operations of EVTCHNOP_*, on behalf of `d`, errors as Xen's; the argument
// is the ABI's structure of that name. Without any lock:
subop_fn evtchn_bind_interdomain, evtchn_close, evtchn_send, evtchn_unmask,
    evtchn_reset;
// With d's evtchn_lock held:
subop_fn evtchn_alloc_unbound, evtchn_bind_virq, evtchn_bind_pirq,
    evtchn_bind_ipi, evtchn_bind_vcpu, evtchn_status, evtchn_set_priority,
    evtchn_init_control, evtchn_expand_array;

// x86/pirq.c: for dom0's physical interrupts.
// Bind `pirq` (0.., as mapped) to `port`.
int pirq_bind(struct domain *d, u32 pirq, u32 port);
void pirq_unbind(struct domain *d, u32 pirq);
// The guest moved the port to another vCPU.
void pirq_set_vcpu(struct domain *d, u32 pirq, struct vcpu *v);

#endif
