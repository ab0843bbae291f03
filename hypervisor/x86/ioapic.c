// SPDX-License-Identifier: MIT
// IO-APICs: where lines of devices (GSIs) become vectors. The legacy 8259s are
// masked for good.
#include <wabe/acpi.h>
#include <wabe/alloc.h>
#include <wabe/cpu.h>
#include <wabe/irq.h>
#include <wabe/lock.h>
#include <wabe/mapcache.h>

#define REG_VERSION 1
#define REG_REDIRECTION 0x10
#define RTE_LOW_ACTIVE BIT(13)
#define RTE_LEVEL BIT(15)
#define RTE_MASKED BIT(16)

#define PIC_MASTER 0x20
#define PIC_SLAVE 0xa0

struct ioapic {
	volatile u32 *regs; // index register at 0, data at 16 bytes
	u64 maddr;
	u32 gsi_base, pins;
};

// Constant once booted, but for the registers: ioapic_lock.
static struct ioapic ioapics[ARRAY_SIZE(acpi_info.ioapics)];
static u32 ioapic_count, gsi_count;
static lock_t ioapic_lock; // innermost: taken under irq_lock
static u32 *entries;	   // low word of each GSI's entry as last written

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

static struct ioapic *gsi_ioapic(u32 gsi, u32 *pin)
{
	for (u32 i = 0; i < ioapic_count; i++) {
		struct ioapic *a = &ioapics[i];

		if (gsi >= a->gsi_base && gsi - a->gsi_base < a->pins) {
			*pin = gsi - a->gsi_base;
			return a;
		}
	}
	return NULL;
}

// The 8259s get vectors nobody uses and every line masked; a spurious
// interrupt of theirs would else look like an exception.
static void pic_disable(void)
{
	const u16 ports[] = {PIC_MASTER, PIC_SLAVE};

	for (u32 i = 0; i < ARRAY_SIZE(ports); i++) {
		outb(ports[i], 0x11);
		outb(ports[i] + 1, VECTOR_LAST + 1);
		outb(ports[i] + 1, i ? 2 : 4);
		outb(ports[i] + 1, 1);
		outb(ports[i] + 1, 0xff);
	}
}

static void ioapic_add(const struct acpi_ioapic *info)
{
	struct ioapic *a = &ioapics[ioapic_count];

	a->regs = vmap_mmio(info->maddr, 32);
	if (!a->regs) {
		panic("no memory to map an IO-APIC");
	}
	a->maddr = info->maddr;
	a->gsi_base = info->gsi_base;
	a->pins = (reg_read(a, REG_VERSION) >> 16 & 0xff) + 1;
	gsi_count = MAX(gsi_count, a->gsi_base + a->pins);
	for (u32 pin = 0; pin < a->pins; pin++) {
		reg_write(a, REG_REDIRECTION + 2 * pin, (u32)RTE_MASKED);
	}
	ioapic_count++;
	printk("IO-APIC %u: GSI %u to %u at %lx\n", info->id, a->gsi_base,
	       a->gsi_base + a->pins - 1, a->maddr);
}

void ioapic_init(void)
{
	pic_disable();
	for (u32 i = 0; i < acpi_info.ioapic_count; i++) {
		ioapic_add(&acpi_info.ioapics[i]);
	}
	if (!ioapic_count) {
		log_at(LOG_WARNING, "no IO-APIC: devices have MSI only\n");
		return;
	}
	entries = heap_alloc(gsi_count * sizeof(entries[0]));
	if (!entries) {
		panic("no memory for %u GSIs", gsi_count);
	}
	for (u32 gsi = 0; gsi < gsi_count; gsi++) {
		entries[gsi] = (u32)RTE_MASKED;
	}
}

u32 ioapic_gsi_count(void)
{
	return gsi_count;
}

int ioapic_read(u64 base, u32 reg, u32 *value)
{
	for (u32 i = 0; i < ioapic_count; i++) {
		if (ioapics[i].maddr == base && reg <= 0xff) {
			lock(&ioapic_lock);
			*value = reg_read(&ioapics[i], reg);
			unlock(&ioapic_lock);
			return 0;
		}
	}
	return -EINVAL;
}

static void destination_write(struct ioapic *a, u32 pin, u32 cpu)
{
	reg_write(a, REG_REDIRECTION + 2 * pin + 1, cpus[cpu]->apic_id << 24);
}

int ioapic_route(u32 gsi, u8 vector, u32 cpu, bool level, bool low)
{
	u32 pin, value = vector;
	struct ioapic *a = gsi_ioapic(gsi, &pin);

	if (!a || cpus[cpu]->apic_id > 0xff) {
		return -EINVAL;
	}
	value |= (u32)(level ? RTE_LEVEL : 0) | (u32)(low ? RTE_LOW_ACTIVE : 0);
	lock(&ioapic_lock);
	value |= entries[gsi] & (u32)RTE_MASKED;
	entries[gsi] = value;
	destination_write(a, pin, cpu);
	reg_write(a, REG_REDIRECTION + 2 * pin, value);
	unlock(&ioapic_lock);
	return 0;
}

void ioapic_mask(u32 gsi, bool masked)
{
	u32 pin;
	struct ioapic *a = gsi_ioapic(gsi, &pin);

	if (!a) {
		return;
	}
	lock(&ioapic_lock);
	if (masked) {
		entries[gsi] |= (u32)RTE_MASKED;
	} else {
		entries[gsi] &= ~(u32)RTE_MASKED;
	}
	reg_write(a, REG_REDIRECTION + 2 * pin, entries[gsi]);
	unlock(&ioapic_lock);
}

void ioapic_set_cpu(u32 gsi, u32 cpu)
{
	u32 pin;
	struct ioapic *a = gsi_ioapic(gsi, &pin);

	if (!a || cpus[cpu]->apic_id > 0xff) {
		return;
	}
	lock(&ioapic_lock);
	destination_write(a, pin, cpu);
	unlock(&ioapic_lock);
}

u32 isa_gsi(u32 irq, bool *level, bool *low)
{
	*level = *low = false;
	for (u32 i = 0; i < acpi_info.override_count; i++) {
		const struct acpi_override *o = &acpi_info.overrides[i];

		if (o->irq == irq) {
			*level = o->level;
			*low = o->low;
			return o->gsi;
		}
	}
	return irq;
}
