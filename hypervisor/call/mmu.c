// SPDX-License-Identifier: MIT
// mmu_update, update_va_mapping: changes of page-table entries and of the M2P.
#include <wabe/alloc.h>
#include <wabe/mapcache.h>
#include <wabe/mmu.h>
#include <wabe/tlb.h>

#include "mmu.h"

#define CHUNK 16 // requests read from the guest at once

// One call. The table of the last request stays open for the next one: batches
// mostly change one table.
struct update {
	struct domain *pt_owner, *pg_owner;
	u64 mfn; // of the open table, ~0 none
	struct pt_table table;
};

static void table_close(struct update *u)
{
	if (u->mfn != ~0ull) {
		pt_close(&u->table);
		u->mfn = ~0ull;
	}
}

// Not a table: an ordinary write into the guest's own frame.
static long plain_write(struct update *u, u64 ptr, u64 value)
{
	struct page *p = page_lookup(maddr_to_mfn(ptr));
	char *va;

	if (!p || page_get_type(p, u->pt_owner, PAGE_WRITABLE)) {
		return -EINVAL;
	}
	va = page_map(page_mfn(p));
	WRITE_ONCE(*(u64 *)(va + (ptr & PAGE_OFFSET_MASK & ~7ull)), value);
	page_unmap(va);
	page_put_type(p);
	return 0;
}

static long entry_update(struct update *u, u64 ptr, u64 value, bool keep_ad)
{
	u64 mfn = ptr >> PAGE_SHIFT;

	if (mfn != u->mfn) {
		table_close(u);
		if (!pt_open(&u->table, u->pt_owner, MFN(mfn))) {
			return plain_write(u, ptr, value);
		}
		u->mfn = mfn;
	}
	return pt_set(&u->table, u->pg_owner, (u32)(ptr & PAGE_OFFSET_MASK) / 8,
		      value, keep_ad);
}

static long m2p_update(struct update *u, u64 ptr, u64 pfn)
{
	struct page *p = page_lookup(maddr_to_mfn(ptr));

	if (u->pt_owner != current_domain()) {
		return -EPERM;
	}
	if (!p || !page_get(p, u->pg_owner)) {
		return -EINVAL;
	}
	m2p_set(page_mfn(p), pfn);
	page_put(p);
	return 0;
}

static long request_do(struct update *u, const struct mmu_update *r)
{
	switch (r->ptr & 7) {
	case MMU_NORMAL_PT_UPDATE:
	case MMU_PT_UPDATE_NO_TRANSLATE: // they are machine addresses anyway
		return entry_update(u, r->ptr, r->val, false);
	case MMU_PT_UPDATE_PRESERVE_AD:
		return entry_update(u, r->ptr, r->val, true);
	case MMU_MACHPHYS_UPDATE:
		return m2p_update(u, r->ptr, r->val);
	default:
		return -ENOSYS;
	}
}

// Read requests from `at` on: how many, 0 if not even one can be read.
static u32 requests_read(const struct batch *b, u32 at,
			 struct mmu_update out[CHUNK])
{
	gva_t from = gva_add(b->list, at * sizeof(out[0]));
	u32 n = MIN(b->count - at, CHUNK);

	if (!copy_from_guest(out, from, n * sizeof(out[0]))) {
		return n;
	}
	return copy_from_guest(out, from, sizeof(out[0])) ? 0 : 1;
}

// The requests from *at on; *at ends at the first not done.
static long requests_do(struct update *u, const struct batch *b, u32 *at)
{
	struct mmu_update chunk[CHUNK];

	while (*at < b->count) {
		u32 n = requests_read(b, *at, chunk);

		if (!n) {
			return -EFAULT;
		}
		for (u32 i = 0; i < n; i++) {
			long rc = request_do(u, &chunk[i]);

			if (unlikely(rc)) {
				return rc;
			}
			++*at;
			if (unlikely(current_vcpu()->put_pending ||
				     work_spent(1)) &&
			    *at < b->count) {
				return -ERESTART;
			}
		}
	}
	return 0;
}

