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
#define PTE_PS BIT(7) // L2, L3; in L1: PAT
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

// A valid table, L1..L4, that stays one until it is closed: type-referenced and
// mapped.
struct pt_table {
	struct domain *owner;
	struct page *page;
	u64 *entries;
	u32 type; // PAGE_L1 .. PAGE_L4
};
// false: `m` is no table of `d` now. After closing, current_vcpu()->put_pending
// may be set.
bool pt_open(struct pt_table *t, struct domain *d, mfn_t m) MUST_CHECK;
bool pt_open_l1(struct pt_table *t, struct domain *d, mfn_t m) MUST_CHECK;
void pt_close(struct pt_table *t);

// Set entry `index`, frames it may name belonging to `pg_owner`; keep_ad: with
// the accessed and dirty bits that it has by then. 0 or, the
// entry unchanged, -EINVAL, -EBUSY, -EPERM, -EACCES as Xen's mmu_update, or
// -ERESTART: preempted, issue again. The hypervisor's L4 slots: -EINVAL. After
// 0, current_vcpu()->put_pending may be set.
int pt_set(struct pt_table *t, struct domain *pg_owner, u32 index, u64 value,
	   bool keep_ad);
// Compare and set an entry of an L1 table (emulated cmpxchg, and/or, xchg): 0,
// or -EAGAIN where it was not `old` (A and D bits included); *now gets it.
int pt_cmpxchg_l1(struct pt_table *t, u32 index, u64 old, u64 value, u64 *now);

// Walk the tables of `root` (machine address of an L4) for `va`: the L1
// table's mfn and the entry. -ENOENT where an upper level is not present. No
// reference is held: pt_open_l1() says whether l1 still is what it was.
struct pt_walk {
	mfn_t l1;
	u32 index;
	u64 entry;
	u64 flags; // RW, US ANDed; NX ORed over all levels
};
int pt_walk(u64 root, u64 va, struct pt_walk *out);

// Change CR3 (kernel root) / the user root of a vCPU that is current or does
// not run: takes the new table as L4, loads it if `v` is current, lets the old
// go. m MFN(0): none (not for the current one's kernel root). -EINVAL, or
// -ERESTART, nothing changed. After 0, current_vcpu()->put_pending may be set.
int root_set(struct vcpu *v, mfn_t m);
int user_root_set(struct vcpu *v, mfn_t m);
// Go on with vcpu->put_pending; -ERESTART until done. First thing in every call
// that may set it; also before a vCPU is destroyed.
int put_pending_finish(struct vcpu *v) MUST_CHECK;

// The hypervisor's slots of a root table, copied into each validated L4.
extern u64 hv_slots[16];

// The CPUs that may hold translations of `d`: its root is in their CR3.
struct cpumask;
void domain_cpus(const struct domain *d, struct cpumask *out);

// Mapping frames for grants. The caller takes the reference that the entry will
// hold (page_get_type() writable, or page_get() for a read-only one); it then
// belongs to the entry like any other: if the guest overwrites the entry, or
// the table goes, it is dropped there. So only a successful unmap gives it
// back, and whoever lets go of a domain's grant mappings without unmapping them
// must not drop it. `addr` is a guest address mapped by v's kernel root, or the
// machine address of the entry. -EINVAL: no such entry. map: an entry that was
// there is replaced (and let go).
int grant_pte_map(struct vcpu *v, u64 addr, bool is_pte_maddr, u64 pte);
// unmap: only if the entry is present with the frame and RW bit of `expect`.
// In its place comes the entry for the guest address `new_addr`, which becomes
// 0 (0: none comes).
// The caller flushes TLBs (domain_cpus()) before the granter learns of it.
int grant_pte_unmap(struct vcpu *v, u64 addr, bool is_pte_maddr, u64 expect,
		    u64 new_addr);

// mm/mmio.c: may dom0 map this frame that is not RAM? -EPERM: never; -EROFS:
// only without RW (else 0).
int mmio_check(mfn_t m);
// This machine has L1TF: not-present entries that name memory are refused. Xen
// puts such a guest on shadow tables; guests of today invert those bits.
void l1tf_guard(void);

#endif
