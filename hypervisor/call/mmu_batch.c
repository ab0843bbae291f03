// SPDX-License-Identifier: MIT
// Batches of memory-management requests: done counts and continuation; the
// domains and processors they name.
#include <wabe/mmu.h>
#include <wabe/tlb.h>

#include "mmu.h"

// Only the rest of letting a table go was left, and then to return `result`.
static long pending_end(u32 nr, long result)
{
	if (put_pending_finish(current_vcpu())) {
		return hypercall_continue(nr, 0, MMU_PREEMPTED, 0, (u32)result,
					  0);
	}
	return (s32)result;
}

int batch_resume(struct batch *b, long *result)
{
	u32 count = b->count;

	b->count = count & ~MMU_PREEMPTED;
	if (count == MMU_PREEMPTED && !b->list.a) {
		*result = pending_end(b->nr, b->foreign);
		return 1;
	}
	if ((count & MMU_PREEMPTED) && b->done_at &&
	    copy_from_guest(&b->done, GVA(b->done_at), sizeof(b->done))) {
		b->done = 0;
	}
	if (put_pending_finish(current_vcpu())) {
		*result = hypercall_continue(b->nr, b->list.a, count,
					     b->done_at, b->foreign, 0);
		return 1;
	}
	return 0;
}

long batch_stop(const struct batch *b, u32 finished, long rc)
{
	u32 done = b->done + finished;

	// As Xen: who gives a bad address does not learn the count.
	(void)!(b->done_at &&
		copy_to_guest(GVA(b->done_at), &done, sizeof(done)));
	if (rc == -ERESTART) {
		return hypercall_continue(
		    b->nr, gva_add(b->list, finished * b->size).a,
		    (b->count - finished) | MMU_PREEMPTED, b->done_at,
		    b->foreign, 0);
	}
	return unlikely(current_vcpu()->put_pending) ? pending_end(b->nr, rc)
						     : rc;
}

long foreign_get(u32 id, struct domain **out)
{
	struct domain *d = current_domain();

	if (id == DOMID_SELF) {
		domain_hold(d);
		*out = d;
		return 0;
	}
	*out = id == DOMID_IO				  ? &dom_io
	       : id == DOMID_XEN			  ? &dom_xen
	       : id != d->id && id < DOMID_FIRST_RESERVED ? domain_get((u16)id)
							  : NULL;
	if (*out && id != DOMID_IO && !d->privileged) {
		foreign_put(*out);
		return -EPERM;
	}
	return *out ? 0 : -ESRCH;
}

void foreign_put(struct domain *d)
{
	if (d != &dom_io && d != &dom_xen) {
		domain_put(d);
	}
}

// Which CPUs run certain vCPUs is not known without the scheduler's locks, and
// a vCPU that moved may have left translations where it was. So: this CPU alone
// if only the caller is named, else all that may hold any of the domain's.
long flush_domain(const gva_t *vcpus, u64 va)
{
	struct vcpu *v = current_vcpu();
	bool self = false, others = !vcpus;
	struct cpumask mask;

	for (u64 i = 0; vcpus && i * 64 < v->domain->vcpus_max; i++) {
		u64 bits, mine = v->id / 64 == i ? BIT(v->id % 64) : 0;

		if (copy_from_guest_at(&bits, *vcpus, i, sizeof(bits))) {
			return -EFAULT;
		}
		self = self || (bits & mine);
		others = others || (bits & ~mine);
	}
	if (likely(others)) {
		domain_cpus(v->domain, &mask);
	} else {
		memset(&mask, 0, sizeof(mask));
	}
	if (self) {
		cpumask_set(&mask, cpu_id());
	}
	tlb_flush_mask(&mask, va);
	return 0;
}
