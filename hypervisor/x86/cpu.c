// SPDX-License-Identifier: MIT
// The processor: what it can do, what each one needs in memory, and how its
// control registers are set.
#include <wabe/alloc.h>
#include <wabe/boot.h>
#include <wabe/cpu.h>
#include <wabe/mapcache.h>
#include <wabe/mmu.h>
#include <wabe/paging.h>
#include <wabe/sched.h>
#include <wabe/tlb.h>

struct cpu_features cpu_features;

// What arch.h and assembly take for granted.
_Static_assert(offsetof(struct cpu, self) == 0, "%gs:0");
_Static_assert(offsetof(struct cpu, id) == 8, "%gs:8");

// --- what it can do ---------------------------------------------------------

static void INIT_TEXT names_detect(struct cpu_features *f)
{
	struct cpuid_regs r = cpuid(0, 0);

	memcpy(f->vendor, &r.b, 4);
	memcpy(f->vendor + 4, &r.d, 4);
	memcpy(f->vendor + 8, &r.c, 4);
	f->max_leaf = r.a;
	f->max_ext_leaf = cpuid(0x80000000, 0).a;
	for (u32 i = 0; i < 3 && f->max_ext_leaf >= 0x80000004; i++) {
		r = cpuid(0x80000002 + i, 0);
		memcpy(f->brand + 16 * i, &r, 16);
	}
	f->intel = strcmp(f->vendor, "GenuineIntel") == 0;
	f->amd = strcmp(f->vendor, "AuthenticAMD") == 0 ||
		 strcmp(f->vendor, "HygonGenuine") == 0;
	r = cpuid(1, 0);
	f->stepping = r.a & 15;
	f->model = r.a >> 4 & 15;
	f->family = r.a >> 8 & 15;
	if (f->family == 6 || f->family == 15) {
		f->model |= r.a >> 12 & 0xf0;
	}
	if (f->family == 15) {
		f->family += r.a >> 20 & 0xff;
	}
}

// XSAVE states kept for guests: x87, SSE, AVX.
static void INIT_TEXT features_detect(struct cpu_features *f)
{
	struct cpuid_regs r = cpuid(1, 0), none = {0};

	f->x2apic = r.c & BIT(21);
	f->tsc_deadline = r.c & BIT(24);
	f->xsave = r.c & BIT(26) && f->max_leaf >= 0xd;
	f->hypervisor = r.c & BIT(31);
	f->mca = r.d & BIT(7) && r.d & BIT(14);
	r = f->max_leaf >= 7 ? cpuid(7, 0) : none;
	f->fsgsbase = r.b & BIT(0);
	f->smep = r.b & BIT(7);
	f->smap = r.b & BIT(20) && !options.no_smap;
	f->md_clear = r.d & BIT(10);
	f->spec_ctrl = f->ibpb = r.d & BIT(26);
	f->arch_caps = r.d & BIT(29);
	if (f->xsave) {
		f->xcr0 = XCR0_X87 | XCR0_SSE | (cpuid(0xd, 0).a & XCR0_AVX);
		f->xsaveopt = cpuid(0xd, 1).a & BIT(0);
	}
	f->rdtscp = cpuid(0x80000001, 0).d & BIT(27);
	r = f->max_ext_leaf >= 0x80000007 ? cpuid(0x80000007, 0) : none;
	f->invariant_tsc = r.d & BIT(8);
	r = f->max_ext_leaf >= 0x80000008 ? cpuid(0x80000008, 0) : none;
	f->ibpb |= (r.b & BIT(12)) != 0;
	f->x87_pointers_stay = f->amd && !(r.b & BIT(2));
	f->maddr_bits = r.a & 0xff ? r.a & 0xff : 36;
}

void INIT_TEXT cpu_detect(void)
{
	const struct cpu_features *f = &cpu_features;

	names_detect(&cpu_features);
	features_detect(&cpu_features);
	printk("CPU: %s (%s family %u model %u stepping %u)", f->brand,
	       f->vendor, f->family, f->model, f->stepping);
	printk("CPU has:%s%s%s%s%s%s%s", f->smep ? " SMEP" : "",
	       f->smap ? " SMAP" : "", f->fsgsbase ? " FSGSBASE" : "",
	       f->xsave ? " XSAVE" : "", f->x2apic ? " x2APIC" : "",
	       f->tsc_deadline ? " TSC-deadline" : "",
	       f->invariant_tsc ? " invariant-TSC" : "");
}

