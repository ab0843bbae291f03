// SPDX-License-Identifier: MIT
// The processor: features, control registers, MSRs, bring-up (x86/cpu.c,
// x86/smp.c), IPIs.
#ifndef WABE_CPU_H
#define WABE_CPU_H

#include <wabe/arch.h>
#include <wabe/percpu.h>
#include <wabe/types.h>

struct cpu_user_regs;

struct cpuid_regs {
	u32 a, b, c, d;
};

static inline struct cpuid_regs cpuid(u32 leaf, u32 sub)
{
	struct cpuid_regs r;

	asm volatile("cpuid"
		     : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d)
		     : "a"(leaf), "c"(sub));
	return r;
}

static inline u64 rdmsr(u32 msr)
{
	u32 lo, hi;

	asm volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return (u64)hi << 32 | lo;
}

static inline void wrmsr(u32 msr, u64 value)
{
	asm volatile("wrmsr" ::"c"(msr), "a"((u32)value),
		     "d"((u32)(value >> 32))
		     : "memory");
}

// Fault-catching forms: 0 or -EFAULT (x86/uaccess.c).
int rdmsr_safe(u32 msr, u64 *value);
int wrmsr_safe(u32 msr, u64 value);

#define X86_READ_CR(n)                                               \
	({                                                           \
		u64 cr_value;                                        \
		asm volatile("mov %%cr" #n ", %0" : "=r"(cr_value)); \
		cr_value;                                            \
	})
#define X86_WRITE_CR(n, v) \
	asm volatile("mov %0, %%cr" #n ::"r"((u64)(v)) : "memory")

static inline u8 inb(u16 port)
{
	u8 v;

	asm volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static inline u16 inw(u16 port)
{
	u16 v;

	asm volatile("inw %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static inline u32 inl(u16 port)
{
	u32 v;

	asm volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static inline void outb(u16 port, u8 v)
{
	asm volatile("outb %0, %1" ::"a"(v), "Nd"(port));
}

static inline void outw(u16 port, u16 v)
{
	asm volatile("outw %0, %1" ::"a"(v), "Nd"(port));
}

static inline void outl(u16 port, u32 v)
{
	asm volatile("outl %0, %1" ::"a"(v), "Nd"(port));
}

#define MSR_APIC_BASE 0x1b
#define MSR_PRED_CMD 0x49 // 1: forget all branches (IBPB)
#define MSR_PAT 0x277
#define MSR_MISC_ENABLE 0x1a0
#define MSR_TSC_DEADLINE 0x6e0
#define MSR_X2APIC 0x800
#define MSR_EFER 0xc0000080
#define MSR_STAR 0xc0000081
#define MSR_LSTAR 0xc0000082
#define MSR_CSTAR 0xc0000083
#define MSR_SFMASK 0xc0000084
#define MSR_FS_BASE 0xc0000100
#define MSR_GS_BASE 0xc0000101
#define MSR_KERNEL_GS_BASE 0xc0000102
#define MSR_TSC_AUX 0xc0000103
#define MSR_SYSENTER_CS 0x174
#define MSR_SYSENTER_ESP 0x175
#define MSR_SYSENTER_EIP 0x176

// What PAT is set to: WB WT UC- UC WC WP UC UC (census 5.1).
#define PAT_VALUE 0x0000050100070406ull

// Features used by the hypervisor, found at boot (constant after).
struct cpu_features {
	bool x2apic, tsc_deadline, smep, smap, fsgsbase, xsave, xsaveopt, pcid,
	    nx, pge, invariant_tsc, rdtscp, page1gb, mwait, intel, umip, mca,
	    amd, invpcid, arch_caps, spec_ctrl, ibpb, hypervisor;
	u64 xcr0; // states that we and the CPU know, 0: no XSAVE
	u32 max_leaf, max_ext_leaf, family, model, stepping;
	u32 maddr_bits;
	char vendor[13], brand[49];
};
extern struct cpu_features cpu_features;

void cpu_detect(void); // boot CPU
// Control registers, MSRs, GDT, TSS, IDT, syscall entry of this CPU.
void cpu_init_this(struct cpu *c);
void traps_init(void);		// fill the IDT (once)
void traps_load(struct cpu *c); // this CPU: IDT, TSS, syscall MSRs
// Start all other processors; returns the number online.
u32 smp_boot(void);
// Allocate a struct cpu with stacks and window.
struct cpu *cpu_alloc(u32 id, u32 apic_id, u32 acpi_id);
// Send the hypervisor's IPI vector to a CPU. Stop the others (panic).
void ipi_send(u32 cpu, u8 vector);
void cpus_stop_others(void);
// Run fn(data) on every other online CPU and wait. The caller holds no lock.
void cpus_call(void (*fn)(void *), void *data);
// Run fn(data) here while every other CPU waits, holding no lock.
void cpus_quiet(void (*fn)(void *), void *data);
void cpu_calls_run(void); // WORK_CALL

// NMI and machine check, on their own stacks (called by entry.S's C part).
// Raise WORK_NMI; what must be told is told by nmi_report() outside.
void nmi_arrived(const struct cpu_user_regs *regs);
void mce_arrived(const struct cpu_user_regs *regs);
void nmi_report(void); // WORK_NMI
void mce_init_cpu(void);
// Known leaks of this CPU and what is done about them.
void leaks_init_cpu(void);
void leaks_print(void);

void machine_init(void); // once ACPI and vmap work
void machine_reboot(void) NORETURN;
void machine_power_off(void) NORETURN; // ACPI S5 if it can, else halt
void machine_halt(void) NORETURN;
// Print registers of all CPUs (debug key d).
void cpus_dump(void);
void regs_print(const struct cpu_user_regs *regs);

#endif
