// SPDX-License-Identifier: MIT
// What the boot loader handed over, and the steps of starting (boot/).
#ifndef WABE_BOOT_H
#define WABE_BOOT_H

#include <wabe/addr.h>
#include <wabe/types.h>

// E820 types.
enum { E820_RAM = 1, E820_RESERVED, E820_ACPI, E820_NVS, E820_UNUSABLE };

struct e820_entry {
	u64 start, bytes;
	u32 type;
} PACKED;

#define E820_MAX 128

struct e820_map {
	u32 count;
	struct e820_entry entries[E820_MAX];
};

// Each entry of `map` that is RAM.
#define e820_for_each_ram(e, map)                         \
	for (const struct e820_entry *e = (map)->entries; \
	     e < (map)->entries + (map)->count; e++)      \
		if (e->type == E820_RAM)

struct boot_module {
	u64 maddr, bytes;
	char cmdline[1024];
};

#define BOOT_MODULES_MAX 8

struct boot_info {
	char loader[64];
	char cmdline[2048];	// first word (file name) removed
	struct e820_map memory; // host map, sorted, no overlaps
	u32 module_count;
	struct boot_module modules[BOOT_MODULES_MAX];
	u64 rsdp; // from multiboot 2, else 0
	bool efi;
	u8 vga_rows, vga_columns; // text mode, 0 = none
	// As multiboot lays it out; maddr 0: none.
	struct framebuffer {
		u64 maddr;
		u32 pitch, width, height;
		u8 bpp, type;
		u8 colors[6]; // position and size of red, green, blue
	} PACKED framebuffer;
};
extern struct boot_info boot_info;

// The command line (boot/cmdline.c), options as Xen names them.
struct options {
	u64 dom0_mem, dom0_mem_min, dom0_mem_max; // bytes; 0 = not given
	u32 dom0_max_vcpus;			  // 0 = all
	char com1[64];				  // "115200,8n1"
	bool console_com1, noreboot;
	u32 max_cpus; // maxcpus=
	bool no_x2apic, no_smap;
	u64 mem_limit; // mem=
};
extern struct options options;

// Multiboot 1 or 2: fill boot_info. Returns false for an unknown magic.
bool boot_info_read(u32 magic, u32 info_maddr);
void cmdline_parse(const char *line); // before serial_init: prints nothing
void cmdline_report(void);	      // then this: warns of unknown words
// Machine memory during boot: a pointer to maddr..maddr+bytes below 4 GiB
// (identity-mapped) or NULL.
void *boot_ptr(u64 maddr, u64 bytes);
// Machine address of a page of RAM below 1 MiB, reserved for the trampoline of
// other processors (x86/trampoline.S); 0: there is none. Use boot_ptr() on it.
u64 boot_low_page(void);
// Page tables of the hypervisor: frame table, M2P, heap window, per-CPU
// windows, vmap. Takes memory for them from boot_info.memory.
void paging_init(void); // more in wabe/paging.h
// Create dom0 from module 0 (kernel) and 1 (initramfs, may be absent).
void dom0_build(void);
#endif
