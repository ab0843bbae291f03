/* SPDX-License-Identifier: MIT */
/*
 * The first instructions: a multiboot loader starts us in 32-bit mode without
 * paging, the image at IMAGE_MADDR. From here to boot_main() in 64-bit mode.
 *
 * Early page tables: one L3 for the low 4 GiB in 2 MiB pages, seen three times:
 * one to one (boot_ptr()), at HEAP_BASE (tables that paging_init() makes) and
 * at IMAGE_BASE (the image itself).
 */
#include <wabe/layout.h>

#define PHYS(symbol) ((symbol) - IMAGE_BASE)
#define CODE32 8
#define CODE64 16
#define DATA 24

#define MB1_MAGIC 0x1badb002
#define MB1_FLAGS 3			/* modules on pages; memory map */
#define MB2_MAGIC 0xe85250d6

	.section .head, "ax"
	.code32
	.globl start32
start32:
	jmp start

/* --- headers: within the first 8 KiB (1) and 32 KiB (2), aligned to 8 --- */
	.balign 8
	.long MB1_MAGIC, MB1_FLAGS, -(MB1_MAGIC + MB1_FLAGS)

	.balign 8
mb2:
	.long MB2_MAGIC, 0, mb2_end - mb2, -(MB2_MAGIC + (mb2_end - mb2))
	.short 1, 0			/* we need: the memory map */
	.long 12, 6
	.balign 8
	.short 1, 1			/* we like: EFI map, both RSDPs */
	.long 20, 17, 14, 15
	.balign 8
	.short 4, 1			/* text mode is fine */
	.long 12, 2
	.balign 8
	.short 5, 1			/* a frame buffer of any size too */
	.long 20, 0, 0, 0
	.balign 8
	.short 6, 1			/* modules on pages */
	.long 8
	.short 0, 0
	.long 8
mb2_end:

start:
	cli
	cld
	mov $PHYS(boot_stack_top), %esp
	mov %eax, %edi			/* arguments of boot_main() */
	mov %ebx, %esi

	/* Long mode and no-execute, or nothing. */
	mov $0x80000000, %eax
	cpuid
	cmp $0x80000001, %eax
	jb no_cpu
	mov $0x80000001, %eax
	cpuid
	and $0x20100000, %edx
	cmp $0x20100000, %edx
	jne no_cpu

	/* 2048 pages of 2 MiB in four L2 tables. */
	mov $PHYS(early_l2), %ebx
	mov $0xe3, %eax			/* P RW A D PS */
1:	mov %eax, (%ebx)
	add $8, %ebx
	add $0x200000, %eax
	jnc 1b

	mov $PHYS(early_l2) + 0x63, %eax
	mov $PHYS(early_l3), %ebx
	mov $4, %ecx
2:	mov %eax, (%ebx)
	add $8, %ebx
	add $0x1000, %eax
	loop 2b

	mov $PHYS(early_l3) + 0x63, %eax
	mov %eax, PHYS(early_l4)
	mov %eax, PHYS(early_l4) + 8 * (256 + ((HEAP_BASE - HV_START) >> 39))
	mov %eax, PHYS(early_l4) + 8 * (256 + ((IMAGE_BASE - HV_START) >> 39))

	mov $0x20, %eax			/* PAE; global pages come later */
	mov %eax, %cr4
	mov $PHYS(early_l4), %eax
	mov %eax, %cr3
	mov $0xc0000080, %ecx		/* EFER: LME, NXE */
	rdmsr
	or $0x900, %eax
	wrmsr
	mov $0x80010033, %eax		/* PG WP NE ET MP PE */
	mov %eax, %cr0
	lgdt PHYS(early_gdt_pointer)
	ljmp $CODE64, $PHYS(start64_low)

/* Say so on the first serial port and the VGA text screen, and stop. */
no_cpu:
	mov $PHYS(no_cpu_text), %esi
	mov $0xb8000, %edi
1:	lodsb
	test %al, %al
	jz 3f
	mov %al, (%edi)
	movb $0x0f, 1(%edi)
	add $2, %edi
	mov %al, %bl
	mov $0x3fd, %dx
	mov $0x10000, %ecx
2:	in %dx, %al
	test $0x20, %al
	loopz 2b
	mov $0x3f8, %dx
	mov %bl, %al
	out %al, %dx
	jmp 1b
3:	hlt
	jmp 3b
no_cpu_text:
	.asciz "Wabe needs a 64-bit processor with no-execute pages.\r\n"

	.code64
start64_low:
	movabs $start64, %rax
	jmp *%rax
start64:
	mov $DATA, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	xor %eax, %eax
	mov %eax, %fs
	mov %eax, %gs
	lgdt early_gdt_pointer64(%rip)
	lea boot_stack_top(%rip), %rsp
	xor %ebp, %ebp
	/* this_cpu(): a struct cpu of zeros, save what boot_main() sets. */
	lea boot_cpu(%rip), %rax
	mov %rax, (%rax)
	mov %rax, %rdx
	shr $32, %rdx
	mov $0xc0000101, %ecx		/* GS base */
	wrmsr
	mov %edi, %edi
	mov %esi, %esi
	call boot_main
	ud2

/*
 * void boot_on_stack(u64 stack_top, void (*fn)(void)): leave the boot stack,
 * which is freed, for a CPU's own. fn does not return.
 */
	.text
	.globl boot_on_stack
boot_on_stack:
	mov %rdi, %rsp
	xor %ebp, %ebp
	call *%rsi
	ud2

	.section .init.data, "aw"
	.balign 8
early_gdt:
	.quad 0
	.quad 0x00cf9a000000ffff	/* CODE32 */
	.quad 0x00af9a000000ffff	/* CODE64 */
	.quad 0x00cf92000000ffff	/* DATA */
early_gdt_end:
early_gdt_pointer:
	.word early_gdt_end - early_gdt - 1
	.long PHYS(early_gdt)
early_gdt_pointer64:
	.word early_gdt_end - early_gdt - 1
	.quad early_gdt

	.section .init.bss, "aw", @nobits
	.balign 4096
early_l4:
	.skip 4096
	.globl early_l3
early_l3:
	.skip 4096
early_l2:
	.skip 4 * 4096
	.skip 16384
boot_stack_top:
