// SPDX-License-Identifier: MIT
// Control and debug registers as a guest's kernel reads and writes them.
#include <wabe/context.h>
#include <wabe/cpu.h>
#include <wabe/emul.h>
#include <wabe/mmu.h>
#include <wabe/trap.h>

// What every guest sees set, whatever it writes.
#define CR4_FIXED (CR4_PAE | CR4_MCE | CR4_OSFXSR | CR4_OSXMMEXCPT)

// The bits a guest may choose. But for FSGSBASE they change what it reads, not
// the processor: that has them on wherever it can. TSD is not among them: rdtsc
// never traps.
static u64 cr4_choice(void)
{
	return CR4_DE | (cpu_features.fsgsbase ? CR4_FSGSBASE : 0) |
	       (cpu_features.xsave ? CR4_OSXSAVE : 0);
}

static u64 cr4_guest(const struct vcpu *v)
{
	return CR4_FIXED | (v->cr4 & cr4_choice());
}

// Without FSGSBASE a kernel takes it that its user mode cannot change bases
// behind its back: then it must not (XSA-293).
void cr4_load(const struct vcpu *v)
{
	struct cpu *c = this_cpu();
	bool fsgsbase = cr4_guest(v) & CR4_FSGSBASE;

	if (c->fsgsbase != fsgsbase) {
		X86_WRITE_CR(4, X86_READ_CR(4) ^ CR4_FSGSBASE);
		c->fsgsbase = fsgsbase;
	}
}

static u64 cr0_guest(const struct vcpu *v)
{
	return (X86_READ_CR(0) & ~CR0_TS) | (v->ts ? CR0_TS : 0);
}

enum emul_outcome emul_cr_read(struct vcpu *v, struct cpu_user_regs *regs,
			       const struct insn *i)
{
	u64 value;

	switch (i->reg) {
	case 0:
		value = cr0_guest(v);
		break;
	case 2:
		value = v->info->arch.cr2;
		break;
	case 3:
		value = v->kernel_root;
		break;
	case 4:
		value = cr4_guest(v);
		break;
	default:
		return EMUL_REFUSED;
	}
	gpr_set_sized(regs, i->rm, 8, true, value);
	return EMUL_DONE;
}

enum emul_outcome emul_cr_write(struct vcpu *v, struct cpu_user_regs *regs,
				const struct insn *i)
{
	u64 value = gpr_get(regs, i->rm);
	int error;

	switch (i->reg) {
	case 0:
		if ((value ^ cr0_guest(v)) & ~CR0_TS) {
			return EMUL_REFUSED;
		}
		fpu_taskswitch(value & CR0_TS);
		return EMUL_DONE;
	case 2:
		v->info->arch.cr2 = value;
		return EMUL_DONE;
	case 3:
		error = root_set(v, maddr_to_mfn(value & PTE_FRAME));
		// Preempted: the guest executes it again.
		return error == -ERESTART ? EMUL_STAY
		       : error		  ? EMUL_REFUSED
					  : EMUL_DONE;
	case 4:
		// Bits beyond the choice are ignored: Linux sets what CPUID
		// of a native machine would let it.
		v->cr4 = value & cr4_choice();
		cr4_load(v);
		return EMUL_DONE;
	default:
		return EMUL_REFUSED;
	}
}

// 0f 21 reads, 0f 23 writes. 4 and 5 are other names of 6 and 7 only without
// DE, which the processor has on.
enum emul_outcome emul_dr(struct vcpu *v, struct cpu_user_regs *regs,
			  const struct insn *i)
{
	if (i->reg > 7 || (i->reg & 6) == 4) {
		trap_inject(TRAP_UD, 0);
		return EMUL_STAY;
	}
	if (i->opcode == 0x0f21) {
		gpr_set_sized(regs, i->rm, 8, true, v->dr[i->reg & 7]);
		return EMUL_DONE;
	}
	return debugreg_set(v, i->reg, gpr_get(regs, i->rm)) ? EMUL_REFUSED
							     : EMUL_DONE;
}

enum emul_outcome emul_xsetbv(struct vcpu *v, struct cpu_user_regs *regs,
			      const struct insn *i)
{
	u64 value = (u64)regs->edx << 32 | regs->eax;

	return regs->ecx || fpu_set_xcr0(v, value) ? EMUL_REFUSED : EMUL_DONE;
}
