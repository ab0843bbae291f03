// SPDX-License-Identifier: MIT
// The scheduler's own structures, for sched*.c.
//
// Each vCPU has a virtual time that grows, while it runs, with real time
// divided by its weight. A CPU runs the waiting vCPU with the smallest; so
// time is shared by weight. Virtual times are local to a run queue; adding the
// queue's offset makes them global. Queues steal from each other who is behind
// in global time (sched_queue.c), so sharing is fair beyond one CPU as well.
#ifndef WABE_RUNQ_H
#define WABE_RUNQ_H

#include <wabe/domain.h>
#include <wabe/lock.h>
#include <wabe/pheap.h>

#define SLICE_NS 6000000ull	  // how long a vCPU runs while others wait
#define WAKE_CREDIT_NS 5000000ull // how far behind its queue a sleeper may be
#define PREEMPT_NS 500000ull	  // who is that far behind interrupts
#define KEEP_NS 200000ull	  // but not who began to run so lately
#define BALANCE_NS 12000000ull	  // who waits that far behind is stolen
#define LAG_NS 100000000ull	  // how far a queue may be behind the front
#define CAP_PERIOD_NS 10000000ull // budgets are filled that often
#define WEIGHT_DEFAULT 256
#define STEAL_SCAN 64 // vCPUs looked at in one queue

struct runq {
	lock_t lock;
	u32 cpu;	      // constant
	struct pheap heap;    // waiting vCPUs by virtual time
	struct list waiting;  // the same vCPUs, longest waiting first
	u32 waiting_count;    // read without the lock as a hint
	bool yielding;	      // the running vCPU lets others go first
	struct vcpu *running; // never NULL; the idle vCPU
	u64 since;	      // when `running` was last charged
	u64 slice_end, keep_until;
	u64 balance_at; // when to look who is behind elsewhere
	u64 floor;	// virtual time below which nobody is; grows
	u64 offset;	// to global virtual time
	u64 best;	// global time of the first waiting, or ~0
	struct timer slice;
};

static inline struct vcpu *node_vcpu(struct pheap_node *n)
{
	return container_of(n, struct vcpu, sched.node);
}

static inline bool vcpu_runnable(const struct vcpu *v)
{
	return !(READ_ONCE(v->pause_count) | READ_ONCE(v->blocked) |
		 READ_ONCE(v->offline) | READ_ONCE(v->domain->pause_count) |
		 v->sched.parked);
}

// sched.c. The queue of a vCPU, locked.
struct runq *runq_lock_vcpu(const struct vcpu *v);

// sched_queue.c. runq.lock held.
void runq_insert(struct runq *q, struct vcpu *v);
void runq_remove(struct runq *q, struct vcpu *v);
// A vCPU that comes to the queue is at most so far behind it: a sleeper
// WAKE_CREDIT_NS, one that is stolen because it waited LAG_NS.
void runq_limit_credit(const struct runq *q, struct vcpu *v, u64 ns);
// Charge the running vCPU up to `now`.
void runq_charge(struct runq *q, u64 now);
// The vCPU, which waits in no queue, moves to another processor. Both locks.
void runq_move(struct runq *from, struct runq *to, struct vcpu *v);
// One comes: if no vCPU is in the queue, make its time current. Before a move,
// which reckons with the queue's time.
void runq_catch_up(struct runq *q);
// Take a vCPU that waits elsewhere into this queue, of which no lock is held:
// any, or one that is far behind. true: there was one.
bool runq_steal_any(struct runq *q);
bool runq_steal_behind(struct runq *q);

// sched_cap.c. May the vCPU of a capped domain run? Takes part of the budget.
bool cap_take(struct vcpu *v);
// It stopped running: what it did not use goes back.
void cap_return(struct vcpu *v);

#endif
