// SPDX-License-Identifier: MIT
// pirqs: dom0's numbers for the machine's interrupts, bound to event channels.
//
// A pirq has one vector, the same on every CPU, from being mapped to being
// unmapped; moving it to another CPU changes where it is sent, so nothing can
// be lost on the way. An edge (MSI) only raises its port. A level line is
// masked when it fires, until dom0 says PHYSDEVOP_eoi: its device is quiet
// then, or the line fires again.
#include <wabe/acpi.h>
#include <wabe/alloc.h>
#include <wabe/cpu.h>
#include <wabe/evtchn.h>
#include <wabe/irq.h>
#include <wabe/pirq.h>

enum pirq_kind { PIRQ_FREE, PIRQ_RESERVED, PIRQ_GSI, PIRQ_MSI };

struct pirq {
	struct domain *domain;
	u32 number;
	enum pirq_kind kind;
	u32 gsi;
	struct msi msi;
	u8 vector; // 0: none yet
	u32 port;  // event channel, 0: not bound
	u32 cpu;
	bool level;
	bool in_service; // level: fired, masked, not yet EOId
	u64 count;
};

struct irq_table {
	struct pirq *pirq[PIRQS];
};

static lock_t irq_lock;
// irq_lock; how dom0 set up each line.
static struct {
	bool done, level, low;
} gsi_mode[PIRQS];

void pirqs_init(void)
{
	for (u32 irq = 0; irq < 16; irq++) {
		bool level, low;
		u32 gsi = isa_gsi(irq, &level, &low);

		if (gsi < PIRQS) {
			gsi_mode[gsi].level = level;
			gsi_mode[gsi].low = low;
		}
	}
}

// The pirq of a number that a guest chose, or NULL. irq_lock is held.
static struct pirq *pirq_find(struct domain *d, s32 number)
{
	if (!d->irqs || number < 0 || number >= PIRQS) {
		return NULL;
	}
	return d->irqs->pirq[index_clamp((u32)number, PIRQS)];
}

static struct irq_table *table_get(struct domain *d)
{
	if (!d->irqs) {
		d->irqs = heap_alloc(sizeof(*d->irqs));
	}
	return d->irqs;
}

// A new pirq: `number`, or the highest that is free and no line's.
static struct pirq *pirq_new(struct domain *d, s32 number, int *error)
{
	struct irq_table *t = table_get(d);
	struct pirq *p;

	*error = -ENOMEM;
	if (!t) {
		return NULL;
	}
	if (number < 0) {
		number = PIRQS - 1;
		while (number >= (s32)ioapic_gsi_count() && t->pirq[number]) {
			number--;
		}
		if (number < (s32)ioapic_gsi_count()) {
			*error = -ENOSPC;
			return NULL;
		}
	}
	p = heap_alloc(sizeof(*p));
	if (p) {
		p->domain = d;
		p->number = (u32)number;
		t->pirq[number] = p;
		*error = 0;
	}
	return p;
}

static void pirq_delete(struct pirq *p)
{
	p->domain->irqs->pirq[p->number] = NULL;
	heap_free(p);
}

// --- the interrupt ----------------------------------------------------------

static void pirq_fired(u8 vector, void *data)
{
	struct domain *d = NULL;
	struct pirq *p;
	u32 port = 0;

	lock(&irq_lock);
	// The handler may have been removed between vector and lock.
	p = irq_handler_data(vector) == data ? data : NULL;
	if (p) {
		d = p->domain;
		port = p->port;
		p->count++;
		if (p->level) {
			ioapic_mask(p->gsi, true);
			p->in_service = true;
		}
	}
	unlock(&irq_lock);
	if (port) {
		evtchn_raise(d, port);
	}
}

// The CPU that the interrupts of a vCPU go to: messages and lines reach 8-bit
// APIC ids only.
static u32 cpu_for(const struct vcpu *v)
{
	u32 cpu = READ_ONCE(v->processor);

	return cpus[cpu]->apic_id <= 0xff ? cpu : 0;
}

static int vector_assign(struct pirq *p)
{
	int vector;

	if (p->vector) {
		return 0;
	}
	vector = irq_vector_alloc();
	if (vector < 0) {
		return vector;
	}
	p->vector = (u8)vector;
	irq_set_handler(p->vector, pirq_fired, p);
	return 0;
}

static void vector_drop(struct pirq *p)
{
	if (p->vector) {
		irq_set_handler(p->vector, NULL, NULL);
		irq_vector_free(p->vector);
		p->vector = 0;
	}
}

