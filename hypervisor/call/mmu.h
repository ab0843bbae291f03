// SPDX-License-Identifier: MIT
// What mmu_update and mmuext_op share: batches, foreign domains, TLB masks.
#ifndef WABE_CALL_MMU_H
#define WABE_CALL_MMU_H

#include <wabe/domain.h>
#include <wabe/guest.h>

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

// Read the arguments. 0: go on. Otherwise return *result at once.
int batch_begin(struct batch *b, u32 count, u64 done_at, u32 foreign,
		long *result) MUST_CHECK;
// `finished` requests are done and `rc` came out: the handler's result.
long batch_end(const struct batch *b, u32 finished, long rc);

// The domain an argument names, as Xen's foreign domain arguments go: SELF, IO,
// XEN, or another one by its id (own id: none). Referenced; NULL: none.
struct domain *foreign_get(u32 id);
void foreign_put(struct domain *d);

// The CPUs of those vCPUs of the current domain that a guest's bitmap names.
// -EFAULT.
int vcpumask_cpus(gva_t bitmap, struct cpumask *out) MUST_CHECK;

#endif