// Whose tables and whose frames, if they are not the caller's own. The caller
// undoes with owners_put().
static long owners_get(struct update *u, u32 foreign)
{
	struct domain *d = current_domain();
	u32 pt = foreign >> 16;
	long rc;

	u->pt_owner = pt <= DOMID_FIRST_RESERVED
			  ? domain_get(pt ? (u16)(pt - 1) : DOMID_SELF)
			  : NULL;
	if (!u->pt_owner) {
		return -ESRCH;
	}
	rc = foreign_get(foreign & 0xffff, &u->pg_owner);
	if (!rc && u->pt_owner != d && !d->privileged) {
		foreign_put(u->pg_owner);
		rc = -EPERM;
	}
	if (rc) {
		domain_put(u->pt_owner);
	}
	return rc;
}

static void owners_put(struct update *u)
{
	foreign_put(u->pg_owner);
	domain_put(u->pt_owner);
}

long call_mmu_update(u64 list, u64 count, u64 done, u64 foreign, u64 a4)
{
	struct batch b = {.nr = __HYPERVISOR_mmu_update,
			  .size = sizeof(struct mmu_update),
			  .list = GVA(list)};
	bool self = (u32)foreign == DOMID_SELF;
	struct update u;
	u32 at = 0;
	long rc;

	if (batch_begin(&b, (u32)count, done, (u32)foreign, &rc)) {
		return rc;
	}
	u.mfn = ~0ull;
	u.pt_owner = u.pg_owner = current_domain();
	if (unlikely(!self)) {
		rc = owners_get(&u, (u32)foreign);
		if (rc) {
			return rc;
		}
	}
	rc = requests_do(&u, &b, &at);
	table_close(&u);
	if (unlikely(!self)) {
		owners_put(&u);
	}
	return batch_end(&b, at, rc);
}

// --- by virtual address -----------------------------------------------------

static long va_set(struct domain *pg_owner, u64 va, u64 value)
{
	struct vcpu *v = current_vcpu();
	struct pt_table t;
	struct pt_walk w;
	long rc;

	if (pt_walk(v->kernel_root, va, &w) ||
	    !pt_open_l1(&t, v->domain, w.l1)) {
		return -EINVAL;
	}
	rc = pt_set(&t, pg_owner, w.index, value, false);
	pt_close(&t);
	return rc;
}

static long va_flush(u64 va, u64 flags)
{
	u64 what = flags & UVMF_FLUSHTYPE_MASK, bitmap = flags & ~3ull;

	if (what != UVMF_TLB_FLUSH && what != UVMF_INVLPG) {
		return 0;
	}
	va = what == UVMF_TLB_FLUSH ? ~0ull : va;
	if (bitmap != UVMF_LOCAL) {
		return flush_domain(bitmap == UVMF_ALL ? NULL : &GVA(bitmap),
				    va);
	}
	if (what == UVMF_INVLPG) {
		invlpg(va);
	} else {
		tlb_flush_local();
	}
	return 0;
}

static long va_update(struct domain *pg_owner, u64 va, u64 value, u64 flags)
{
	long rc = va_set(pg_owner, va, value);

	return rc ? rc : va_flush(va, flags);
}

long call_update_va_mapping(u64 va, u64 value, u64 flags, u64 a3, u64 a4)
{
	if (put_pending_finish(current_vcpu())) {
		return hypercall_continue(__HYPERVISOR_update_va_mapping, va,
					  value, flags, 0, 0);
	}
	return va_update(current_domain(), va, value, flags);
}

long call_update_va_mapping_otherdomain(u64 va, u64 value, u64 flags, u64 id,
					u64 a4)
{
	struct domain *pg_owner;
	long rc;

	if (put_pending_finish(current_vcpu())) {
		return hypercall_continue(
		    __HYPERVISOR_update_va_mapping_otherdomain, va, value,
		    flags, id, 0);
	}
	rc = foreign_get((u16)id, &pg_owner);
	if (!rc) {
		rc = va_update(pg_owner, va, value, flags);
		foreign_put(pg_owner);
	}
	return rc;
}
