// SPDX-License-Identifier: MIT
// The fake machine as the one under test: the core is called through its
// hypercalls, and its counts are compared frame by frame.
#include "machine.h"

#include <stdio.h>
#include <xen/event_channel.h>

#include "../../hypervisor/mm/frames.h"
#include "host.h"

#define RW (PTE_P | PTE_RW | PTE_US)
#define REGION 0x8000000000ull // what a domain's own half maps: slot 1

uint32_t machine_domains = M_DOMAINS, machine_vcpus = FAKE_VCPUS;
const bool machine_populates = true, machine_fifo = true;
uint64_t machine_mfn[M_FRAMES];
uint64_t machine_mfn_hole = FAKE_HOLE + 2, machine_mfn_hypervisor = 3;
u64 host_differences;
bool host_quiet, host_traces;

static u64 first_root[M_DOMAINS], window[M_DOMAINS], grant_frame[M_DOMAINS];
static u64 fifo_frame[M_DOMAINS][3];
static u64 limit_work = ~0ull, limit_slices = ~0ull;

// --- a fresh machine ---------------------------------------------------------

// A domain's own half: slot 1 leads to the window, slot 511 to nothing.
static void half_make(u32 id)
{
	struct domain *d = fake_domain(id);
	u64 l3 = fake_alloc(d), l2 = fake_alloc(d), empty = fake_alloc(d);

	first_root[id] = fake_alloc(d);
	window[id] = fake_alloc(d);
	fake_frame(first_root[id])[1] = l3 << PAGE_SHIFT | RW;
	fake_frame(first_root[id])[511] = empty << PAGE_SHIFT | RW;
	fake_frame(l3)[0] = l2 << PAGE_SHIFT | RW;
	fake_frame(l2)[0] = window[id] << PAGE_SHIFT | RW;
}

static void domain_prepare(u32 id)
{
	struct domain *d = fake_domain(id);
	mfn_t grants;

	half_make(id);
	BUG_ON(page_pin(mfn_page(MFN(first_root[id])), d, PAGE_L4));
	BUG_ON(grants_frame(d, 0, &grants));
	grant_frame[id] = grants.n;
	for (u32 i = 0; i < 3; i++) {
		fifo_frame[id][i] = fake_alloc(d);
	}
	for (u32 v = 0; v < machine_vcpus; v++) {
		fake_run(v, d->vcpu[v]);
		BUG_ON(root_set(d->vcpu[v], MFN(first_root[id])));
		d->vcpu[v]->info->evtchn_upcall_mask = 1;
	}
	for (u32 f = id * 16; f < id * 16 + 16; f++) {
		u64 *words;

		machine_mfn[f] = fake_alloc(d);
		words = fake_frame(machine_mfn[f]);
		if (m_is_root_frame(f)) {
			words[1] = fake_frame(first_root[id])[1];
			words[511] = fake_frame(first_root[id])[511];
		}
	}
}

// No other frame is free: one that comes is one of ours that went.
static void frames_hoard(void)
{
	for (u32 order = ORDER_MAX + 1; order--;) {
		while (blocks_take(partition_default, order, 0)) {
		}
	}
}

void machine_begin(void)
{
	fake_init(machine_domains);
	limit_work = limit_slices = ~0ull;
	for (u32 id = 0; id < machine_domains; id++) {
		domain_prepare(id);
	}
	frames_hoard();
}

// dom0's frames of the FIFO form are let go, which other domains' are when
// those go, in slices. What is left of them is what dom0 maps.
void machine_end(void)
{
	struct evtchn_reset reset = {.dom = DOMID_SELF};

	fake_run(0, dom0->vcpu[0]);
	BUG_ON(fake_hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_reset,
			      (u64)&reset, 0, 0));
	for (u32 i = 1; i < FAKE_CPUS; i++) {
		cpus[i]->current = cpus[i]->idle;
	}
	for (u32 id = 1; id < machine_domains; id++) {
		fake_work = 20;
		fake_domain_destroy(fake_domain(id));
		fake_work = FAKE_ENDLESS;
	}
	for (u32 f = 0; f < FAKE_HEAP; f++) {
		const struct page *p = mfn_page(MFN(f));

		if ((p->state & PAGE_REFS_MASK) && p->owner &&
		    p->owner < FAKE_DOMAINS && (p->state & PAGE_ALLOCATED)) {
			machine_differs(~0u, "left over", f, p->owner, 0, 1);
		}
	}
	if (!machine_sound()) {
		machine_differs(~0u, "audit at the end", 0, 0, 0, 1);
	}
}

void machine_switch(uint32_t d, uint32_t vcpu)
{
	fake_run(vcpu, fake_domain(d)->vcpu[vcpu]);
}

// --- what it shows -----------------------------------------------------------

uint64_t machine_window_maddr(uint32_t d, uint32_t w)
{
	return window[d] << PAGE_SHIFT | w * 8;
}

uint64_t machine_window_va(uint32_t d, uint32_t w)
{
	return REGION + w * PAGE_SIZE;
}

uint64_t machine_first_root(uint32_t d)
{
	return first_root[d];
}

uint64_t *machine_mapped(uint32_t w, uint32_t f)
{
	return fake_frame(machine_mfn[f]);
}

struct shared_info *machine_shared(uint32_t d)
{
	return fake_domain(d)->shared;
}

uint64_t machine_fifo_mfn(uint32_t d, uint32_t i)
{
	return fifo_frame[d][i];
}

