// SPDX-License-Identifier: MIT
// Non-maskable interrupts and machine checks. They may hit anywhere, a lock
// held or half a line printed, so they note what happened and leave the rest
// to nmi_report(), which runs as WORK_NMI. The NMI is also how a panic stops
// the other CPUs.
#include <wabe/cpu.h>
#include <wabe/irq.h>
#include <wabe/sched.h>

#include <xen/nmi.h>

#define PORT_B 0x61 // NMI sources of a PC
#define PORT_B_SERR 0x80
#define PORT_B_IOCHK 0x40

#define MSR_MCG_CAP 0x179
#define MSR_MCG_STATUS 0x17a
#define MSR_MCG_CTL 0x17b
#define MSR_MC0_CTL 0x400 // four a bank: control, status, address, misc
#define MSR_MC0_STATUS 0x401
#define MCG_CTL_PRESENT BIT(8)
#define MCG_RESTARTABLE BIT(0)
#define MC_VALID BIT(63)
#define MC_UNCORRECTED BIT(61)
#define MC_CORRUPT BIT(57)
#define BANKS_MAX 32

static bool stopping; // for ever; NMIs stop their CPU
static u32 stopped;   // atomic

// Why NMIs came. Atomic: how many since last reported.
static struct source {
	const char *name;
	u32 reason, port_bit, clear, count;
} sources[] = {
    {"PCI system error", XEN_NMIREASON_pci_serr, PORT_B_SERR, 0x04, 0},
    {"I/O check", XEN_NMIREASON_io_error, PORT_B_IOCHK, 0x08, 0},
    {"of unknown source", XEN_NMIREASON_unknown, 0, 0, 0},
};

// --- stopping ---------------------------------------------------------------

void cpus_stop_others(void)
{
	if (__atomic_exchange_n(&stopping, true, __ATOMIC_SEQ_CST) ||
	    !apic_ready()) {
		return;
	}
	apic_nmi_others();
	// Some time for them; one that does not answer is not waited for.
	for (u32 i = 0; i < 1000000; i++) {
		if (__atomic_load_n(&stopped, __ATOMIC_ACQUIRE) + 1 >=
		    cpu_count) {
			return;
		}
		cpu_relax();
	}
}

// --- NMI --------------------------------------------------------------------

static void work_raise_here(void)
{
	__atomic_or_fetch(&this_cpu()->work, WORK_NMI, __ATOMIC_SEQ_CST);
	if (apic_ready()) {
		// The work may have been looked at already on the way out.
		apic_ipi_self(VECTOR_RESCHEDULE);
	}
}

// Only the boot CPU's NMI pin is wired to the chipset.
static void sources_read(void)
{
	u8 b = inb(PORT_B);
	bool known = b & (PORT_B_SERR | PORT_B_IOCHK);

	for (u32 i = 0; i < ARRAY_SIZE(sources); i++) {
		struct source *s = &sources[i];

		if (s->port_bit ? b & s->port_bit : !known) {
			__atomic_add_fetch(&s->count, 1, __ATOMIC_RELAXED);
		}
		if (b & s->port_bit) {
			outb(PORT_B, (b & 0x0f) | s->clear);
		}
	}
}

void nmi_arrived(void)
{
	struct cpu *c = this_cpu();

	if (__atomic_load_n(&stopping, __ATOMIC_ACQUIRE)) {
		__atomic_add_fetch(&stopped, 1, __ATOMIC_SEQ_CST);
		machine_halt();
	}
	c->nmi_count++;
	if (c->id == 0) {
		sources_read();
	}
	work_raise_here();
}

// dom0 drives the machine: it is told, as by Xen's nmi=dom0.
static void dom0_nmi(u64 reason)
{
	struct vcpu *v = dom0 ? domain_vcpu(dom0, 0) : NULL;

	if (!v) {
		return;
	}
	__atomic_or_fetch(&dom0->shared->arch.nmi_reason, reason,
			  __ATOMIC_SEQ_CST);
	__atomic_store_n(&v->nmi_pending, 1, __ATOMIC_SEQ_CST);
	vcpu_kick(v);
}

void nmi_report(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(sources); i++) {
		u32 n =
		    __atomic_exchange_n(&sources[i].count, 0, __ATOMIC_SEQ_CST);

		if (n) {
			log_at(LOG_WARNING, "NMI: %s (%u)", sources[i].name, n);
			dom0_nmi(sources[i].reason);
		}
	}
}

// --- machine checks ---------------------------------------------------------

static u32 mce_banks(void)
{
	u64 banks = cpu_features.mca ? rdmsr(MSR_MCG_CAP) & 0xff : 0;

	return MIN(banks, (u64)BANKS_MAX);
}

// Print what the banks hold and clear them. Returns the bits of all.
static u64 mce_banks_report(void)
{
	u64 all = 0;

	for (u32 i = 0, n = mce_banks(); i < n; i++) {
		u64 status = rdmsr(MSR_MC0_STATUS + 4 * i);

		if (status & MC_VALID) {
			all |= status;
			wrmsr(MSR_MC0_STATUS + 4 * i, 0);
			log_at(LOG_ERR, "Machine check, CPU %u bank %u: %016lx",
			       cpu_id(), i, status);
		}
	}
	return all;
}

void mce_init_cpu(void)
{
	u32 n = mce_banks();

	mce_banks_report(); // left from before the reset
	if (n && rdmsr(MSR_MCG_CAP) & MCG_CTL_PRESENT) {
		wrmsr(MSR_MCG_CTL, ~0ull);
	}
	for (u32 i = 0; i < n; i++) {
		wrmsr(MSR_MC0_CTL + 4 * i, ~0ull);
	}
}

void mce_arrived(struct cpu_user_regs *regs)
{
	u64 global = cpu_features.mca ? rdmsr(MSR_MCG_STATUS) : 0;
	u64 found = mce_banks_report();

	if (!(global & MCG_RESTARTABLE)) {
		regs_print(regs);
		panic("Machine check, not restartable");
	}
	if (found & (MC_UNCORRECTED | MC_CORRUPT)) {
		panic("Machine check, uncorrected");
	}
	wrmsr(MSR_MCG_STATUS, 0);
	work_raise_here();
}
