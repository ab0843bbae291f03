// SPDX-License-Identifier: MIT
// Event channels, 2-level and FIFO (ipc/evtchn.c, ipc/evtchn_fifo.c).
#ifndef WABE_EVTCHN_H
#define WABE_EVTCHN_H

#include <wabe/domain.h>
#include <wabe/types.h>

int evtchns_create(struct domain *d, u32 port_max);
// Close every port; bounded slice, -ERESTART until done.
int evtchns_close_all(struct domain *d);
// No reference to the domain is left: free the rest. Tolerates a domain whose
// evtchns_create() failed or never ran.
void evtchns_destroy(struct domain *d);
// Let go of the vCPU's FIFO control block. Called when the domain dies, before
// its frames are given back; may be called twice.
void evtchns_vcpu_destroy(struct vcpu *v);

// A domain's own send (EVTCHNOP_send), also for tests. 0 or -errno.
int evtchn_send(struct domain *d, u32 port);
// Raise a port from hypervisor context (virq, pirq).
void evtchn_raise(struct domain *d, u32 port);
// Is a port pending / masked? For SCHEDOP_poll and debug.
bool evtchn_is_pending(struct domain *d, u32 port);
bool evtchn_port_ok(struct domain *d, u32 port);
// After vcpu_info moved or a vCPU was unblocked: re-evaluate pending state.
void evtchn_recheck(struct vcpu *v);
void evtchn_dump(struct domain *d);

// The operations of EVTCHNOP_*, on behalf of `d`, errors as Xen's. Privileges
// are the caller's to check.
int evtchn_alloc_unbound(struct domain *d, domid_t remote_id, u32 *port);
int evtchn_bind_interdomain(struct domain *d, struct domain *remote,
			    u32 remote_port, u32 *port);
int evtchn_bind_virq(struct domain *d, u32 virq, u32 vcpu, u32 *port);
int evtchn_bind_ipi(struct domain *d, u32 vcpu, u32 *port);
int evtchn_bind_pirq(struct domain *d, u32 pirq, bool share, u32 *port);
int evtchn_bind_vcpu(struct domain *d, u32 port, u32 vcpu);
int evtchn_close(struct domain *d, u32 port);
int evtchn_unmask(struct domain *d, u32 port);
int evtchn_set_priority(struct domain *d, u32 port, u32 priority);
struct evtchn_status;
int evtchn_status(struct domain *d, struct evtchn_status *s);
// FIFO: a vCPU's control block; one more page of event words.
int evtchn_init_control(struct domain *d, u32 vcpu, mfn_t m, u32 offset);
int evtchn_expand_array(struct domain *d, mfn_t m);

// x86/pirq.c: for dom0's physical interrupts.
// Bind `pirq` (0.., as mapped) to `port`; `share` as BIND_PIRQ__WILL_SHARE.
int pirq_bind(struct domain *d, u32 pirq, u32 port, bool share);
void pirq_unbind(struct domain *d, u32 pirq);
// The guest unmasked the port or moved it to another vCPU.
void pirq_unmasked(struct domain *d, u32 pirq);
void pirq_set_vcpu(struct domain *d, u32 pirq, struct vcpu *v);

#endif
