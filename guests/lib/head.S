// SPDX-License-Identifier: MIT
// The first instruction, the entries of traps and callbacks, the way into user
// mode and back. The layouts are struct boot_regs, struct regs and struct
// trap_record of guest.h and trap.h.
#include <xen/xen.h>

#define STACK_SIZE 32768

#define REGS_VECTOR 124
#define TRAP_EVENT 0x100
#define TRAP_FAILSAFE 0x101
#define TRAP_SYSCALL 0x102
#define TRAP_SYSCALL32 0x103

.macro save_boot at, regs : vararg
	.set offset, \at
	.irp reg, \regs
	mov %\reg, boot_regs + offset(%rip)
	.set offset, offset + 8
	.endr
.endm

	.section .text.head, "ax"
	.globl start
start:				// rsi: start_info; rsp: a page of stack
	save_boot 0, rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp
	save_boot 64, r8, r9, r10, r11, r12, r13, r14, r15
	pushfq
	popq boot_regs + 128(%rip)
	save_boot 136, cs, ss, ds, es, fs, gs
	lea stack_top(%rip), %rsp
	xor %ebp, %ebp
	mov %rsi, %rdi
	call guest_start
	ud2

	.text
// An entry makes a quadword of error code and vector below rip; rcx and r11
// have come back from the frame. What the first instruction sees of rsp, cs,
// ss and flags is kept for tests.
.macro entry name, vector, has_error=0
	.globl \name
\name:
	mov %rsp, entry_rsp(%rip)
	pop %rcx
	pop %r11
	.if !\has_error
	pushq $0
	.endif
	movl $\vector, 4(%rsp)
	jmp entry_common
.endm

	.set vector, 0
	.rept 32
	.if vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21
	.set has_error, 1
	.else
	.set has_error, 0
	.endif
	.altmacro
.macro exception number
	entry trap_stub_\number, \number, has_error
.endm
	exception %vector
	.noaltmacro
	.purgem exception
	.set vector, vector + 1
	.endr
	entry trap_stub_user, 0x80
	entry trap_stub_kernel, 0x81
	entry callback_event, TRAP_EVENT
	entry callback_syscall, TRAP_SYSCALL
	entry callback_syscall32, TRAP_SYSCALL32

	.globl callback_failsafe
callback_failsafe:		// rcx r11 ds es fs gs and then rip as ever
	mov %rsp, entry_rsp(%rip)
	pop %rcx
	pop %r11
	popq failsafe_selectors(%rip)
	popq failsafe_selectors + 8(%rip)
	popq failsafe_selectors + 16(%rip)
	popq failsafe_selectors + 24(%rip)
	pushq $0
	movl $TRAP_FAILSAFE, 4(%rsp)
entry_common:			// struct regs from below
	push %rcx
	push %r11
	push %rax
	push %rdi
	push %rsi
	push %rdx
	push %r8
	push %r9
	push %r10
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	pushfq
	popq entry_rflags(%rip)
	mov %cs, entry_cs(%rip)
	mov %ss, entry_ss(%rip)
	cld
	mov %rsp, %rdi
	call trap_handle
restore:
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	pop %r10
	pop %r9
	pop %r8
	pop %rdx
	pop %rsi
	pop %rdi
	movq $0, 24(%rsp)	// no VGCF flags: restore everything
	jmp hypercall_iret

// void user_enter(struct regs *regs): a copy of them is the frame.
	.globl user_enter, user_leave
user_enter:
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	mov %rsp, user_return_rsp(%rip)
	mov %rdi, %rsi
	sub $168, %rsp
	mov %rsp, %rdi
	mov $21, %ecx
	cld
	rep movsq
	jmp restore

// Called by trap_handle() for a trap from user mode: user_enter() returns.
user_leave:
	mov user_return_rsp(%rip), %rsp
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	ret

	.section .rodata
	.balign 8
	.globl trap_stubs
.macro stub_address number
	.quad trap_stub_\number
.endm
trap_stubs:
	.set vector, 0
	.altmacro
	.rept 32
	stub_address %vector
	.set vector, vector + 1
	.endr
	.noaltmacro
	.quad trap_stub_user, trap_stub_kernel

	.bss
	.balign 4096
	.skip STACK_SIZE
	.globl stack_top
stack_top:
	.skip STACK_SIZE
	.globl trap_stack_top
trap_stack_top:			// where traps from user mode start
	.globl boot_regs, entry_rsp, entry_rflags, entry_cs, entry_ss
	.globl failsafe_selectors
boot_regs: .skip 184
entry_rsp: .skip 8
entry_rflags: .skip 8
entry_cs: .skip 8
entry_ss: .skip 8
failsafe_selectors: .skip 32
user_return_rsp: .skip 8
