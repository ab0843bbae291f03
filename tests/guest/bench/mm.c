// SPDX-License-Identifier: MIT
// Page tables.
#include "bench.h"

#define VA (REGION_KERNEL + 0x400000)

static u64 mfn[2];
static u64 *entry;

// A measured update of one or many L1 entries, each run between two values.
static void update(const char *name, unsigned int count, u64 even, u64 odd,
		   unsigned int command)
{
	static struct mmu_update u[2][32];

	for (unsigned int i = 0; i < count; i++) {
		u[0][i].ptr = u[1][i].ptr = maddr_of(entry + i) | command;
		u[0][i].val = even;
		u[1][i].val = odd;
	}
	hv_mmu_update(u[1], count, NULL, DOMID_SELF);
	MEASURE(name, hv_mmu_update(u[i & 1], count, NULL, DOMID_SELF));
}

// One that is measured in one direction only.
static void update_from(const char *name, unsigned int count, u64 from, u64 to)
{
	static struct mmu_update u[2][32];

	for (unsigned int i = 0; i < count; i++) {
		u[0][i].ptr = u[1][i].ptr = maddr_of(entry + i);
		u[0][i].val = from;
		u[1][i].val = to;
	}
	MEASURE_AFTER(name, 256, hv_mmu_update(u[0], count, NULL, DOMID_SELF),
		      hv_mmu_update(u[1], count, NULL, DOMID_SELF));
}

static void updates(u64 a, u64 b)
{
	update("mmu-update-dirty", 1, a, a & ~PTE_D, MMU_NORMAL_PT_UPDATE);
	update("mmu-update-rw", 1, a, a & ~PTE_RW, MMU_NORMAL_PT_UPDATE);
	update("mmu-update-page", 1, a, b, MMU_NORMAL_PT_UPDATE);
	update("mmu-update-rw-preserve", 1, a, a & ~PTE_RW,
	       MMU_PT_UPDATE_PRESERVE_AD);
	update_from("mmu-update-clear", 1, a, 0);
	update_from("mmu-update-set", 1, 0, a);
	update("mmu-update-dirty-32", 32, a, a & ~PTE_D, MMU_NORMAL_PT_UPDATE);
	update("mmu-update-page-32", 32, a, b, MMU_NORMAL_PT_UPDATE);
	update_from("mmu-update-clear-32", 32, a, 0);
	update_from("mmu-update-set-32", 32, 0, a);
}

static void va_mappings(u64 a, u64 b)
{
	hv_update_va_mapping(VA, b, 0);
	MEASURE("va-mapping-dirty",
		hv_update_va_mapping(VA, i & 1 ? a : a & ~PTE_D, UVMF_INVLPG));
	MEASURE("va-mapping-rw",
		hv_update_va_mapping(VA, i & 1 ? a : a & ~PTE_RW, UVMF_INVLPG));
	MEASURE("va-mapping-page",
		hv_update_va_mapping(VA, i & 1 ? a : b, UVMF_INVLPG));
	MEASURE("va-mapping-page-no-flush",
		hv_update_va_mapping(VA, i & 1 ? a : b, UVMF_NONE));
	MEASURE_AFTER("va-mapping-clear", 256, hv_update_va_mapping(VA, a, 0),
		      hv_update_va_mapping(VA, 0, UVMF_INVLPG));
	MEASURE_AFTER("va-mapping-set", 256, hv_update_va_mapping(VA, 0, 0),
		      hv_update_va_mapping(VA, a, UVMF_NONE));
}

static void flushes(void)
{
	void *page = page_alloc();

	MEASURE("invlpg", mmuext(MMUEXT_INVLPG_LOCAL, VA, 0));
	MEASURE("tlb-flush", mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0, 0));
	MEASURE("invlpg-all", mmuext(MMUEXT_INVLPG_ALL, VA, 0));
	MEASURE("tlb-flush-all", mmuext(MMUEXT_TLB_FLUSH_ALL, 0, 0));
	MEASURE("clear-page", mmuext(MMUEXT_CLEAR_PAGE, virt_to_mfn(page), 0));
	MEASURE("copy-page",
		mmuext(MMUEXT_COPY_PAGE, virt_to_mfn(page), mfn[0]));
}

void bench_entries(void)
{
	u64 a, b;

	mfn[0] = virt_to_mfn(page_alloc());
	mfn[1] = virt_to_mfn(page_alloc());
	a = pte_of(mfn[0], PTE_DATA);
	b = pte_of(mfn[1], PTE_DATA);
	entry = pte_make(VA, 1);
	updates(a, b);
	va_mappings(a, b);
	flushes();
}

