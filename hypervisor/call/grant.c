// SPDX-License-Identifier: MIT
// grant_table_op. Only version 1 tables exist. Refused: transfer (each op gets
// GNTST_general_error), status frames (version 2), cache_flush (-EOPNOTSUPP, as
// Xen on x86), set_version(2) (-ENOSYS, as Xen with gnttab=max-ver:1).
#include <wabe/grant.h>
#include <wabe/page.h>

#include <xen/grant_table.h>

#include "subop.h"

// Work units of an op in a batch.
#define MAP_UNITS 8
#define COPY_UNITS 4

// Go on with element `done` later.
static long batch_continue(u32 cmd, gva_t array, u32 done, u32 count, u32 size)
{
	return hypercall_continue(__HYPERVISOR_grant_table_op, cmd,
				  array.a + (u64)done * size, count - done, 0,
				  0);
}

// unmap_and_replace differs from unmap_grant_ref in what its second word says.
_Static_assert(sizeof(struct gnttab_unmap_grant_ref) ==
		       sizeof(struct gnttab_unmap_and_replace) &&
		   offsetof(struct gnttab_unmap_grant_ref, status) ==
		       offsetof(struct gnttab_unmap_and_replace, status),
	       "one layout for both");

// Unmap up to UNMAP_BATCH elements from `first` on. Whatever happens to the
// guest's array meanwhile, what was prepared is finished.
static int unmap_some(bool replace, gva_t array, u32 first, u32 count)
{
	struct grant_unmapping batch[UNMAP_BATCH];
	struct gnttab_unmap_grant_ref *op;
	int error = 0;
	u32 n = 0;

	while (n < count && !error) {
		op = &batch[n].op;
		error = copy_from_guest_at(op, array, first + n, sizeof(*op));
		if (!error) {
			batch[n].replace = replace;
			grant_unmap_prepare(&batch[n++]);
		}
	}
	grant_unmap_finish(batch, n);
	for (u32 i = 0; i < n && !error; i++) {
		op = &batch[i].op;
		error = copy_to_guest(
		    gva_add(array, (u64)(first + i) * sizeof(*op) +
				       offsetof(__typeof__(*op), status)),
		    &op->status, sizeof(op->status));
	}
	return error;
}

static long op_unmap(u32 cmd, gva_t array, u32 count)
{
	for (u32 i = 0; i < count;) {
		u32 n = MIN(count - i, (u32)UNMAP_BATCH);

		if (i && work_spent(n * MAP_UNITS)) {
			return batch_continue(
			    cmd, array, i, count,
			    sizeof(struct gnttab_unmap_grant_ref));
		}
		if (unmap_some(cmd == GNTTABOP_unmap_and_replace, array, i,
			       n)) {
			return -EFAULT;
		}
		i += n;
	}
	return 0;
}

// --- operations on an element or a table, each with its status --------------

static s16 op_map_grant_ref(struct grant_copier *c, struct domain *d, void *op)
{
	return grant_map(op);
}

static s16 op_copy(struct grant_copier *c, struct domain *d, void *op)
{
	return grant_copy(c, op);
}

static s16 op_swap_grant_ref(struct grant_copier *c, struct domain *d, void *op)
{
	const struct gnttab_swap_grant_ref *s = op;

	return grant_swap(s->ref_a, s->ref_b);
}

static s16 op_setup_table(struct grant_copier *c, struct domain *d, void *op)
{
	const struct gnttab_setup_table *s = op;
	mfn_t m;

	// Whether there can be so many is found before any is told.
	if (s->nr_frames && grants_frame(d, s->nr_frames - 1, &m)) {
		return GNTST_general_error;
	}
	for (u32 i = 0; i < s->nr_frames; i++) {
		if (grants_frame(d, i, &m)) {
			return GNTST_general_error;
		}
		if (copy_to_guest_at(HANDLE_GVA(s->frame_list), i, &m.n,
				     sizeof(m.n))) {
			return GNTST_bad_virt_addr;
		}
	}
	return GNTST_okay;
}

static s16 op_query_size(struct grant_copier *c, struct domain *d, void *op)
{
	struct gnttab_query_size *q = op;

	q->nr_frames = grants_frame_count(d);
	q->max_nr_frames = grants_frame_max(d);
	return GNTST_okay;
}

static s16 op_refused(struct grant_copier *c, struct domain *d, void *op)
{
	return GNTST_general_error;
}

// Of how many elements: a count of them, or one that names a domain, whose
// table is meant.
enum { BATCH, ONE };

