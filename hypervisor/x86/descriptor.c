// SPDX-License-Identifier: MIT
// Descriptor tables. Each CPU's GDT lies in its window: 14 pages that show the
// frames of the vCPU that runs, then ours. A guest's frames are seg-typed:
// the guest cannot write them, each descriptor in them was checked. LDT pages
// appear in the window when the CPU first looks for them.
#include <wabe/alloc.h>
#include <wabe/context.h>
#include <wabe/cpu.h>
#include <wabe/guest.h>
#include <wabe/mmu.h>
#include <wabe/page.h>
#include <wabe/paging.h>
#include <wabe/tlb.h>

#include "entry.h"
#include "uaccess.h"

#define GDT_PAGES GDT_RESERVED_PAGE
#define LDT_PAGES 16
#define PAGE_ENTS (PAGE_SIZE / 8)
// The CPU sets accessed bits in descriptors: writable.
#define WINDOW_FLAGS (PTE_P | PTE_RW | PTE_A | PTE_D | PTE_NX)
#define EMPTY_FLAGS (PTE_P | PTE_A | PTE_NX)

#define DESC_PRESENT BIT(47)
#define DESC_DPL3 (BIT(45) | BIT(46))
#define DESC_CODE_DATA BIT(44)
#define DESC_TYPE (BIT(40) | BIT(41) | BIT(42) | BIT(43))
#define DESC_LDT 0x82
#define DESC_TSS 0x89

#define OURS(selector) (((selector)-GDT_RESERVED_PAGE * 4096) / 8)

// What a guest's GDT has beyond its entries.
static const u64 empty_page[PAGE_ENTS] ALIGNED(4096);

struct table_pointer {
	u16 limit;
	u64 base;
} PACKED;

static u64 empty_pte(void)
{
	return ((u64)empty_page - IMAGE_BASE) | EMPTY_FLAGS;
}

static u64 window_va(const struct cpu *c, u32 page)
{
	return PERCPU_BASE + (u64)c->id * PERCPU_BYTES + page * PAGE_SIZE;
}

// A system descriptor: two entries.
static void system_descriptor(u64 *at, u64 base, u64 limit, u64 type)
{
	at[0] = (limit & 0xffff) | (base & 0xffffff) << 16 | type << 40 |
		(limit >> 16 & 0xf) << 48 | (base >> 24 & 0xff) << 56;
	at[1] = base >> 32;
}

// --- of the CPU -------------------------------------------------------------

static void gdt_fill(struct cpu *c)
{
	u64 *gdt = c->gdt;

	gdt[OURS(SEL_HV_CS)] = 0x00af9b000000ffff;
	gdt[OURS(SEL_HV_DS)] = 0x00cf93000000ffff;
	gdt[OURS(SEL_GUEST_CS32 & ~7)] = 0x00cffb000000ffff;
	gdt[OURS(SEL_GUEST_DS & ~7)] = 0x00cff3000000ffff;
	gdt[OURS(SEL_GUEST_CS64 & ~7)] = 0x00affb000000ffff;
	system_descriptor(&gdt[OURS(SEL_TSS)], (u64)c->tss, sizeof(*c->tss) - 1,
			  DESC_TSS);
}

static void gdt_map(struct cpu *c)
{
	c->gdt = heap_page();
	if (!c->gdt) {
		panic("no memory for CPU %u's GDT", c->id);
	}
	for (u32 i = 0; i < GDT_PAGES; i++) {
		c->window[PERCPU_GDT + i] = empty_pte();
	}
	c->window[PERCPU_GDT + GDT_RESERVED_PAGE] =
	    mfn_to_maddr(heap_mfn(c->gdt)) | WINDOW_FLAGS;
}

// GDT, TSS and segment registers of the CPU this runs on.
void descriptors_load(struct cpu *c)
{
	struct table_pointer gdtr = {
	    (GDT_RESERVED_PAGE + 1) * 4096 - 1,
	    window_va(c, PERCPU_GDT),
	};

	if (!c->gdt) {
		gdt_map(c);
	}
	gdt_fill(c);
	asm volatile("lgdt %0" ::"m"(gdtr) : "memory");
	asm volatile(
	    "lea 1f(%%rip), %%rax; push %0; push %%rax; lretq; 1:" ::"i"(
		SEL_HV_CS)
	    : "rax", "memory");
	asm volatile("mov %0, %%ss" ::"r"(SEL_HV_DS));
	asm volatile(
	    "mov %0, %%ds; mov %0, %%es; mov %0, %%fs; mov %0, %%gs" ::"r"(0));
	wrmsr(MSR_GS_BASE, (u64)c); // the null selector may have cleared it
	asm volatile("ltr %w0" ::"r"(SEL_TSS));
	asm volatile("lldt %w0" ::"r"(0));
}

// --- the tables of a vCPU in the window -------------------------------------

