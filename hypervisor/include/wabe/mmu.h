// SPDX-License-Identifier: MIT
// Page tables of guests: entries checked, changed, let go (mm/pgtable.c).
#ifndef WABE_MMU_H
#define WABE_MMU_H

#include <wabe/addr.h>
#include <wabe/errno.h>
#include <wabe/types.h>

struct domain;
struct page;
struct vcpu;

#define PTE_P BIT(0)
#define PTE_RW BIT(1)
#define PTE_US BIT(2)
#define PTE_PWT BIT(3)
#define PTE_PCD BIT(4)
#define PTE_A BIT(5)
#define PTE_D BIT(6)
#define PTE_PS BIT(7)          // L2, L3; in L1: PAT
#define PTE_G BIT(8)
#define PTE_NX BIT(63)
#define PTE_FRAME 0x000ffffffffff000ull

static inline mfn_t pte_mfn(u64 pte)
{
	return MFN((pte & PTE_FRAME) >> PAGE_SHIFT);
}

static inline u32 pt_index(u64 va, u32 level)
{
	return va >> (PAGE_SHIFT + 9 * (level - 1)) & 511;
}

// How to write an entry.
enum pt_how { PT_SET, PT_PRESERVE_AD, PT_NO_TRANSLATE };

// Set entry `index` of table `table` (referenced by the caller, of type L1..L4
// and valid) for the current vCPU's domain `d`, frames to be named belonging
// to `pg_owner`. 0; -EINVAL etc. as Xen's mmu_update; -ERESTART: preempted,
// issue again. `index` in the hypervisor's L4 slots: -EINVAL.
int pt_set_entry(struct domain *d, struct domain *pg_owner, struct page *table,
		 u32 index, u64 value, enum pt_how how);
// Compare and set an L1 entry (emulated cmpxchg, and/or, xchg): 0, or -EAGAIN
// where the entry was not `old` (A and D bits included); *now gets it.
int pt_cmpxchg_l1(struct domain *d, struct page *table, u32 index, u64 old,
		  u64 value, u64 *now);

// Walk the tables of `root` (machine address of an L4) for `va`: the L1
// table's mfn and the entry. -ENOENT where an upper level is not present.
struct pt_walk {
	mfn_t l1;
	u32 index;
	u64 entry;
	u64 flags;             // RW, US ANDed; NX ORed over all levels
};
int pt_walk(u64 root, u64 va, struct pt_walk *out);

// Change CR3 (kernel root) / the user root of a vCPU: takes the new table as
// L4, lets the old go, loads it if `v` is current. m MFN(0): none (user only).
int root_set(struct vcpu *v, mfn_t m);
int user_root_set(struct vcpu *v, mfn_t m);
// Go on with vcpu->put_pending; -ERESTART until done.
int put_pending_finish(struct vcpu *v);

// The hypervisor's slots of a root table, copied into each validated L4.
extern u64 hv_slots[16];

// Mapping machine frames for grants and foreign maps: set the L1 entry that
// maps `va` in d's current kernel root, or that lies at machine address
// `pte_maddr`, without reference counting of the target (the caller counts).
// *old_out gets the old entry, which must have been empty for a map, or equal
// (frame) for an unmap. 0 or -GNTST_* chosen by the caller from -errno.
int grant_pte_map(struct vcpu *v, u64 addr, bool is_pte_maddr, u64 pte);
int grant_pte_unmap(struct vcpu *v, u64 addr, bool is_pte_maddr, mfn_t expect,
		    u64 replace_with);

#endif
