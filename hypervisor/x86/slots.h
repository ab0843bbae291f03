/* SPDX-License-Identifier: MIT */
/* clang-format off */
/*
 * Slots in assembly: NOPs that traps_init() overwrites where the CPU has the
 * feature, or the leak, that asks for it (x86/slots.c). A file that has slots
 * begins with SLOTS_BEGIN(name) and ends with SLOTS_END(name).
 */
#ifndef WABE_SLOTS_H
#define WABE_SLOTS_H

#define SLOT_STAC 0   /* SMAP: let guest memory be touched */
#define SLOT_CLAC 1   /* SMAP: no longer */
#define SLOT_LFENCE 2 /* no guessing whether SWAPGS was run */
#define SLOT_VERW 3   /* empty the CPU's buffers before a guest runs */

#ifdef __ASSEMBLY__

#define SLOTS_BEGIN(name)                                                      \
	.pushsection .rodata.slots, "a";                                       \
	.balign 4;                                                             \
	.globl name##_slots;                                                   \
	.hidden name##_slots;                                                  \
	name##_slots:;                                                         \
	.popsection

#define SLOTS_END(name)                                                        \
	.pushsection .rodata.slots, "a";                                       \
	.long 0;                                                               \
	.popsection

/* An entry: distance to the slot, kind. The table ends with a distance 0. */
.macro SLOT kind
770:
	.if \kind == SLOT_VERW
	.byte 0x0f, 0x1f, 0x80, 0, 0, 0, 0
	.else
	.byte 0x0f, 0x1f, 0x00
	.endif
	.pushsection .rodata.slots, "a"
	.long 770b - .
	.long \kind
	.popsection
.endm

#endif
#endif
