// SPDX-License-Identifier: MIT
// grant_table_op. Only version 1 tables exist. Refused: transfer (each op gets
// GNTST_general_error), status frames (version 2), cache_flush (-EOPNOTSUPP, as
// Xen on x86), set_version(2) (-ENOSYS, as Xen with gnttab=max-ver:1).
#include <wabe/domain.h>
#include <wabe/errno.h>
#include <wabe/grant.h>
#include <wabe/guest.h>
#include <wabe/hypercall.h>
#include <wabe/page.h>

#include <xen/grant_table.h>

// Work units of an op in a batch.
#define MAP_UNITS 8
#define COPY_UNITS 4

// Part of element `i` of a batch back to the guest: from `field` to the end.
#define OUT_FIELDS(array, i, op, field)                                    \
	copy_to_guest(gva_add(array, (u64)(i) * sizeof(op) +               \
					 offsetof(__typeof__(op), field)), \
		      &(op).field,                                         \
		      sizeof(op) - offsetof(__typeof__(op), field))
// Just that field.
#define OUT_FIELD(array, i, op, field)                                     \
	copy_to_guest(gva_add(array, (u64)(i) * sizeof(op) +               \
					 offsetof(__typeof__(op), field)), \
		      &(op).field, sizeof((op).field))

// Go on with element `done` later.
static long batch_continue(u32 cmd, gva_t array, u32 done, u32 count, u32 size)
{
	return hypercall_continue(__HYPERVISOR_grant_table_op, cmd,
				  array.a + (u64)done * size, count - done, 0,
				  0);
}

