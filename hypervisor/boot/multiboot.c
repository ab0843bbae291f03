// SPDX-License-Identifier: MIT
// What the boot loader hands over, by multiboot 1 or 2, copied into boot_info:
// nothing of the loader's own structures is needed afterwards.
#include "start.h"

#include <wabe/lib.h>
#include <wabe/paging.h>

#define MB1_BOOTED 0x2badb002
#define MB2_BOOTED 0x36d76289

struct boot_info boot_info;

// Multiboot 1: information structure and what it points to.
struct mb1_info {
	u32 flags, mem_lower, mem_upper, boot_device, cmdline, mods_count,
	    mods_addr, syms[4], mmap_length, mmap_addr, drives[2], config_table,
	    loader_name, apm_table, vbe[4];
	struct framebuffer framebuffer;
} PACKED;

enum {
	MB1_CMDLINE = 1 << 2,
	MB1_MODULES = 1 << 3,
	MB1_MMAP = 1 << 6,
	MB1_LOADER = 1 << 9,
	MB1_FRAMEBUFFER = 1 << 12,
};

struct mb1_module {
	u32 start, end, string, reserved;
} PACKED;

struct mb1_mmap {
	u32 size; // of what follows
	u64 start, bytes;
	u32 type;
} PACKED;

// Multiboot 2: tags.
enum {
	TAG_END,
	TAG_CMDLINE,
	TAG_LOADER,
	TAG_MODULE,
	TAG_MMAP = 6,
	TAG_FRAMEBUFFER = 8,
	TAG_EFI64 = 12,
	TAG_ACPI_OLD = 14,
	TAG_ACPI_NEW,
	TAG_EFI_MMAP = 17,
};

struct mb2_tag {
	u32 type, bytes;
	u8 data[];
} PACKED;

struct efi_memory {
	u32 type, pad;
	u64 start, virtual, pages, attributes;
} PACKED;

struct efi_guid_entry {
	u64 guid[2];
	u64 address;
} PACKED;

static const u64 guid_acpi1[2] = {0x11d32d88eb9d2d30, 0x4dc13f279000169a};
static const u64 guid_acpi2[2] = {0x11d3e4f18868e871, 0x81883cc7800022bc};

// An RSDP that only multiboot 2 gave us, as a copy.
static u8 rsdp_copy[64] ALIGNED(16);
static bool efi_map_read;

void *boot_ptr(u64 maddr, u64 bytes)
{
	u64 end;

	if (__builtin_add_overflow(maddr, bytes, &end) || end > BIT(32)) {
		return NULL;
	}
	return (void *)maddr;
}

// Copy a command line without its first word: a file name, or GRUB's
// `placeholder`.
static void cmdline_copy(char *dst, size_t bytes, const char *src)
{
	while (*src == ' ') {
		src++;
	}
	while (*src && *src != ' ') {
		src++;
	}
	while (*src == ' ') {
		src++;
	}
	if (strlcpy(dst, src, bytes) >= bytes) {
		log_at(LOG_WARNING, "Command line cut to %zu bytes", bytes - 1);
	}
}

static void module_add(u32 start, u32 end, const char *cmdline)
{
	struct boot_module *m = &boot_info.modules[boot_info.module_count];

	if (boot_info.module_count == BOOT_MODULES_MAX || end < start) {
		log_at(LOG_WARNING, "Module at %x ignored", start);
		return;
	}
	m->maddr = start;
	m->bytes = end - start;
	cmdline_copy(m->cmdline, sizeof(m->cmdline), cmdline);
	memmap_reserve(start, end);
	boot_info.module_count++;
}

// `type` 1 is RGB, 2 is EGA text.
static void framebuffer_set(const struct framebuffer *f, const u8 *colors)
{
	boot_info.vga_columns = f->type == 2 ? f->width : 0;
	boot_info.vga_rows = f->type == 2 ? f->height : 0;
	if (f->type == 1) {
		boot_info.framebuffer = *f;
		memcpy(boot_info.framebuffer.colors, colors, 6);
	}
}

static void mb1_mmap_read(u32 maddr, u32 bytes)
{
	const struct mb1_mmap *e;

	for (u32 at = 0; bytes - at >= sizeof(*e); at += e->size + 4) {
		e = boot_ptr(maddr + at, sizeof(*e));
		if (!e || e->size < sizeof(*e) - 4 ||
		    e->size > bytes - at - 4) {
			break;
		}
		memmap_add(e->start, e->bytes, e->type);
	}
}

static void mb1_read(const struct mb1_info *info)
{
	const struct mb1_module *m = boot_ptr(info->mods_addr, 0);
	u32 modules = info->flags & MB1_MODULES ? info->mods_count : 0;

	if (info->flags & MB1_LOADER) {
		strlcpy(boot_info.loader, boot_ptr(info->loader_name, 0),
			sizeof(boot_info.loader));
	}
	if (info->flags & MB1_CMDLINE) {
		cmdline_copy(boot_info.cmdline, sizeof(boot_info.cmdline),
			     boot_ptr(info->cmdline, 0));
	}
	if (info->flags & MB1_MMAP) {
		mb1_mmap_read(info->mmap_addr, info->mmap_length);
	}
	for (u32 i = 0; i < modules && i < 64; i++) {
		module_add(m[i].start, m[i].end,
			   m[i].string ? boot_ptr(m[i].string, 0) : "");
	}
	if (info->flags & MB1_FRAMEBUFFER) {
		framebuffer_set(&info->framebuffer, info->framebuffer.colors);
	}
}

