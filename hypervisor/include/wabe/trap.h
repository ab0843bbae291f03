// SPDX-License-Identifier: MIT
// Traps from guests, and what is delivered back into them (x86/trap.c,
// x86/bounce.c, x86/emul.c).
#ifndef WABE_TRAP_H
#define WABE_TRAP_H

#include <wabe/domain.h>
#include <wabe/types.h>

// Exceptions that something is done about.
enum { TRAP_DB = 1, TRAP_NMI, TRAP_BP, TRAP_OF, TRAP_UD = 6, TRAP_NM, TRAP_DF };
enum { TRAP_GP = 13, TRAP_PF, TRAP_MC = 18 };

// Page-fault error code bits.
#define PFEC_P 1
#define PFEC_W 2
#define PFEC_U 4

// Deliver a trap to the current vCPU's kernel now: build the frame the ABI
// defines on its kernel stack and set regs to its handler (bounce.c). A
// frame that cannot be written crashes the domain (as Xen).
void trap_inject(u8 vector, u32 error_code);
// #PF: also stores cr2 in vcpu_info; `error_code` as hardware gave it.
void trap_inject_pf(u64 cr2, u32 error_code);
// Deliver a callback (event, syscall...): frame without error code.
void trap_inject_callback(u32 callback);

// Leave for the guest that the scheduler chooses; how a CPU starts to work.
void exit_to_guest(void) NORETURN;

#define RFLAGS_TF BIT(8)
#define RFLAGS_IF BIT(9)
#define RFLAGS_IOPL (BIT(12) | BIT(13))
#define RFLAGS_RF BIT(16)

// RFLAGS a guest may really run with: no IOPL, no VM, interrupts on.
static inline u64 rflags_for_guest(u64 rflags)
{
	return (rflags & 0x254dd5) | RFLAGS_IF | 2;
}

// Boot, before guests: does `iretq` at CPL 3 fault under SMAP here? (QEMU 7)
void iretq_quirk_test(void);

// Emulate the instruction at rip that caused #GP (privileged: MSRs, ports,
// control registers, cli...) or #UD (forced-emulation CPUID). true: done,
// regs advanced (or an exception injected). false: deliver the trap.
bool emul_privileged(struct cpu_user_regs *regs);
bool emul_forced_cpuid(struct cpu_user_regs *regs);
// A write fault of guest kernel code on a present read-only page at `va`:
// when the page is an L1 table of the domain, do the write through the
// checks. true: done.
bool emul_pt_write(struct cpu_user_regs *regs, u64 va);

#endif
