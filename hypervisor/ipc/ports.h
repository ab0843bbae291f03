// SPDX-License-Identifier: MIT
// Event channels inside ipc/: the ports of a domain.
//
// A raise (send, virq, pirq) takes one lock only: that of the port it starts
// from. So a port's state changes under domain.evtchn_lock AND port.lock, and
// whoever holds either may read it. A port that is open keeps everything that
// a raise of it touches: FIFO arrays are let go only when no port is open, and
// buckets live as long as the domain. A peer's structure is reached under the
// lock of the port that names it; closing the peer takes that lock.
#ifndef WABE_IPC_PORTS_H
#define WABE_IPC_PORTS_H

#include <wabe/domain.h>
#include <wabe/evtchn.h>
#include <wabe/lib.h>
#include <wabe/lock.h>
#include <wabe/sched.h>

#include <xen/event_channel.h>

#define BUCKET_PORTS 64

enum port_state {
	PORT_FREE,
	PORT_RESERVED,
	PORT_UNBOUND,
	PORT_INTERDOMAIN,
	PORT_PIRQ,
	PORT_VIRQ,
	PORT_IPI,
};

struct port {
	lock_t lock;
	u32 number; // constant
	u8 state;   // enum port_state
	u8 priority;
	u16 vcpu;   // notified; a vCPU that exists, or 0, which may not yet
	u16 last;   // queue locks: vcpu << 4 | priority, last linked
	u8 pending; // atomic: raised before its event word existed
	union {
		struct {
			struct domain *remote;
			struct port *peer;
		};
		domid_t remote_id; // unbound: who may bind
		u32 virq;
		u32 pirq;
		u32 next; // free: next free port, 0 none
	};
};
_Static_assert(sizeof(struct port) == 32, "two ports a cache line");

struct fifo_array;

struct evtchns {
	u32 valid;		 // ports in buckets that exist; only grows
	u32 limit;		 // constant: ports there can ever be
	struct fifo_array *fifo; // NULL: 2-level
	// domain.evtchn_lock
	u32 unused;		  // lowest number never handed out
	u32 free_head, free_tail; // those given back, oldest first; head 0 none
	u32 open;		  // ports in use
	u32 cursor;		  // evtchns_close_all: where to go on
	struct port *bucket[];
};

// Port `n` of `d`, or NULL where there is none yet. No lock needed.
static inline struct port *port_find(const struct domain *d, u32 n)
{
	const struct evtchns *e = d->evtchns;
	u32 valid = __atomic_load_n(&e->valid, __ATOMIC_ACQUIRE);

	if (unlikely(n >= valid)) {
		return NULL;
	}
	n = (u32)index_clamp(n, valid);
	return &e->bucket[n / BUCKET_PORTS][n % BUCKET_PORTS];
}

// A virtual interrupt that a domain binds once, through vCPU 0; the others are
// bound on each vCPU.
static inline bool virq_is_global(u32 virq)
{
	return virq != VIRQ_TIMER && virq != VIRQ_DEBUG &&
	       virq != VIRQ_XENOPROF && virq != VIRQ_XENPMU;
}

// evtchn_lock held: open a free port with the state, the vCPU and the union of
// `as`. -EINVAL dying, -ENOSPC, -ENOMEM.
int port_new(struct domain *d, const struct port *as, u32 *number);
void port_release(struct domain *d, struct port *p);

// Make a port pending and tell its vCPU. The caller holds port.lock of the
// port the event comes from (p itself, or p's peer), or p's evtchn_lock.
void port_raise(struct domain *d, struct port *p);
// The guest is to look at its events.
void upcall_raise(struct vcpu *v);

// evtchn_abi.c: what of a port the guest sees, in the ABI that it chose. The
// port is open, and kept so by the caller's lock.
void port_unmask(struct domain *d, struct port *p);
bool port_is_pending(const struct domain *d, const struct port *p);
bool port_is_masked(const struct domain *d, const struct port *p);
// Is it in a queue of the guest's still? Also of a port that is closed.
bool port_is_linked(const struct domain *d, const struct port *p);
void port_clear(struct domain *d, struct port *p);
// evtchn_lock held, no port open: back to 2-level. -ERESTART: more to do.
int fifo_teardown(struct domain *d);

#endif
