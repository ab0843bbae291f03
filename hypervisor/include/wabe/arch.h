// SPDX-License-Identifier: MIT
// The few primitives of the processor that code outside x86/ needs, inline.
// tests/fake/include/wabe/arch.h takes this header's place in host programs.
#ifndef WABE_ARCH_H
#define WABE_ARCH_H

#include <wabe/types.h>

struct cpu;

// This CPU's struct cpu. GS is the hypervisor's own while it runs.
static inline struct cpu *this_cpu(void)
{
	struct cpu *c;

	asm("mov %%gs:0, %0" : "=r"(c));
	return c;
}

// This CPU's number, 0 to NR_CPUS - 1. Offset checked in x86/cpu.c.
static inline u32 cpu_id(void)
{
	u32 id;

	asm("movl %%gs:8, %0" : "=r"(id));
	return id;
}

static inline void cpu_relax(void)
{
	asm volatile("pause" ::: "memory");
}

// Let waiting interrupts in, then go on with interrupts off. With `halt`, sleep
// until there is one. Only the idle loop does this.
static inline void cpu_idle_window(bool halt)
{
	if (halt) {
		asm volatile("sti; hlt; cli" ::: "memory");
	} else {
		asm volatile("sti; nop; cli" ::: "memory");
	}
}

// Wait a moment while serving other CPUs' TLB flush requests (x86/tlb.c).
void cpu_relax_serving(void);

// This CPU's TLB forgets the page `va`.
static inline void invlpg(u64 va)
{
	asm volatile("invlpg (%0)" ::"r"(va) : "memory");
}

static inline u64 rdtsc(void)
{
	u32 lo, hi;

	asm volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (u64)hi << 32 | lo;
}

// Speculation: the value `i` where i < n, else 0, without a branch. Use it on
// every array index that a guest chose, after the check.
static inline u64 index_clamp(u64 i, u64 n)
{
	u64 mask;

	asm volatile("cmp %1, %2; sbb %0, %0"
		     : "=r"(mask)
		     : "r"(n), "r"(i)
		     : "cc");
	return i & mask;
}

#endif