// --- mapping ----------------------------------------------------------------

int pirq_map_gsi(struct domain *d, s32 gsi, s32 number)
{
	struct pirq *p;
	int error = 0;

	if (gsi < 0 || gsi >= (s32)MIN(ioapic_gsi_count(), (u32)PIRQS) ||
	    number >= PIRQS) {
		return -EINVAL;
	}
	if (number < 0) {
		number = gsi;
	}
	lock(&irq_lock);
	p = pirq_find(d, number);
	if (p && p->kind != PIRQ_RESERVED) {
		error = p->kind == PIRQ_GSI && p->gsi == (u32)gsi ? 0 : -EEXIST;
		goto unlock;
	}
	if (!p) {
		p = pirq_new(d, number, &error);
	}
	if (p) {
		p->kind = PIRQ_GSI;
		p->gsi = (u32)gsi;
	}
unlock:
	unlock(&irq_lock);
	return error ? error : number;
}

int pirq_map_msi(struct domain *d, s32 number, u16 segment, u16 bdf, bool msix,
		 u16 entry)
{
	struct pirq *p;
	struct msi msi;
	int error;

	if (number >= PIRQS) {
		return -EINVAL;
	}
	error = msi_setup(&msi, segment, bdf, msix, entry, 1, 0);
	if (error) {
		return error;
	}
	lock(&irq_lock);
	p = pirq_find(d, number);
	if (p && p->kind != PIRQ_RESERVED) {
		error = -EEXIST;
	} else if (!p) {
		p = pirq_new(d, number, &error);
	}
	if (!error) {
		p->kind = PIRQ_MSI;
		p->msi = msi;
		p->cpu = cpu_for(d->vcpu[0]);
		error = vector_assign(p);
		if (error) {
			pirq_delete(p);
		} else {
			msi_route(&p->msi, p->vector, p->cpu);
			number = (s32)p->number;
		}
	}
	unlock(&irq_lock);
	if (error) {
		msi_teardown(&msi);
	}
	return error ? error : number;
}

int pirq_reserve(struct domain *d)
{
	struct pirq *p;
	int error;

	lock(&irq_lock);
	p = pirq_new(d, -1, &error);
	if (p) {
		p->kind = PIRQ_RESERVED;
		error = (int)p->number;
	}
	unlock(&irq_lock);
	return error;
}

// Quiet it, take its vector away, forget it. irq_lock is held.
static void pirq_remove(struct pirq *p)
{
	if (p->kind == PIRQ_GSI) {
		if (p->vector) {
			ioapic_mask(p->gsi, true);
		}
	} else if (p->kind == PIRQ_MSI) {
		msi_teardown(&p->msi);
	}
	vector_drop(p);
	pirq_delete(p);
}

int pirq_unmap(struct domain *d, s32 number)
{
	struct pirq *p;
	int error = 0;

	lock(&irq_lock);
	p = pirq_find(d, number);
	if (!p) {
		error = -EINVAL;
	} else if (p->port) {
		error = -EBUSY;
	} else {
		pirq_remove(p);
	}
	unlock(&irq_lock);
	return error;
}

int pirq_setup_gsi(s32 gsi, bool level, bool low)
{
	int error = 0;

	if (gsi < 0 || gsi >= (s32)MIN(ioapic_gsi_count(), (u32)PIRQS)) {
		return -EINVAL;
	}
	lock(&irq_lock);
	if (gsi_mode[gsi].done || gsi == serial_gsi()) {
		error = -EEXIST;
	} else {
		gsi_mode[gsi].done = true;
		gsi_mode[gsi].level = level;
		gsi_mode[gsi].low = low;
	}
	unlock(&irq_lock);
	return error;
}

// --- binding to event channels (ipc/evtchn.c) --------------------------------

static int gsi_start(struct pirq *p)
{
	int error = vector_assign(p);

	if (!error) {
		p->level = gsi_mode[p->gsi].level;
		error = ioapic_route(p->gsi, p->vector, p->cpu, p->level,
				     gsi_mode[p->gsi].low);
	}
	if (!error) {
		p->in_service = false;
		ioapic_mask(p->gsi, false);
	}
	return error;
}

