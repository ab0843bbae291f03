// SPDX-License-Identifier: MIT
// ACPI's static tables, read with distrust: every length and checksum is
// checked, and what does not fit is left out with a warning. Fields are named
// by their offset in the table, as the specification lists them.
#include "start.h"

#include <wabe/acpi.h>
#include <wabe/lib.h>

#define TABLE_BYTES_MAX 0x100000u
#define HEADER_BYTES 36
#define HEADER_LENGTH 4
#define HEADER_REVISION 8

#define RSDP_BYTES 36
#define RSDP_REVISION 15
#define RSDP_RSDT 16
#define RSDP_LENGTH 20 // from here: revision 2
#define RSDP_XSDT 24

#define MADT_LAPIC 36
#define MADT_ENTRIES 44

#define FADT_PM1A_CONTROL 64
#define FADT_PM1B_CONTROL 68
#define FADT_PM_TIMER 76
#define FADT_BOOT_FLAGS 109
#define BOOT_8042 BIT(1)
#define FADT_FLAGS 112
#define FLAG_RESET BIT(10)
#define FADT_RESET_SPACE 116
#define FADT_RESET_ADDRESS 120
#define FADT_RESET_VALUE 128

struct acpi_info acpi_info;

#define U8(p, at) (((const u8 *)(p))[at])
#define U16(p, at) (*(const u16 *)&U8(p, at))
#define U32(p, at) (*(const u32 *)&U8(p, at))
#define U64(p, at) (*(const u64 *)&U8(p, at))

static bool sum_ok(const u8 *p, u32 bytes)
{
	u8 sum = 0;

	while (bytes--) {
		sum += *p++;
	}
	return sum == 0;
}

// Both checksums, where the revision has the second.
static const u8 *rsdp_at(u64 maddr)
{
	const u8 *r = boot_ptr(maddr, RSDP_BYTES);
	u32 bytes;

	if (!r || memcmp(r, "RSD PTR ", 8) || !sum_ok(r, 20)) {
		return NULL;
	}
	bytes = U8(r, RSDP_REVISION) >= 2 ? U32(r, RSDP_LENGTH) : RSDP_BYTES;
	if (bytes < RSDP_BYTES || bytes > 4096 || !boot_ptr(maddr, bytes) ||
	    (U8(r, RSDP_REVISION) >= 2 && !sum_ok(r, bytes))) {
		return NULL;
	}
	return r;
}

static u64 rsdp_scan(u64 start, u64 end)
{
	for (; start + RSDP_BYTES <= end; start += 16) {
		if (rsdp_at(start)) {
			return start;
		}
	}
	return 0;
}

// The original where there is one, for dom0 looks as well; what the loader
// says may be a copy of it in our own memory. The BIOS areas are the first KiB
// of the EBDA, whose segment is at 0x40e, and the ROM below 1 MiB.
static u64 rsdp_find(void)
{
	u64 ebda = (u64)READ_ONCE(*(const u16 *)boot_ptr(0x40e, 2)) << 4;
	u64 found = 0;

	if (!boot_info.efi) {
		if (ebda >= 0x400 && ebda < 0xa0000) {
			found = rsdp_scan(ebda, ebda + 1024);
		}
		found = found ? found : rsdp_scan(0xe0000, 0x100000);
	}
	if (!found && boot_info.rsdp && rsdp_at(boot_info.rsdp)) {
		found = boot_info.rsdp;
		acpi_info.rsdp_from_efi = boot_info.efi;
	}
	return found;
}

static const u8 *table_at(u64 maddr)
{
	const u8 *h = boot_ptr(maddr, HEADER_BYTES);
	u32 bytes = maddr && h ? U32(h, HEADER_LENGTH) : 0;

	if (bytes < HEADER_BYTES || bytes > TABLE_BYTES_MAX ||
	    !boot_ptr(maddr, bytes)) {
		log_at(LOG_WARNING, "ACPI: no table can be at %lx", maddr);
		return NULL;
	}
	if (!sum_ok(h, bytes)) {
		log_at(LOG_WARNING, "ACPI: %.4s: wrong checksum", h);
		return NULL;
	}
	return h;
}

static void cpu_add(u32 apic_id, u32 acpi_id, u32 flags)
{
	// All ones is the mark of an entry without a processor.
	if (!(flags & 3) || apic_id == 0xffffffff) {
		return;
	}
	for (u32 i = 0; i < acpi_info.cpu_count; i++) {
		if (acpi_info.cpus[i].apic_id == apic_id) {
			return;
		}
	}
	if (acpi_info.cpu_count == NR_CPUS) {
		log_at(LOG_WARNING, "ACPI: processor %u: too many", apic_id);
		return;
	}
	acpi_info.cpus[acpi_info.cpu_count++] =
	    (struct acpi_cpu){apic_id, acpi_id, flags & 1};
}

static void ioapic_add(const u8 *e)
{
	if (acpi_info.ioapic_count == ARRAY_SIZE(acpi_info.ioapics)) {
		log_at(LOG_WARNING, "ACPI: IO-APIC %u: too many", U8(e, 2));
		return;
	}
	acpi_info.ioapics[acpi_info.ioapic_count++] =
	    (struct acpi_ioapic){U8(e, 2), U32(e, 8), U32(e, 4)};
}

