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
#define FLAGS_IF 0x200
#define HYPERCALLS 64		/* call/hypercall.c checks */
#define CALLBACK_EVENT 0	/* x86/traps.c checks */
#define CALLBACK_SYSCALL 2
#define CALLBACK_SYSCALL32 3
#define HANDLER_INT80 32
#define HANDLER_IRQ 33
#define WITH_ERROR 0x60227d00	/* exceptions 8, 10 to 14, 17, 21, 29, 30 */
#define ANYWHERE 0x40106	/* 1, 2, 8, 18 */

/* A field of struct vcpu, from &v->regs. */
#define V(field) (field - VCPU_REGS)

	.section .text.entry, "ax"
SLOTS_BEGIN(entry)

.macro SAVE_REGS
	.irp r, rdi, rsi, rdx, rcx, rax, r8, r9, r10, r11, rbx, rbp, r12, r13, r14, r15
	push %\r
	.endr
.endm

.macro POP_REGS
	.irp r, r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi
	pop %\r
	.endr
.endm

/* From struct cpu_user_regs at %rbx, in its order; a dash is left out. */
.macro LOAD_REGS regs:vararg
	.set at, 0
	.irp r, \regs
	.ifnc \r, -
	mov at(%rbx), %\r
	.endif
	.set at, at + 8
	.endr
.endm

/* No guest's value is left where mispredicted code could use it. */
.macro CLEAR regs:vararg
	.irp r, \regs
	xor %\r, %\r
	.endr
.endm
#define CLEAR_SAVED CLEAR ebp, r12d, r13d, r14d, r15d
#define CLEAR_UNSAVED CLEAR r8d, r9d, r10d, r11d
#define CLEAR_REGS CLEAR ebp, r12d, r13d, r14d, r15d, r8d, r9d, r10d, r11d

.macro ENTRY name
	.balign 16
	.globl \name
	.hidden \name
\name:
.endm

/* --- system calls and hypercalls --- */

.macro SYSCALL_ENTRY cs, vector	/* and error_code */
	swapgs
	mov %rsp, %gs:CPU_SCRATCH
	mov %gs:CPU_REGS_TOP, %rsp
	push $SEL_GUEST_DS
	push %gs:CPU_SCRATCH
	push %r11
	push $\cs
	push %rcx
	push $\vector
	SAVE_REGS
	mov %rsp, %rbx
	CLEAR_SAVED
	mov %gs:CPU_STACK_TOP, %rsp
.endm

/* SFMASK has cleared IF, TF, DF, NT, AC. */
ENTRY entry_syscall
	SYSCALL_ENTRY SEL_GUEST_CS64, -1 /* ENTRY_SYSRET */
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

/* --- the way out --- */

exit_check:
	cmpl $0, %gs:CPU_WORK
	jne exit_work
	cmpb $0, V(VCPU_NMI_PENDING)(%rbx)
	jne exit_nmi
exit_events:
	mov V(VCPU_INFO)(%rbx), %rax
	cmpb $0, (%rax)			/* evtchn_upcall_pending */
	jne exit_pending
exit_registers:
	cmpl $0, REGS_VECTOR(%rbx)
	jns exit_iret
	mov REGS_RIP(%rbx), %rcx	/* canonical, else SYSRET faults in */
	mov $1 << 47, %rax		/* ring 0 on the guest's stack */
	add %rcx, %rax
	shr $48, %rax
	jnz exit_iret
exit_sysret:				/* tests/system/entry.sh watches it */
	mov REGS_RFLAGS(%rbx), %r11	/* loses RF, as on Xen */
	LOAD_REGS r15, r14, r13, r12, rbp, -, -, r10, r9, r8, rax, -, rdx, rsi, rdi
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
	LOAD_REGS r15, r14, r13, r12, rbp, -, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi
	mov REGS_RBX(%rbx), %rbx
	SLOT SLOT_VERW
	swapgs
exit_iretq:				/* may fault: see entry_hypervisor */
	iretq

exit_pending:
	cmpb $0, 1(%rax)		/* evtchn_upcall_mask */
	jne exit_registers
	call trap_inject_event
	jmp exit_check

exit_nmi:
	call trap_deliver_nmi
	test %al, %al
	jnz exit_check
	jmp exit_events			/* it waits for the guest's iret */

/* How a CPU begins: let the scheduler choose. */
ENTRY exit_to_guest
	mov %gs:CPU_STACK_TOP, %rsp
exit_work:
	call cpu_do_work
exit_reload:
	mov %gs:CPU_CURRENT, %rbx
	add $VCPU_REGS, %rbx
	jmp exit_check

/* --- the other ways in by system calls --- */

hypercall_unknown:
	movq $-38, REGS_RAX(%rbx)	/* -ENOSYS */
	jmp exit_check

syscall_user:
	CLEAR_UNSAVED
	call trap_syscall64
	jmp exit_check

/* `syscall` of 32-bit code (AMD). */
ENTRY entry_syscall32
	SYSCALL_ENTRY SEL_GUEST_CS32, 0
	CLEAR_UNSAVED
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

/* --- exceptions and interrupts --- */

/* The entry of a vector: 16 bytes in entry_vectors. It leaves what the processor
 * did not push: the error code, or 0 (of interrupts the vector), and which
 * handler it is for, which is the number of an exception. */
.macro VECTOR handler
	.if !(WITH_ERROR >> \handler & 1)
	push $0
	.endif
	movl $\handler, 4(%rsp)
	.if ANYWHERE >> \handler & 1
	jmp entry_ist
	.else
	jmp entry_trap
	.endif
.endm

	.balign 16
	.globl entry_vectors
	.hidden entry_vectors
entry_vectors:
	.set vector, 0
	.rept 256
	.balign 16
	.if vector < 32
	VECTOR vector
	.elseif vector == 0x80
	VECTOR HANDLER_INT80
	.else
	push $vector
	jmp entry_irq
	.endif
	.set vector, vector + 1
	.endr

entry_irq:				/* the vector as error code */
	movl $HANDLER_IRQ, 4(%rsp)
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

/* An interrupt of an idle CPU, a fault in the hypervisor, or one of the iretq
 * above: then GS is the guest's, and its registers are in struct vcpu as well. */
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
hypervisor_return:
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

/* --- those that hit anywhere --- */

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
	mov $MSR_GS_BASE, %ecx
	mov %r12d, %eax
	mov %r13d, %edx
	wrmsr
	jmp hypervisor_return

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

	.section .note.GNU-stack, "", @progbits
