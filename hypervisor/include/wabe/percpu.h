// SPDX-License-Identifier: MIT
// What each processor has for itself. %gs points here while the hypervisor
// runs (the guest's GS base is then in MSR_KERNEL_GS_BASE or saved).
#ifndef WABE_PERCPU_H
#define WABE_PERCPU_H

#include <wabe/layout.h>
#include <wabe/lib.h>
#include <wabe/types.h>

struct vcpu;
struct runq;
struct timers;
struct mapcache;

// Work to do before the next return to a guest (cpu.work). Set by the CPU
// itself, or by others with cpu_raise().
#define WORK_SCHED BIT(0)  // choose another vCPU
#define WORK_TIMERS BIT(1) // timers are due
#define WORK_CALL BIT(2)   // run functions sent by other CPUs
#define WORK_NMI BIT(3)	   // an NMI or machine check wants reporting

// The 64-bit task state segment as the CPU reads it.
struct tss {
	u32 reserved0;
	u64 rsp[3];
	u64 reserved1;
	u64 ist[7];
	u64 reserved2;
	u16 reserved3;
	u16 iomap;
} PACKED;

// IST numbers (1-based) of the traps that may hit anywhere.
enum { IST_NMI = 1, IST_MCE, IST_DF, IST_DB };

struct cpu {
	// The first fields are known to assembly (build/asm-offsets.h).
	struct cpu *self;     // constant; %gs:0
	u32 id;		      // constant; %gs:8
	u32 work;	      // atomic; WORK_*
	struct vcpu *current; // whose registers are live; idle vCPU else
	u64 regs_top;	      // &current->regs.es: where entries push to
	u64 stack_top;	      // top of this CPU's stack; constant
	u64 scratch;	      // entry.S, a few instructions long
	s64 work_left;	      // work_spent() of page.h; entry.S resets it
	struct tss *tss;      // constant

	// Constant after bring-up.
	u32 apic_id, acpi_id;
	bool online;
	struct vcpu *idle;
	u64 *window; // L1 table of this CPU's window (512 entries)

	// Owned by this CPU.
	struct vcpu *fpu_owner;	   // whose FPU state is loaded, or NULL
	struct mapcache *mapcache; // mm/mapcache.c
	struct timers *timers;	   // dom/timer.c; timers.lock
	struct runq *runq;	   // dom/sched.c; runq.lock
	u64 root;		   // value in CR3
	u64 *gdt;		   // our descriptors: page 14 of the GDT
	u32 gdt_pages;		   // guest pages in the GDT window
	u32 ldt_ents;		   // entries of the LDT that is loaded
	u32 loaded_domain;	   // serial of the domain that ran last
	bool debugging;		   // breakpoints are in the debug registers
	bool fsgsbase;		   // CR4 has it: who is loaded chose so
	u64 xcr0;		   // value in XCR0
	u64 idle_ns;		   // time spent in HLT

	u64 deadline; // ns the timer is set to, ~0 none (time.c)

	// x86/tlb.c
	u32 flush_stamp;   // clock value of this CPU's last full flush
	u32 flush_pending; // atomic; requests by other CPUs
	u64 nmi_count;
};

// Entry n: CPU n, or NULL. Constant once booted.
extern struct cpu *cpus[NR_CPUS];
extern u32 cpu_count; // online CPUs are 0 .. cpu_count - 1

// Set work bits of a CPU and make it look (an IPI where it is another one).
void cpu_raise(struct cpu *cpu, u32 work);

// Sets of processors.
struct cpumask {
	u64 bits[NR_CPUS / 64];
};

static inline void cpumask_set(struct cpumask *m, u32 cpu)
{
	bit_set(m->bits, cpu);
}

static inline bool cpumask_test(const struct cpumask *m, u32 cpu)
{
	return bit_test(m->bits, cpu);
}

static inline u32 cpumask_next(const struct cpumask *m, u32 from)
{
	return bitmap_next(m->bits, NR_CPUS, from);
}

static inline struct cpumask cpumask_and(const struct cpumask *a,
					 const struct cpumask *b)
{
	struct cpumask m;

	for (u32 i = 0; i < ARRAY_SIZE(m.bits); i++) {
		m.bits[i] = a->bits[i] & b->bits[i];
	}
	return m;
}

#define cpumask_for_each(cpu, m)                          \
	for (u32 cpu = cpumask_next(m, 0); cpu < NR_CPUS; \
	     cpu = cpumask_next(m, cpu + 1))

#endif
