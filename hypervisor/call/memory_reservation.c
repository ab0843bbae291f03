// SPDX-License-Identifier: MIT
// Frames come and go: increase_reservation, populate_physmap,
// decrease_reservation. As the ABI has it, an error ends the request and the
// number of extents done is the answer.
#include <wabe/alloc.h>

#include "memory.h"

struct request {
	u32 op;
	u32 order, address_bits;
	gva_t list;
	u64 count;
	struct domain *d;
};

// Tell dom0 (VIRQ_ENOMEM, see xen-lowmemd) when free memory falls below
// frames_low, and again below each half of that.
static void low_memory_tell(void)
{
	static u32 told;
	u64 free = frames_free(), mark = frames_low >> READ_ONCE(told);

	if (free >= frames_low) {
		WRITE_ONCE(told, 0);
	} else if (free < mark) {
		__atomic_fetch_add(&told, 1, __ATOMIC_RELAXED);
		virq_raise_dom0(VIRQ_ENOMEM);
	}
}

// One extent of new frames; its first mfn goes back into the list.
static bool extent_add(const struct request *r, u64 i)
{
	u64 pfn = M2P_INVALID, mfn;
	struct page *p;

	if (r->op == XENMEM_populate_physmap &&
	    copy_from_guest_at(&pfn, r->list, i, sizeof(pfn))) {
		return false;
	}
	p = frames_alloc(r->d, r->order, r->address_bits, 0);
	if (!p) {
		return false;
	}
	low_memory_tell();
	mfn = page_mfn(p).n;
	for (u64 j = 0; j < 1ull << r->order; j++) {
		m2p_set(MFN(mfn + j), pfn == M2P_INVALID ? pfn : pfn + j);
	}
	// increase_reservation may pass no list: it does not care which. A
	// list that cannot be written loses the guest its own frames.
	if (r->op == XENMEM_increase_reservation && !r->list.a) {
		return true;
	}
	return !copy_to_guest_at(r->list, i, &mfn, sizeof(mfn));
}

static bool frame_remove(struct domain *d, mfn_t m)
{
	struct page *p = page_lookup(m);
	bool ok;

	if (!p || !page_get(p, d)) {
		return false;
	}
	// A heap frame is the hypervisor's: not the guest's to give away.
	ok = !(READ_ONCE(p->state) & PAGE_HEAP) && frame_drop_allocation(p);
	if (ok) {
		m2p_set(m, M2P_INVALID);
	}
	page_put(p);
	return ok;
}

static bool extent_remove(const struct request *r, u64 i)
{
	u64 mfn;

	if (copy_from_guest_at(&mfn, r->list, i, sizeof(mfn))) {
		return false;
	}
	for (u64 j = 0; j < 1ull << r->order; j++) {
		if (!frame_remove(r->d, MFN(mfn + j))) {
			return false;
		}
	}
	return true;
}

static bool request_check(struct request *r, u32 op, gva_t arg)
{
	struct xen_memory_reservation in;
	u32 limit = current_domain()->privileged ? EXTENT_ORDER_DOM0
						 : EXTENT_ORDER_GUEST;

	if (copy_from_guest(&in, arg, sizeof(in))) {
		return false;
	}
	r->op = op;
	r->order = in.extent_order;
	r->address_bits = XENMEMF_get_address_bits(in.mem_flags);
	r->list = HANDLE_GVA(in.extent_start);
	r->count = in.nr_extents;
	if (r->order > limit || r->count >> (64 - 6) ||
	    (in.mem_flags & XENMEMF_populate_on_demand)) {
		return false;
	}
	return target_get(in.domid, &r->d) == 0;
}

long memory_reservation(u32 op, u64 start, gva_t arg)
{
	struct request r;
	u64 i = start;
	bool more = true;

	if (!request_check(&r, op, arg)) {
		return (long)start;
	}
	while (i < r.count && more) {
		more = op == XENMEM_decrease_reservation ? extent_remove(&r, i)
							 : extent_add(&r, i);
		i += more;
		if (more && i < r.count && work_spent(8u << r.order)) {
			domain_put(r.d);
			return hypercall_continue(__HYPERVISOR_memory_op,
						  op | i << 6, arg.a, 0, 0, 0);
		}
	}
	domain_put(r.d);
	return (long)i;
}
