// SPDX-License-Identifier: MIT
// What the rooms of the entry path say to each other.
#ifndef WABE_ENTRY_H
#define WABE_ENTRY_H

#include <wabe/domain.h>
#include <wabe/layout.h>
#include <wabe/trap.h>
#include <wabe/types.h>

// regs.entry_vector: the vector of an exception, or this: rcx and r11 may be
// lost and cs, ss are the flat 64-bit ones, so SYSRET can leave (entry.S).
#define ENTRY_SYSRET 0xffffffffu

#define RFLAGS_NT BIT(14)
#define RFLAGS_VM BIT(17)
#define RFLAGS_AC BIT(18)

// --- entry.S ---
extern const char entry_vectors[256][16]; // for the IDT
extern const s32 entry_slots[], uaccess_slots[];
void entry_syscall(void);
void entry_syscall32(void);
void entry_sysenter(void);
// Let NMIs in again, which the CPU holds back until the next iretq.
void nmi_unblock(void);

// --- called by entry.S ---
typedef void trap_handler(struct cpu_user_regs *regs);
#define HANDLER_INT80 32 // indexes after the exceptions
#define HANDLER_IRQ 33
extern trap_handler *const trap_handlers[34];
void trap_syscall64(void);
void trap_syscall(u32 callback);
void trap_sysenter(void);
void trap_iret_fault(u32 vector, u32 error_code);
void trap_hypervisor(struct cpu_user_regs *regs);
void trap_ist(struct cpu_user_regs *regs);
bool trap_deliver_nmi(void);
void trap_inject_event(void);

// --- slots.c, descriptor.c, bounce.c, iretq_quirk.c ---
void slots_fill(void);
void descriptors_load(struct cpu *c); // GDT, TSS, segment registers
// `int vector`: never an error code.
void trap_inject_soft(u8 vector);
// Failsafe frame with these ds, es, fs, gs.
void bounce_failsafe(struct vcpu *v, const u16 sel[4]);
// Was this #PF the quirk? Then the return is done.
bool iretq_quirk_fault(struct cpu_user_regs *regs);

// --- descriptor.c: the tables of the vCPU that runs, in its CPU's window ---
// Show these tables. The caller flushes the TLB (loads CR3).
void gdt_window_set(struct cpu *c, const struct vcpu *v);
void ldt_window_set(struct cpu *c, const struct vcpu *v);

// --- debugreg.c: debug registers of the vCPU that runs ---
#define DR6_RESET 0xffff0ff0ull
#define DR7_RESET 0x400ull
#define DR7_ACTIVE 0xffull // any breakpoint enabled

void debugregs_init(struct vcpu *v);
void debugregs_load_slow(struct cpu *c, struct vcpu *v);

static inline void debugregs_load(struct cpu *c, struct vcpu *v)
{
	if (unlikely(c->debugging || (v->dr[7] & DR7_ACTIVE))) {
		debugregs_load_slow(c, v);
	}
}

// DR6 of the #DB that came: read and reset.
u64 debugreg_status_take(void);

#endif
