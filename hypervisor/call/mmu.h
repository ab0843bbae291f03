// SPDX-License-Identifier: MIT
// What mmu_update and mmuext_op share: batches, foreign domains, TLB masks.
#ifndef WABE_CALL_MMU_H
#define WABE_CALL_MMU_H

#include <wabe/domain.h>
#include <wabe/guest.h>
#include <wabe/hypercall.h>

// In a count: this is a continuation, the guest's done count goes on. The count
// alone, without requests: only put_pending is left; the result is in the place
// of the domain argument.
#define MMU_PREEMPTED 0x80000000u

// A batch: `count` requests at `list`, `done` ones before them.
struct batch {
	u32 nr;	  // hypercall number
	u64 size; // bytes of a request
	gva_t list;
	u32 count;
	u64 done_at; // guest address of the done count, or 0
	u32 done;
	u32 foreign; // the domain argument as it was
};

// The rarer ways to begin: a continuation, or something left to finish.
int batch_resume(struct batch *b, long *result) MUST_CHECK;

// Read the arguments. 0: go on. Otherwise return *result at once.
static inline int batch_begin(struct batch *b, u32 count, u64 done_at,
			      u32 foreign, long *result)
{
	b->count = count;
	b->done_at = done_at;
	b->done = 0;
	b->foreign = foreign;
	if (likely(!(count & MMU_PREEMPTED) && !current_vcpu()->put_pending)) {
		return 0;
	}
	return batch_resume(b, result);
}

// The rarer ways to end.
long batch_stop(const struct batch *b, u32 finished, long rc);

// `finished` requests are done and `rc` came out: the handler's result.
static inline long batch_end(const struct batch *b, u32 finished, long rc)
{
	return likely(!b->done_at && rc != -ERESTART &&
		      !current_vcpu()->put_pending)
		   ? rc
		   : batch_stop(b, finished, rc);
}

// The domain whose frames an argument names: SELF, IO (the caller's rights),
// and for a privileged caller XEN or another one by its id. Referenced. -ESRCH
// there is none, which goes for the caller's own id, -EPERM.
long foreign_get(u32 id, struct domain **out) MUST_CHECK;
void foreign_put(struct domain *d);

// Flush `va` (~0: all) where the current domain's translations may be; with a
// guest's bitmap of vCPUs (else NULL): where theirs are. -EFAULT.
long flush_domain(const gva_t *vcpus, u64 va) MUST_CHECK;

#endif