static void override_add(const u8 *e)
{
	if (U8(e, 2) || // bus
	    acpi_info.override_count == ARRAY_SIZE(acpi_info.overrides)) {
		log_at(LOG_WARNING, "ACPI: override of IRQ %u ignored",
		       U8(e, 3));
		return;
	}
	acpi_info.overrides[acpi_info.override_count++] =
	    (struct acpi_override){
		.irq = U8(e, 3),
		.gsi = U32(e, 4),
		.level = (U16(e, 8) >> 2 & 3) == 3,
		.low = (U16(e, 8) & 3) == 3,
	    };
}

// An entry: type, length, fields.
static void madt_entry_read(const u8 *e)
{
	static const u8 bytes_needed[] = {
	    [0] = 8, [1] = 12, [2] = 10, [5] = 12, [9] = 16,
	};
	u8 type = U8(e, 0);

	if (type >= sizeof(bytes_needed) || U8(e, 1) < bytes_needed[type]) {
		return;
	}
	switch (type) {
	case 0: // processor
		cpu_add(U8(e, 3) == 0xff ? ~0u : U8(e, 3), U8(e, 2), U32(e, 4));
		break;
	case 1:
		ioapic_add(e);
		break;
	case 2:
		override_add(e);
		break;
	case 5:
		acpi_info.lapic = U64(e, 4);
		break;
	case 9: // processor with a long APIC id
		cpu_add(U32(e, 4), U32(e, 12), U32(e, 8));
		break;
	}
}

static void madt_read(const u8 *m, u32 bytes)
{
	acpi_info.lapic = U32(m, MADT_LAPIC);
	for (u32 at = MADT_ENTRIES; bytes - at >= 2; at += U8(m, at + 1)) {
		if (U8(m, at + 1) < 2 || U8(m, at + 1) > bytes - at) {
			log_at(LOG_WARNING, "ACPI: APIC table broken at %u",
			       at);
			return;
		}
		madt_entry_read(m + at);
	}
}

static void fadt_read(const u8 *f, u32 bytes)
{
	acpi_info.pm1a_control = U32(f, FADT_PM1A_CONTROL);
	acpi_info.pm1b_control = U32(f, FADT_PM1B_CONTROL);
	acpi_info.pm_timer = U32(f, FADT_PM_TIMER);
	acpi_info.legacy_free_keyboard = U8(f, HEADER_REVISION) >= 3 &&
					 !(U16(f, FADT_BOOT_FLAGS) & BOOT_8042);
	if (bytes > FADT_RESET_VALUE && U32(f, FADT_FLAGS) & FLAG_RESET) {
		acpi_info.reset_maddr = U64(f, FADT_RESET_ADDRESS);
		acpi_info.reset_space = U8(f, FADT_RESET_SPACE);
		acpi_info.reset_value = U8(f, FADT_RESET_VALUE);
	}
}

static void table_read(u64 maddr)
{
	static const struct {
		char signature[5];
		u8 bytes_needed;
		void (*read)(const u8 *table, u32 bytes);
	} readers[] = {
	    {"APIC", MADT_ENTRIES, madt_read},
	    {"FACP", FADT_RESET_SPACE, fadt_read},
	};
	const u8 *h = boot_ptr(maddr, HEADER_BYTES);

	for (u32 i = 0; maddr && h && i < ARRAY_SIZE(readers); i++) {
		if (memcmp(h, readers[i].signature, 4) || !table_at(maddr)) {
			continue;
		}
		if (U32(h, HEADER_LENGTH) >= readers[i].bytes_needed) {
			readers[i].read(h, U32(h, HEADER_LENGTH));
		} else {
			log_at(LOG_WARNING, "ACPI: %.4s is too short", h);
		}
	}
	if (!h) {
		log_at(LOG_WARNING, "ACPI: table at %lx is not below 4 GiB",
		       maddr);
	}
}

// XSDT (8-byte entries) or RSDT (4-byte ones). False: it is neither.
static bool root_read(u64 maddr, const char *signature, u32 entry_bytes)
{
	const u8 *root = table_at(maddr);

	if (!root || memcmp(root, signature, 4)) {
		return false;
	}
	for (u32 at = HEADER_BYTES, i = 0;
	     at + entry_bytes <= U32(root, HEADER_LENGTH) && i < 256;
	     at += entry_bytes, i++) {
		table_read(entry_bytes == 8 ? U64(root, at) : U32(root, at));
	}
	return true;
}

// dom0, which is given the map, is to keep off the interrupt controllers.
static void controllers_reserve(void)
{
	for (u32 i = 0; i < acpi_info.ioapic_count; i++) {
		memmap_add(acpi_info.ioapics[i].maddr, PAGE_SIZE,
			   E820_RESERVED);
	}
	if (acpi_info.lapic) {
		memmap_add(acpi_info.lapic, LAPIC_BYTES, E820_RESERVED);
	}
	memmap_finish(0);
}

void acpi_init(void)
{
	const u8 *r;

	acpi_info.rsdp = rsdp_find();
	r = acpi_info.rsdp ? rsdp_at(acpi_info.rsdp) : NULL;
	if (!r) {
		log_at(LOG_WARNING, "ACPI: none; one processor");
		return;
	}
	if (U8(r, RSDP_REVISION) < 2 || !U64(r, RSDP_XSDT) ||
	    !root_read(U64(r, RSDP_XSDT), "XSDT", 8)) {
		root_read(U32(r, RSDP_RSDT), "RSDT", 4);
	}
	controllers_reserve();
	printk("ACPI: RSDP %lx, %u processors, %u IO-APICs", acpi_info.rsdp,
	       acpi_info.cpu_count, acpi_info.ioapic_count);
}
