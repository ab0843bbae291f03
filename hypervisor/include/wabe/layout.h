/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's part of every address space: slots 256 to 271 of each
 * root table (0xffff800000000000 to 0xffff87ffffffffff). The rest is the
 * guest's. No guest memory is mapped here, save what mm/share.c lists and the
 * map caches hold.
 *
 * slot
 * 256  machine-to-physical table, read-only and user-accessible
 * 258  frame table: struct page[], one per machine frame
 * 259  machine-to-physical table, writable alias
 * 260  heap window: HEAP_BASE + machine address, present only where the
 *      hypervisor itself owns the memory (2 MiB mappings)
 * 261  the image (text, rodata, data, bss)
 * 262  per-CPU windows: GDT, LDT, stacks, map cache; one L1 table a CPU
 * 263  vmap: MMIO and guest pages shared with the hypervisor for long
 *
 * Used from assembly as well: plain numbers only.
 */
#ifndef WABE_LAYOUT_H
#define WABE_LAYOUT_H

#define HV_SLOT_FIRST 256
#define HV_SLOT_LAST 271

#define HV_START 0xffff800000000000
#define HV_END 0xffff880000000000 /* first address past the hypervisor's */

#define M2P_GUEST_BASE 0xffff800000000000
#define M2P_GUEST_END 0xffff804000000000
#define FRAMES_BASE 0xffff810000000000
#define M2P_BASE 0xffff818000000000
#define HEAP_BASE 0xffff820000000000
#define IMAGE_BASE 0xffff828000000000
#define PERCPU_BASE 0xffff830000000000
#define VMAP_BASE 0xffff838000000000
#define VMAP_BYTES 0x0000000040000000 /* 1 GiB */

/* Machine memory above this is not used (one slot holds the heap window). */
#define MADDR_LIMIT 0x8000000000 /* 512 GiB */

/* Where the image lies in machine memory: maddr = va - IMAGE_BASE. */
#define IMAGE_MADDR 0x200000

#define NR_CPUS 256

/* A CPU's window: 512 pages, one L1 table. Page numbers within it: */
#define PERCPU_BYTES 0x200000
#define PERCPU_GDT 0	/* 14 guest frames, then ours, then an empty one */
#define PERCPU_LDT 16	/* 16 guest frames */
#define PERCPU_STACK 33 /* 8 pages, guard pages around each stack */
#define PERCPU_STACK_PAGES 8
#define PERCPU_NMI 42
#define PERCPU_MCE 46
#define PERCPU_DF 50
#define PERCPU_DB 54
#define PERCPU_IST_PAGES 2
#define PERCPU_MAP_SPARE 128 /* 64 pages: map cache, colliding entries */
#define PERCPU_MAP_SPARES 64
#define PERCPU_MAP 256 /* 256 pages: map cache, hashed by mfn */
#define PERCPU_MAPS 256

/* Selectors: the reserved part of a PV guest's GDT starts at 0xe000. */
#define GDT_RESERVED_PAGE 14
#define SEL_GUEST_CS32 0xe023
#define SEL_GUEST_DS 0xe02b
#define SEL_GUEST_CS64 0xe033
#define SEL_HV_CS 0xe008
#define SEL_HV_DS 0xe010
#define SEL_TSS 0xe040
#define SEL_LDT 0xe050

#endif
