// SPDX-License-Identifier: MIT
// The ELF notes of a guest that makes its hypercalls by `syscall` itself, as
// current Linux kernels do, and those hypercalls.
#include "notes.inc"

	common_notes
	note XEN_ELFNOTE_VIRT_BASE, .quad, virt_base

	.text
	.globl hypercall_entry, hypercall_iret
hypercall_entry:
	syscall
	ret

hypercall_iret:			// at rsp: a struct iret_context
	mov $__HYPERVISOR_iret, %eax
	syscall
	ud2