static inline void store(u64 *e, u64 value)
{
	asm volatile("movq %1, %0" : "=m"(*e) : "r"(value) : "memory");
}

static inline void exchange(u64 *e, u64 value)
{
	asm volatile("xchgq %1, %0" : "+m"(*e), "+r"(value) : : "memory");
}

void bench_ptwr(void)
{
	u64 a = pte_of(mfn[0], PTE_DATA), b = pte_of(mfn[1], PTE_DATA);
	u64 *e = entry;

	hv_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables);
	MEASURE("ptwr-mov-dirty", store(e, i & 1 ? a : a & ~PTE_D));
	MEASURE("ptwr-mov-page", store(e, i & 1 ? a : b));
	MEASURE("ptwr-xchg-page", exchange(e, i & 1 ? a : b));
	MEASURE_AFTER("ptwr-xchg-clear", 256, pte_write(e, a), exchange(e, 0));
	MEASURE_AFTER("ptwr-mov-set", 256, pte_write(e, 0), store(e, a));
	pte_write(e, a);
	MEASURE_AFTER("ptwr-lock-btr", 256, pte_write(e, a),
		      asm volatile("lock btrq $6, %0"
				   : "+m"(*e)
				   :
				   : "cc"));
	MEASURE_AFTER("ptwr-lock-and", 256, pte_write(e, a),
		      asm volatile("lock andb $0xfd, %0"
				   : "+m"(*e)
				   :
				   : "cc"));
}

static void pin(const char *name, const char *undo, unsigned int command,
		const void *table)
{
	u64 frame = virt_to_mfn(table);

	MEASURE_AFTER(name, 32, if (i) mmuext(MMUEXT_UNPIN_TABLE, frame, 0),
		      mmuext(command, frame, 0));
	MEASURE_AFTER(undo, 32, if (i) mmuext(command, frame, 0),
		      mmuext(MMUEXT_UNPIN_TABLE, frame, 0));
}

static u64 *l1_filled(unsigned int count)
{
	u64 *l1 = page_alloc();

	for (unsigned int i = 0; i < count; i++) {
		l1[i] = pte_of(mfn[0], PTE_DATA);
	}
	page_protect(l1);
	return l1;
}

// A root with one L3, L2 and L1, which maps `count` pages.
static u64 *root_filled(unsigned int count)
{
	u64 *table = l1_filled(count);

	for (int level = 2; level <= 4; level++) {
		u64 *upper = page_alloc();

		upper[0] = pte_of(virt_to_mfn(table), PTE_DATA);
		page_protect(upper);
		table = upper;
	}
	return table;
}

static void roots(void)
{
	u64 *root = (u64 *)start_info->pt_base, *copy = page_alloc();
	u64 own = virt_to_mfn(root), other = virt_to_mfn(copy);
	struct mmuext_op both[2] = {{.cmd = MMUEXT_NEW_BASEPTR},
				    {.cmd = MMUEXT_NEW_USER_BASEPTR}};

	MEASURE("new-baseptr-same", mmuext(MMUEXT_NEW_BASEPTR, own, 0));
	for (int slot = 0; slot < 512; slot++) {
		copy[slot] = slot < 256 || slot > 271 ? root[slot] : 0;
	}
	page_protect(copy);
	mmuext(MMUEXT_PIN_L4_TABLE, other, 0);
	MEASURE("new-baseptr-switch",
		mmuext(MMUEXT_NEW_BASEPTR, i & 1 ? own : other, 0));
	MEASURE("new-user-baseptr-switch",
		mmuext(MMUEXT_NEW_USER_BASEPTR, i & 1 ? own : other, 0));
	MEASURE_AFTER("new-both-baseptr-switch", 256,
		      both[0].arg1.mfn = both[1].arg1.mfn = i & 1 ? own : other,
		      hv_mmuext_op(both, 2, NULL, DOMID_SELF));
	mmuext(MMUEXT_NEW_USER_BASEPTR, 0, 0);
	mmuext(MMUEXT_UNPIN_TABLE, other, 0);
}

void bench_pinning(void)
{
	pin("pin-l1-0", "unpin-l1-0", MMUEXT_PIN_L1_TABLE, l1_filled(0));
	pin("pin-l1-1", "unpin-l1-1", MMUEXT_PIN_L1_TABLE, l1_filled(1));
	pin("pin-l1-512", "unpin-l1-512", MMUEXT_PIN_L1_TABLE, l1_filled(512));
	pin("pin-l4-16", "unpin-l4-16", MMUEXT_PIN_L4_TABLE, root_filled(16));
	pin("pin-l4-512", "unpin-l4-512", MMUEXT_PIN_L4_TABLE,
	    root_filled(512));
	roots();
}
