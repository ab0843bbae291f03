// SPDX-License-Identifier: MIT
// Running one operation of a table.
#include "subop.h"

int target_get(domid_t id, struct domain **out)
{
	struct domain *d = domain_get(id);

	if (!d) {
		return -ESRCH;
	}
	if (d != current_domain() && !current_domain()->privileged) {
		domain_put(d);
		return -EPERM;
	}
	*out = d;
	return 0;
}

static long run_locked(const struct subop *op, struct domain *d, void *arg)
{
	long rc;

	lock(&d->evtchn_lock);
	rc = op->fn(d, arg);
	unlock(&d->evtchn_lock);
	return rc;
}

long subop_run(const struct subop *ops, u32 count, u32 cmd, gva_t arg)
{
	const struct subop *op = &ops[index_clamp(cmd, count)];
	struct domain *d = current_domain();
	u64 copy[SUBOP_BYTES_MAX / sizeof(u64)];
	long rc;

	if (cmd >= count || !op->fn) {
		return -ENOSYS;
	}
	if ((op->flags & SUBOP_DOM0) && !d->privileged) {
		return -EPERM;
	}
	if (copy_from_guest(copy, arg, op->bytes)) {
		return -EFAULT;
	}
	if (op->flags & SUBOP_TARGET) {
		rc = target_get(*(domid_t *)copy, &d);
		if (rc) {
			return rc;
		}
	}
	rc =
	    op->flags & SUBOP_PORTS ? run_locked(op, d, copy) : op->fn(d, copy);
	if (op->flags & SUBOP_TARGET) {
		domain_put(d);
	}
	if (!rc && (op->flags & SUBOP_OUT)) {
		rc = copy_to_guest(arg, copy, op->bytes);
	}
	return rc;
}
