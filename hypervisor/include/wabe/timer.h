// SPDX-License-Identifier: MIT
// Timers: a function to be called on a CPU at a time (dom/timer.c).
#ifndef WABE_TIMER_H
#define WABE_TIMER_H

#include <wabe/pheap.h>
#include <wabe/types.h>

struct cpu;

struct timer {
	struct pheap_node node; // key: ns of time_now(); timers.lock
	void (*fn)(void *data);
	void *data;
	u32 cpu; // whose heap it is in, or was last
	u32 set; // is it in the heap?
};

// `fn` runs on the CPU where the timer was set, interrupts off, no lock held.
void timer_init(struct timer *t, void (*fn)(void *), void *data);
// Set or move. In the past: fires at once (at the next exit to a guest).
// Runs on `cpu` (timer_set: this one).
void timer_set(struct timer *t, u64 expires);
void timer_set_on(struct timer *t, u64 expires, u32 cpu);
// Afterwards it is not set; the function may still be running elsewhere.
void timer_stop(struct timer *t);
static inline bool timer_is_set(const struct timer *t)
{
	return READ_ONCE(t->set) != 0;
}
// The same, and waits until the function does not run on another CPU: after
// it `data` may be freed. No lock held that the function takes.
void timer_kill(struct timer *t);
// Run those that are due, program the next deadline (WORK_TIMERS).
void timers_run(void);
// Allocate a CPU's heap; before it comes online. 0 or -ENOMEM.
int timers_init_cpu(struct cpu *c);

#endif
