// SPDX-License-Identifier: MIT
// Spin locks, and the order in which they are taken.
//
// The hypervisor runs with interrupts off, except where it idles. Whoever
// waits (a lock, an IPI's acknowledgement) serves TLB flush requests from
// other CPUs while it waits (cpu_relax_serving()), so two CPUs that wait for
// each other's flush cannot block one another. A lock holder may send IPIs and
// wait.
//
// Order, outermost first. Two locks of one kind: by address, lock_two().
//   1  control_lock             domctl, sysctl, platform operations
//   2  domain.lifecycle_lock    create, destroy, pause counts
//   3  grant_table.lock         grants
//   4  domain.evtchn_lock       ports
//      port.lock                one at a time (ipc/ports.h); inside it FIFO
//                               queue locks, by address
//   5  page busy state          (page.h: validation of a table, not a lock_t)
//   6  domain.pages_lock        the list of a domain's frames, its counts
//   7  partition.lock           free frames
//   8  heap_lock, vmap_lock     the hypervisor's own memory
//   9  irq_lock                 pirqs, vectors, IO-APIC, MSI
//      ports_lock               PCI address and data ports (x86/pci.c)
//  10  runq.lock                run queues
//  11  timers.lock              timer heaps
//  12  console_lock             printk
//  12  domlist_lock             domain ids, dead domains (dom/domain.c)
#ifndef WABE_LOCK_H
#define WABE_LOCK_H

#include <wabe/arch.h>
#include <wabe/types.h>

typedef struct {
	u32 held; // 0 free, else holder's CPU id + 1
} lock_t;

void lock_contended(lock_t *lock);

static inline bool lock_try(lock_t *l)
{
	u32 expected = 0;

	return __atomic_compare_exchange_n(&l->held, &expected, cpu_id() + 1,
					   false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

static inline void lock(lock_t *l)
{
	if (unlikely(!lock_try(l))) {
		lock_contended(l);
	}
}

static inline void unlock(lock_t *l)
{
	__atomic_store_n(&l->held, 0, __ATOMIC_RELEASE);
}

// Two locks of one kind, or one given twice.
static inline void lock_two(lock_t *a, lock_t *b)
{
	lock(a < b ? a : b);
	if (a != b) {
		lock(a < b ? b : a);
	}
}

static inline void unlock_two(lock_t *a, lock_t *b)
{
	unlock(a);
	if (a != b) {
		unlock(b);
	}
}

// Does this CPU hold it? For assertions.
static inline bool lock_is_mine(const lock_t *l)
{
	return __atomic_load_n(&l->held, __ATOMIC_RELAXED) == cpu_id() + 1;
}

#endif
