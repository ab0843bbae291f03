// SPDX-License-Identifier: MIT
// IO-APICs: where lines of devices (GSIs) become vectors. The legacy 8259s are
// masked for good.
#include <wabe/acpi.h>
#include <wabe/cpu.h>
#include <wabe/irq.h>
#include <wabe/mapcache.h>
#include <wabe/pirq.h>

#define REG_VERSION 1
#define REG_REDIRECTION 0x10
#define RTE_LOW_ACTIVE 0x2000u
#define RTE_LEVEL 0x8000u
#define RTE_MASKED 0x10000u

// Constant once booted, but for the registers: ioapic_lock. Numbered as
// acpi_info.ioapics.
static struct ioapic {
	volatile u32 *regs; // index register at 0, data at 16 bytes
	u32 gsi_base, pins;
} ioapics[ARRAY_SIZE(acpi_info.ioapics)];
static u32 gsi_count;
static lock_t ioapic_lock; // innermost: taken under irq_lock
// Low word of each GSI's entry. irq_lock.
static u32 entries[PIRQS] = {[0 ... PIRQS - 1] = RTE_MASKED};

static u32 reg_read(struct ioapic *a, u32 reg)
{
	a->regs[0] = reg;
	return a->regs[4];
}

static void reg_write(struct ioapic *a, u32 reg, u32 value)
{
	a->regs[0] = reg;
	a->regs[4] = value;
}

// Write word `high` of a GSI's entry. False: no IO-APIC has the line.
static bool entry_write(u32 gsi, u32 high, u32 value)
{
	for (u32 i = 0; i < acpi_info.ioapic_count; i++) {
		struct ioapic *a = &ioapics[i];
		u32 pin = gsi - a->gsi_base;

		if (pin < a->pins) {
			lock(&ioapic_lock);
			reg_write(a, REG_REDIRECTION + 2 * pin + high, value);
			unlock(&ioapic_lock);
			return true;
		}
	}
	return false;
}

// The 8259s get vectors nobody uses and every line masked; a spurious
// interrupt of theirs would else look like an exception.
static void pic_disable(u16 port, u8 cascade)
{
	outb(port, 0x11);
	outb(port + 1, VECTOR_LAST + 1);
	outb(port + 1, cascade);
	outb(port + 1, 1);
	outb(port + 1, 0xff);
}

void INIT_TEXT ioapic_init(void)
{
	pic_disable(0x20, 4);
	pic_disable(0xa0, 2);
	for (u32 i = 0; i < acpi_info.ioapic_count; i++) {
		const struct acpi_ioapic *info = &acpi_info.ioapics[i];
		struct ioapic *a = &ioapics[i];

		a->regs = vmap_mmio(info->maddr, 32);
		if (!a->regs) {
			panic("no memory to map an IO-APIC");
		}
		a->gsi_base = info->gsi_base;
		a->pins = (reg_read(a, REG_VERSION) >> 16 & 0xff) + 1;
		for (u32 pin = 0; pin < a->pins; pin++) {
			reg_write(a, REG_REDIRECTION + 2 * pin, RTE_MASKED);
		}
		gsi_count = MAX(gsi_count, a->gsi_base + a->pins);
		gsi_count = MIN(gsi_count, (u32)PIRQS);
		printk("IO-APIC %u: GSI %u to %u at %lx\n", info->id,
		       a->gsi_base, a->gsi_base + a->pins - 1, info->maddr);
	}
	for (u32 i = 0; i < acpi_info.override_count; i++) {
		const struct acpi_override *o = &acpi_info.overrides[i];

		if (o->gsi < PIRQS) {
			ioapic_set_mode(o->gsi, o->level, o->low);
		}
	}
	if (!gsi_count) {
		log_at(LOG_WARNING, "no IO-APIC: devices have MSI only\n");
	}
}

u32 ioapic_gsi_count(void)
{
	return gsi_count;
}

int ioapic_read(u64 base, u32 reg, u32 *value)
{
	for (u32 i = 0; i < acpi_info.ioapic_count; i++) {
		if (acpi_info.ioapics[i].maddr == base && reg <= 0xff) {
			lock(&ioapic_lock);
			*value = reg_read(&ioapics[i], reg);
			unlock(&ioapic_lock);
			return 0;
		}
	}
	return -EINVAL;
}

void ioapic_set_mode(u32 gsi, bool level, bool low)
{
	entries[gsi] = (entries[gsi] & ~(RTE_LEVEL | RTE_LOW_ACTIVE)) |
		       (level ? RTE_LEVEL : 0) | (low ? RTE_LOW_ACTIVE : 0);
}

bool ioapic_is_level(u32 gsi)
{
	return entries[gsi] & RTE_LEVEL;
}

int ioapic_route(u32 gsi, u8 vector, u32 cpu)
{
	entries[gsi] = (entries[gsi] & ~0xffu) | vector;
	return entry_write(gsi, 1, cpus[cpu]->apic_id << 24) &&
		       entry_write(gsi, 0, entries[gsi])
		   ? 0
		   : -EINVAL;
}

void ioapic_mask(u32 gsi, bool masked)
{
	entries[gsi] =
	    masked ? entries[gsi] | RTE_MASKED : entries[gsi] & ~RTE_MASKED;
	entry_write(gsi, 0, entries[gsi]);
}

u32 isa_gsi(u32 irq)
{
	for (u32 i = 0; i < acpi_info.override_count; i++) {
		if (acpi_info.overrides[i].irq == irq) {
			return acpi_info.overrides[i].gsi;
		}
	}
	return irq;
}