static long op_map(gva_t array, u32 count)
{
	struct gnttab_map_grant_ref op;

	for (u32 i = 0; i < count; i++) {
		if (i && work_spent(MAP_UNITS)) {
			return batch_continue(GNTTABOP_map_grant_ref, array, i,
					      count, sizeof(op));
		}
		if (copy_from_guest_at(&op, array, i, sizeof(op))) {
			return -EFAULT;
		}
		grant_map(&op);
		if (OUT_FIELDS(array, i, op, status)) {
			return -EFAULT;
		}
	}
	return 0;
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
	struct gnttab_unmap_grant_ref op;
	int error = 0;
	u32 n = 0;

	while (n < count && !error) {
		error = copy_from_guest_at(&op, array, first + n, sizeof(op));
		if (!error) {
			batch[n] = (struct grant_unmapping){
			    .host_addr = op.host_addr,
			    .dev_bus_addr = replace ? 0 : op.dev_bus_addr,
			    .new_addr = replace ? op.dev_bus_addr : 0,
			    .handle = op.handle,
			};
			grant_unmap_prepare(&batch[n++]);
		}
	}
	grant_unmap_finish(batch, n);
	for (u32 i = 0; i < n && !error; i++) {
		op.status = batch[i].status;
		error = OUT_FIELD(array, first + i, op, status);
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

static long copies_do(struct grant_copier *c, gva_t array, u32 count)
{
	struct gnttab_copy op;

	for (u32 i = 0; i < count; i++) {
		if (i && work_spent(COPY_UNITS)) {
			return batch_continue(GNTTABOP_copy, array, i, count,
					      sizeof(op));
		}
		if (copy_from_guest_at(&op, array, i, sizeof(op))) {
			return -EFAULT;
		}
		grant_copy(c, &op);
		if (OUT_FIELD(array, i, op, status)) {
			return -EFAULT;
		}
	}
	return 0;
}

static long op_copy(gva_t array, u32 count)
{
	struct grant_copier c;
	long rc;

	grant_copy_begin(&c);
	rc = copies_do(&c, array, count);
	grant_copy_end(&c);
	return rc;
}

static long op_swap(gva_t array, u32 count)
{
	struct gnttab_swap_grant_ref op;

	for (u32 i = 0; i < count; i++) {
		if (i && work_spent(COPY_UNITS)) {
			return batch_continue(GNTTABOP_swap_grant_ref, array, i,
					      count, sizeof(op));
		}
		if (copy_from_guest_at(&op, array, i, sizeof(op))) {
			return -EFAULT;
		}
		op.status = grant_swap(op.ref_a, op.ref_b);
		if (OUT_FIELD(array, i, op, status)) {
			return -EFAULT;
		}
	}
	return 0;
}

static long op_transfer(gva_t array, u32 count)
{
	struct gnttab_transfer op = {.status = GNTST_general_error};

	for (u32 i = 0; i < count; i++) {
		if (i && work_spent(1)) {
			return batch_continue(GNTTABOP_transfer, array, i,
					      count, sizeof(op));
		}
		if (OUT_FIELD(array, i, op, status)) {
			return -EFAULT;
		}
	}
	return 0;
}

// The domain whose table is asked for, referenced. NULL with *status set.
static struct domain *table_target(domid_t id, s16 *status)
{
	struct domain *d = domain_get(id);

	*status = GNTST_bad_domain;
	if (d && d != current_domain() && !current_domain()->privileged) {
		*status = GNTST_permission_denied;
		domain_put(d);
		d = NULL;
	}
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

static long op_setup_table(gva_t arg, u32 count)
{
	struct gnttab_setup_table op;
	struct domain *d;

	if (count != 1) {
		return -EINVAL;
	}
	if (copy_from_guest(&op, arg, sizeof(op))) {
		return -EFAULT;
	}
	d = table_target(op.dom, &op.status);
	if (d) {
		op.status =
		    frames_list(d, HANDLE_GVA(op.frame_list), op.nr_frames);
		domain_put(d);
	}
	return OUT_FIELD(arg, 0, op, status);
}

static long op_query_size(gva_t arg, u32 count)
{
	struct gnttab_query_size op;
	struct domain *d;

	if (count != 1) {
		return -EINVAL;
	}
	if (copy_from_guest(&op, arg, sizeof(op))) {
		return -EFAULT;
	}
	d = table_target(op.dom, &op.status);
	if (d) {
		op.nr_frames = grants_frame_count(d);
		op.max_nr_frames = grants_frame_max(d);
		op.status = GNTST_okay;
		domain_put(d);
	}
	return copy_to_guest(arg, &op, sizeof(op));
}

static long op_status_frames(gva_t arg, u32 count)
{
	struct gnttab_get_status_frames op;
	struct domain *d;

	if (count != 1) {
		return -EINVAL;
	}
	if (copy_from_guest(&op, arg, sizeof(op))) {
		return -EFAULT;
	}
	d = table_target(op.dom, &op.status);
	if (d) {
		op.status = GNTST_general_error;
		domain_put(d);
	}
	return OUT_FIELD(arg, 0, op, status);
}

static long op_set_version(gva_t arg)
{
	struct gnttab_set_version op;

	if (copy_from_guest(&op, arg, sizeof(op))) {
		return -EFAULT;
	}
	if (op.version != 1) {
		return op.version == 2 ? -ENOSYS : -EINVAL;
	}
	return copy_to_guest(arg, &op, sizeof(op));
}

static long op_get_version(gva_t arg)
{
	struct gnttab_get_version op;
	struct domain *d;
	s16 status;

	if (copy_from_guest(&op, arg, sizeof(op))) {
		return -EFAULT;
	}
	d = table_target(op.dom, &status);
	if (!d) {
		return status == GNTST_bad_domain ? -ESRCH : -EPERM;
	}
	domain_put(d);
	op.version = 1;
	return OUT_FIELD(arg, 0, op, version);
}

long call_grant_table_op(u64 cmd, u64 arg, u64 count64, u64 a3, u64 a4)
{
	gva_t array = GVA(arg);
	u32 count = (u32)count64;

	if ((s32)count < 0) {
		return -EINVAL;
	}
	switch ((u32)cmd) {
	case GNTTABOP_map_grant_ref:
		return op_map(array, count);
	case GNTTABOP_unmap_grant_ref:
	case GNTTABOP_unmap_and_replace:
		return op_unmap((u32)cmd, array, count);
	case GNTTABOP_copy:
		return op_copy(array, count);
	case GNTTABOP_setup_table:
		return op_setup_table(array, count);
	case GNTTABOP_query_size:
		return op_query_size(array, count);
	case GNTTABOP_transfer:
		return op_transfer(array, count);
	case GNTTABOP_swap_grant_ref:
		return op_swap(array, count);
	case GNTTABOP_set_version:
		return op_set_version(array);
	case GNTTABOP_get_version:
		return op_get_version(array);
	case GNTTABOP_get_status_frames:
		return op_status_frames(array, count);
	case GNTTABOP_cache_flush:
		return -EOPNOTSUPP;
	default:
		return -ENOSYS;
	}
}
