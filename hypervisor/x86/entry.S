/* SPDX-License-Identifier: MIT */
/*
 * The ways into the hypervisor and out of it.
 *
 * From a guest the registers go straight to struct vcpu.regs: the CPU (TSS) or
 * entry_syscall sets the stack to its end. From the hypervisor itself (idle's
 * interrupts, faults the extable knows) they go to the stack in use. #DB, NMI,
 * #DF and #MC can hit where the stack or GS is not ours yet, so they have
 * stacks of their own, and on those is written where this CPU's struct cpu is.
 *
 * exit_check leads back to the guest; %rbx is &current->regs there.
 *
 * 20 quadwords and a slot, as struct cpu_user_regs:
 *   r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi
 *   error_code:entry_vector  rip cs rflags rsp ss
 */
#include <asm-offsets.h>
#include <wabe/layout.h>
#include "slots.h"

#define MSR_GS_BASE 0xc0000101
#define FLAGS_TF_RF 0x10100
#define FLAGS_IF 0x200
#define HYPERCALLS 64		/* call/hypercall.c checks */
#define CALLBACK_EVENT 0	/* x86/traps.c checks */
#define CALLBACK_SYSCALL 2
#define CALLBACK_SYSCALL32 3
#define HANDLER_INT80 32

/* A field of struct vcpu, from &v->regs. */
#define V(field) (field - VCPU_REGS)

	.section .text.entry, "ax"
SLOTS_BEGIN(entry)

.macro SAVE_REGS
	push %rdi
	push %rsi
	push %rdx
	push %rcx
	push %rax
	push %r8
	push %r9
	push %r10
	push %r11
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
.endm

.macro POP_REGS
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rax
	pop %rcx
	pop %rdx
	pop %rsi
	pop %rdi
.endm

/* No guest's value is left where mispredicted code could use it. */
.macro CLEAR_SAVED
	xor %ebp, %ebp
	xor %r12d, %r12d
	xor %r13d, %r13d
	xor %r14d, %r14d
	xor %r15d, %r15d
.endm

.macro CLEAR_UNSAVED
	xor %r8d, %r8d
	xor %r9d, %r9d
	xor %r10d, %r10d
	xor %r11d, %r11d
.endm

.macro CLEAR_REGS
	CLEAR_SAVED
	CLEAR_UNSAVED
.endm

.macro ENTRY name
	.balign 16
	.globl \name
	.hidden \name
\name:
.endm

/* --- system calls and hypercalls --- */

/* SFMASK has cleared IF, TF, DF, NT, AC. */
ENTRY entry_syscall
	swapgs
	mov %rsp, %gs:CPU_SCRATCH
	mov %gs:CPU_REGS_TOP, %rsp
	push $SEL_GUEST_DS
	push %gs:CPU_SCRATCH
	push %r11
	push $SEL_GUEST_CS64
	push %rcx
	push $-1			/* error_code, ENTRY_SYSRET */
	SAVE_REGS
	mov %rsp, %rbx
	CLEAR_SAVED
	mov %gs:CPU_STACK_TOP, %rsp
	cmpb $0, V(VCPU_KERNEL_MODE)(%rbx)
	je syscall_user
	movq $WORK_UNITS, %gs:CPU_WORK_LEFT
	cmp $HYPERCALLS, %rax
	jae hypercall_unknown
	sbb %rcx, %rcx			/* all ones, but when misguessed */
	and %rcx, %rax
	mov %r10, %rcx
	lea hypercall_table(%rip), %r11
	call *(%r11, %rax, 8)
	mov %rax, REGS_RAX(%rbx)
	jmp exit_check

hypercall_unknown:
	movq $-38, REGS_RAX(%rbx)	/* -ENOSYS */
	jmp exit_check

syscall_user:
	CLEAR_UNSAVED
	call trap_syscall64
	jmp exit_check

/* `syscall` of 32-bit code (AMD). */
ENTRY entry_syscall32
	swapgs
	mov %rsp, %gs:CPU_SCRATCH
	mov %gs:CPU_REGS_TOP, %rsp
	push $SEL_GUEST_DS
	push %gs:CPU_SCRATCH
	push %r11
	push $SEL_GUEST_CS32
	push %rcx
	push $0
	SAVE_REGS
	mov %rsp, %rbx
	CLEAR_REGS
	mov %gs:CPU_STACK_TOP, %rsp
	mov $CALLBACK_SYSCALL32, %edi
	call trap_syscall
	jmp exit_check

/* `sysenter` (Intel) saves nothing and clears of the flags only IF. */
ENTRY entry_sysenter
	swapgs
	mov %gs:CPU_REGS_TOP, %rsp
	push $SEL_GUEST_DS
	push $0
	pushfq
	orl $FLAGS_IF, (%rsp)
	push $2
	popfq
	push $SEL_GUEST_CS32
	push $0
	push $0
	SAVE_REGS
	mov %rsp, %rbx
	CLEAR_REGS
	mov %gs:CPU_STACK_TOP, %rsp
	call trap_sysenter
	jmp exit_check

/* --- the way out --- */

