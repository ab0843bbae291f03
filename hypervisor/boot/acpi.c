// SPDX-License-Identifier: MIT
// ACPI's static tables, read with distrust: every length and checksum is
// checked, and what does not fit is left out with a warning.
#include "start.h"

#include <wabe/acpi.h>
#include <wabe/lib.h>

#define TABLE_BYTES_MAX 0x100000u

struct acpi_info acpi_info;

struct rsdp {
	char signature[8];
	u8 checksum;
	char oem[6];
	u8 revision;
	u32 rsdt;
	u32 bytes; // from here: revision 2
	u64 xsdt;
	u8 checksum_all, reserved[3];
} PACKED;

struct header {
	char signature[4];
	u32 bytes;
	u8 revision, checksum;
	char oem[6], oem_table[8];
	u32 oem_revision, creator, creator_revision;
} PACKED;

struct madt {
	struct header h;
	u32 lapic, flags;
	u8 entries[];
} PACKED;

// All kinds of MADT entries begin so.
struct entry {
	u8 type, bytes;
} PACKED;

struct entry_lapic {
	struct entry e;
	u8 acpi_id, apic_id;
	u32 flags;
} PACKED;

struct entry_ioapic {
	struct entry e;
	u8 id, reserved;
	u32 maddr, gsi_base;
} PACKED;

struct entry_override {
	struct entry e;
	u8 bus, irq;
	u32 gsi;
	u16 flags;
} PACKED;

struct entry_lapic_maddr {
	struct entry e;
	u16 reserved;
	u64 maddr;
} PACKED;

struct entry_x2apic {
	struct entry e;
	u16 reserved;
	u32 apic_id, flags, acpi_id;
} PACKED;

struct mcfg {
	struct header h;
	u64 reserved;
	struct {
		u64 base;
		u16 segment;
		u8 bus_first, bus_last;
		u32 reserved;
	} PACKED entries[];
} PACKED;

// A register in some address space (0 memory, 1 I/O ports).
struct generic_address {
	u8 space, bits, offset, access;
	u64 address;
} PACKED;

struct fadt {
	struct header h;
	u32 facs, dsdt;
	u8 reserved, profile;
	u16 sci;
	u32 smi_command;
	u8 enable, disable, s4bios, pstate;
	u32 pm1a_event, pm1b_event, pm1a_control, pm1b_control, pm2_control,
	    pm_timer, gpe0, gpe1;
	u8 lengths[8];
	u16 c2_latency, c3_latency, flush_bytes, flush_stride;
	u8 duty_offset, duty_width, day_alarm, month_alarm, century;
	u16 boot_flags;
	u8 reserved2;
	u32 flags;
	struct generic_address reset;
	u8 reset_value;
} PACKED;

#define FADT_TIMER_32BIT BIT(8)
#define FADT_RESET BIT(10)
#define FADT_BOOT_8042 BIT(1)

struct hpet {
	struct header h;
	u32 id;
	struct generic_address base;
} PACKED;

static bool sum_ok(const void *data, u32 bytes)
{
	const u8 *p = data;
	u8 sum = 0;

	while (bytes--) {
		sum += *p++;
	}
	return sum == 0;
}

// Both checksums, where the revision has the second.
static const struct rsdp *rsdp_at(u64 maddr)
{
	const struct rsdp *r = boot_ptr(maddr, sizeof(*r));

	if (!r || memcmp(r->signature, "RSD PTR ", 8) || !sum_ok(r, 20)) {
		return NULL;
	}
	if (r->revision >= 2 &&
	    (r->bytes < sizeof(*r) || r->bytes > 4096 ||
	     !boot_ptr(maddr, r->bytes) || !sum_ok(r, r->bytes))) {
		return NULL;
	}
	return r;
}

static u64 rsdp_scan(u64 start, u64 end)
{
	for (; start + sizeof(struct rsdp) <= end; start += 16) {
		if (rsdp_at(start)) {
			return start;
		}
	}
	return 0;
}

// The BIOS areas: the first KiB of the EBDA, whose segment is at 0x40e, and the
// ROM below 1 MiB.
static u64 rsdp_find_bios(void)
{
	u64 ebda = (u64)READ_ONCE(*(const u16 *)boot_ptr(0x40e, 2)) << 4;
	u64 found = 0;

	if (ebda >= 0x400 && ebda < 0xa0000) {
		found = rsdp_scan(ebda, ebda + 1024);
	}
	return found ? found : rsdp_scan(0xe0000, 0x100000);
}

