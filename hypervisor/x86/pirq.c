// SPDX-License-Identifier: MIT
// pirqs: dom0's numbers for the machine's interrupts, bound to event channels.
//
// A message interrupt (MSI) has one vector from being mapped to being unmapped,
// a line from being bound to being unbound, the same on every CPU; moving it to
// another CPU changes where it is sent, so nothing can be lost on the way. An
// edge only raises its port. A level line is masked when it fires, until dom0
// says PHYSDEVOP_eoi: its device is quiet then, or the line fires again.
#include <wabe/evtchn.h>
#include <wabe/irq.h>
#include <wabe/pirq.h>

enum pirq_kind { PIRQ_FREE, PIRQ_RESERVED, PIRQ_GSI, PIRQ_MSI };

struct pirq {
	enum pirq_kind kind;
	u32 gsi;
	struct msi msi;
	u8 vector; // 0: none yet
	u32 port;  // event channel, 0: not bound
	u32 cpu;
	bool in_service; // level: fired, masked, not yet EOId
	u64 count;
};

static lock_t irq_lock;
// irq_lock. All are dom0's: others have no devices.
static struct pirq pirqs[PIRQS];
static u64 gsi_set_up[PIRQS / 64]; // bits of the lines that dom0 has set up

// Take irq_lock. The pirq of a number that a guest chose, or NULL.
static struct pirq *pirq_find_lock(const struct domain *d, u32 number)
{
	struct pirq *p = &pirqs[index_clamp(number, PIRQS)];

	lock(&irq_lock);
	return d == dom0 && number < PIRQS && p->kind ? p : NULL;
}

// Make `number` (< 0: the highest that is free and no line's) a pirq. NULL:
// it is one already, or none is left.
static struct pirq *pirq_new(s32 number, enum pirq_kind kind)
{
	s32 n = number < 0 ? PIRQS - 1 : number;

	while (number < 0 && n >= (s32)ioapic_gsi_count() && pirqs[n].kind) {
		n--;
	}
	if ((number < 0 && n < (s32)ioapic_gsi_count()) ||
	    pirqs[n].kind > PIRQ_RESERVED) {
		return NULL;
	}
	pirqs[n] = (struct pirq){.kind = kind};
	return &pirqs[n];
}

// --- the interrupt ----------------------------------------------------------

static void pirq_fired(u8 vector, void *data)
{
	struct pirq *p;
	u32 port = 0;

	lock(&irq_lock);
	// The handler may have been removed between vector and lock.
	p = irq_handler_data(vector) == data ? data : NULL;
	if (p) {
		port = p->port;
		p->count++;
		if (p->kind == PIRQ_GSI && ioapic_is_level(p->gsi)) {
			ioapic_mask(p->gsi, true);
			p->in_service = true;
		}
	}
	unlock(&irq_lock);
	if (port) {
		evtchn_raise(dom0, port);
	}
}

