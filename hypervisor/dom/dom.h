// SPDX-License-Identifier: MIT
// What the files of dom/ share among themselves. The variables are explained
// in state.c.
#ifndef WABE_DOM_H
#define WABE_DOM_H

#include <wabe/domain.h>
#include <wabe/lock.h>

#define DOMAIN_IDS 0x8000    // a round number; ids end at DOMAIN_ID_END
#define DOMAIN_ID_END 0x7ff0 // DOMID_FIRST_RESERVED

extern lock_t domlist_lock;
extern struct domain *domain_table[DOMAIN_IDS];
extern u64 domain_ids[DOMAIN_IDS / 64];
extern u32 domain_id_next;
extern struct domain *domains_unused;
extern struct domain *domains_dead;
extern struct timer domain_reaper;
extern bool domain_exception, domain_change;
extern u64 domains_changed[DOMAIN_IDS / 64];
extern u32 domain_told;
extern u32 domain_serial, vcpu_serial;
extern struct shared_info shared_info_dummy;
extern struct cpumask sched_idlers;
extern u64 sched_front;

// domain_id.c: take an id (`wanted`, or the next free one for DOMID_INVALID)
// and enter `d` in the table, not yet published. -EEXIST, -ENOSPC, -ENOMEM.
int domain_id_take(struct domain *d, domid_t wanted);
void domain_id_release(struct domain *d);

// changed.c: note the change, and tell dom0 soon; with `exception` Xen's way
// (VIRQ_DOM_EXC) as well. Any context.
void domain_changed(domid_t id, bool exception);
// The reaper: tell it now.
void domain_changes_tell(void);

// vcpu.c: free what vcpu_create() made. Nothing refers to the vCPU.
void vcpu_destroy(struct vcpu *v);
// Stop the vCPU's timers for good.
void vcpu_kill_timers(struct vcpu *v);
// `v`, which has a periodic timer, begins to run here.
void vcpu_ticks_start(struct vcpu *v);
// runstate.c
// Enter a runstate now; runq.lock of v held, or v unknown to others.
void runstate_change(struct vcpu *v, int state, u64 now);
// v became current: a runstate area without a share of its own is written.
void runstate_copy_out(struct vcpu *v);
// Let go of the area.
void runstate_release(struct vcpu *v);

// watchdog.c
void watchdogs_init(struct domain *d);
void watchdogs_kill(struct domain *d);

#endif