// The original where there is one, for dom0 looks as well; what the loader
// says may be a copy of it in our own memory.
static u64 rsdp_find(void)
{
	u64 found = boot_info.efi ? 0 : rsdp_find_bios();

	if (!found && boot_info.rsdp && rsdp_at(boot_info.rsdp)) {
		found = boot_info.rsdp;
		acpi_info.rsdp_from_efi = boot_info.efi;
	}
	return found;
}

static const struct header *table_at(u64 maddr)
{
	const struct header *h = boot_ptr(maddr, sizeof(*h));

	if (!maddr || !h || h->bytes < sizeof(*h) ||
	    h->bytes > TABLE_BYTES_MAX || !boot_ptr(maddr, h->bytes)) {
		log_at(LOG_WARNING, "ACPI: no table can be at %lx", maddr);
		return NULL;
	}
	if (!sum_ok(h, h->bytes)) {
		log_at(LOG_WARNING, "ACPI: %.4s: wrong checksum", h->signature);
		return NULL;
	}
	return h;
}

static void cpu_add(u32 apic_id, u32 acpi_id, u32 flags)
{
	struct acpi_cpu *c = &acpi_info.cpus[acpi_info.cpu_count];

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
	*c = (struct acpi_cpu){apic_id, acpi_id, flags & 1};
	acpi_info.cpu_count++;
}

static void ioapic_add(const struct entry_ioapic *e)
{
	if (acpi_info.ioapic_count == ARRAY_SIZE(acpi_info.ioapics)) {
		log_at(LOG_WARNING, "ACPI: IO-APIC %u: too many", e->id);
		return;
	}
	acpi_info.ioapics[acpi_info.ioapic_count++] =
	    (struct acpi_ioapic){e->id, e->gsi_base, e->maddr};
}

static void override_add(const struct entry_override *e)
{
	if (e->bus ||
	    acpi_info.override_count == ARRAY_SIZE(acpi_info.overrides)) {
		log_at(LOG_WARNING, "ACPI: override of IRQ %u ignored", e->irq);
		return;
	}
	acpi_info.overrides[acpi_info.override_count++] =
	    (struct acpi_override){
		.irq = e->irq,
		.gsi = e->gsi,
		.level = (e->flags >> 2 & 3) == 3,
		.low = (e->flags & 3) == 3,
	    };
}

// The entry has the bytes of its type (table below).
static void madt_entry_read(const struct entry *e)
{
	const struct entry_lapic *lapic = (const void *)e;
	const struct entry_x2apic *x2apic = (const void *)e;

	switch (e->type) {
	case 0:
		if (lapic->apic_id != 0xff) {
			cpu_add(lapic->apic_id, lapic->acpi_id, lapic->flags);
		}
		break;
	case 1:
		ioapic_add((const void *)e);
		break;
	case 2:
		override_add((const void *)e);
		break;
	case 5:
		acpi_info.lapic = ((const struct entry_lapic_maddr *)e)->maddr;
		break;
	case 9:
		cpu_add(x2apic->apic_id, x2apic->acpi_id, x2apic->flags);
		break;
	}
}

static void madt_read(const struct header *h)
{
	static const u8 bytes_needed[] = {
	    [0] = sizeof(struct entry_lapic),
	    [1] = sizeof(struct entry_ioapic),
	    [2] = sizeof(struct entry_override),
	    [5] = sizeof(struct entry_lapic_maddr),
	    [9] = sizeof(struct entry_x2apic),
	};
	const struct madt *m = (const void *)h;
	u32 at = sizeof(*m);

	if (h->bytes < at) {
		return;
	}
	acpi_info.lapic = m->lapic;
	while (h->bytes - at >= sizeof(struct entry)) {
		const struct entry *e = (const void *)((const char *)m + at);

		if (e->bytes < sizeof(*e) || e->bytes > h->bytes - at) {
			log_at(LOG_WARNING, "ACPI: APIC table broken at %u",
			       at);
			return;
		}
		if (e->type < ARRAY_SIZE(bytes_needed) &&
		    e->bytes >= bytes_needed[e->type]) {
			madt_entry_read(e);
		}
		at += e->bytes;
	}
}

