// SPDX-License-Identifier: MIT
// memory_op (public header memory.h): the table and the short answers.
#include <wabe/alloc.h>

#include "memory.h"

#define CMD_BITS 6 // operation; the rest: extents done so far

// --- questions about one domain whose answer is one number ------------------

static long current_reservation(struct domain *d, void *arg)
{
	return (long)d->pages;
}

static long maximum_reservation(struct domain *d, void *arg)
{
	return (long)d->pages_max;
}

// Nothing written there yet: 0, which the tools expect, not -1.
static long maximum_gpfn(struct domain *d, void *arg)
{
	u64 pfns = READ_ONCE(d->shared->arch.max_pfn);

	return (long)(pfns - (pfns != 0));
}

static long maximum_ram_page(struct domain *d, void *arg)
{
	return (long)frames_end;
}

// No page is ever shared between domains.
static long none_shared(struct domain *d, void *arg)
{
	return 0;
}

static long unsupported(struct domain *d, void *arg)
{
	return -EOPNOTSUPP;
}

static long claim(struct domain *self, void *arg)
{
	const struct xen_memory_reservation *r = arg;
	struct domain *d;
	long error;

	if (HANDLE_GVA(r->extent_start).a || r->extent_order || r->mem_flags) {
		return -EINVAL;
	}
	d = domain_get(r->domid);
	if (!d) {
		return -EINVAL; // not -ESRCH, as on Xen
	}
	error = self->privileged ? frames_claim(d, r->nr_extents) : -EPERM;
	domain_put(d);
	return error;
}

#define OP(op, fn, type, flags) [XENMEM_##op] = {fn, sizeof(type), flags}
#define QUESTION(op) OP(op, op, struct xen_memory_domain, SUBOP_TARGET)
#define ANSWER(op, fn) [XENMEM_##op] = {fn, 0, 0}

static const struct subop operations[] = {
    QUESTION(current_reservation),
    QUESTION(maximum_reservation),
    QUESTION(maximum_gpfn),
    ANSWER(maximum_ram_page, maximum_ram_page),
    ANSWER(get_sharing_freed_pages, none_shared),
    ANSWER(get_sharing_shared_pages, none_shared),
    ANSWER(get_vnumainfo, unsupported),
    OP(machphys_mfn_list, memory_machphys_list, struct xen_machphys_mfn_list,
       SUBOP_OUT),
    OP(machphys_mapping, memory_machphys_mapping, struct xen_machphys_mapping,
       SUBOP_OUT),
    OP(memory_map, memory_map_get, struct xen_memory_map, SUBOP_OUT),
    OP(machine_memory_map, memory_map_machine, struct xen_memory_map,
       SUBOP_DOM0 | SUBOP_OUT),
    OP(set_memory_map, memory_map_set, struct xen_foreign_memory_map,
       SUBOP_TARGET),
    OP(claim_pages, claim, struct xen_memory_reservation, 0),
    OP(acquire_resource, memory_acquire_resource,
       struct xen_mem_acquire_resource, SUBOP_TARGET | SUBOP_OUT),
};

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
	default:
		return subop_run(operations, ARRAY_SIZE(operations), op,
				 GVA(arg));
	}
}
