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

#define CR0_MP BIT(1)
#define CR0_EM BIT(2)
#define CR0_TS BIT(3)
#define CR0_WP BIT(16)
#define CR4_DE BIT(3)
#define CR4_PAE BIT(5)
#define CR4_MCE BIT(6)
#define CR4_PGE BIT(7)
#define CR4_OSFXSR BIT(9)
#define CR4_OSXMMEXCPT BIT(10)
#define CR4_FSGSBASE BIT(16)
#define CR4_OSXSAVE BIT(18)
#define CR4_SMEP BIT(20)
#define CR4_SMAP BIT(21)

static inline void xsetbv(u64 value)
{
	asm volatile("xsetbv" ::"c"(0), "a"((u32)value),
		     "d"((u32)(value >> 32)));
}

// inb(port), outb(port, value); w and l: 2 and 4 bytes.
#define X86_PORT(size, type)                                      \
	static inline type in##size(u16 port)                     \
	{                                                         \
		type v;                                           \
		asm volatile("in %1, %0" : "=a"(v) : "Nd"(port)); \
		return v;                                         \
	}                                                         \
	static inline void out##size(u16 port, type v)            \
	{                                                         \
		asm volatile("out %0, %1" ::"a"(v), "Nd"(port));  \
	}
X86_PORT(b, u8)
X86_PORT(w, u16)
X86_PORT(l, u32)

#define MSR_APIC_BASE 0x1b
#define MSR_SPEC_CTRL 0x48
#define MSR_PRED_CMD 0x49 // 1: forget all branches (IBPB)
#define MSR_ARCH_CAPABILITIES 0x10a
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

// States in XCR0, and the size of an XSAVE area that has the first two.
#define XCR0_X87 BIT(0)
#define XCR0_SSE BIT(1)
#define XCR0_AVX BIT(2)
#define XSAVE_LEAST 0x240

// Features used by the hypervisor, found at boot (constant after).
struct cpu_features {
	bool x2apic, tsc_deadline, smep, smap, fsgsbase, xsave, xsaveopt,
	    invariant_tsc, rdtscp, intel, amd, mca, arch_caps, spec_ctrl,
	    md_clear, ibpb, hypervisor;
	bool x87_pointers_stay; // XRSTOR may not load them (fpu.c)
	u64 xcr0;		// states that we and the CPU know, 0: no XSAVE
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
void nmi_arrived(void);
void mce_arrived(struct cpu_user_regs *regs);
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
