// SPDX-License-Identifier: MIT
// Where the parts of a starting dom0 lie, as Xen's ABI orders them (xen/xen.h,
// "start-of-day memory layout"):
//
//   pfn 0 ... kernel | [initrd] | [p2m list] | start_info | page tables, L4
//   first | boot stack | at least 512 KiB of padding, to a 4 MiB boundary
//
// all mapped at VIRT_BASE. With the note MOD_START_PFN the initrd, and with
// INIT_P2M the p2m list and the tables that map it, come behind, not mapped
// there.
#include <wabe/boot.h>
#include <wabe/dom0.h>
#include <wabe/layout.h>

#define PADDING (512 << 10)
#define MAP_ALIGN (4ull << 20)
#define LOW_HALF_END (1ull << 47)
#define L4_SLOT (1ull << 39)

static const char too_small[] = "dom0_mem is too small for it";

u64 dom0_tables_of(u64 va, u64 bytes, u32 level)
{
	u32 shift = PAGE_SHIFT + 9 * level;

	return ((va + bytes - 1) >> shift) - (va >> shift) + 1;
}

static u64 tables_below_l4(u64 va, u64 bytes)
{
	return dom0_tables_of(va, bytes, 1) + dom0_tables_of(va, bytes, 2) +
	       dom0_tables_of(va, bytes, 3);
}

// May a guest have a mapping there?
static bool va_range_ok(u64 va, u64 bytes)
{
	u64 last = va + bytes - 1;

	return last >= va && (last < LOW_HALF_END || va >= HV_END);
}

// The first pfn at or after `pfn` from where `frames` are RAM by the machine's
// map too: Linux keeps holes where the machine has them, and would have to move
// what lies in one.
static u64 place(const struct dom0_builder *b, u64 pfn, u64 frames)
{
	u64 start = pfn;

	e820_for_each_ram (e, &boot_info.memory) {
		u64 from = MAX(pfn, DIV_ROUND_UP(e->start, PAGE_SIZE));
		u64 to = (e->start + e->bytes) >> PAGE_SHIFT;

		if (from < to && to - from >= frames) {
			start = from;
			break;
		}
	}
	if (start + frames > b->pages) {
		start = pfn;
	}
	if (start + frames > b->pages) {
		dom0_refuse("the kernel", too_small);
	}
	return start;
}

// Page tables, stack and padding from `pfn` on. The more is mapped the more
// tables it takes, and they are mapped too: count up until it fits.
static void place_tables(struct dom0_builder *b, u64 pfn)
{
	struct dom0_layout *l = &b->layout;
	u64 base = b->kernel.virt_base, count = 4, end;

	for (;;) {
		u64 need;

		end = base + ((pfn + count + 1) << PAGE_SHIFT) + PADDING;
		end = ALIGN_UP(end, MAP_ALIGN);
		if (!va_range_ok(base, end - base)) {
			dom0_refuse("the kernel", "VIRT_BASE makes no sense");
		}
		need = 1 + tables_below_l4(base, end - base);
		if (need <= count) {
			break;
		}
		count = need;
	}
	l->tables = pfn;
	l->table_count = count;
	l->stack = pfn + count;
	l->mapped = (end - base) >> PAGE_SHIFT;
}

// INIT_P2M counts if its address is fit for it and shares no upper table with
// the kernel's mapping.
static bool p2m_apart(const struct dom0_builder *b)
{
	u64 va = b->kernel.init_p2m, base = b->kernel.virt_base;
	u64 bytes = b->layout.p2m_frames << PAGE_SHIFT;

	return va != KERNEL_NOTE_NONE && va % PAGE_SIZE == 0 &&
	       va_range_ok(va, bytes) &&
	       (va / L4_SLOT >
		    (base + (b->layout.mapped << PAGE_SHIFT) - 1) / L4_SLOT ||
		(va + bytes - 1) / L4_SLOT < base / L4_SLOT);
}

static void check_addresses(const struct dom0_builder *b)
{
	const struct kernel_image *k = &b->kernel;
	u64 bytes = b->layout.mapped << PAGE_SHIFT;

	if (b->layout.mapped > b->pages) {
		dom0_refuse("the kernel", too_small);
	}
	if (k->virt_base % PAGE_SIZE || k->entry - k->virt_base >= bytes) {
		dom0_refuse("the kernel", "its entry point lies outside of it");
	}
	if (k->hypercall_page != KERNEL_NOTE_NONE &&
	    (k->hypercall_page % PAGE_SIZE ||
	     k->hypercall_page - k->virt_base >= bytes)) {
		dom0_refuse("the kernel",
			    "its hypercall page lies outside of it");
	}
}

// What is mapped with the kernel; `p2m_inside`: the list is, too.
static void place_mapped(struct dom0_builder *b, bool p2m_inside)
{
	struct dom0_layout *l = &b->layout;
	u64 pfn = DIV_ROUND_UP(b->kernel.paddr_end, PAGE_SIZE);

	if (!b->kernel.mod_start_pfn) {
		l->initrd = pfn;
		pfn += DIV_ROUND_UP(l->initrd_bytes, PAGE_SIZE);
	}
	if (p2m_inside) {
		l->p2m = pfn;
		l->p2m_va = dom0_va(b, pfn);
		pfn += l->p2m_frames;
	}
	l->start_info = pfn;
	place_tables(b, pfn + 1);
	check_addresses(b);
}

void dom0_layout_make(struct dom0_builder *b)
{
	struct dom0_layout *l = &b->layout;
	u64 pfn;

	l->initrd_bytes = b->initrd.bytes;
	l->p2m_frames = DIV_ROUND_UP(b->pages * sizeof(u64), PAGE_SIZE);
	place_mapped(b, false);
	if (!p2m_apart(b)) {
		place_mapped(b, true);
	}
	pfn = l->mapped;
	if (b->kernel.mod_start_pfn) {
		u64 frames = DIV_ROUND_UP(l->initrd_bytes, PAGE_SIZE);

		l->initrd = place(b, pfn, frames);
		pfn = l->initrd + frames;
	}
	if (!l->p2m_va) {
		l->p2m_va = b->kernel.init_p2m;
		l->p2m_table_count =
		    tables_below_l4(l->p2m_va, l->p2m_frames << PAGE_SHIFT);
		l->p2m = place(b, pfn, l->p2m_frames + l->p2m_table_count);
		l->p2m_tables = l->p2m + l->p2m_frames;
	}
}
