// SPDX-License-Identifier: MIT
// memory_op (public header memory.h): dispatch and the short answers.
#include <wabe/alloc.h>
#include <wabe/guest.h>
#include <wabe/hypercall.h>

#include "memory.h"

#define CMD_BITS 6 // operation; the rest: extents done so far

struct domain *memory_target(domid_t id, long *error)
{
	struct domain *d;

	if (id != DOMID_SELF && id != current_domain()->id &&
	    !current_domain()->privileged) {
		*error = -EPERM;
		return NULL;
	}
	d = domain_get(id);
	if (!d) {
		*error = -ESRCH;
	}
	return d;
}

// Questions about one domain whose answer is one number.
static long domain_question(u32 op, gva_t arg)
{
	struct xen_memory_domain q;
	struct domain *d;
	long answer;

	if (copy_from_guest(&q, arg, sizeof(q))) {
		return -EFAULT;
	}
	d = memory_target(q.domid, &answer);
	if (!d) {
		return answer;
	}
	if (op == XENMEM_current_reservation) {
		answer = (long)d->pages;
	} else if (op == XENMEM_maximum_reservation) {
		answer = (long)d->pages_max;
	} else {
		// Nothing written there yet: 0, which the tools expect, not -1.
		answer = (long)READ_ONCE(d->shared->arch.max_pfn);
		answer -= answer != 0;
	}
	domain_put(d);
	return answer;
}

static long memory_claim(gva_t arg)
{
	struct xen_memory_reservation r;
	struct domain *d;
	long error;

	if (!current_domain()->privileged) {
		return -EPERM;
	}
	if (copy_from_guest(&r, arg, sizeof(r))) {
		return -EFAULT;
	}
	if (HANDLE_GVA(r.extent_start).a || r.extent_order || r.mem_flags) {
		return -EINVAL;
	}
	d = domain_get(r.domid);
	if (!d) {
		return -ESRCH;
	}
	error = frames_claim(d, r.nr_extents);
	domain_put(d);
	return error;
}

long call_memory_op(u64 cmd, u64 arg, u64 a2, u64 a3, u64 a4)
{
	u32 op = cmd & (BIT(CMD_BITS) - 1);
	u64 start = cmd >> CMD_BITS;

	switch (op) {
	case XENMEM_increase_reservation:
	case XENMEM_decrease_reservation:
	case XENMEM_populate_physmap:
		return memory_reservation(op, start, GVA(arg));
	case XENMEM_exchange:
		return start ? -EINVAL : memory_exchange(GVA(arg));
	case XENMEM_maximum_ram_page:
		return (long)frames_end;
	case XENMEM_current_reservation:
	case XENMEM_maximum_reservation:
	case XENMEM_maximum_gpfn:
		return domain_question(op, GVA(arg));
	case XENMEM_machphys_mfn_list:
		return memory_machphys_list(GVA(arg));
	case XENMEM_machphys_mapping:
		return memory_machphys_mapping(GVA(arg));
	case XENMEM_memory_map:
		return memory_map_get(GVA(arg));
	case XENMEM_machine_memory_map:
		return memory_map_machine(GVA(arg));
	case XENMEM_set_memory_map:
		return memory_map_set(GVA(arg));
	case XENMEM_get_sharing_freed_pages:
	case XENMEM_get_sharing_shared_pages:
		return 0; // no page is ever shared between domains
	case XENMEM_claim_pages:
		return memory_claim(GVA(arg));
	case XENMEM_acquire_resource:
		return memory_acquire_resource(GVA(arg));
	case XENMEM_get_vnumainfo:
		return -EOPNOTSUPP;
	default:
		return -ENOSYS;
	}
}
