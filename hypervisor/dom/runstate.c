// SPDX-License-Identifier: MIT
// How long a vCPU has run, waited, slept; and the copy of that in the guest's
// memory. The guest registers a virtual address; it is resolved once, when it
// is registered, and the frame stays shared, so the copy is up to date for the
// vCPU's siblings too, and needs no page tables of the guest when the vCPU
// stops. Only an area that crosses a page is written by its address, when the
// vCPU begins to run in its kernel.
#include <wabe/guest.h>
#include <wabe/mmu.h>
#include <wabe/sched.h>
#include <wabe/share.h>
#include <wabe/time.h>

#include "dom.h"
#include "runq.h"

static bool wants_flag(const struct vcpu *v)
{
	return v->domain->vm_assist & BIT(VMASST_TYPE_runstate_update_flag);
}

// Readers take the flag (or a changed entry time) as a sign to read again.
static void copy_shared(struct vcpu *v)
{
	struct vcpu_runstate_info *out;
	u64 entry = v->runstate.state_entry_time;

	out = (void *)((char *)v->runstate_share->page + v->runstate_offset);
	if (wants_flag(v)) {
		WRITE_ONCE(out->state_entry_time, entry | XEN_RUNSTATE_UPDATE);
	}
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	WRITE_ONCE(out->state, v->runstate.state);
	for (u32 i = 0; i < ARRAY_SIZE(out->time); i++) {
		WRITE_ONCE(out->time[i], v->runstate.time[i]);
	}
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	WRITE_ONCE(out->state_entry_time, entry);
}

void runstate_change(struct vcpu *v, int state, u64 now)
{
	struct vcpu_runstate_info *r = &v->runstate;
	u64 ns = now - r->state_entry_time;

	if ((s64)ns > 0) {
		r->time[r->state] += ns;
		r->state_entry_time = now;
	}
	r->state = state;
	if (v->runstate_share) {
		copy_shared(v);
	}
}

void runstate_copy_out(struct vcpu *v)
{
	if (v->kernel_mode && copy_to_guest(GVA(v->runstate_gva), &v->runstate,
					    sizeof(v->runstate))) {
		v->runstate_gva = 0;
	}
}

void vcpu_runstate_get(struct vcpu *v, struct vcpu_runstate_info *out)
{
	struct runq *q = runq_lock_vcpu(v);
	u64 now = time_now(), ns;

	*out = v->runstate;
	unlock(&q->lock);
	ns = now - out->state_entry_time;
	if ((s64)ns > 0) {
		out->time[out->state] += ns;
	}
}

u64 vcpu_cpu_time(struct vcpu *v)
{
	struct vcpu_runstate_info r;

	vcpu_runstate_get(v, &r);
	return r.time[RUNSTATE_running];
}

// --- registration -----------------------------------------------------------

// The frame that the current vCPU's kernel sees at `va`, or NULL.
static struct share *share_va(struct vcpu *v, u64 va)
{
	struct share *s = NULL;
	struct pt_walk walk;

	return pt_walk(current_vcpu()->kernel_root, va, &walk) ||
		       !(walk.entry & PTE_P) ||
		       share_create(v->domain, pte_mfn(walk.entry), &s)
		   ? NULL
		   : s;
}

// The scheduler reads the share under runq.lock.
static void replace(struct vcpu *v, struct share *s, u64 va)
{
	struct runq *q = runq_lock_vcpu(v);
	struct share *old = v->runstate_share;

	v->runstate_share = s;
	v->runstate_offset = va & PAGE_OFFSET_MASK;
	v->runstate_gva = s ? 0 : va;
	if (s) {
		copy_shared(v);
	}
	unlock(&q->lock);
	share_destroy(old);
}

int runstate_register(struct vcpu *v, u64 va)
{
	u64 last = va + sizeof(v->runstate) - 1;
	bool one_page = va >> PAGE_SHIFT == last >> PAGE_SHIFT;

	if (!guest_range_ok(va, sizeof(v->runstate))) {
		return -EFAULT;
	}
	replace(v, one_page && va % sizeof(u64) == 0 ? share_va(v, va) : NULL,
		va);
	return 0;
}

void runstate_release(struct vcpu *v)
{
	replace(v, NULL, 0);
}
