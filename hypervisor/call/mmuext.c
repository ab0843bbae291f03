// SPDX-License-Identifier: MIT
// mmuext_op: pins, roots, TLB flushes, the LDT, clearing and copying frames.
#include <wabe/alloc.h>
#include <wabe/context.h>
#include <wabe/cpu.h>
#include <wabe/mapcache.h>
#include <wabe/mmu.h>
#include <wabe/tlb.h>

#include "mmu.h"

#define FRAME_UNITS 16 // work of clearing or copying a frame
#define OP_UNUSED 14

// --- frames: of domains, not devices' (DOMID_IO) nor the hypervisor's --------

// Clear a frame, or copy the frame `from` into it.
static long frame_fill(struct domain *d, struct page *p, struct page *from)
{
	void *to, *source;

	if (!p || page_get_type(p, d, PAGE_WRITABLE)) {
		return -EINVAL;
	}
	to = page_map(page_mfn(p));
	if (from) {
		source = page_map(page_mfn(from));
		memcpy(to, source, PAGE_SIZE);
		page_unmap(source);
	} else {
		memset(to, 0, PAGE_SIZE);
	}
	page_unmap(to);
	page_put_type(p);
	work_add(FRAME_UNITS);
	return 0;
}

static long op_copy(struct domain *d, struct page *p, mfn_t source)
{
	struct page *from = page_lookup(source);
	long rc;

	if (!from || !page_get(from, d)) {
		return -EINVAL;
	}
	rc = frame_fill(d, p, from);
	page_put(from);
	return rc;
}

static long op_frame(struct domain *d, const struct mmuext_op *op)
{
	struct page *p = page_lookup(MFN(op->arg1.mfn));

	if (d == &dom_io || d == &dom_xen) {
		return current_domain()->privileged ? -EINVAL : -EPERM;
	}
	switch (op->cmd) {
	case MMUEXT_UNPIN_TABLE:
		return p ? page_unpin(p, d) : -EINVAL;
	case MMUEXT_CLEAR_PAGE:
		return frame_fill(d, p, NULL);
	case MMUEXT_COPY_PAGE:
		return op_copy(d, p, MFN(op->arg2.src_mfn));
	default:
		return p ? page_pin(p, d,
				    PAGE_L1 + op->cmd - MMUEXT_PIN_L1_TABLE)
			 : -EINVAL;
	}
}

// --- the caller's own processor state, whatever domain was named ------------

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

static long op_own(const struct mmuext_op *op)
{
	u64 va = op->arg1.linear_addr;
	mfn_t root = MFN(op->arg1.mfn);

	switch (op->cmd) {
	case MMUEXT_NEW_BASEPTR:
		return root.n ? root_set(current_vcpu(), root) : -EINVAL;
	case MMUEXT_NEW_USER_BASEPTR:
		return user_root_set(current_vcpu(), root);
	case MMUEXT_TLB_FLUSH_LOCAL:
		tlb_flush_local();
		return 0;
	case MMUEXT_INVLPG_LOCAL:
		invlpg(va);
		return 0;
	case MMUEXT_TLB_FLUSH_ALL:
		return flush_domain(NULL, ~0ull);
	case MMUEXT_INVLPG_ALL:
		return flush_domain(NULL, va);
	case MMUEXT_TLB_FLUSH_MULTI:
	case MMUEXT_INVLPG_MULTI:
		return flush_domain(&HANDLE_GVA(op->arg2.vcpumask),
				    op->cmd == MMUEXT_INVLPG_MULTI ? va : ~0ull)
			   ? -EINVAL
			   : 0;
	case MMUEXT_SET_LDT:
		return op_ldt(op);
	case MMUEXT_FLUSH_CACHE:
	case MMUEXT_FLUSH_CACHE_GLOBAL:
		return op_cache(op);
	default:
		return -EOPNOTSUPP; // superpages
	}
}

#define FRAME_OPS                                              \
	(BIT(MMUEXT_PIN_L1_TABLE) | BIT(MMUEXT_PIN_L2_TABLE) | \
	 BIT(MMUEXT_PIN_L3_TABLE) | BIT(MMUEXT_PIN_L4_TABLE) | \
	 BIT(MMUEXT_UNPIN_TABLE) | BIT(MMUEXT_CLEAR_PAGE) |    \
	 BIT(MMUEXT_COPY_PAGE))

static long op_do(struct domain *d, const struct mmuext_op *op)
{
	if (op->cmd > MMUEXT_UNMARK_SUPER || op->cmd == OP_UNUSED) {
		return -ENOSYS;
	}
	if (FRAME_OPS & BIT(op->cmd)) {
		return op_frame(d, op);
	}
	return d == current_domain() ? op_own(op) : -EPERM;
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
