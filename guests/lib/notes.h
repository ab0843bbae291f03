// SPDX-License-Identifier: MIT
// What both kinds of ELF notes have in common (assembly).
#ifndef GUEST_NOTES_H
#define GUEST_NOTES_H

#include <xen/xen.h>
#include <xen/elfnote.h>
#include <xen/features.h>

.macro note type, directive, value : vararg
	.pushsection .note.xen, "a", @note
	.balign 4
	.long 4
	.long 881f - 880f
	.long \type
	.asciz "Xen"
880:	\directive \value
881:	.balign 4
	.popsection
.endm

.macro common_notes
	note XEN_ELFNOTE_GUEST_OS, .asciz, "wabe-guest"
	note XEN_ELFNOTE_GUEST_VERSION, .asciz, "1"
	note XEN_ELFNOTE_LOADER, .asciz, "generic"
	note XEN_ELFNOTE_XEN_VERSION, .asciz, "xen-3.0"
	note XEN_ELFNOTE_PAE_MODE, .asciz, "yes"
	note XEN_ELFNOTE_ENTRY, .quad, start
	note XEN_ELFNOTE_PADDR_OFFSET, .quad, 0
	note XEN_ELFNOTE_HV_START_LOW, .quad, __HYPERVISOR_VIRT_START
	note XEN_ELFNOTE_SUPPORTED_FEATURES, .long, (1 << XENFEAT_dom0)
.endm

#endif
