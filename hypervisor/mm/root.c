// SPDX-License-Identifier: MIT
// Root tables of vCPUs, and what was preempted of letting a table go.
#include <wabe/context.h>
#include <wabe/mapcache.h>
#include <wabe/mmu.h>
#include <wabe/tlb.h>

#include "state.h"

// More than one can be left: others may have let go of a table that this vCPU
// changes an entry of. The frames are chained by their stamps, which say
// nothing while the frame has its type.
void page_drop_type(struct page *p)
{
	struct vcpu *v = current_vcpu();

	if (unlikely(!put_type_fast(p)) && page_put_type_sliced(p)) {
		p->stamp = v->put_pending ? (u32)page_mfn(v->put_pending).n : 0;
		v->put_pending = p;
	}
}

int put_pending_finish(struct vcpu *v)
{
	while (unlikely(v->put_pending)) {
		u32 next = v->put_pending->stamp;

		if (page_put_type_sliced(v->put_pending)) {
			return -ERESTART;
		}
		v->put_pending = next ? mfn_page(MFN(next)) : NULL;
	}
	return 0;
}

// Flushing makes an idle CPU leave the root it kept (x86/tlb.c).
void root_leave(struct page *p)
{
	u64 root = mfn_to_maddr(page_mfn(p));
	struct cpumask holders = {{0}};
	bool any = false;

	for (u32 i = 0; i < cpu_count; i++) {
		if ((READ_ONCE(cpus[i]->root) & PTE_FRAME) == root) {
			cpumask_set(&holders, i);
			any = true;
		}
	}
	if (unlikely(any)) {
		tlb_flush_mask(&holders, ~0ull);
	}
}

// A root table is its domain's frame, so its owner tells whose it is. A CPU
// that loads a root of `d` after we looked finds all entries changed before:
// cpu.root is written before CR3, which drains the writes.
void domain_cpus(const struct domain *d, struct cpumask *out)
{
	memset(out, 0, sizeof(*out));
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	for (u32 i = 0; i < cpu_count; i++) {
		struct page *p = ram_frame(
		    (READ_ONCE(cpus[i]->root) & PTE_FRAME) >> PAGE_SHIFT);

		if (p && owned_by(p, d)) {
			cpumask_set(out, i);
		}
	}
}

// The M2P is for guest kernels: only kernel roots show it, from the first time
// they are one. (Several CPUs may come here for one table, and do the same.)
static void m2p_show(struct page *p)
{
	u64 *t;

	if (!(READ_ONCE(p->flags) & PAGE_F_M2P)) {
		t = page_map(page_mfn(p));
		WRITE_ONCE(t[HV_SLOT_FIRST], hv_slots[0]);
		page_unmap(t);
		__atomic_fetch_or(&p->flags, PAGE_F_M2P, __ATOMIC_SEQ_CST);
	}
}

// Take `m` as the new root *root, one of v's two.
static int root_change(struct vcpu *v, u64 *root, mfn_t m)
{
	struct page *p = m.n ? page_lookup(m) : NULL;
	u64 old = *root;
	int rc;

	if (m.n) {
		rc = p ? page_get_type(p, v->domain, PAGE_L4) : -EINVAL;
		if (rc) {
			return rc;
		}
	}
	if (p && root == &v->kernel_root) {
		m2p_show(p);
	}
	*root = mfn_to_maddr(m);
	if (v == current_vcpu() &&
	    (root == &v->kernel_root) == (v->kernel_mode != 0)) {
		context_load_root(v);
	}
	if (old) {
		page_drop_type(mfn_page(maddr_to_mfn(old)));
	}
	return 0;
}

int root_set(struct vcpu *v, mfn_t m)
{
	int rc = put_pending_finish(current_vcpu());

	if (rc) {
		return rc;
	}
	if (mfn_to_maddr(m) != v->kernel_root) {
		if (!m.n && v == current_vcpu()) {
			return -EINVAL;
		}
		return root_change(v, &v->kernel_root, m);
	}
	if (v == current_vcpu()) {
		tlb_flush_local();
	}
	return 0;
}

int user_root_set(struct vcpu *v, mfn_t m)
{
	int rc = put_pending_finish(current_vcpu());

	if (rc || mfn_to_maddr(m) == v->user_root) {
		return rc;
	}
	return root_change(v, &v->user_root, m);
}
