// SPDX-License-Identifier: MIT
// wabe/arch.h of the fake machine: a thread is a processor.
#ifndef WABE_ARCH_H
#define WABE_ARCH_H

#include <wabe/types.h>

struct cpu;

extern __thread struct cpu *fake_cpu;
extern __thread u32 fake_cpu_id;

static inline struct cpu *this_cpu(void)
{
	return fake_cpu;
}

static inline u32 cpu_id(void)
{
	return fake_cpu_id;
}

static inline void cpu_relax(void)
{
}

static inline void cpu_idle_window(bool halt)
{
}

void cpu_relax_serving(void);

void invlpg(u64 va); // of who needs it

static inline u64 rdtsc(void)
{
	return 0;
}

// Tests of races widen the gaps between what must be one step and is not: this
// is called in them, where it is set.
extern void (*fake_delay)(void);
// Called, where it is set, whenever a frame is about to be stamped.
extern void (*fake_stamping)(void);

static inline u64 index_clamp(u64 i, u64 n)
{
	if (unlikely(fake_delay)) {
		fake_delay();
	}
	return i < n ? i : 0;
}

static inline void speculation_barrier(void)
{
}

#endif
