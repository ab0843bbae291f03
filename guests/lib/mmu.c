// SPDX-License-Identifier: MIT
// Frames and page tables.
#include "mmu.h"

#define POOL_PAGES 512

static u8 pool[POOL_PAGES][PAGE_SIZE] __attribute__((aligned(4096)));
static unsigned int pool_used;
static u8 shared_page[PAGE_SIZE] __attribute__((aligned(4096)));
struct shared_info *shared_info = (void *)shared_page;

u64 virt_to_mfn(const void *va)
{
	const u64 *p2m = (const u64 *)start_info->mfn_list;

	return p2m[((u64)va - (u64)virt_base) >> PAGE_SHIFT];
}

void *mfn_to_virt(u64 mfn)
{
	return virt_base + (machine_to_phys_mapping[mfn] << PAGE_SHIFT);
}

u64 maddr_of(const void *va)
{
	return virt_to_mfn(va) << PAGE_SHIFT | ((u64)va & (PAGE_SIZE - 1));
}

void *page_alloc(void)
{
	if (pool_used == POOL_PAGES) {
		PANIC("no pages left");
	}
	return memset(pool[pool_used++], 0, PAGE_SIZE);
}

static void remap(void *page, u64 flags)
{
	long rc = hv_update_va_mapping(
	    (u64)page, pte_of(virt_to_mfn(page), flags), UVMF_INVLPG);

	if (rc) {
		PANIC("page %p becomes %lx: %ld", page, flags, rc);
	}
}

void page_protect(void *page)
{
	remap(page, PTE_RO);
}

void page_unprotect(void *page)
{
	remap(page, PTE_DATA);
}

void *table_new(void)
{
	void *page = page_alloc();

	page_protect(page);
	return page;
}

u64 *pte_find(u64 va, int level)
{
	u64 *table = (u64 *)start_info->pt_base;

	for (int l = 4;; l--) {
		u64 *entry = &table[va >> (3 + 9 * l) & 511];

		if (l == level) {
			return entry;
		}
		if (!(*entry & PTE_P) || (*entry & PTE_PSE)) {
			return NULL;
		}
		table = mfn_to_virt((*entry & PTE_FRAME) >> PAGE_SHIFT);
	}
}

u64 *pte_make(u64 va, int level)
{
	for (int l = 4; l > level; l--) {
		u64 *entry = pte_find(va, l);
		long rc = 0;

		if (!(*entry & PTE_P)) {
			u64 mfn = virt_to_mfn(table_new());

			rc = pte_write(entry, pte_of(mfn, PTE_DATA));
		}
		if (rc) {
			PANIC("level %d entry for %lx: %ld", l, va, rc);
		}
	}
	return pte_find(va, level);
}

long pte_write(u64 *entry, u64 pte)
{
	struct mmu_update u = {.ptr = maddr_of(entry) | MMU_NORMAL_PT_UPDATE,
			       .val = pte};

	return hv_mmu_update(&u, 1, NULL, DOMID_SELF);
}

void page_map(u64 va, u64 mfn, u64 flags)
{
	long rc = pte_write(pte_make(va, 1), pte_of(mfn, flags));

	if (rc) {
		PANIC("mapping frame %lx at %lx: %ld", mfn, va, rc);
	}
	mmuext(MMUEXT_INVLPG_LOCAL, va, 0);
}

long mmuext(unsigned int command, u64 arg1, u64 arg2)
{
	struct mmuext_op op = {.cmd = command};

	op.arg1.mfn = arg1;
	op.arg2.nr_ents = arg2;
	return hv_mmuext_op(&op, 1, NULL, DOMID_SELF);
}

void mmu_init(void)
{
	long rc = hv_update_va_mapping(
	    (u64)shared_page, start_info->shared_info | PTE_DATA, UVMF_INVLPG);

	if (rc) {
		PANIC("mapping shared_info: %ld", rc);
	}
}