// --- what each one needs ----------------------------------------------------

#define STACK_PAGE (PTE_P | PTE_RW | PTE_A | PTE_D | PTE_G | PTE_NX)

// Map `pages` new pages at page `at` of the CPU's window, the pages before and
// after them staying empty. Returns the address past them, 0: no memory.
static u64 stack_alloc(struct cpu *c, u32 at, u32 pages)
{
	for (u32 i = at; i < at + pages; i++) {
		void *page = heap_page();

		if (!page) {
			return 0;
		}
		c->window[i] = mfn_to_maddr(heap_mfn(page)) | STACK_PAGE;
	}
	return (u64)paging_window(c->id) + (at + pages) * PAGE_SIZE;
}

// A stack for a trap that may hit anywhere. Where it begins is written which
// CPU this is (entry.S, entry_ist).
static bool ist_alloc(struct cpu *c, u32 number, u32 at)
{
	u64 top = stack_alloc(c, at, PERCPU_IST_PAGES);
	const void **words = (const void **)top;

	if (!top) {
		return false;
	}
	words[-1] = words[-2] = c;
	c->tss->ist[number - 1] = top - 16;
	return true;
}

static bool stacks_alloc(struct cpu *c)
{
	c->stack_top = stack_alloc(c, PERCPU_STACK, PERCPU_STACK_PAGES);
	return c->stack_top && ist_alloc(c, IST_NMI, PERCPU_NMI) &&
	       ist_alloc(c, IST_MCE, PERCPU_MCE) &&
	       ist_alloc(c, IST_DF, PERCPU_DF) &&
	       ist_alloc(c, IST_DB, PERCPU_DB);
}

// NULL: no memory (what was allocated stays; the CPU is left out).
struct cpu *cpu_alloc(u32 id, u32 apic_id, u32 acpi_id)
{
	struct cpu *c = heap_alloc(sizeof(*c));

	if (!c) {
		return NULL;
	}
	c->self = c;
	c->id = id;
	c->apic_id = apic_id;
	c->acpi_id = acpi_id;
	c->root = hv_root;
	c->deadline = ~0ull;
	c->tss = heap_alloc(sizeof(*c->tss));
	c->window = heap_page();
	if (!c->tss || !c->window) {
		return NULL;
	}
	c->tss->iomap = sizeof(*c->tss); // past its end: no ports
	paging_window_install(id, heap_mfn(c->window));
	cpus[id] = c;
	if (!stacks_alloc(c) || mapcache_init_cpu(c) || timers_init_cpu(c) ||
	    sched_init_cpu(c)) {
		cpus[id] = NULL;
		return NULL;
	}
	c->tss->rsp[0] = c->regs_top;
	return c;
}

// --- control registers ------------------------------------------------------

#define CR0_FLAGS 0x80050033ull // PG AM WP NE ET MP PE
#define EFER_SCE BIT(0)
#define EFER_NXE BIT(11)

static u64 cr4_value(void)
{
	const struct cpu_features *f = &cpu_features;

	return CR4_DE | CR4_PAE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT |
	       (f->mca ? CR4_MCE : 0) | (f->xsave ? CR4_OSXSAVE : 0) |
	       (f->smep ? CR4_SMEP : 0) | (f->smap ? CR4_SMAP : 0);
}

void cpu_init_this(struct cpu *c)
{
	X86_WRITE_CR(0, CR0_FLAGS);
	X86_WRITE_CR(4, cr4_value());
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE | EFER_NXE);
	wrmsr(MSR_PAT, PAT_VALUE);
	if (cpu_features.xsave) {
		xsetbv(cpu_features.xcr0);
	}
	if (cpu_features.rdtscp) {
		wrmsr(MSR_TSC_AUX, 0);
	}
	wrmsr(MSR_GS_BASE, (u64)c);
	traps_load(c);
	leaks_init_cpu();
	mce_init_cpu();
	tlb_flush_all_local();
	if (c->id == 0) {
		c->online = true;
		cpu_count = 1;
	}
}