// What is copied in; what of that, from a first to a last field, goes back.
static const struct grant_op {
	s16 (*fn)(struct grant_copier *c, struct domain *d, void *op);
	u8 bytes, out, out_end, status;
	u8 count;
	u8 units; // of work for an element of a batch
	u8 dom;	  // where ONE names it
} operations[] = {
#define END(type, field) \
	(offsetof(struct type, field) + sizeof(((struct type *)0)->field))
#define OP(op, function, first, last, ...)                       \
	[GNTTABOP_##op] = {function,                             \
			   sizeof(struct gnttab_##op),           \
			   offsetof(struct gnttab_##op, first),  \
			   END(gnttab_##op, last),               \
			   offsetof(struct gnttab_##op, status), \
			   __VA_ARGS__}
#define DOM(op) offsetof(struct gnttab_##op, dom)
    OP(map_grant_ref, op_map_grant_ref, status, dev_bus_addr, BATCH, MAP_UNITS,
       0),
    OP(setup_table, op_setup_table, status, status, ONE, 0, DOM(setup_table)),
    OP(transfer, op_refused, status, status, BATCH, 1, 0),
    OP(copy, op_copy, status, status, BATCH, COPY_UNITS, 0),
    OP(query_size, op_query_size, nr_frames, status, ONE, 0, DOM(query_size)),
    OP(get_status_frames, op_refused, status, status, ONE, 0,
       DOM(get_status_frames)),
    OP(swap_grant_ref, op_swap_grant_ref, status, status, BATCH, COPY_UNITS, 0),
};

static s16 element_do(const struct grant_op *o, struct grant_copier *c,
		      void *op)
{
	struct domain *d;
	s16 status;
	int error;

	if (o->count == BATCH) {
		return o->fn(c, NULL, op);
	}
	error = target_get(*(domid_t *)((char *)op + o->dom), &d);
	if (error) {
		return error == -EPERM ? GNTST_permission_denied
				       : GNTST_bad_domain;
	}
	status = o->fn(c, d, op);
	domain_put(d);
	return status;
}

static long batch_do(const struct grant_op *o, struct grant_copier *c, u32 cmd,
		     gva_t array, u32 count)
{
	u64 op[SUBOP_BYTES_MAX / sizeof(u64)];

	for (u32 i = 0; i < count; i++) {
		gva_t at = gva_add(array, (u64)i * o->bytes);

		if (i && work_spent(o->units)) {
			return batch_continue(cmd, array, i, count, o->bytes);
		}
		if (copy_from_guest(op, at, o->bytes)) {
			return -EFAULT;
		}
		*(s16 *)((char *)op + o->status) = element_do(o, c, op);
		if (copy_to_guest(gva_add(at, o->out), (char *)op + o->out,
				  o->out_end - o->out)) {
			return -EFAULT;
		}
	}
	return 0;
}

// --- versions ---------------------------------------------------------------

static long set_version(gva_t arg)
{
	u32 version;

	if (copy_from_guest(&version, arg, sizeof(version))) {
		return -EFAULT;
	}
	return version == 1 ? 0 : version == 2 ? -ENOSYS : -EINVAL;
}

static long get_version(gva_t arg)
{
	struct gnttab_get_version v;
	struct domain *d;
	int error = copy_from_guest(&v, arg, sizeof(v));

	if (!error) {
		error = target_get(v.dom, &d);
	}
	if (error) {
		return error;
	}
	domain_put(d);
	v.version = 1;
	return copy_to_guest(arg, &v, sizeof(v));
}

// ----------------------------------------------------------------------------

long call_grant_table_op(u64 cmd64, u64 arg, u64 count64, u64 a3, u64 a4)
{
	u32 cmd = (u32)cmd64, count = (u32)count64;
	const struct grant_op *o;
	struct grant_copier c;
	long rc;

	if ((s32)count < 0) {
		return -EINVAL;
	}
	switch (cmd) {
	case GNTTABOP_unmap_grant_ref:
	case GNTTABOP_unmap_and_replace:
		return op_unmap(cmd, GVA(arg), count);
	case GNTTABOP_cache_flush:
		return -EOPNOTSUPP;
	case GNTTABOP_set_version:
		return set_version(GVA(arg));
	case GNTTABOP_get_version:
		return get_version(GVA(arg));
	}
	o = &operations[index_clamp(cmd, ARRAY_SIZE(operations))];
	if (cmd >= ARRAY_SIZE(operations) || !o->fn) {
		return -ENOSYS;
	}
	if (o->count == ONE && count != 1) {
		return -EINVAL;
	}
	c.from.held = c.to.held = false;
	rc = batch_do(o, &c, cmd, GVA(arg), count);
	grant_copy_end(&c);
	return rc;
}