/* How a CPU begins: let the scheduler choose. */
ENTRY exit_to_guest
	mov %gs:CPU_STACK_TOP, %rsp
exit_work:
	call cpu_do_work
exit_reload:
	mov %gs:CPU_CURRENT, %rbx
	add $VCPU_REGS, %rbx

exit_check:
	cmpl $0, %gs:CPU_WORK
	jne exit_work
	cmpb $0, V(VCPU_NMI_PENDING)(%rbx)
	jne exit_nmi
exit_events:
	mov V(VCPU_INFO)(%rbx), %rax
	movzwl (%rax), %eax		/* mask << 8 | pending */
	dec %eax
	cmp $254, %eax
	jbe exit_event			/* pending and not masked */

	cmpl $0, REGS_VECTOR(%rbx)
	jns exit_iret
	mov REGS_RIP(%rbx), %rcx	/* canonical, else SYSRET faults in */
	mov %rcx, %rax			/* ring 0 on the guest's stack */
	sar $47, %rax
	inc %rax
	cmp $1, %rax
	ja exit_iret
	mov REGS_RFLAGS(%rbx), %r11
	test $FLAGS_TF_RF, %r11d
	jnz exit_iret
	mov REGS_R15(%rbx), %r15
	mov REGS_R14(%rbx), %r14
	mov REGS_R13(%rbx), %r13
	mov REGS_R12(%rbx), %r12
	mov REGS_RBP(%rbx), %rbp
	mov REGS_R10(%rbx), %r10
	mov REGS_R9(%rbx), %r9
	mov REGS_R8(%rbx), %r8
	mov REGS_RAX(%rbx), %rax
	mov REGS_RDX(%rbx), %rdx
	mov REGS_RSI(%rbx), %rsi
	mov REGS_RDI(%rbx), %rdi
	mov REGS_RSP(%rbx), %rsp
	mov REGS_RBX(%rbx), %rbx
	SLOT SLOT_VERW
	swapgs
	sysretq

exit_iret:
	push REGS_SS(%rbx)
	push REGS_RSP(%rbx)
	push REGS_RFLAGS(%rbx)
	push REGS_CS(%rbx)
	push REGS_RIP(%rbx)
	mov REGS_R15(%rbx), %r15
	mov REGS_R14(%rbx), %r14
	mov REGS_R13(%rbx), %r13
	mov REGS_R12(%rbx), %r12
	mov REGS_RBP(%rbx), %rbp
	mov REGS_R11(%rbx), %r11
	mov REGS_R10(%rbx), %r10
	mov REGS_R9(%rbx), %r9
	mov REGS_R8(%rbx), %r8
	mov REGS_RAX(%rbx), %rax
	mov REGS_RCX(%rbx), %rcx
	mov REGS_RDX(%rbx), %rdx
	mov REGS_RSI(%rbx), %rsi
	mov REGS_RDI(%rbx), %rdi
	mov REGS_RBX(%rbx), %rbx
	SLOT SLOT_VERW
	swapgs
exit_iretq:				/* may fault: see entry_hypervisor */
	iretq

exit_event:
	call trap_inject_event
	jmp exit_check

exit_nmi:
	call trap_deliver_nmi
	test %al, %al
	jnz exit_check
	jmp exit_events			/* it waits for the guest's iret */

/* --- exceptions --- */

.macro EXCEPTION name, vector, error=0
ENTRY \name
	.if !\error
	push $0
	.endif
	movl $\vector, 4(%rsp)
	jmp entry_trap
.endm

EXCEPTION entry_de, 0
EXCEPTION entry_bp, 3
EXCEPTION entry_of, 4
EXCEPTION entry_br, 5
EXCEPTION entry_ud, 6
EXCEPTION entry_nm, 7
EXCEPTION entry_09, 9
EXCEPTION entry_ts, 10, 1
EXCEPTION entry_np, 11, 1
EXCEPTION entry_ss, 12, 1
EXCEPTION entry_gp, 13, 1
EXCEPTION entry_0f, 15
EXCEPTION entry_mf, 16
EXCEPTION entry_ac, 17, 1
EXCEPTION entry_xm, 19
EXCEPTION entry_ve, 20
EXCEPTION entry_cp, 21, 1
EXCEPTION entry_16, 22
EXCEPTION entry_17, 23
EXCEPTION entry_18, 24
EXCEPTION entry_19, 25
EXCEPTION entry_1a, 26
EXCEPTION entry_1b, 27
EXCEPTION entry_1c, 28
EXCEPTION entry_1d, 29, 1
EXCEPTION entry_1e, 30, 1
EXCEPTION entry_1f, 31
EXCEPTION entry_int80, HANDLER_INT80
EXCEPTION entry_pf, 14, 1

entry_trap:
	testb $3, 16(%rsp)		/* cs */
	jz entry_hypervisor
	swapgs
	SLOT SLOT_LFENCE
entry_trap_guest:
	cld
	SLOT SLOT_CLAC
	SAVE_REGS
	mov %rsp, %rbx
	CLEAR_REGS
	mov %gs:CPU_STACK_TOP, %rsp
	mov %rbx, %rdi
	mov REGS_VECTOR(%rbx), %eax
	lea trap_handlers(%rip), %rcx
	call *(%rcx, %rax, 8)
	jmp exit_check