void *machine_fifo_page(uint32_t d, uint32_t i)
{
	return fake_frame(fifo_frame[d][i]);
}

struct grant_entry_v1 *machine_grants(uint32_t d)
{
	return (void *)fake_frame(grant_frame[d]);
}

uint32_t machine_ref_first(void)
{
	return 0;
}

uint32_t machine_frame_of(uint64_t mfn)
{
	for (u32 f = 0; f < machine_domains * 16; f++) {
		if (machine_mfn[f] == mfn) {
			return f;
		}
	}
	return M_FRAMES;
}

// --- calls -------------------------------------------------------------------

void machine_limit(uint32_t work, uint32_t slices)
{
	limit_work = work;
	limit_slices = slices;
}

// The rest of an interrupted batch: see call/mmu.h.
#define PREEMPTED 0x80000000u

struct machine_result machine_call(uint32_t nr, uint64_t a0, uint64_t a1,
				   uint64_t a2, uint64_t a3)
{
	struct machine_result r = {
	    fake_call(nr, a0, a1, a2, a3, limit_work, limit_slices),
	    fake_continued.again, false, 0};

	limit_work = limit_slices = ~0ull;
	r.sliced = fake_slices > 1;
	if (r.again) {
		r.left = (u32)fake_continued.args[1] & ~PREEMPTED;
		if (!r.left) {
			r.rc = (s32)fake_continued.args[3];
		}
	}
	fake_settle();
	return r;
}

// --- comparing ---------------------------------------------------------------

static u32 validity(const struct page *p)
{
	switch ((p->state & PAGE_VALID_MASK) >> PAGE_VALID_SHIFT) {
	case 2:
		return p->flags & PAGE_F_LETGO	  ? M_LETGO
		       : p->flags & PAGE_F_FAILED ? M_FAILED
						  : M_UP;
	case 3:
		return M_VALID;
	default:
		return M_NOT;
	}
}

void machine_look(struct model *m)
{
	for (u32 f = 0; f < machine_domains * 16; f++) {
		const struct page *p = mfn_page(MFN(machine_mfn[f]));
		u32 how = validity(p);

		m->stopped[f] = how >= M_UP ? (u8)how : 0;
		m->stopped_type[f] = (u8)page_type_now(p);
		m->stopped_at[f] = p->partial;
	}
}

static bool frame_agrees(const struct m_frame *f, const struct page *p)
{
	u64 refs = (p->state & PAGE_REFS_MASK) / PAGE_REF_ONE;
	u64 types = p->state & PAGE_TYPES_MASK;

	if (!f->refs || !refs) {
		return f->refs == refs;
	}
	return p->owner == f->owner && refs == f->refs && types == f->types &&
	       !(p->state & PAGE_ALLOCATED) == !f->allocated &&
	       !(p->state & PAGE_PINNED) == !f->pinned &&
	       (!types ||
		(page_type_now(p) == f->type && validity(p) == f->valid &&
		 (f->valid < M_UP || p->partial == f->at)));
}

static void frame_print(u32 i, const struct m_frame *f, const struct page *p)
{
	printf("  frame %u (mfn %lx): model owner %u refs %u types %u type %u "
	       "valid %u at %u pinned %u allocated %u\n"
	       "      the code: owner %u state %lx flags %x partial %u\n",
	       i, machine_mfn[i], f->owner, f->refs, f->types, f->type,
	       f->valid, f->at, f->pinned, f->allocated, p->owner, p->state,
	       p->flags, p->partial);
}

bool machine_agrees(const struct model *m)
{
	for (u32 f = 0; f < machine_domains * 16; f++) {
		if (!frame_agrees(&m->frame[f],
				  mfn_page(MFN(machine_mfn[f])))) {
			return false;
		}
	}
	return true;
}

bool machine_sound(void)
{
	return !page_audit() && !fake_tlb_wrong() && !fake_mapped;
}

static void words_print(u32 f)
{
	const u64 *words = fake_frame(machine_mfn[f]);

	printf("  %u:", f);
	for (u32 i = 0; i < M_WORDS; i++) {
		printf(" %lx=%lx", ops_model.frame[f].word[i],
		       words[M_SLOT0 + i]);
	}
	printf(" home %u=%lx state %lx\n", ops_model.frame[f].home, words[1],
	       mfn_page(MFN(machine_mfn[f]))->state);
}

void machine_said(uint32_t step, uint32_t d, const char *what, uint32_t a,
		  uint32_t b, long found)
{
	if (host_traces) {
		printf("# %u d%u: %s (%u, %u) %ld\n", step, d, what, a, b,
		       found);
	}
}

void machine_differs(uint32_t step, const char *what, uint32_t a, uint32_t b,
		     long expected, long found)
{
	host_differences++;
	if (host_quiet) {
		return;
	}
	printf("step %d: %s (%u, %u): the model says %ld, the code %ld\n",
	       (int)step, what, a, b, expected, found);
	for (u32 f = 0; f < machine_domains * 16; f++) {
		const struct page *p = mfn_page(MFN(machine_mfn[f]));

		if (host_traces) {
			words_print(f);
		}
		if (step != ~0u && !frame_agrees(&ops_model.frame[f], p)) {
			frame_print(f, &ops_model.frame[f], p);
		}
	}
	fake_verbose = true;
	(void)page_audit();
	fake_verbose = false;
	fflush(stdout);
}
