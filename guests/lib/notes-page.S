// SPDX-License-Identifier: MIT
// The ELF notes of a guest that has a page filled in by the domain builder
// for its hypercalls, as older kernels, Mini-OS and Unikraft do.
#include "notes.inc"

	common_notes
	note XEN_ELFNOTE_VIRT_BASE, .quad, virt_base
	note XEN_ELFNOTE_HYPERCALL_PAGE, .quad, hypercall_page

	.text
	.globl hypercall_entry, hypercall_iret, hypercall_page
hypercall_entry:		// 32 bytes of the page for each number
	mov %eax, %ecx
	shl $5, %ecx
	lea hypercall_page(%rip), %r11
	add %rcx, %r11
	jmp *%r11

hypercall_iret:			// the page's code pushes these three itself
	pop %rax
	pop %r11
	pop %rcx
	jmp hypercall_page + __HYPERVISOR_iret * 32

	.balign 4096
hypercall_page:
	.skip 4096, 0xcc
