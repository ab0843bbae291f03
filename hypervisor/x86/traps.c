// SPDX-License-Identifier: MIT
// Exceptions: what to do with each, by where it came from. A guest's goes back
// to the guest unless it is work for us; one in the hypervisor is known to the
// extable or is the end.
#include <wabe/boot.h>
#include <wabe/console.h>
#include <wabe/context.h>
#include <wabe/cpu.h>
#include <wabe/guest.h>
#include <wabe/irq.h>
#include <wabe/lib.h>
#include <wabe/trap.h>

#include "entry.h"
#include "uaccess.h"

#define GATE_INTERRUPT 0x8e
#define GATE_DPL3 0x60
#define PFEC_WRITE_RO (PFEC_P | PFEC_W)
#define SFMASK 0x57700	// TF IF DF IOPL NT RF AC
#define INT_BYTES 2	// cd nn
#define SYSCALL_BYTES 2 // 0f 05

_Static_assert(CALLBACK_EVENT == 0 && CALLBACK_SYSCALL == 2 &&
		   CALLBACK_SYSCALL32 == 3 && HANDLER_INT80 == 32 &&
		   HANDLER_IRQ == 33,
	       "numbers in entry.S");

struct gate {
	u16 offset0, selector;
	u8 ist, type;
	u16 offset16;
	u32 offset32, reserved;
};

static struct gate idt[256] ALIGNED(4096);

static void trap_fatal(struct cpu_user_regs *regs) NORETURN;

// --- from guests ------------------------------------------------------------

static void trap_plain(struct cpu_user_regs *regs)
{
	trap_inject((u8)regs->entry_vector, regs->error_code);
}

// The CPU looked into this CPU's LDT window at a page that is not there yet.
// *offset: where in the LDT.
static bool in_ldt_window(u64 cr2, u64 *offset)
{
	*offset = cr2 - PERCPU_BASE - (u64)cpu_id() * PERCPU_BYTES -
		  PERCPU_LDT * PAGE_SIZE;
	return *offset < 16 * PAGE_SIZE;
}

// A fault that is not an access by the guest's code itself.
static void trap_pf_implicit(struct cpu_user_regs *regs, u64 cr2)
{
	u64 offset;

	if (in_ldt_window(cr2, &offset)) {
		if (ldt_fault(offset)) {
			return;
		}
		cr2 = current_vcpu()->ldt_base + offset;
	} else if (iretq_quirk_fault(regs)) {
		return;
	}
	trap_inject_pf(cr2, regs->error_code);
}

static void trap_pf(struct cpu_user_regs *regs)
{
	u64 cr2 = X86_READ_CR(2);
	u32 error = regs->error_code;

	if ((error & PFEC_WRITE_RO) == PFEC_WRITE_RO &&
	    current_vcpu()->kernel_mode && emul_pt_write(regs, cr2)) {
		return;
	}
	if (unlikely(!(error & PFEC_U))) {
		trap_pf_implicit(regs, cr2);
		return;
	}
	trap_inject_pf(cr2, error);
}

// May the guest's code, in its mode, use `int vector`? (DPL 1 and 2 are the
// kernel's, 0 nobody's.)
static bool soft_interrupt_allowed(const struct vcpu *v, u8 vector)
{
	u32 dpl = v->traps[vector].flags & 3;

	return v->traps[vector].address && dpl >= (v->kernel_mode ? 1 : 3);
}

// #GP whose error code names an IDT entry: `int n`, refused by our IDT. The
// code should be n * 8 + 2; QEMU before 8.0 makes n * 16 + 2 of it. So ask
// the instruction.
static bool soft_interrupt(struct cpu_user_regs *regs)
{
	struct vcpu *v = current_vcpu();
	u32 error = regs->error_code;
	u8 insn[INT_BYTES];

	if (copy_from_guest(insn, GVA(regs->rip), sizeof(insn)) ||
	    insn[0] != 0xcd ||
	    (error != insn[1] * 8u + 2 && error != insn[1] * 16u + 2)) {
		return false;
	}
	regs->error_code = insn[1] * 8u + 2;
	if (!soft_interrupt_allowed(v, insn[1])) {
		return false;
	}
	regs->rip += INT_BYTES;
	trap_inject_soft(insn[1]);
	return true;
}

static void trap_gp(struct cpu_user_regs *regs)
{
	u32 error = regs->error_code;

	if ((error == 0 && emul_privileged(regs)) ||
	    ((error & 7) == 2 && soft_interrupt(regs))) {
		return;
	}
	trap_inject(TRAP_GP, regs->error_code);
}

// The IDT lets all of ring 3 use int 0x80, as it is how 32-bit programs make
// system calls.
static void trap_int80(struct cpu_user_regs *regs)
{
	if (likely(soft_interrupt_allowed(current_vcpu(), 0x80))) {
		trap_inject_soft(0x80);
		return;
	}
	regs->rip -= INT_BYTES;
	trap_inject(TRAP_GP, 0x80 * 8 + 2);
}

static void trap_ud(struct cpu_user_regs *regs)
{
	if (!emul_forced_cpuid(regs)) {
		trap_inject(TRAP_UD, 0);
	}
}

// Only with the guest's own TS set: its FPU registers are always loaded.
static void trap_nm(struct cpu_user_regs *regs)
{
	fpu_taskswitch(false);
	trap_inject(TRAP_NM, 0);
}

static void trap_debug(struct cpu_user_regs *regs)
{
	current_vcpu()->dr[6] |= debugreg_status_take();
	trap_inject(TRAP_DB, 0);
}

static void trap_nmi(struct cpu_user_regs *regs)
{
	nmi_arrived();
	nmi_unblock();
}

