// SPDX-License-Identifier: MIT
// Fake TLBs. Flush requests go as in x86/tlb.c: a CPU that is in a guest (or is
// nobody's thread) is flushed at once, one in the hypervisor when it next waits
// or leaves, and the asker waits for that.
#include <wabe/paging.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "fake.h"

#define CACHED 64

struct translation {
	u64 va, mfn, serial; // serial of the owner, 0: none here
	bool write;
};

static struct tlb {
	struct translation cached[CACHED];
	u32 count;
	u32 inside;	      // atomic: a thread is in the hypervisor
	u32 asked, served;    // atomic
	pthread_mutex_t lock; // cached, count
} tlbs[FAKE_CPUS];

static u32 clock_now; // atomic
u32 fake_flushes;     // atomic

void fake_tlb_init(void)
{
	memset(tlbs, 0, sizeof(tlbs));
	for (u32 i = 0; i < FAKE_CPUS; i++) {
		pthread_mutex_init(&tlbs[i].lock, NULL);
	}
	clock_now = 2;
}

// Its own thread does it, or its thread is not in the hypervisor.
static void flush_cpu(u32 cpu, u64 va)
{
	struct tlb *t = &tlbs[cpu];
	u32 kept = 0;

	pthread_mutex_lock(&t->lock);

	if (va == ~0ull) {
		WRITE_ONCE(cpus[cpu]->flush_stamp,
			   __atomic_add_fetch(&clock_now, 1, __ATOMIC_SEQ_CST));
		if (vcpu_is_idle(READ_ONCE(cpus[cpu]->current))) {
			WRITE_ONCE(cpus[cpu]->root, hv_root); // it leaves it
		}
	}
	for (u32 i = 0; i < t->count; i++) {
		if (va != ~0ull &&
		    t->cached[i].va != (va & ~PAGE_OFFSET_MASK)) {
			t->cached[kept++] = t->cached[i];
		}
	}
	t->count = kept;
	pthread_mutex_unlock(&t->lock);
	__atomic_add_fetch(&fake_flushes, 1, __ATOMIC_RELAXED);
}

static void serve(void)
{
	struct tlb *t = &tlbs[cpu_id()];
	u32 asked = __atomic_load_n(&t->asked, __ATOMIC_SEQ_CST);

	if (asked != t->served) {
		flush_cpu(cpu_id(), ~0ull);
		__atomic_store_n(&t->served, asked, __ATOMIC_SEQ_CST);
	}
}

void tlb_serve(void)
{
	serve();
}

// Who is waited for may have no processor of the host's.
void cpu_relax_serving(void)
{
	serve();
	sched_yield();
}

void fake_enter(void)
{
	__atomic_store_n(&tlbs[cpu_id()].inside, 1, __ATOMIC_SEQ_CST);
	serve();
}

void fake_leave(void)
{
	serve();
	__atomic_store_n(&tlbs[cpu_id()].inside, 0, __ATOMIC_SEQ_CST);
}

static void flush_other(u32 cpu, u64 va)
{
	struct tlb *t = &tlbs[cpu];
	u32 mine;

	if (!__atomic_load_n(&t->inside, __ATOMIC_SEQ_CST) && cpus[cpu]->self) {
		flush_cpu(cpu, va);
		return;
	}
	mine = __atomic_add_fetch(&t->asked, 1, __ATOMIC_SEQ_CST);
	while ((s32)(__atomic_load_n(&t->served, __ATOMIC_SEQ_CST) - mine) <
		   0 &&
	       __atomic_load_n(&t->inside, __ATOMIC_SEQ_CST)) {
		cpu_relax_serving();
	}
}

void tlb_flush_mask(const struct cpumask *mask, u64 va)
{
	for (u32 i = 0; i < cpu_count; i++) {
		if (!cpumask_test(mask, i)) {
			continue;
		}
		if (i == cpu_id()) {
			flush_cpu(i, va);
		} else {
			flush_other(i, va);
		}
	}
}

void tlb_flush_local(void)
{
	flush_cpu(cpu_id(), ~0ull);
}

void invlpg(u64 va)
{
	flush_cpu(cpu_id(), va);
}

void tlb_flush_global(void)
{
	struct cpumask all;

	memset(&all, 0xff, sizeof(all));
	tlb_flush_mask(&all, ~0ull);
}

void (*fake_stamping)(void);

u32 tlb_stamp_now(void)
{
	if (fake_stamping) {
		fake_stamping();
	}
	return __atomic_load_n(&clock_now, __ATOMIC_SEQ_CST);
}

void tlb_flush_stamped(u32 stamp)
{
	struct cpumask stale = {{0}};

	for (u32 i = 0; i < cpu_count; i++) {
		if ((s32)(READ_ONCE(cpus[i]->flush_stamp) - stamp) <= 0) {
			cpumask_set(&stale, i);
		}
	}
	tlb_flush_mask(&stale, ~0ull);
}

// --- walking -----------------------------------------------------------------

static u64 serial_of(u64 mfn)
{
	struct domain *d =
	    mfn < FAKE_HOLE ? page_owner(mfn_page(MFN(mfn))) : NULL;

	return d ? d->serial : 0;
}

bool fake_touch(u32 cpu, u64 va, bool write)
{
	struct tlb *t = &tlbs[cpu];
	u64 table = cpus[cpu]->root >> PAGE_SHIFT, e = 0;
	bool writable = true;

	if (!table || cpus[cpu]->root == hv_root) {
		return false;
	}
	for (u32 level = 4; level; level--) {
		BUG_ON(table >= FAKE_HOLE);
		e = fake_frame(table)[pt_index(va, level)];
		if (!(e & PTE_P) || !(e & PTE_US)) {
			return false;
		}
		writable = writable && (e & PTE_RW);
		table = pte_mfn(e).n;
	}
	if (table >= FAKE_HOLE || t->count == CACHED || (write && !writable)) {
		return false;
	}
	t->cached[t->count++] = (struct translation){
	    va & ~PAGE_OFFSET_MASK, table, serial_of(table), writable};
	return true;
}

// Free frames may be known: they are flushed when they get an owner.
static bool is_wrong(const struct translation *x)
{
	const struct page *p = mfn_page(MFN(x->mfn));
	enum page_type type = page_type_now(p);

	if (!(p->state & PAGE_REFS_MASK)) {
		return false;
	}
	if (serial_of(x->mfn) != x->serial) {
		return true;
	}
	return x->write && (p->state & PAGE_TYPES_MASK) &&
	       type != PAGE_WRITABLE;
}

u32 fake_tlb_wrong(void)
{
	u32 wrong = 0;

	for (u32 cpu = 0; cpu < cpu_count; cpu++) {
		for (u32 i = 0; i < tlbs[cpu].count; i++) {
			const struct translation *x = &tlbs[cpu].cached[i];

			if (is_wrong(x)) {
				printf("CPU %u: va %lx still reaches frame %lx "
				       "(write %d), state %lx\n",
				       cpu, x->va, x->mfn, x->write,
				       mfn_page(MFN(x->mfn))->state);
				wrong++;
			}
		}
	}
	return wrong;
}