int pirq_bind(struct domain *d, u32 number, u32 port, bool share)
{
	struct pirq *p;
	int error = 0;

	lock(&irq_lock);
	p = pirq_find(d, (s32)number);
	if (!p) {
		error = number < PIRQS ? -EPERM : -EINVAL;
	} else if (p->kind == PIRQ_RESERVED ||
		   (p->kind == PIRQ_GSI && (s32)p->gsi == serial_gsi())) {
		error = -EINVAL;
	} else if (p->port) {
		error = -EEXIST;
	} else {
		p->port = port;
		p->cpu = cpu_for(d->vcpu[0]);
		if (p->kind == PIRQ_GSI) {
			error = gsi_start(p);
		} else {
			msi_route(&p->msi, p->vector, p->cpu);
			msi_mask(&p->msi, false);
		}
		if (error) {
			p->port = 0;
		}
	}
	unlock(&irq_lock);
	return error;
}

void pirq_unbind(struct domain *d, u32 number)
{
	struct pirq *p;

	lock(&irq_lock);
	p = pirq_find(d, (s32)number);
	if (p) {
		p->port = 0;
		if (p->kind == PIRQ_GSI) {
			ioapic_mask(p->gsi, true);
			// An EOI from now on must not open a line that
			// nobody would quiet.
			p->in_service = false;
			vector_drop(p);
		} else if (p->kind == PIRQ_MSI) {
			msi_mask(&p->msi, true);
		}
	}
	unlock(&irq_lock);
}

void pirq_unmasked(struct domain *d, u32 number)
{
	// A line stays masked until PHYSDEVOP_eoi, whatever its port's mask
	// is; an edge is never masked. Nothing to do.
	(void)d;
	(void)number;
}

void pirq_set_vcpu(struct domain *d, u32 number, struct vcpu *v)
{
	u32 cpu = cpu_for(v);
	struct pirq *p;

	lock(&irq_lock);
	p = pirq_find(d, (s32)number);
	if (p && p->vector && p->cpu != cpu) {
		p->cpu = cpu;
		if (p->kind == PIRQ_GSI) {
			ioapic_set_cpu(p->gsi, p->cpu);
		} else {
			msi_route(&p->msi, p->vector, p->cpu);
		}
	}
	unlock(&irq_lock);
}

int pirq_needs_eoi(struct domain *d, u32 number)
{
	struct pirq *p;
	int answer = -EINVAL;

	lock(&irq_lock);
	p = pirq_find(d, (s32)number);
	if (p) {
		answer =
		    p->kind == PIRQ_GSI && (p->level || gsi_mode[p->gsi].level);
	}
	unlock(&irq_lock);
	return answer;
}

int pirq_eoi(struct domain *d, u32 number)
{
	struct pirq *p;
	int error = -EINVAL;

	lock(&irq_lock);
	p = pirq_find(d, (s32)number);
	if (p) {
		error = 0;
		if (p->in_service) {
			p->in_service = false;
			ioapic_mask(p->gsi, false);
		}
	}
	unlock(&irq_lock);
	return error;
}

int pirq_restore_msi(struct domain *d, u16 segment, u16 bdf)
{
	lock(&irq_lock);
	for (u32 i = 0; d->irqs && i < PIRQS; i++) {
		struct pirq *p = d->irqs->pirq[i];

		if (p && p->kind == PIRQ_MSI && p->msi.segment == segment &&
		    p->msi.bdf == bdf) {
			msi_route(&p->msi, p->vector, p->cpu);
			msi_mask(&p->msi, !p->port);
		}
	}
	unlock(&irq_lock);
	return 0;
}

static void pirq_dump(const struct pirq *p)
{
	const struct msi *m = &p->msi;
	char source[48];

	if (p->kind == PIRQ_GSI) {
		snprintf(source, sizeof(source), "GSI %u%s%s", p->gsi,
			 p->level ? " level" : "",
			 p->in_service ? " in service" : "");
	} else {
		snprintf(source, sizeof(source), "%s %u of %04x:%02x:%02x.%u",
			 m->msix ? "MSI-X" : "MSI", m->entry, m->segment,
			 m->bdf >> 8, m->bdf >> 3 & 31, m->bdf & 7);
	}
	printk("pirq %u: %s, vector %x cpu %u port %u, fired %lu", p->number,
	       source, p->vector, p->cpu, p->port, p->count);
}

void irqs_dump(void)
{
	lock(&irq_lock);
	for (u32 i = 0; dom0->irqs && i < PIRQS; i++) {
		const struct pirq *p = dom0->irqs->pirq[i];

		if (p && p->port) {
			pirq_dump(p);
		}
	}
	unlock(&irq_lock);
}
