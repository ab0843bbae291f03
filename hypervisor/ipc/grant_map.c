// SPDX-License-Identifier: MIT
// Mapping other domains' grants, and letting go of them. Differences from Xen:
//   - there is no IOMMU: device_map counts only together with host_map, and the
//     bus address it returns is good as long as the host mapping is;
//   - frames that are not RAM cannot be granted.
#include <wabe/alloc.h>
#include <wabe/mmu.h>
#include <wabe/tlb.h>

#include "grants.h"

#define FLAGS_KEPT                                               \
	(GNTMAP_device_map | GNTMAP_host_map | GNTMAP_readonly | \
	 GNTMAP_application_map | GNTMAP_contains_pte)
#define UNMAP_UNITS 4

// --- handles ----------------------------------------------------------------

static struct maptrack *track_at(const struct grant_table *t, u32 handle)
{
	return &t->track[handle / CHUNK_HANDLES][handle % CHUNK_HANDLES];
}

static void handle_give(struct grant_table *t, u32 handle)
{
	struct maptrack *m = track_at(t, handle);

	m->granter = NULL;
	m->flags = 0;
	m->ref = t->free_handle;
	t->free_handle = handle + 1;
	t->maps--;
}

static bool handles_add(struct domain *d)
{
	struct grant_table *t = d->grants;
	struct maptrack *chunk;
	u32 first = t->handles;

	if (first >= t->handles_max) {
		return false;
	}
	if (!t->track) {
		t->track = heap_alloc_for(d, t->handles_max / CHUNK_HANDLES *
						 sizeof(*t->track));
	}
	chunk = t->track ? heap_alloc_for(d, PAGE_SIZE) : NULL;
	if (!chunk) {
		return false;
	}
	t->track[first / CHUNK_HANDLES] = chunk;
	// grant_unmap_finish() reads it without the lock.
	__atomic_store_n(&t->handles, first + CHUNK_HANDLES, __ATOMIC_RELAXED);
	t->maps += CHUNK_HANDLES; // given back below
	for (u32 i = CHUNK_HANDLES; i > 0; i--) {
		handle_give(t, first + i - 1);
	}
	return true;
}

static bool handle_take(struct domain *d, u32 *out)
{
	struct grant_table *t = d->grants;

	if (!t->free_handle && !handles_add(d)) {
		return false;
	}
	*out = t->free_handle - 1;
	t->free_handle = track_at(t, *out)->ref;
	t->maps++;
	return true;
}

// A handle in use that the guest named, or NULL.
static struct maptrack *track_find(const struct grant_table *t, u32 handle)
{
	struct maptrack *m;

	if (handle >= t->handles) {
		return NULL;
	}
	m = track_at(t, (u32)index_clamp(handle, t->handles));
	return m->granter && m->flags ? m : NULL;
}

// --- map --------------------------------------------------------------------

static u64 grant_pte(u64 mfn, u32 flags)
{
	u64 avail = (u64)(flags >> _GNTMAP_guest_avail0 & 7) << 9;

	return mfn << PAGE_SHIFT | PTE_P | PTE_US | PTE_A | PTE_D | PTE_NX |
	       avail | (flags & GNTMAP_readonly ? 0 : PTE_RW);
}

// Make the L1 entry for a pinned grant.
static s16 entry_make(struct domain *granter, u64 mfn,
		      const struct gnttab_map_grant_ref *op)
{
	bool write = !(op->flags & GNTMAP_readonly);
	s16 status = grant_frame_get(granter, mfn, write);

	if (status) {
		return status;
	}
	if (grant_pte_map(current_vcpu(), op->host_addr,
			  op->flags & GNTMAP_contains_pte,
			  grant_pte(mfn, op->flags))) {
		grant_frame_put(mfn, write);
		return GNTST_general_error;
	}
	return GNTST_okay;
}

// Both tables are locked. On success the handle keeps the caller's reference
// to the granter.
static s16 map_locked(struct domain *d, struct domain *granter,
		      struct gnttab_map_grant_ref *op)
{
	bool write = !(op->flags & GNTMAP_readonly);
	struct maptrack *m;
	struct active *a;
	u32 handle;
	s16 status;

	if (!handle_take(d, &handle)) {
		return GNTST_no_space;
	}
	status = grant_pin(granter, op->ref, d->id, write, true, &a);
	if (status) {
		goto give_handle;
	}
	status = entry_make(granter, a->mfn, op);
	if (status) {
		goto unpin;
	}
	m = track_at(d->grants, handle);
	m->granter = granter;
	m->ref = op->ref;
	m->flags = op->flags & FLAGS_KEPT;
	op->handle = handle;
	op->dev_bus_addr = mfn_to_maddr(MFN(a->mfn));
	return GNTST_okay;

unpin:
	grant_unpin(granter->grants, op->ref, write);
give_handle:
	handle_give(d->grants, handle);
	return status;
}