/* A fault in the hypervisor, or of the iretq above: then GS is the guest's,
 * and its registers are in struct vcpu as well. */
entry_hypervisor:
	SLOT SLOT_LFENCE
	cld
	SLOT SLOT_CLAC
	SAVE_REGS
	lea exit_iretq(%rip), %rax
	cmp %rax, REGS_RIP(%rsp)
	je entry_iret_fault
	mov %rsp, %rdi
	sub $8, %rsp
	call trap_hypervisor
	add $8, %rsp
	POP_REGS
	add $8, %rsp
	iretq

entry_iret_fault:
	swapgs
	mov REGS_VECTOR(%rsp), %edi
	mov REGS_ERROR_CODE(%rsp), %esi
	CLEAR_REGS
	mov %gs:CPU_STACK_TOP, %rsp
	call trap_iret_fault
	jmp exit_reload

/* --- interrupts of devices and other CPUs --- */

	.balign 16
irq_stubs:				/* vectors 32 to 255, 16 bytes each */
	.set vector, 32
	.rept 224
	.balign 16
	pushq $vector
	.byte 0xe9			/* jmp entry_irq, never the short form */
	.long entry_irq - . - 4
	.set vector, vector + 1
	.endr

	.balign 16
entry_irq:
	testb $3, 16(%rsp)
	jz irq_hypervisor
	swapgs
	SLOT SLOT_LFENCE
	cld
	SLOT SLOT_CLAC
	SAVE_REGS
	mov %rsp, %rbx
	CLEAR_REGS
	mov %gs:CPU_STACK_TOP, %rsp
	movzbl REGS_ERROR_CODE(%rbx), %edi
	call irq_entry
	jmp exit_check

irq_hypervisor:				/* the CPU was idle */
	SLOT SLOT_LFENCE
	cld
	SAVE_REGS
	movzbl REGS_ERROR_CODE(%rsp), %edi
	sub $8, %rsp
	call irq_entry
	add $8, %rsp
	POP_REGS
	add $8, %rsp
	iretq

/* --- those that hit anywhere --- */

.macro IST_EXCEPTION name, vector, error=0
ENTRY \name
	.if !\error
	push $0
	.endif
	movl $\vector, 4(%rsp)
	jmp entry_ist
.endm

IST_EXCEPTION entry_db, 1
IST_EXCEPTION entry_nmi, 2
IST_EXCEPTION entry_df, 8, 1
IST_EXCEPTION entry_mc, 18

entry_ist:
	testb $3, 16(%rsp)
	jnz ist_guest
	SLOT SLOT_LFENCE
	cld
	SLOT SLOT_CLAC
	SAVE_REGS
	mov $MSR_GS_BASE, %ecx		/* ours or a guest's, who knows */
	rdmsr
	mov %eax, %r12d
	mov %edx, %r13d
	mov REGS_ES(%rsp), %rax		/* top of the stack: struct cpu */
	mov %rax, %rdx
	shr $32, %rdx
	wrmsr
	mov %rsp, %rdi
	sub $8, %rsp
	call trap_ist
	add $8, %rsp
	mov $MSR_GS_BASE, %ecx
	mov %r12d, %eax
	mov %r13d, %edx
	wrmsr
	POP_REGS
	add $8, %rsp
	iretq

/* From a guest all is as it should be: move the frame to struct vcpu and go
 * the way of other exceptions. */
ist_guest:
	swapgs
	SLOT SLOT_LFENCE
	push %rax
	push %rbx
	mov %gs:CPU_REGS_TOP, %rax
	.irp slot, 56, 48, 40, 32, 24, 16
	mov \slot(%rsp), %rbx
	mov %rbx, \slot - 64(%rax)
	.endr
	pop %rbx
	sub $48, %rax
	xchg %rax, (%rsp)
	pop %rsp
	jmp entry_trap_guest

ENTRY nmi_unblock
	mov %rsp, %rax
	mov %ss, %ecx
	push %rcx
	push %rax
	pushfq
	push $SEL_HV_CS
	lea 1f(%rip), %rcx
	push %rcx
	iretq
1:	ret

SLOTS_END(entry)

	.section .rodata.entry, "a"
	.balign 8
	.globl entry_points
	.hidden entry_points
entry_points:
	.quad entry_de, entry_db, entry_nmi, entry_bp
	.quad entry_of, entry_br, entry_ud, entry_nm
	.quad entry_df, entry_09, entry_ts, entry_np
	.quad entry_ss, entry_gp, entry_pf, entry_0f
	.quad entry_mf, entry_ac, entry_mc, entry_xm
	.quad entry_ve, entry_cp, entry_16, entry_17
	.quad entry_18, entry_19, entry_1a, entry_1b
	.quad entry_1c, entry_1d, entry_1e, entry_1f
	.set vector, 32
	.rept 224
	.if vector == 0x80
	.quad entry_int80
	.else
	.quad irq_stubs + (vector - 32) * 16
	.endif
	.set vector, vector + 1
	.endr

	.section .note.GNU-stack, "", @progbits
