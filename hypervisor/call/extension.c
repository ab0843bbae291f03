// SPDX-License-Identifier: MIT
// What Wabe adds to Xen's interface; public/wabe.h is the manual.
#include <wabe/alloc.h>
#include <wabe/guest.h>
#include <wabe/hypercall.h>
#include <wabe/sched.h>

#include <public/wabe.h>
#include <xen/domctl.h>

_Static_assert(sizeof(struct cpumask) == 8 * WABE_CPUS_WORDS, "cpus");
_Static_assert(PARTITIONS_MAX == WABE_PARTITIONS_MAX, "partitions");
_Static_assert(sizeof(struct wabe_op) == 136, "the structure's size is ABI");

static long next_changed(struct wabe_op *op)
{
	struct wabe_changed *c = &op->u.changed;
	domid_t id;
	struct domain *d;
	long error = domain_next_changed(&id);

	if (error) {
		return error;
	}
	memset(c, 0, sizeof(*c));
	c->domain = id;
	d = domain_get(id);
	if (!d) {
		return 0;
	}
	c->serial = d->serial;
	c->state = WABE_DOMAIN_EXISTS;
	if (d->shut_down) {
		c->state |= WABE_DOMAIN_SHUTDOWN;
		c->shutdown_code = (u8)d->shutdown_code;
	}
	if (d->dying) {
		c->state |= WABE_DOMAIN_DYING;
	}
	if (d->dying == DOMAIN_DEAD) {
		c->state |= WABE_DOMAIN_DEAD;
	}
	domain_put(d);
	return 0;
}

// The processors asked for; false: none of them is there.
static bool cpus_ok(const struct wabe_partition *p, struct cpumask *out)
{
	memcpy(out, p->cpus, sizeof(*out));
	return cpumask_next(out, 0) < cpu_count;
}

static long create(struct wabe_op *op)
{
	struct wabe_partition *p = &op->u.partition;
	size_t name = strnlen(p->name, sizeof(p->name));
	struct cpumask mask;

	if (!name || name == sizeof(p->name) || !cpus_ok(p, &mask)) {
		return -EINVAL;
	}
	return partition_create(p->name, &mask, &p->id);
}

static long info(struct wabe_op *op)
{
	const struct partition *part = partition_from(op->u.partition.id);
	struct wabe_partition p = {0};

	if (!part) {
		return -ENOENT;
	}
	p.id = part->id;
	strlcpy(p.name, part->name, sizeof(p.name));
	memcpy(p.cpus, &part->cpus, sizeof(p.cpus));
	p.frames = partition_frames(part);
	p.free_frames = READ_ONCE(part->free) - READ_ONCE(part->claimed);
	p.heap_frames = partition_heap_frames(part, &p.heap_bytes);
	p.domains = READ_ONCE(part->domains);
	op->u.partition = p;
	return 0;
}

static long resize(struct wabe_op *op)
{
	struct partition *part = partition_get(op->u.partition.id);

	return part ? partition_resize(part, op->u.partition.frames) : -ENOENT;
}

static void spread(struct domain *d)
{
	domain_for_each_vcpu (v, d) {
		// It cannot fail: the mask was checked.
		if (sched_set_affinity(v, &d->partition->cpus, NULL)) {
			continue;
		}
	}
}

// A domain at a time; `domain` is where to go on.
static long set_cpus(struct wabe_op *op)
{
	struct wabe_partition *p = &op->u.partition;
	struct partition *part = partition_get(p->id);
	struct cpumask mask;
	struct domain *d;

	if (!part) {
		return -ENOENT;
	}
	if (!cpus_ok(p, &mask)) {
		return -EINVAL;
	}
	part->cpus = mask;
	while ((d = domain_next((domid_t)p->domain))) {
		p->domain = d->id + 1;
		if (d->partition == part) {
			spread(d);
		}
		domain_put(d);
		if (work_spent(DOMAIN_VCPUS_MAX)) {
			return -ERESTART;
		}
	}
	return 0;
}

static long remove(struct wabe_op *op)
{
	struct partition *part = partition_get(op->u.partition.id);

	return part ? partition_remove(part) : -ENOENT;
}

static long (*const operations[])(struct wabe_op *op) = {
    [WABE_NEXT_CHANGED] = next_changed, [WABE_PARTITION_CREATE] = create,
    [WABE_PARTITION_INFO] = info,	[WABE_PARTITION_RESIZE] = resize,
    [WABE_PARTITION_CPUS] = set_cpus,	[WABE_PARTITION_REMOVE] = remove,
};

long call_wabe(u64 arg, u64 a1, u64 a2, u64 a3, u64 a4)
{
	struct wabe_op op;
	long result = -ENOSYS;

	if (!current_domain()->privileged) {
		return -EPERM;
	}
	if (copy_from_guest(&op, GVA(arg), sizeof(op))) {
		return -EFAULT;
	}
	if (op.version != WABE_VERSION) {
		return -EACCES;
	}
	if (!lock_try(&control_lock)) {
		return hypercall_continue(WABE_HYPERCALL, arg, 0, 0, 0, 0);
	}
	if (op.cmd < ARRAY_SIZE(operations) && operations[op.cmd]) {
		op.cmd = (u32)index_clamp(op.cmd, ARRAY_SIZE(operations));
		result = operations[op.cmd](&op);
	}
	unlock(&control_lock);
	if ((!result || result == -ERESTART) &&
	    copy_to_guest(GVA(arg), &op, sizeof(op))) {
		return -EFAULT;
	}
	return result == -ERESTART
		   ? hypercall_continue(WABE_HYPERCALL, arg, 0, 0, 0, 0)
		   : result;
}
