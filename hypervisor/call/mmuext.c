// SPDX-License-Identifier: MIT
// mmuext_op: pins, roots, TLB flushes, the LDT, clearing and copying frames.
#include <wabe/alloc.h>
#include <wabe/context.h>
#include <wabe/cpu.h>
#include <wabe/hypercall.h>
#include <wabe/mapcache.h>
#include <wabe/mmu.h>
#include <wabe/tlb.h>

#include "mmu.h"

#define FRAME_UNITS 16 // work of clearing or copying a frame
#define OP_UNUSED 14

static long op_pin(struct domain *d, const struct mmuext_op *op)
{
	struct page *p = page_lookup(MFN(op->arg1.mfn));

	return p ? page_pin(p, d, PAGE_L1 + op->cmd - MMUEXT_PIN_L1_TABLE)
		 : -EINVAL;
}

static long op_unpin(struct domain *d, const struct mmuext_op *op)
{
	struct page *p = page_lookup(MFN(op->arg1.mfn));

	return p ? page_unpin(p, d) : -EINVAL;
}

// --- frames -----------------------------------------------------------------

static struct page *writable_get(struct domain *d, u64 mfn)
{
	struct page *p = page_lookup(MFN(mfn));

	return p && !page_get_type(p, d, PAGE_WRITABLE) ? p : NULL;
}

static long op_clear(struct domain *d, const struct mmuext_op *op)
{
	struct page *p = writable_get(d, op->arg1.mfn);
	void *va;

	if (!p) {
		return -EINVAL;
	}
	va = page_map(page_mfn(p));
	memset(va, 0, PAGE_SIZE);
	page_unmap(va);
	page_put_type(p);
	work_add(FRAME_UNITS);
	return 0;
}

static long op_copy(struct domain *d, const struct mmuext_op *op)
{
	struct page *to, *from = page_lookup(MFN(op->arg2.src_mfn));
	void *to_va, *from_va;

	if (!from || !page_get(from, d)) {
		return -EINVAL;
	}
	to = writable_get(d, op->arg1.mfn);
	if (!to) {
		page_put(from);
		return -EINVAL;
	}
	to_va = page_map(page_mfn(to));
	from_va = page_map(page_mfn(from));
	memcpy(to_va, from_va, PAGE_SIZE);
	page_unmap(from_va);
	page_unmap(to_va);
	page_put_type(to);
	page_put(from);
	work_add(FRAME_UNITS);
	return 0;
}

// --- the caller's own processor state ---------------------------------------

static long op_flush(const struct mmuext_op *op)
{
	struct cpumask cpus_named;
	u64 va = ~0ull;

	switch (op->cmd) {
	case MMUEXT_TLB_FLUSH_LOCAL:
		tlb_flush_local();
		return 0;
	case MMUEXT_INVLPG_LOCAL:
		tlb_flush_page_local(op->arg1.linear_addr);
		return 0;
	case MMUEXT_INVLPG_ALL:
		va = op->arg1.linear_addr;
		// fall through
	case MMUEXT_TLB_FLUSH_ALL:
		domain_cpus(current_domain(), &cpus_named);
		break;
	default:
		if (vcpumask_cpus(HANDLE_GVA(op->arg2.vcpumask), &cpus_named)) {
			return -EINVAL;
		}
		if (op->cmd == MMUEXT_INVLPG_MULTI) {
			va = op->arg1.linear_addr;
		}
	}
	tlb_flush_mask(&cpus_named, va);
	return 0;
}

static void caches_flush(void *unused)
{
	asm volatile("wbinvd" ::: "memory");
}

static long op_cache(const struct mmuext_op *op)
{
	if (!current_domain()->privileged) {
		return op->cmd == MMUEXT_FLUSH_CACHE ? -EACCES : -EINVAL;
	}
	caches_flush(NULL);
	if (op->cmd == MMUEXT_FLUSH_CACHE_GLOBAL) {
		cpus_call(caches_flush, NULL);
	}
	return 0;
}

static long op_ldt(const struct mmuext_op *op)
{
	u32 ents = op->arg2.nr_ents;
	u64 base = ents ? op->arg1.linear_addr : 0;

	if ((base & PAGE_OFFSET_MASK) || !guest_addr_ok(base) || ents > 8192) {
		return -EINVAL;
	}
	return ldt_set(current_vcpu(), base, ents);
}

// Those that are about the caller itself, whatever domain was named.
static long op_own(struct domain *d, const struct mmuext_op *op)
{
	if (d != current_domain()) {
		return -EPERM;
	}
	switch (op->cmd) {
	case MMUEXT_NEW_BASEPTR:
		return op->arg1.mfn
			   ? root_set(current_vcpu(), MFN(op->arg1.mfn))
			   : -EINVAL;
	case MMUEXT_NEW_USER_BASEPTR:
		return user_root_set(current_vcpu(), MFN(op->arg1.mfn));
	case MMUEXT_SET_LDT:
		return op_ldt(op);
	case MMUEXT_FLUSH_CACHE:
	case MMUEXT_FLUSH_CACHE_GLOBAL:
		return op_cache(op);
	case MMUEXT_MARK_SUPER:
	case MMUEXT_UNMARK_SUPER:
		return -EOPNOTSUPP;
	default:
		return op_flush(op);
	}
}

// What is about frames goes for those of domains, not for devices' (DOMID_IO)
// nor the hypervisor's (DOMID_XEN).
static long op_frame(struct domain *d, const struct mmuext_op *op)
{
	if (d == &dom_io || d == &dom_xen) {
		return current_domain()->privileged ? -EINVAL : -EPERM;
	}
	switch (op->cmd) {
	case MMUEXT_UNPIN_TABLE:
		return op_unpin(d, op);
	case MMUEXT_CLEAR_PAGE:
		return op_clear(d, op);
	case MMUEXT_COPY_PAGE:
		return op_copy(d, op);
	default:
		return op_pin(d, op);
	}
}

static long op_do(struct domain *d, const struct mmuext_op *op)
{
	switch (op->cmd) {
	case MMUEXT_PIN_L1_TABLE ... MMUEXT_UNPIN_TABLE:
	case MMUEXT_CLEAR_PAGE:
	case MMUEXT_COPY_PAGE:
		return op_frame(d, op);
	case OP_UNUSED:
		return -ENOSYS;
	default:
		return op->cmd > MMUEXT_UNMARK_SUPER ? -ENOSYS : op_own(d, op);
	}
}

static long ops_do(struct domain *d, const struct batch *b, u32 *at)
{
	struct mmuext_op op;

	while (*at < b->count) {
		long rc = copy_from_guest_at(&op, b->list, *at, sizeof(op));

		if (!rc) {
			rc = op_do(d, &op);
		}
		if (rc) {
			return rc;
		}
		++*at;
		if (unlikely(current_vcpu()->put_pending || work_spent(4)) &&
		    *at < b->count) {
			return -ERESTART;
		}
	}
	return 0;
}

long call_mmuext_op(u64 list, u64 count, u64 done, u64 foreign, u64 a4)
{
	struct batch b = {.nr = __HYPERVISOR_mmuext_op,
			  .size = sizeof(struct mmuext_op),
			  .list = GVA(list)};
	struct domain *d;
	u32 at = 0;
	long rc;

	if (batch_begin(&b, (u32)count, done, (u32)foreign, &rc)) {
		return rc;
	}
	rc = foreign_get((u16)foreign, &d);
	if (rc) {
		return rc;
	}
	rc = ops_do(d, &b, &at);
	foreign_put(d);
	return batch_end(&b, at, rc);
}
