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

// --- operations on one element of an array, each with its status ------------

static long op_map_grant_ref(struct grant_copier *c, void *op)
{
	grant_map(op);
	return 0;
}

static long op_copy(struct grant_copier *c, void *op)
{
	grant_copy(c, op);
	return 0;
}

static long op_swap_grant_ref(struct grant_copier *c, void *op)
{
	struct gnttab_swap_grant_ref *s = op;

	s->status = grant_swap(s->ref_a, s->ref_b);
	return 0;
}

static long op_transfer(struct grant_copier *c, void *op)
{
	((struct gnttab_transfer *)op)->status = GNTST_general_error;
	return 0;
}

// --- operations on one table ------------------------------------------------

// The domain whose table is asked for, referenced. NULL with *status set.
static struct domain *table_target(domid_t id, s16 *status)
{
	struct domain *d = NULL;
	int error = target_get(id, &d);

	*status = !error	    ? GNTST_okay
		  : error == -EPERM ? GNTST_permission_denied
				    : GNTST_bad_domain;
	return d;
}

static s16 frames_list(struct domain *d, gva_t list, u32 count)
{
	mfn_t m;

	if (count > grants_frame_max(d) ||
	    (count && grants_frame(d, count - 1, &m))) {
		return GNTST_general_error;
	}
	for (u32 i = 0; i < count; i++) {
		if (grants_frame(d, i, &m)) {
			return GNTST_general_error;
		}
		if (copy_to_guest_at(list, i, &m.n, sizeof(m.n))) {
			return GNTST_bad_virt_addr;
		}
	}
	return GNTST_okay;
}

static long op_setup_table(struct grant_copier *c, void *op)
{
	struct gnttab_setup_table *s = op;
	struct domain *d = table_target(s->dom, &s->status);

	if (d) {
		s->status =
		    frames_list(d, HANDLE_GVA(s->frame_list), s->nr_frames);
		domain_put(d);
	}
	return 0;
}

static long op_query_size(struct grant_copier *c, void *op)
{
	struct gnttab_query_size *q = op;
	struct domain *d = table_target(q->dom, &q->status);

	if (d) {
		q->nr_frames = grants_frame_count(d);
		q->max_nr_frames = grants_frame_max(d);
		domain_put(d);
	}
	return 0;
}

static long op_get_status_frames(struct grant_copier *c, void *op)
{
	struct gnttab_get_status_frames *s = op;
	struct domain *d = table_target(s->dom, &s->status);

	if (d) {
		s->status = GNTST_general_error;
		domain_put(d);
	}
	return 0;
}

static long op_set_version(struct grant_copier *c, void *op)
{
	u32 version = ((struct gnttab_set_version *)op)->version;

	return version == 1 ? 0 : version == 2 ? -ENOSYS : -EINVAL;
}

static long op_get_version(struct grant_copier *c, void *op)
{
	struct gnttab_get_version *v = op;
	struct domain *d;
	int error = target_get(v->dom, &d);

	if (!error) {
		v->version = 1;
		domain_put(d);
	}
	return error;
}

// ----------------------------------------------------------------------------

// What a count is: of elements; 1, nothing else; not looked at.
enum { BATCH, ONE, COUNTLESS };

// What is copied in; what of that, from a first to a last field, goes back.
static const struct grant_op {
	long (*fn)(struct grant_copier *c, void *op);
	u8 bytes, out, out_end;
	u8 count;
	u8 units; // of work for an element of a batch
} operations[] = {
#define END(type, field) \
	(offsetof(struct type, field) + sizeof(((struct type *)0)->field))
#define OP(op, first, last, count, units)                       \
	[GNTTABOP_##op] = {op_##op,                             \
			   sizeof(struct gnttab_##op),          \
			   offsetof(struct gnttab_##op, first), \
			   END(gnttab_##op, last),              \
			   count,                               \
			   units}
    OP(map_grant_ref, status, dev_bus_addr, BATCH, MAP_UNITS),
    OP(setup_table, status, status, ONE, 0),
    OP(transfer, status, status, BATCH, 1),
    OP(copy, status, status, BATCH, COPY_UNITS),
    OP(query_size, nr_frames, status, ONE, 0),
    OP(set_version, version, version, COUNTLESS, 0),
    OP(get_status_frames, status, status, ONE, 0),
    OP(get_version, version, version, COUNTLESS, 0),
    OP(swap_grant_ref, status, status, BATCH, COPY_UNITS),
};

static long batch_do(const struct grant_op *o, struct grant_copier *c, u32 cmd,
		     gva_t array, u32 count)
{
	u64 op[SUBOP_BYTES_MAX / sizeof(u64)];

	for (u32 i = 0; i < count; i++) {
		gva_t at = gva_add(array, (u64)i * o->bytes);
		long rc;

		if (i && work_spent(o->units)) {
			return batch_continue(cmd, array, i, count, o->bytes);
		}
		if (copy_from_guest(op, at, o->bytes)) {
			return -EFAULT;
		}
		rc = o->fn(c, op);
		if (!rc) {
			rc = copy_to_guest(gva_add(at, o->out),
					   (char *)op + o->out,
					   o->out_end - o->out);
		}
		if (rc) {
			return rc;
		}
	}
	return 0;
}

long call_grant_table_op(u64 cmd64, u64 arg, u64 count64, u64 a3, u64 a4)
{
	u32 cmd = (u32)cmd64, count = (u32)count64;
	const struct grant_op *o;
	struct grant_copier c;
	long rc;

	if ((s32)count < 0) {
		return -EINVAL;
	}
	if (cmd == GNTTABOP_unmap_grant_ref ||
	    cmd == GNTTABOP_unmap_and_replace) {
		return op_unmap(cmd, GVA(arg), count);
	}
	if (cmd == GNTTABOP_cache_flush) {
		return -EOPNOTSUPP;
	}
	o = &operations[index_clamp(cmd, ARRAY_SIZE(operations))];
	if (cmd >= ARRAY_SIZE(operations) || !o->fn) {
		return -ENOSYS;
	}
	if (o->count == ONE && count != 1) {
		return -EINVAL;
	}
	grant_copy_begin(&c);
	rc = batch_do(o, &c, cmd, GVA(arg), o->count == BATCH ? count : 1);
	if (cmd == GNTTABOP_copy) {
		grant_copy_end(&c);
	}
	return rc;
}
