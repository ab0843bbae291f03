// SPDX-License-Identifier: MIT
// What the rooms of boot/ say to each other, and to no one else.
#ifndef WABE_START_H
#define WABE_START_H

#include <wabe/boot.h>

// --- memmap.c: the machine's RAM until the frame allocator has it ---
// Append a range as the loader tells it; in any order, overlapping or not.
void memmap_add(u64 start, u64 bytes, u32 type);
// Sort boot_info.memory, resolve overlaps, merge; cut RAM at `limit` (0: no).
void memmap_finish(u64 limit);
void memmap_print(void);
// Keep [start, end) from being taken or released.
void memmap_reserve(u64 start, u64 end);
// Take 2 MiB of RAM, 2 MiB-aligned, from the top below `limit`. Panics when
// there is none.
u64 memmap_take_chunk(u64 limit);
u64 memmap_ram_bytes(void);
// First address past RAM.
u64 memmap_ram_end(void);
// Is there RAM in [start, end)?
bool memmap_has_ram(u64 start, u64 end);
// Give all RAM that is not reserved to the frame allocator.
void memmap_release(void);

// --- free.c ---
// On the CPU's own stack: frees what only boot needed, enters the scheduler.
void boot_finish(void) NORETURN;

// --- paging.c ---
// Unmap [start, end) of the image (page-aligned), and the one-to-one map.
void paging_image_unmap(const char *start, const char *end);
void paging_drop_identity(void);

// --- head.S ---
void boot_on_stack(u64 stack_top, void (*fn)(void)) NORETURN;
void boot_main(u32 magic, u32 info) NORETURN;

#endif
