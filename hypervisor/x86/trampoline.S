/* SPDX-License-Identifier: MIT */
/*
 * Where another processor starts: 16-bit code at the beginning of a page below
 * 1 MiB (boot_low_page()), straight to 64-bit mode.
 *
 * Contract with x86/smp.c. Copy [trampoline_start, trampoline_end) to the page,
 * fill the words below in the copy, send INIT and STARTUP with the page number.
 * One processor at a time: the words may be changed for the next one when the
 * processor has reached `entry`.
 *
 *   offset  8  u64 cr3     root table, below 4 GiB, with slot 0 one to one
 *                          (hv_root, before boot_finish())
 *   offset 16  u64 stack   first RSP
 *   offset 24  u64 cpu     struct cpu: GS base, and the argument of entry
 *   offset 32  u64 entry   void entry(struct cpu *), never returns
 *
 * At entry: 64-bit mode, IF clear, EFER.NXE, CR0.WP and CR4.PAE|PGE set, null
 * data segments, a GDT in the page (load another at once), no IDT.
 */
#define TRAMPOLINE_CR3 8
#define TRAMPOLINE_STACK 16
#define TRAMPOLINE_CPU 24
#define TRAMPOLINE_ENTRY 32

#define OFF(label) ((label) - trampoline_start)

	.section .init.rodata, "a"
	.globl trampoline_start, trampoline_end
	.balign 16
trampoline_start:
	.code16
	jmp 1f
	.balign 8
	.fill 4, 8, 0
gdt:
	.quad 0
	.quad 0x00af9a000000ffff	/* 8: 64-bit code */
	.quad 0x00cf92000000ffff	/* 16: data */
gdt_pointer:
	.word . - gdt - 1
	.long 0				/* linear address, filled below */
far_target:
	.long 0
	.word 8

1:	cli
	cld
	/* %ebx: linear address of the page; %ds: the page. */
	mov %cs, %ax
	mov %ax, %ds
	xor %ebx, %ebx
	mov %ax, %bx
	shl $4, %ebx
	lea OFF(gdt)(%ebx), %eax
	mov %eax, OFF(gdt_pointer) + 2
	lea OFF(long_mode)(%ebx), %eax
	mov %eax, OFF(far_target)
	lidtl OFF(no_idt)
	lgdtl OFF(gdt_pointer)
	mov $0xa0, %eax			/* PAE, PGE */
	mov %eax, %cr4
	mov TRAMPOLINE_CR3, %eax
	mov %eax, %cr3
	mov $0xc0000080, %ecx		/* EFER: LME, NXE */
	rdmsr
	or $0x900, %eax
	wrmsr
	mov $0x80010033, %eax		/* PG, WP, NE, ET, MP, PE at once */
	mov %eax, %cr0
	ljmpl *OFF(far_target)
	.balign 4
no_idt:
	.word 0
	.long 0

	.code64
long_mode:
	xor %eax, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov %eax, %fs
	mov %eax, %gs
	mov %ebx, %ebx
	mov TRAMPOLINE_STACK(%rbx), %rsp
	mov TRAMPOLINE_CPU(%rbx), %rdi
	mov %rdi, %rdx
	shr $32, %rdx
	mov %edi, %eax
	mov $0xc0000101, %ecx		/* GS base */
	wrmsr
	xor %ebp, %ebp
	push %rbp			/* no return address */
	jmp *TRAMPOLINE_ENTRY(%rbx)
	.balign 8
trampoline_end:
