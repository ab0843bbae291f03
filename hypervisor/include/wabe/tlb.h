// SPDX-License-Identifier: MIT
// TLB flushes (x86/tlb.c).
//
// A frame is stamped with a global clock when a use of it ends (page.stamp),
// each CPU with the clock of its last full flush, and before the frame gets
// another role every CPU whose last full flush is older than the stamp
// flushes: tlb_flush_stamped(). This is the one place where the rule "no frame
// in a new role while a TLB may know the old one" is kept; page.c and alloc.c
// call it.
#ifndef WABE_TLB_H
#define WABE_TLB_H

#include <wabe/arch.h>
#include <wabe/percpu.h>
#include <wabe/types.h>

// This CPU: everything but global entries (reload CR3), all. (A page: invlpg.)
void tlb_flush_local(void);
void tlb_flush_all_local(void); // global entries too

// On all CPUs in `mask`: a page, or everything when va is ~0. Waits.
void tlb_flush_mask(const struct cpumask *mask, u64 va);
// On all online CPUs, global entries too (hypervisor mappings changed).
void tlb_flush_global(void);

// The stamp of a use that has just ended: its entry is out of the tables.
u32 tlb_stamp_now(void);
// Flush every CPU that has not flushed since `stamp`. Cheap if none.
void tlb_flush_stamped(u32 stamp);
// Right before a load of CR3 that flushes this CPU's TLB (all but global
// entries): note it. Between the two no guest memory is touched.
extern u32 tlb_clock; // x86/tlb.c; odd: a frame was stamped with it
u32 tlb_clock_tick(u32 odd);

static inline void tlb_note_flush(void)
{
	u32 now = READ_ONCE(tlb_clock);

	if (unlikely(now & 1)) {
		now = tlb_clock_tick(now);
	}
	WRITE_ONCE(this_cpu()->flush_stamp, now);
}
// Serve the requests of other CPUs (VECTOR_FLUSH, waiting).
void tlb_serve(void);

#endif
