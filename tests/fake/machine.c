// SPDX-License-Identifier: MIT
// The fake machine: processors, domains, printing, locks.
#include <wabe/acpi.h>
#include <wabe/context.h>
#include <wabe/paging.h>
#include <wabe/guest.h>
#include <wabe/share.h>

#include <stdio.h>
#include <stdlib.h>

#include "fake.h"

__thread struct cpu *fake_cpu;
__thread u32 fake_cpu_id;
__thread u64 fake_work = ~0ull;
bool fake_verbose;
void (*fake_delay)(void);

struct cpu *cpus[NR_CPUS];
u32 cpu_count;
struct cpu_features cpu_features = {.maddr_bits = 36, .nx = true};
struct acpi_info acpi_info = {.lapic = 0x1000 * (FAKE_HOLE + 16)};
struct boot_info boot_info;
struct domain *dom0;
struct domain idle_domain = {.id = DOMID_IDLE};
struct domain dom_io = {.id = DOMID_IO};
struct domain dom_xen = {.id = DOMID_XEN};

static lock_t domains_lock;
static struct domain *domains[FAKE_DOMAINS];
static u32 serials;

void fake_memory_init(void);
void fake_tlb_init(void);

// --- domains -----------------------------------------------------------------

struct domain *domain_by_id(domid_t id)
{
	if (id < FAKE_DOMAINS) {
		return domains[id];
	}
	return id == DOMID_XEN ? &dom_xen : id == DOMID_IO ? &dom_io : NULL;
}

struct domain *fake_domain(u32 id)
{
	struct domain *d = id < FAKE_DOMAINS ? domains[id] : NULL;

	return d && !d->dying ? d : NULL;
}

void domain_hold(struct domain *d)
{
	__atomic_add_fetch(&d->refs, 1, __ATOMIC_SEQ_CST);
}

static void domain_free(struct domain *d)
{
	domains[d->id] = NULL;
	for (u32 i = 0; i < FAKE_VCPUS; i++) {
		free(d->vcpu[i]);
	}
	free(d->vcpu);
	free(d);
}

void domain_put(struct domain *d)
{
	bool last;

	lock(&domains_lock);
	last = !__atomic_sub_fetch(&d->refs, 1, __ATOMIC_SEQ_CST);
	if (last && d != &dom_xen) {
		domain_free(d);
	}
	unlock(&domains_lock);
}

struct domain *domain_get(domid_t id)
{
	struct domain *d;

	lock(&domains_lock);
	d = id == DOMID_SELF	? current_domain()
	    : id < FAKE_DOMAINS ? domains[id]
				: NULL;
	if (d) {
		domain_hold(d);
	}
	unlock(&domains_lock);
	return d;
}

struct domain *domain_next(domid_t from)
{
	for (u32 i = from; i < FAKE_DOMAINS; i++) {
		if (domains[i]) {
			return domain_get((domid_t)i);
		}
	}
	return NULL;
}

struct domain *fake_domain_create(u32 id)
{
	struct domain *d;

	if (domains[id]) {
		return NULL;
	}
	d = calloc(1, sizeof(*d));
	d->id = (domid_t)id;
	d->serial = ++serials;
	d->partition = partition_default;
	d->privileged = id == 0;
	d->refs = 1;
	d->pages_max = FAKE_FRAMES;
	d->vcpus_max = FAKE_VCPUS;
	d->vcpu = calloc(FAKE_VCPUS, sizeof(struct vcpu *));
	for (u32 i = 0; i < FAKE_VCPUS; i++) {
		d->vcpu[i] = aligned_alloc(_Alignof(struct vcpu),
					   ALIGN_UP(sizeof(struct vcpu), 64));
		memset(d->vcpu[i], 0, sizeof(struct vcpu));
		d->vcpu[i]->domain = d;
		d->vcpu[i]->id = i;
		d->vcpu[i]->kernel_mode = 1;
	}
	return domains[id] = d;
}

// In the order of dom/destroy.c.
void fake_domain_destroy(struct domain *d)
{
	d->dying = DOMAIN_DYING;
	domain_for_each_vcpu (v, d) {
		while (put_pending_finish(v) || user_root_set(v, MFN(0)) ||
		       root_set(v, MFN(0))) {
			fake_work = fake_work == ~0ull ? ~0ull : 20;
		}
		for (u32 i = 0; i < 16; i++) {
			if (v->gdt_frames[i]) {
				page_put_type(mfn_page(MFN(v->gdt_frames[i])));
				v->gdt_frames[i] = 0;
			}
		}
	}
	while (pages_relinquish(d)) {
		fake_work = fake_work == ~0ull ? ~0ull : 20;
	}
	d->dying = DOMAIN_DEAD;
	domain_put(d);
}

// --- processors --------------------------------------------------------------

void fake_run(u32 cpu, struct vcpu *v)
{
	fake_cpu = cpus[cpu];
	fake_cpu_id = cpu;
	if (fake_cpu->current == v) {
		return; // a call from where it was: no CR3 load
	}
	fake_cpu->current = v;
	if (v->kernel_root) {
		context_load_root(v);
	} else {
		fake_cpu->root = hv_root;
		tlb_flush_local();
	}
}

void context_load_root(struct vcpu *v)
{
	this_cpu()->root = v->kernel_mode ? v->kernel_root : v->user_root;
	tlb_flush_local();
}

bool descriptor_check(u64 *descriptor)
{
	return !(*descriptor & 1); // odd ones are bad here
}

int ldt_set(struct vcpu *v, u64 base, u32 ents)
{
	v->ldt_base = base;
	v->ldt_ents = ents;
	return 0;
}

bool guest_addr_ok(u64 a)
{
	return a < HV_START || a >= HV_END;
}

void cpus_call(void (*fn)(void *), void *data)
{
}

// A slice of nothing still goes one step.
bool work_spent(u32 units)
{
	if (fake_work == ~0ull) {
		return false;
	}
	fake_work -= MIN(fake_work, units);
	return !fake_work;
}

void work_add(u32 units)
{
	fake_work -= fake_work == ~0ull ? 0 : MIN(fake_work, units);
}

void work_reset(void)
{
}

void lock_contended(lock_t *l)
{
	BUG_ON(lock_is_mine(l));
	do {
		cpu_relax_serving();
	} while (!lock_try(l));
}

// --- words -------------------------------------------------------------------

void printk(const char *fmt, ...)
{
	va_list ap;

	if (!fake_verbose) {
		return;
	}
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
}

void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
	abort();
}

size_t strlcpy(char *dst, const char *src, size_t bytes)
{
	return (size_t)snprintf(dst, bytes, "%s", src);
}

// -----------------------------------------------------------------------------

void fake_fini(void)
{
	for (u32 i = 0; i < FAKE_DOMAINS; i++) {
		if (domains[i]) {
			domain_free(domains[i]);
		}
	}
	for (u32 i = 0; i < cpu_count; i++) {
		free(cpus[i]);
	}
	cpu_count = 0;
}

void fake_init(u32 count)
{
	fake_fini();
	fake_memory_init();
	cpu_count = FAKE_CPUS;
	for (u32 i = 0; i < FAKE_CPUS; i++) {
		cpus[i] = calloc(1, sizeof(struct cpu));
		cpus[i]->self = cpus[i];
		cpus[i]->id = i;
		cpus[i]->online = true;
	}
	fake_tlb_init();
	for (u32 i = 0; i < count; i++) {
		(void)fake_domain_create(i);
	}
	dom0 = domains[0];
	fake_work = ~0ull;
	fake_run(0, dom0->vcpu[0]);
}
