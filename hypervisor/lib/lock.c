// SPDX-License-Identifier: MIT
// The slow path of a spin lock. Who waits serves TLB flushes, so that a holder
// which waits for this CPU's flush gets on (wabe/lock.h).
#include <wabe/lib.h>
#include <wabe/lock.h>

void lock_contended(lock_t *l)
{
	// Taking it twice on one CPU would wait for ever.
	BUG_ON(lock_is_mine(l));
	do {
		while (__atomic_load_n(&l->held, __ATOMIC_RELAXED)) {
			cpu_relax_serving();
		}
	} while (!lock_try(l));
}