// EFI memory types as they are once boot services have ended: loader code and
// data, boot services code and data, and free memory are RAM.
static u32 efi_type(const struct efi_memory *e)
{
	static const u8 types[] = {
	    [1 ... 4] = E820_RAM, [7] = E820_RAM,  [8] = E820_UNUSABLE,
	    [9] = E820_ACPI,	  [10] = E820_NVS,
	};
	u32 type = e->type < sizeof(types) ? types[e->type] : 0;

	if (type == E820_RAM && !(e->attributes & 8)) { // not write-back
		type = 0;
	}
	return type ? type : E820_RESERVED;
}

// The loader's map, or the firmware's own, of which that is a rendering.
static void mb2_mmap_read(const struct mb2_tag *t, bool efi)
{
	u32 step = ((const u32 *)t->data)[0];

	if (step < (efi ? sizeof(struct efi_memory) : 24)) {
		return;
	}
	if (efi) {
		boot_info.efi = efi_map_read = true;
		boot_info.memory.count = 0;
	}
	for (u32 at = 16; at + step <= t->bytes; at += step) {
		const void *entry = (const u8 *)t + at;
		const struct efi_memory *e = entry;
		const struct e820_entry *r = entry;

		if (!efi) {
			memmap_add(r->start, r->bytes, r->type);
		} else if (e->pages < BIT(40)) {
			memmap_add(e->start, e->pages << PAGE_SHIFT,
				   efi_type(e));
		}
	}
}

// Where the firmware's own RSDP lies, from EFI's table of tables.
static void efi_rsdp_find(u64 system_table)
{
	const u64 *table = boot_ptr(system_table, 120);
	const struct efi_guid_entry *e;
	u64 count;

	boot_info.efi = true;
	if (!table) {
		return;
	}
	count = MIN(table[13], 64ull);
	e = boot_ptr(table[14], count * sizeof(*e));
	for (u64 i = 0; e && i < count; i++) {
		if (!memcmp(e[i].guid, guid_acpi2, 16)) {
			boot_info.rsdp = e[i].address;
			return;
		}
		if (!memcmp(e[i].guid, guid_acpi1, 16)) {
			boot_info.rsdp = e[i].address;
		}
	}
}

static void mb2_tag_read(const struct mb2_tag *t)
{
	const u32 *words = (const u32 *)t->data;
	const struct framebuffer *f = (const void *)t->data;

	switch (t->type) {
	case TAG_CMDLINE:
		cmdline_copy(boot_info.cmdline, sizeof(boot_info.cmdline),
			     (const char *)t->data);
		break;
	case TAG_LOADER:
		strlcpy(boot_info.loader, (const char *)t->data,
			sizeof(boot_info.loader));
		break;
	case TAG_MODULE:
		module_add(words[0], words[1], (const char *)(words + 2));
		break;
	case TAG_MMAP:
	case TAG_EFI_MMAP:
		if (!efi_map_read) {
			mb2_mmap_read(t, t->type == TAG_EFI_MMAP);
		}
		break;
	case TAG_EFI64:
		efi_rsdp_find(*(const u64 *)t->data);
		break;
	case TAG_FRAMEBUFFER:
		framebuffer_set(f, f->colors + 2); // padding before
		break;
	case TAG_ACPI_OLD:
	case TAG_ACPI_NEW:
		memcpy(rsdp_copy, t->data, MIN(t->bytes - 8, 64u));
		break;
	}
}

static void mb2_read(u32 maddr, u32 bytes)
{
	for (u32 at = 8; at + 8 <= bytes;) {
		const struct mb2_tag *t = boot_ptr(maddr + at, 8);

		if (!t || t->type == TAG_END || t->bytes < 8 ||
		    t->bytes > bytes - at) {
			break;
		}
		mb2_tag_read(t);
		at += ALIGN_UP(t->bytes, 8);
	}
	if (!boot_info.rsdp && rsdp_copy[0]) {
		boot_info.rsdp = image_maddr(rsdp_copy);
	}
	if (boot_info.efi && !boot_info.framebuffer.maddr) {
		boot_info.vga_columns = boot_info.vga_rows = 0;
	}
}

bool boot_info_read(u32 magic, u32 info_maddr)
{
	const u32 *words = boot_ptr(info_maddr, 8);

	memmap_reserve(image_maddr(image_start), image_maddr(image_end));
	boot_info.vga_columns = 80;
	boot_info.vga_rows = 25;
	if (magic == MB1_BOOTED && words) {
		mb1_read((const void *)words);
		return true;
	}
	if (magic == MB2_BOOTED && words) {
		mb2_read(info_maddr, words[0]);
		return true;
	}
	return false;
}