// Of a device or another CPU.
static void trap_irq(struct cpu_user_regs *regs)
{
	irq_entry((u8)regs->error_code);
}

trap_handler *const trap_handlers[34] = {
    [0] = trap_plain,
    [TRAP_DB] = trap_debug,
    [TRAP_NMI] = trap_nmi,
    [TRAP_BP... TRAP_UD - 1] = trap_plain,
    [TRAP_UD] = trap_ud,
    [TRAP_NM] = trap_nm,
    [TRAP_DF] = trap_fatal,
    [TRAP_DF + 1 ... TRAP_GP - 1] = trap_plain,
    [TRAP_GP] = trap_gp,
    [TRAP_PF] = trap_pf,
    [TRAP_PF + 1 ... TRAP_MC - 1] = trap_plain,
    [TRAP_MC] = mce_arrived,
    [TRAP_MC + 1 ... 31] = trap_plain,
    [HANDLER_INT80] = trap_int80,
    [HANDLER_IRQ] = trap_irq,
};

// `syscall` in user mode, or of 32-bit code.
void trap_syscall(u32 callback)
{
	struct vcpu *v = current_vcpu();

	if (unlikely(!v->callbacks[callback].address)) {
		v->regs.rip -= SYSCALL_BYTES;
		trap_inject(TRAP_UD, 0);
		return;
	}
	trap_inject_callback(callback);
}

void trap_sysenter(void)
{
	struct vcpu *v = current_vcpu();

	v->regs.rflags &= ~(RFLAGS_TF | RFLAGS_NT);
	if (!v->callbacks[CALLBACK_SYSENTER].address) {
		trap_inject(TRAP_GP, 0);
		return;
	}
	trap_inject_callback(CALLBACK_SYSENTER);
}

// --- in the hypervisor ------------------------------------------------------

static bool fault_of_ldt(u32 vector)
{
	u64 offset;

	return vector == TRAP_PF && in_ldt_window(X86_READ_CR(2), &offset) &&
	       ldt_fault(offset);
}

// The iretq to the guest refused the guest's registers. They are all in
// struct vcpu, so it is as if the guest's first instruction had faulted; a page
// of the LDT that was missing is no one's fault.
void trap_iret_fault(u32 vector, u32 error_code)
{
	if (!fault_of_ldt(vector)) {
		trap_inject((u8)vector, error_code);
	}
}

static void trap_fatal(struct cpu_user_regs *regs)
{
	console_force();
	regs_print(regs);
	panic("exception %u in the hypervisor, error %x, cr2 %lx, rip %lx",
	      regs->entry_vector, regs->error_code, X86_READ_CR(2), regs->rip);
}

void trap_hypervisor(struct cpu_user_regs *regs)
{
	u64 go_on;

	if (regs->entry_vector == HANDLER_IRQ) { // it was idle
		trap_irq(regs);
		return;
	}
	if (fault_of_ldt(regs->entry_vector)) {
		return;
	}
	go_on = extable_find(regs->rip);
	if (!go_on) {
		trap_fatal(regs);
	}
	regs->rip = go_on;
}

// On a stack of their own, with the hypervisor interrupted anywhere. #DB: a
// guest's watchpoint on memory that we copy, or a single step over SYSCALL or
// SYSENTER; neither is worth more than to go on.
void trap_ist(struct cpu_user_regs *regs)
{
	switch (regs->entry_vector) {
	case TRAP_DB:
		debugreg_status_take();
		regs->rflags &= ~RFLAGS_TF;
		break;
	case TRAP_NMI:
		nmi_arrived();
		break;
	case TRAP_MC:
		mce_arrived(regs);
		break;
	default:
		trap_fatal(regs);
	}
}

// --- set up -----------------------------------------------------------------

void INIT_TEXT traps_init(void)
{
	for (u32 i = 0; i < 256; i++) {
		u64 to = (u64)entry_vectors[i];

		idt[i] = (struct gate){(u16)to,	 SEL_HV_CS, 0, GATE_INTERRUPT,
				       to >> 16, to >> 32,  0};
	}
	idt[TRAP_BP].type |= GATE_DPL3;
	idt[TRAP_OF].type |= GATE_DPL3;
	idt[0x80].type |= GATE_DPL3;
	idt[TRAP_DB].ist = IST_DB;
	idt[TRAP_NMI].ist = IST_NMI;
	idt[TRAP_DF].ist = IST_DF;
	idt[TRAP_MC].ist = IST_MCE;
	slots_fill();
}

// STAR: SYSCALL's cs (ss is the next), SYSRET's 32-bit cs (ss is the next, the
// 64-bit cs the one after).
void traps_load(struct cpu *c)
{
	struct {
		u16 limit;
		const struct gate *base;
	} PACKED idtr = {sizeof(idt) - 1, idt};

	descriptors_load(c);
	asm volatile("lidt %0" ::"m"(idtr) : "memory");
	wrmsr(MSR_KERNEL_GS_BASE, 0);
	wrmsr(MSR_STAR, (u64)SEL_GUEST_CS32 << 48 | (u64)SEL_HV_CS << 32);
	wrmsr(MSR_LSTAR, (u64)entry_syscall);
	wrmsr(MSR_CSTAR, (u64)entry_syscall32);
	wrmsr(MSR_SFMASK, SFMASK);
	if (cpu_features.intel) {
		wrmsr(MSR_SYSENTER_CS, SEL_HV_CS);
		wrmsr(MSR_SYSENTER_ESP, c->stack_top);
		wrmsr(MSR_SYSENTER_EIP, (u64)entry_sysenter);
	}
}
