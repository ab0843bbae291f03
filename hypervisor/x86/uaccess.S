/* SPDX-License-Identifier: MIT */
/*
 * Every instruction of the hypervisor that may fault stands here, but for the
 * iretq to a guest. Behind each: where to go on (x86/uaccess.c searches). All
 * return 0, or -EFAULT after a fault. Callers have checked the addresses.
 */
#include <asm-offsets.h>
#include "slots.h"

#define EFAULT 14

/* If the instruction at `at` faults, go to `to`. */
.macro ON_FAULT at, to=uaccess_fault
	.pushsection .extable, "a"
	.balign 4
	.long \at - .
	.long \to - .
	.popsection
.endm

.macro MAY_FAULT insn:vararg
771:	\insn
	ON_FAULT 771b
.endm

.macro FUNCTION name
	.balign 16
	.globl \name
	.hidden \name
\name:
.endm

	.text
SLOTS_BEGIN(uaccess)

/* copy(dst, src, bytes): one of the two is the guest's. */
FUNCTION uaccess_copy
	SLOT SLOT_STAC
	mov %rdx, %rcx
	shr $3, %rcx
	cmp $64, %rdx
	ja 3f
	test %ecx, %ecx
	jz 2f
	lea (%rsi, %rcx, 8), %rsi
	lea (%rdi, %rcx, 8), %rdi
	neg %rcx
1:	MAY_FAULT mov (%rsi, %rcx, 8), %rax
	MAY_FAULT mov %rax, (%rdi, %rcx, 8)
	inc %rcx
	jnz 1b
2:	and $7, %edx
	jz 4f
	mov %edx, %ecx
	MAY_FAULT rep movsb
	jmp 4f
3:	MAY_FAULT rep movsq
	mov %edx, %ecx
	and $7, %ecx
	MAY_FAULT rep movsb
4:	SLOT SLOT_CLAC
	xor %eax, %eax
	ret

/* read(u64 *dst, src), write(dst, value) */
FUNCTION uaccess_read
	SLOT SLOT_STAC
	MAY_FAULT mov (%rsi), %rax
	SLOT SLOT_CLAC
	mov %rax, (%rdi)
	xor %eax, %eax
	ret

FUNCTION uaccess_write
	SLOT SLOT_STAC
	MAY_FAULT mov %rsi, (%rdi)
	SLOT SLOT_CLAC
	xor %eax, %eax
	ret

/* The 9 quadwords of struct iret_context: read_iret(dst, src). */
FUNCTION uaccess_read_iret
	SLOT SLOT_STAC
	.irp at, 0, 8, 16, 24, 32, 40, 48, 56, 64
	MAY_FAULT mov \at(%rsi), %rax
	mov %rax, \at(%rdi)
	.endr
	SLOT SLOT_CLAC
	xor %eax, %eax
	ret

/*
 * A trap's frame: frame(bottom, regs, cs, rflags, top, error). At bottom rcx
 * and r11, at top the five of iretq; between them the error code if there is
 * room, that is if top = bottom + 24.
 */
FUNCTION uaccess_frame
	SLOT SLOT_STAC
	MAY_FAULT mov %r9, -8(%r8)
	mov REGS_RCX(%rsi), %rax
	MAY_FAULT mov %rax, (%rdi)
	mov REGS_R11(%rsi), %rax
	MAY_FAULT mov %rax, 8(%rdi)
	mov REGS_RIP(%rsi), %rax
	MAY_FAULT mov %rax, (%r8)
	MAY_FAULT mov %rdx, 8(%r8)
	MAY_FAULT mov %rcx, 16(%r8)
	mov REGS_RSP(%rsi), %rax
	MAY_FAULT mov %rax, 24(%r8)
	movzwl REGS_SS(%rsi), %eax
	MAY_FAULT mov %rax, 32(%r8)
	SLOT SLOT_CLAC
	xor %eax, %eax
	ret

uaccess_fault:
	SLOT SLOT_CLAC
	mov $-EFAULT, %eax
	ret

/* rdmsr_safe(msr, u64 *value), wrmsr_safe(msr, value) */
FUNCTION rdmsr_safe
	mov %edi, %ecx
	MAY_FAULT rdmsr
	shl $32, %rdx
	or %rdx, %rax
	mov %rax, (%rsi)
	xor %eax, %eax
	ret

FUNCTION wrmsr_safe
	mov %edi, %ecx
	mov %esi, %eax
	mov %rsi, %rdx
	shr $32, %rdx
	MAY_FAULT wrmsr
	xor %eax, %eax
	ret

/* A guest's selector into a register; 0 into it if that faults. Loading gs
 * loses the GS base: only segment.c, which restores it, may call that one. */
.macro SEGMENT_LOAD seg
FUNCTION segment_load_\seg
771:	mov %edi, %\seg
	xor %eax, %eax
	ret
772:	xor %eax, %eax
	mov %eax, %\seg
	mov $-EFAULT, %eax
	ret
	ON_FAULT 771b, 772b
.endm

SEGMENT_LOAD ds
SEGMENT_LOAD es
SEGMENT_LOAD fs
SEGMENT_LOAD gs

/* FPU images that a toolstack wrote: restore(area, mask). */
FUNCTION fpu_xrstor
	mov %esi, %eax
	mov %rsi, %rdx
	shr $32, %rdx
	MAY_FAULT xrstor64 (%rdi)
	xor %eax, %eax
	ret

FUNCTION fpu_fxrstor
	MAY_FAULT fxrstor64 (%rdi)
	xor %eax, %eax
	ret

SLOTS_END(uaccess)

	.section .note.GNU-stack, "", @progbits
