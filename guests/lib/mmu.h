// SPDX-License-Identifier: MIT
// Frames and page tables. The guest's frame n (pfn) is mapped at virt_base +
// n * 4096 by the domain builder; which machine frame (mfn) that is, the p2m
// list says. A page table must be mapped read-only wherever it is mapped
// before it is hooked up or pinned: table_new() hands out such pages.
#ifndef GUEST_MMU_H
#define GUEST_MMU_H

#include "hypercall.h"

#define PTE_P 0x1UL
#define PTE_RW 0x2UL
#define PTE_US 0x4UL
#define PTE_PWT 0x8UL
#define PTE_PCD 0x10UL
#define PTE_A 0x20UL
#define PTE_D 0x40UL
#define PTE_PSE 0x80UL // level 1: the PAT bit
#define PTE_G 0x100UL
#define PTE_AVAIL 0x200UL
#define PTE_NX (1UL << 63)
#define PTE_FRAME 0x000ffffffffff000UL
#define PTE_RO (PTE_P | PTE_US | PTE_A)
#define PTE_DATA (PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D)

// Regions of the address space that the library or a test fills, each an
// L4 slot: one for the kernel alone, one for user mode too.
#define REGION_KERNEL 0x0000008000000000UL
#define REGION_USER 0x0000010000000000UL

u64 virt_to_mfn(const void *va);
void *mfn_to_virt(u64 mfn);
static inline u64 pte_of(u64 mfn, u64 flags)
{
	return mfn << PAGE_SHIFT | flags;
}

// Pages of the guest's own image, never given back: enough for a test.
void *page_alloc(void);	       // zeroed
void page_protect(void *page); // read-only, as tables must be
void page_unprotect(void *page);
void *table_new(void); // an empty read-only page

// The entry of `level` (1 to 4) that maps `va`, in the running root; NULL if a
// table above it is missing. Read it there; write it with pte_write.
u64 *pte_find(u64 va, int level);
// Hooks up empty tables until there is an entry of `level`.
u64 *pte_make(u64 va, int level);
long pte_write(u64 *entry, u64 pte); // mmu_update, the errno
u64 maddr_of(const void *va);
// Puts `mfn` at `va`, making tables.
void page_map(u64 va, u64 mfn, u64 flags);

long mmuext(unsigned int command, u64 arg1, u64 arg2); // one op, DOMID_SELF

// Maps shared_info. Before it no trap or event can be taken in C.
void mmu_init(void);

#endif