s16 grant_map(struct gnttab_map_grant_ref *op)
{
	struct domain *d = current_domain(), *granter;
	s16 status;

	if (!(op->flags & (GNTMAP_host_map | GNTMAP_device_map))) {
		return GNTST_bad_gntref;
	}
	if (!(op->flags & GNTMAP_host_map)) {
		return GNTST_general_error;
	}
	granter = op->dom == DOMID_SELF ? NULL : domain_get(op->dom);
	if (!granter) {
		return GNTST_bad_domain;
	}
	lock_two(&d->grants->lock, &granter->grants->lock);
	status = map_locked(d, granter, op);
	unlock_two(&d->grants->lock, &granter->grants->lock);
	if (status) {
		domain_put(granter);
	}
	return status;
}

// --- unmap ------------------------------------------------------------------

// The table is locked. What the handle pins cannot change, so the granter's
// lock is not needed to look at it.
static s16 unmap_locked(struct grant_table *t, struct grant_unmapping *u)
{
	const struct gnttab_unmap_grant_ref *op = &u->op;
	struct maptrack *m = track_find(t, op->handle);
	u64 mfn, new_addr = u->replace ? op->dev_bus_addr : 0;

	if (!m) {
		return GNTST_bad_handle;
	}
	mfn = grant_active(m->granter->grants, m->ref)->mfn;
	if (op->dev_bus_addr &&
	    (u->replace ? m->flags & GNTMAP_contains_pte
			: m->flags & GNTMAP_device_map &&
			      op->dev_bus_addr != mfn_to_maddr(MFN(mfn)))) {
		return GNTST_general_error;
	}
	if (!op->host_addr) {
		return GNTST_okay;
	}
	if (grant_pte_unmap(current_vcpu(), op->host_addr,
			    m->flags & GNTMAP_contains_pte,
			    grant_pte(mfn, m->flags), new_addr)) {
		return GNTST_general_error;
	}
	u->flags = m->flags;
	m->flags = 0;
	return GNTST_okay;
}

void grant_unmap_prepare(struct grant_unmapping *u)
{
	struct grant_table *t = current_domain()->grants;

	u->flags = 0;
	lock(&t->lock);
	u->op.status = unmap_locked(t, u);
	unlock(&t->lock);
}

// All of the TLB, for the table may be mapped in more than one place.
static void flush_domain(const struct domain *d)
{
	struct cpumask mask;

	domain_cpus(d, &mask);
	tlb_flush_mask(&mask, ~0ull);
}

// Let go of what a handle holds; with `unmapped` also of what the L1 entry that
// was cleared held.
static void handle_end(struct domain *d, u32 handle, u32 flags, bool unmapped)
{
	struct maptrack *m = track_at(d->grants, handle);
	struct domain *granter = m->granter;
	struct grant_table *theirs = granter->grants;
	bool write = !(flags & GNTMAP_readonly);
	u64 mfn;

	lock_two(&d->grants->lock, &theirs->lock);
	mfn = grant_active(theirs, m->ref)->mfn;
	grant_unpin(theirs, m->ref, write);
	if (unmapped) {
		grant_frame_put(mfn, write);
	}
	handle_give(d->grants, handle);
	unlock_two(&d->grants->lock, &theirs->lock);
	domain_put(granter);
}

void grant_unmap_finish(struct grant_unmapping *batch, u32 count)
{
	struct domain *d = current_domain();
	u32 handles = __atomic_load_n(&d->grants->handles, __ATOMIC_RELAXED);
	bool any = false;

	for (u32 i = 0; i < count; i++) {
		any |= batch[i].flags != 0;
	}
	if (!any) {
		return;
	}
	flush_domain(d);
	for (u32 i = 0; i < count; i++) {
		if (batch[i].flags) {
			handle_end(d, index_clamp(batch[i].op.handle, handles),
				   batch[i].flags, true);
		}
	}
}

// --- a mapper dies ----------------------------------------------------------

// Its vCPUs never run again. The references its L1 entries hold are let go
// when its tables are (pages_relinquish()).
int grants_unmap_all(struct domain *d)
{
	struct grant_table *t = d->grants;

	if (!t) {
		return 0;
	}
	while (t->cursor < t->handles) {
		const struct maptrack *m = track_at(t, t->cursor);
		bool used = m->granter;

		if (used) {
			handle_end(d, t->cursor, m->flags, false);
		}
		t->cursor++;
		if (work_spent(used ? UNMAP_UNITS : 1)) {
			return -ERESTART;
		}
	}
	return 0;
}