static void mcfg_read(const struct header *h)
{
	const struct mcfg *m = (const void *)h;
	u32 count = h->bytes < sizeof(*m)
			? 0
			: (h->bytes - sizeof(*m)) / sizeof(m->entries[0]);

	for (u32 i = 0; i < count; i++) {
		if (m->entries[i].bus_last < m->entries[i].bus_first ||
		    acpi_info.mmcfg_count == ARRAY_SIZE(acpi_info.mmcfgs)) {
			log_at(LOG_WARNING, "ACPI: MCFG entry %u ignored", i);
			continue;
		}
		acpi_info.mmcfgs[acpi_info.mmcfg_count++] = (struct acpi_mmcfg){
		    m->entries[i].base, m->entries[i].segment,
		    m->entries[i].bus_first, m->entries[i].bus_last};
	}
}

static void fadt_read(const struct header *h)
{
	const struct fadt *f = (const void *)h;

	if (h->bytes < offsetof(struct fadt, reset)) {
		log_at(LOG_WARNING, "ACPI: FADT too short");
		return;
	}
	acpi_info.pm1a_control = f->pm1a_control;
	acpi_info.pm1b_control = f->pm1b_control;
	acpi_info.pm_timer = f->pm_timer;
	acpi_info.pm_timer_32bit = f->flags & FADT_TIMER_32BIT;
	acpi_info.sci = f->sci;
	acpi_info.legacy_free_keyboard =
	    h->revision >= 3 && !(f->boot_flags & FADT_BOOT_8042);
	if (h->bytes >= sizeof(*f) && f->flags & FADT_RESET) {
		acpi_info.reset_maddr = f->reset.address;
		acpi_info.reset_space = f->reset.space;
		acpi_info.reset_value = f->reset_value;
	}
}

static void hpet_read(const struct header *h)
{
	const struct hpet *t = (const void *)h;

	if (h->bytes >= sizeof(*t) && t->base.space == 0) {
		acpi_info.hpet = t->base.address;
	}
}

static void table_read(u64 maddr)
{
	static const struct {
		char signature[5];
		void (*read)(const struct header *h);
	} readers[] = {
	    {"APIC", madt_read},
	    {"FACP", fadt_read},
	    {"HPET", hpet_read},
	    {"MCFG", mcfg_read},
	};
	const struct header *h = boot_ptr(maddr, sizeof(*h));

	for (u32 i = 0; i < ARRAY_SIZE(readers); i++) {
		if (maddr && h &&
		    !memcmp(h->signature, readers[i].signature, 4) &&
		    table_at(maddr)) {
			readers[i].read(h);
		}
	}
	if (!h) {
		log_at(LOG_WARNING, "ACPI: table at %lx is not below 4 GiB",
		       maddr);
	}
}

// XSDT (8-byte entries) or RSDT (4-byte ones).
static void root_read(const struct header *root, u32 entry_bytes)
{
	u32 count = (root->bytes - sizeof(*root)) / entry_bytes;

	for (u32 i = 0; i < count && i < 256; i++) {
		u64 maddr = 0;

		memcpy(&maddr, (const char *)(root + 1) + i * entry_bytes,
		       entry_bytes);
		table_read(maddr);
	}
}

void acpi_init(void)
{
	const struct rsdp *r;
	const struct header *root = NULL;

	acpi_info.rsdp = rsdp_find();
	r = acpi_info.rsdp ? rsdp_at(acpi_info.rsdp) : NULL;
	if (!r) {
		log_at(LOG_WARNING, "ACPI: none; one processor");
		return;
	}
	if (r->revision >= 2 && r->xsdt) {
		root = table_at(r->xsdt);
	}
	if (root && !memcmp(root->signature, "XSDT", 4)) {
		root_read(root, 8);
	} else {
		root = table_at(r->rsdt);
		if (root && !memcmp(root->signature, "RSDT", 4)) {
			root_read(root, 4);
		}
	}
	printk("ACPI: RSDP %lx, %u processors, %u IO-APICs", acpi_info.rsdp,
	       acpi_info.cpu_count, acpi_info.ioapic_count);
}
