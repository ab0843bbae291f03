// SPDX-License-Identifier: MIT
// Event channels (2-level) and grants.
#ifndef GUEST_IPC_H
#define GUEST_IPC_H

#include "trap.h"

static inline struct vcpu_info *vcpu_info(void)
{
	return &shared_info->vcpu_info[0];
}

static inline void events_mask(void)
{
	__atomic_store_n(&vcpu_info()->evtchn_upcall_mask, 1, __ATOMIC_SEQ_CST);
}
void events_unmask(void); // and take what is pending

bool event_pending(u32 port);
bool event_masked(u32 port);
void event_set_mask(u32 port, bool masked);
void event_clear(u32 port);
long event_send(u32 port);
long event_close(u32 port);
// Ports, or a negative errno.
long event_bind_ipi(u32 vcpu);
long event_bind_virq(u32 virq, u32 vcpu);
long event_alloc_unbound(u32 dom, u32 remote);
long event_bind_interdomain(u32 remote, u32 remote_port);

// Upcalls taken so far, and by port; the library's handler counts and clears.
extern unsigned int event_upcalls;
extern unsigned int event_count[4096];
bool event_handle(struct regs *regs);

// The grant table, version 1, one frame.
extern struct grant_entry_v1 *grant_table;
void grant_init(void);
void grant_give(u32 ref, u32 dom, u64 mfn, bool read_only);

#endif