// In a context switch the load of CR3 that follows flushes the old pages.
void gdt_window_set(struct cpu *c, const struct vcpu *v)
{
	u32 pages = DIV_ROUND_UP(v->gdt_ents, PAGE_ENTS);
	u64 *window = &c->window[PERCPU_GDT];
	u32 i;

	for (i = 0; i < pages; i++) {
		window[i] = v->gdt_frames[i] << PAGE_SHIFT | WINDOW_FLAGS;
	}
	for (; i < c->gdt_pages; i++) {
		window[i] = empty_pte();
	}
	c->gdt_pages = pages;
}

void ldt_window_set(struct cpu *c, const struct vcpu *v)
{
	for (u32 i = 0; i < LDT_PAGES; i++) {
		u64 frame = v->ldt_frames[i];

		c->window[PERCPU_LDT + i] =
		    frame ? frame << PAGE_SHIFT | WINDOW_FLAGS : 0;
	}
	c->ldt_ents = v->ldt_ents;
	if (c->ldt_ents) {
		system_descriptor(&c->gdt[OURS(SEL_LDT)],
				  window_va(c, PERCPU_LDT), c->ldt_ents * 8 - 1,
				  DESC_LDT);
	}
	asm volatile("lldt %w0" ::"r"(c->ldt_ents ? SEL_LDT : 0));
}

static void window_flush(struct cpu *c, u32 page, u32 count)
{
	for (u32 i = 0; i < count; i++) {
		invlpg(window_va(c, page + i));
	}
}

// --- GDT of a vCPU ----------------------------------------------------------

static void frames_put(const u64 *frames, u32 count)
{
	for (u32 i = 0; i < count; i++) {
		if (frames[i]) {
			page_put_type(mfn_page(MFN(frames[i])));
		}
	}
}

static bool frames_get(struct domain *d, const u64 *frames, u32 count)
{
	for (u32 i = 0; i < count; i++) {
		struct page *p = page_lookup(MFN(frames[i]));

		if (!p || page_get_type(p, d, PAGE_SEG)) {
			frames_put(frames, i);
			return false;
		}
	}
	return true;
}

int gdt_set(struct vcpu *v, const u64 *frames, u32 ents)
{
	struct cpu *c = this_cpu();
	u32 old_count = DIV_ROUND_UP(v->gdt_ents, PAGE_ENTS);
	u32 count = DIV_ROUND_UP(ents, PAGE_ENTS);
	u64 old[GDT_PAGES];

	if (ents > GDT_PAGES * PAGE_ENTS ||
	    !frames_get(v->domain, frames, count)) {
		return -EINVAL;
	}
	memcpy(old, v->gdt_frames, sizeof(old));
	for (u32 i = 0; i < GDT_PAGES; i++) {
		v->gdt_frames[i] = i < count ? frames[i] : 0;
	}
	v->gdt_ents = ents;
	if (v == c->current) {
		gdt_window_set(c, v);
		window_flush(c, PERCPU_GDT, MAX(count, old_count));
	}
	frames_put(old, old_count);
	return 0;
}

// --- LDT --------------------------------------------------------------------

// None: let go. Where there was none either, nothing is to be done.
int ldt_set(struct vcpu *v, u64 base, u32 ents)
{
	struct cpu *c = this_cpu();
	u64 old[LDT_PAGES];

	if (ents > LDT_PAGES * PAGE_ENTS ||
	    (ents && ((base & PAGE_OFFSET_MASK) ||
		      !guest_range_ok(base, (u64)ents * 8)))) {
		return -EINVAL;
	}
	if (!ents && !v->ldt_ents) {
		return 0;
	}
	memcpy(old, v->ldt_frames, sizeof(old));
	memset(v->ldt_frames, 0, sizeof(v->ldt_frames));
	v->ldt_base = ents ? base : 0;
	v->ldt_ents = ents;
	if (v == c->current) {
		ldt_window_set(c, v);
		window_flush(c, PERCPU_LDT, LDT_PAGES);
	}
	frames_put(old, LDT_PAGES);
	return 0;
}

bool ldt_fault(u64 offset)
{
	struct vcpu *v = current_vcpu();
	u64 i = offset >> PAGE_SHIFT;
	struct pt_walk walk;
	struct page *p;

	if (offset / 8 >= v->ldt_ents || v->ldt_frames[i] ||
	    pt_walk(v->kernel_root, v->ldt_base + i * PAGE_SIZE, &walk) ||
	    !(walk.entry & PTE_P)) {
		return false;
	}
	p = page_lookup(pte_mfn(walk.entry));
	if (!p || page_get_type(p, v->domain, PAGE_SEG)) {
		return false;
	}
	v->ldt_frames[i] = page_mfn(p).n;
	this_cpu()->window[PERCPU_LDT + i] =
	    mfn_to_maddr(page_mfn(p)) | WINDOW_FLAGS;
	return true;
}

// --- checks -----------------------------------------------------------------

// What is not present always faults; code and data are harmless at DPL 3; of
// the system types only the reserved type 0 is (no gates, no LDT, no TSS).
bool descriptor_check(u64 *descriptor)
{
	u64 d = *descriptor;

	if (!(d & DESC_PRESENT)) {
		return true;
	}
	if (!(d & DESC_CODE_DATA)) {
		return !(d & DESC_TYPE);
	}
	*descriptor = d | DESC_DPL3;
	return true;
}
