/* SPDX-License-Identifier: MIT */
/*
 * iretq_quirk_run(rip, rsp): run that at CPL 3 and come back by the exception
 * it ends with. 0: #BP; else 1 + the error code of a #PF; ~0: another one.
 * Boot CPU only, interrupts off. GS stays the hypervisor's: the gates below do
 * not swap it.
 */
#include <wabe/layout.h>

#define BP 3
#define UD 6
#define GP 13
#define PF 14
#define GATES 15

	.section .init.text, "ax"
	.globl iretq_quirk_run
	.hidden iretq_quirk_run
iretq_quirk_run:
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	sub $16, %rsp
	sidt (%rsp)
	mov $GATES, %ecx		/* all of them to `other`, then two */
	lea idt(%rip), %r8
	lea other(%rip), %rax
1:	call gate
	add $16, %r8
	dec %ecx
	jnz 1b
	lea idt + BP * 16(%rip), %r8
	lea breakpoint(%rip), %rax
	call gate
	lea idt + PF * 16(%rip), %r8
	lea page_fault(%rip), %rax
	call gate
	lea idt(%rip), %rax
	mov %rax, pointer + 2(%rip)
	lidt pointer(%rip)
	mov %rsp, saved_rsp(%rip)
	push $SEL_GUEST_DS
	push %rsi
	push $2				/* interrupts stay off */
	push $SEL_GUEST_CS64
	push %rdi
	iretq

breakpoint:
	xor %eax, %eax
	jmp back
page_fault:
	mov (%rsp), %rax
	inc %rax
	jmp back
other:
	mov $-1, %rax
back:
	mov saved_rsp(%rip), %rsp
	lidt (%rsp)
	add $16, %rsp
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	ret

/* Gate at %r8 to %rax, for CPL 3. */
gate:
	mov %rax, %rdx
	mov %ax, (%r8)
	movw $SEL_HV_CS, 2(%r8)
	movw $0xee00, 4(%r8)
	shr $16, %rdx
	mov %dx, 6(%r8)
	shr $16, %rdx
	mov %edx, 8(%r8)
	ret

	.section .init.data, "aw"
	.balign 16
idt:	.fill GATES * 16, 1, 0
pointer:
	.word GATES * 16 - 1
	.quad 0
	.balign 8
saved_rsp:
	.quad 0

	.section .note.GNU-stack, "", @progbits