static int vector_assign(struct pirq *p)
{
	int vector = p->vector ? p->vector : irq_vector_alloc();

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

static void source_mask(struct pirq *p, bool masked)
{
	if (p->kind == PIRQ_GSI) {
		ioapic_mask(p->gsi, masked);
	} else {
		msi_mask(&p->msi, masked);
	}
}

// Send it to the CPU where `v` runs: messages and lines reach 8-bit APIC ids
// only.
static int source_route(struct pirq *p, const struct vcpu *v)
{
	u32 cpu = READ_ONCE(v->processor);

	p->cpu = cpus[cpu]->apic_id <= 0xff ? cpu : 0;
	if (p->kind == PIRQ_GSI) {
		return ioapic_route(p->gsi, p->vector, p->cpu);
	}
	msi_route(&p->msi, p->vector, p->cpu);
	return 0;
}

// --- mapping ----------------------------------------------------------------

int pirq_map_gsi(struct domain *d, s32 gsi, s32 number)
{
	struct pirq *p;
	int error = 0;

	if (gsi < 0 || gsi >= (s32)ioapic_gsi_count() || number >= PIRQS) {
		return -EINVAL;
	}
	number = number < 0 ? gsi : number;
	lock(&irq_lock);
	p = pirq_new(number, PIRQ_GSI);
	if (p) {
		p->gsi = (u32)gsi;
	} else if (pirqs[number].kind != PIRQ_GSI ||
		   pirqs[number].gsi != (u32)gsi) {
		error = -EEXIST;
	}
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
	// Other segments: no way to their configuration space (README).
	error = segment ? -ENODEV : msi_setup(&msi, bdf, msix, entry);
	if (error) {
		return error;
	}
	lock(&irq_lock);
	p = pirq_new(number, PIRQ_MSI);
	if (p) {
		p->msi = msi;
		error = vector_assign(p);
	} else {
		error = number < 0 ? -ENOSPC : -EEXIST;
	}
	if (!error) {
		source_route(p, d->vcpu[0]);
	} else {
		msi_teardown(&msi);
		if (p) {
			p->kind = PIRQ_FREE;
		}
	}
	unlock(&irq_lock);
	return error ? error : p - pirqs;
}

int pirq_reserve(struct domain *d)
{
	struct pirq *p;

	lock(&irq_lock);
	p = pirq_new(-1, PIRQ_RESERVED);
	unlock(&irq_lock);
	return p ? p - pirqs : -ENOSPC;
}

int pirq_unmap(struct domain *d, s32 number)
{
	struct pirq *p = pirq_find_lock(d, (u32)number);
	int error = 0;

	if (!p) {
		error = -EINVAL;
	} else if (p->port) {
		error = -EBUSY;
	} else {
		if (p->kind == PIRQ_MSI) {
			msi_teardown(&p->msi);
		}
		vector_drop(p);
		p->kind = PIRQ_FREE;
	}
	unlock(&irq_lock);
	return error;
}

int pirq_setup_gsi(s32 gsi, bool level, bool low)
{
	int error = 0;

	if (gsi < 0 || gsi >= (s32)ioapic_gsi_count()) {
		return -EINVAL;
	}
	lock(&irq_lock);
	if (bit_test(gsi_set_up, gsi) || gsi == serial_gsi()) {
		error = -EEXIST;
	} else {
		bit_set(gsi_set_up, gsi);
		ioapic_set_mode(gsi, level, low);
	}
	unlock(&irq_lock);
	return error;
}

// --- binding to event channels (ipc/evtchn.c) --------------------------------

static int pirq_start(struct pirq *p)
{
	int error = vector_assign(p);

	if (!error) {
		error = source_route(p, dom0->vcpu[0]);
	}
	if (!error) {
		p->in_service = false;
		source_mask(p, false);
	}
	return error;
}

int pirq_bind(struct domain *d, u32 number, u32 port)
{
	struct pirq *p = pirq_find_lock(d, number);
	int error;

	if (!p) {
		error = number < PIRQS ? -EPERM : -EINVAL;
	} else if (p->kind == PIRQ_RESERVED ||
		   (p->kind == PIRQ_GSI && (s32)p->gsi == serial_gsi())) {
		error = -EINVAL;
	} else {
		error = p->port ? -EEXIST : pirq_start(p);
		p->port = error ? p->port : port;
	}
	unlock(&irq_lock);
	return error;
}

void pirq_unbind(struct domain *d, u32 number)
{
	struct pirq *p = pirq_find_lock(d, number);

	if (p && p->port) {
		p->port = 0;
		source_mask(p, true);
		if (p->kind == PIRQ_GSI) {
			// An EOI from now on must not open a line that
			// nobody would quiet.
			p->in_service = false;
			vector_drop(p);
		}
	}
	unlock(&irq_lock);
}

void pirq_set_vcpu(struct domain *d, u32 number, struct vcpu *v)
{
	struct pirq *p = pirq_find_lock(d, number);

	if (p && p->vector && p->cpu != READ_ONCE(v->processor)) {
		source_route(p, v);
	}
	unlock(&irq_lock);
}

int pirq_needs_eoi(struct domain *d, u32 number)
{
	struct pirq *p = pirq_find_lock(d, number);
	int answer =
	    !p ? -EINVAL : p->kind == PIRQ_GSI && ioapic_is_level(p->gsi);

	unlock(&irq_lock);
	return answer;
}

int pirq_eoi(struct domain *d, u32 number)
{
	struct pirq *p = pirq_find_lock(d, number);

	if (p && p->in_service) {
		p->in_service = false;
		ioapic_mask(p->gsi, false);
	}
	unlock(&irq_lock);
	return p ? 0 : -EINVAL;
}

int pirq_restore_msi(struct domain *d, u16 segment, u16 bdf)
{
	lock(&irq_lock);
	for (struct pirq *p = pirqs; p < pirqs + PIRQS; p++) {
		if (p->kind == PIRQ_MSI && !segment && p->msi.bdf == bdf) {
			msi_route(&p->msi, p->vector, p->cpu);
			msi_mask(&p->msi, !p->port);
		}
	}
	unlock(&irq_lock);
	return 0;
}

void irqs_dump(void)
{
	lock(&irq_lock);
	for (const struct pirq *p = pirqs; p < pirqs + PIRQS; p++) {
		const struct msi *m = &p->msi;

		if (!p->port) {
			continue;
		}
		printk("pirq %u: vector %x cpu %u port %u, fired %lu",
		       (u32)(p - pirqs), p->vector, p->cpu, p->port, p->count);
		if (p->kind == PIRQ_GSI) {
			printk("  GSI %u%s%s", p->gsi,
			       ioapic_is_level(p->gsi) ? " level" : "",
			       p->in_service ? " in service" : "");
		} else {
			printk("  MSI%s %u of %02x:%02x.%u",
			       m->msix ? "-X" : "", m->entry, m->bdf >> 8,
			       m->bdf >> 3 & 31, m->bdf & 7);
		}
	}
	unlock(&irq_lock);
}
