// SPDX-License-Identifier: MIT
// Event channels, 2-level and FIFO (ipc/evtchn.c, ipc/evtchn_fifo.c).
#ifndef WABE_EVTCHN_H
#define WABE_EVTCHN_H

#include <wabe/domain.h>
#include <wabe/types.h>

int evtchns_create(struct domain *d, u32 port_max);
// Close every port; bounded slice, -ERESTART until done.
int evtchns_close_all(struct domain *d);
void evtchns_destroy(struct domain *d);
void evtchns_vcpu_destroy(struct vcpu *v);

// A domain's own send (EVTCHNOP_send), also for tests. 0 or -errno.
int evtchn_send(struct domain *d, u32 port);
// Raise a port from hypervisor context (virq, pirq).
void evtchn_raise(struct domain *d, u32 port);
// Bind a pirq's port, for x86/pirq.c: called back when the port closes.
// Is a port pending / masked? For SCHEDOP_poll and debug.
bool evtchn_is_pending(struct domain *d, u32 port);
bool evtchn_port_ok(struct domain *d, u32 port);
// After vcpu_info moved or a vCPU was unblocked: re-evaluate pending state.
void evtchn_recheck(struct vcpu *v);
void evtchn_dump(struct domain *d);

// x86/pirq.c: for dom0's physical interrupts.
// Bind `pirq` (0.., as mapped) to `port`; `share` as BIND_PIRQ__WILL_SHARE.
int pirq_bind(struct domain *d, u32 pirq, u32 port, bool share);
void pirq_unbind(struct domain *d, u32 pirq);
// The guest unmasked the port or moved it to another vCPU.
void pirq_unmasked(struct domain *d, u32 pirq);
void pirq_set_vcpu(struct domain *d, u32 pirq, struct vcpu *v);

#endif
