// SPDX-License-Identifier: MIT
// XENMEM_exchange: give frames of one size and get as many of another, for
// memory that is contiguous or low (dom0's DMA buffers).
//
// Done a chunk at a time: the larger of an extent given and an extent got.
// nr_exchanged in the guest's structure says how far it came, so that the call
// can be issued again.
#include <wabe/alloc.h>

#include "memory.h"

#define CHUNK_ORDER_MAX 9

struct exchange {
	struct xen_memory_exchange x;
	u32 chunk_order;       // order of the larger extent
	u64 in_each, out_each; // extents of either side in a chunk
	u64 taken[1 << CHUNK_ORDER_MAX];
	struct page *got[1 << CHUNK_ORDER_MAX];
};

static long exchange_check(struct exchange *e)
{
	const struct xen_memory_exchange *x = &e->x;
	u32 in = x->in.extent_order, out = x->out.extent_order;

	if (x->in.domid != x->out.domid ||
	    (x->in.domid != DOMID_SELF &&
	     x->in.domid != current_domain()->id)) {
		return -EPERM;
	}
	if (x->nr_exchanged > x->in.nr_extents || in > CHUNK_ORDER_MAX ||
	    out > CHUNK_ORDER_MAX || x->in.nr_extents >> 44 ||
	    x->out.nr_extents >> 44 ||
	    x->in.nr_extents << in != x->out.nr_extents << out) {
		return -EINVAL;
	}
	if (!current_domain()->privileged && (in || out)) {
		return -EPERM;
	}
	e->chunk_order = MAX(in, out);
	e->in_each = 1ull << (e->chunk_order - in);
	e->out_each = 1ull << (e->chunk_order - out);
	return x->nr_exchanged & (e->in_each - 1) ? -EINVAL : 0;
}

// The frames of the chunk that begins at extent `first` are put back, or free.
static void chunk_end(const u64 *taken, u64 count, bool release)
{
	for (u64 i = 0; i < count; i++) {
		struct page *p = mfn_page(MFN(taken[i]));

		if (release) {
			m2p_set(MFN(taken[i]), M2P_INVALID);
			frame_release(p, current_domain());
		} else {
			frame_put_back(p);
		}
	}
}

// Take them out of the domain's reach, each of them used by nothing: so none of
// them can stay the domain's beside those it gets. On failure none is taken.
static long chunk_take(struct exchange *e, u64 first)
{
	struct domain *d = current_domain();
	u64 held = 0;
	long error = -EFAULT;

	for (u64 i = 0; i < e->in_each; i++) {
		u64 mfn;

		if (copy_from_guest_at(&mfn, HANDLE_GVA(e->x.in.extent_start),
				       first + i, sizeof(mfn))) {
			goto put_back;
		}
		error = -EINVAL;
		for (u64 j = 0; j < 1ull << e->x.in.extent_order; j++) {
			struct page *p = page_lookup(MFN(mfn + j));

			if (!p || !frame_take_out(p, d)) {
				goto put_back;
			}
			e->taken[held++] = mfn + j;
		}
		error = -EFAULT;
	}
	return 0;

put_back:
	chunk_end(e->taken, held, false);
	return error;
}

// New frames instead: their pfns are read from the list of the extents wanted,
// and the mfns written there. An unreadable list loses the guest frames only.
static long extent_put(const struct exchange *e, u64 at, struct page *p)
{
	gva_t list = HANDLE_GVA(e->x.out.extent_start);
	u64 pfn, mfn = page_mfn(p).n;

	if (copy_from_guest_at(&pfn, list, at, sizeof(pfn))) {
		return -EFAULT;
	}
	for (u64 j = 0; j < 1ull << e->x.out.extent_order; j++) {
		m2p_set(MFN(mfn + j), pfn + j);
	}
	return copy_to_guest_at(list, at, &mfn, sizeof(mfn));
}

// Let the frames of extents [0, count) go that were got for a failed chunk.
static void extents_drop(const struct exchange *e, u64 count)
{
	for (u64 i = 0; i < count; i++) {
		frames_drop_allocation(e->got[i],
				       1ull << e->x.out.extent_order);
	}
}

static long chunk_exchange(struct exchange *e)
{
	u64 first = e->x.nr_exchanged;
	u64 out_first = first / e->in_each * e->out_each;
	u32 bits = XENMEMF_get_address_bits(e->x.out.mem_flags);
	long error = chunk_take(e, first);

	if (error) {
		return error;
	}
	for (u64 i = 0; i < e->out_each; i++) {
		e->got[i] =
		    frames_alloc(current_domain(), e->x.out.extent_order, bits,
				 ALLOC_EXCHANGE);
		if (!e->got[i]) {
			extents_drop(e, i);
			chunk_end(e->taken, 1ull << e->chunk_order, false);
			return -ENOMEM;
		}
	}
	chunk_end(e->taken, 1ull << e->chunk_order, true);
	for (u64 i = 0; i < e->out_each && !error; i++) {
		error = extent_put(e, out_first + i, e->got[i]);
	}
	e->x.nr_exchanged += e->in_each;
	return error;
}

static long exchange_run(struct exchange *e, gva_t arg)
{
	const u64 *done = &e->x.nr_exchanged;
	long error = 0;

	while (!error && *done < e->x.in.nr_extents) {
		error = chunk_exchange(e);
		if (!error && work_spent(16u << e->chunk_order) &&
		    *done < e->x.in.nr_extents) {
			error = -ERESTART;
		}
	}
	arg = gva_add(arg, offsetof(struct xen_memory_exchange, nr_exchanged));
	return copy_to_guest(arg, done, sizeof(*done)) ? -EFAULT : error;
}

long memory_exchange(gva_t arg)
{
	struct exchange *e = heap_alloc(sizeof(*e));
	long error = e ? copy_from_guest(&e->x, arg, sizeof(e->x)) : -ENOMEM;

	if (!error) {
		error = exchange_check(e);
	}
	if (!error) {
		error = exchange_run(e, arg);
	}
	heap_free(e);
	return error == -ERESTART
		   ? hypercall_continue(__HYPERVISOR_memory_op, XENMEM_exchange,
					arg.a, 0, 0, 0)
		   : error;
}
