// SPDX-License-Identifier: MIT
// Claim: the reference model (tests/model) predicts what the hypervisor does.
//
// More than 100,000 operations, in sequences that each begin afresh: page table
// updates by every call, pins, roots, frames given back and got, grants to
// itself, event channels to itself. Before each the model says what the result
// will be; a difference is printed, and ends its sequence. The sums are of all
// results. The same sequences run on the fake machine
// (tests/unit/model_test.c).
#include "ipc.h"

#include "../../model/machine.h"

#define SEQUENCES 480
#define STEPS 250
#define CHUNK 40
#define POOL 16
#define WINDOW (REGION_KERNEL + 0x40000000UL)
#define SCRATCH (M_WINDOW - 1)
#define DIFFERENCES_MAX 12
#define SAID 24

uint32_t machine_domains = 1, machine_vcpus = 1;
const bool machine_populates = false, machine_fifo = false;
uint64_t machine_mfn[M_FRAMES];
uint64_t machine_mfn_hole = 0xfeb00, machine_mfn_hypervisor;

static u64 sequence, first_root, half[2], window_l1;
static unsigned int differences;

// --- the machine -------------------------------------------------------------

void machine_switch(uint32_t d, uint32_t vcpu)
{
}

uint64_t machine_window_maddr(uint32_t d, uint32_t w)
{
	return window_l1 + w * 8;
}

uint64_t machine_window_va(uint32_t d, uint32_t w)
{
	return WINDOW + w * PAGE_SIZE;
}

uint64_t machine_first_root(uint32_t d)
{
	return first_root;
}

uint64_t *machine_mapped(uint32_t w, uint32_t f)
{
	return (u64 *)machine_window_va(0, w);
}

struct shared_info *machine_shared(uint32_t d)
{
	return shared_info;
}

uint64_t machine_fifo_mfn(uint32_t d, uint32_t i)
{
	return 0;
}

void *machine_fifo_page(uint32_t d, uint32_t i)
{
	return NULL;
}

struct grant_entry_v1 *machine_grants(uint32_t d)
{
	return grant_table + machine_ref_first();
}

// Each sequence has its own for a while: one that stays in use, where something
// went wrong, is not met again soon.
uint32_t machine_ref_first(void)
{
	return sequence % (512 / M_REFS) * M_REFS;
}

struct machine_result machine_call(uint32_t nr, uint64_t a0, uint64_t a1,
				   uint64_t a2, uint64_t a3)
{
	return (struct machine_result){.rc = hypercall(nr, a0, a1, a2, a3, 0)};
}

void machine_limit(uint32_t work, uint32_t slices)
{
}

void machine_look(struct model *m)
{
}

bool machine_agrees(const struct model *m)
{
	return true;
}

bool machine_sound(void)
{
	return true;
}

uint32_t machine_frame_of(uint64_t mfn)
{
	return M_FRAMES;
}

// The last results are kept for who wants to know how a difference came about.
static struct {
	u32 step, a, b;
	const char *what;
	long found;
} said[SAID];
static u32 said_count;

void machine_said(uint32_t step, uint32_t d, const char *what, uint32_t a,
		  uint32_t b, long found)
{
	u32 i = said_count++ % SAID;

	said[i].step = step;
	said[i].a = a;
	said[i].b = b;
	said[i].what = what;
	said[i].found = found;
}

static void said_print(void)
{
	for (u32 n = said_count > SAID ? said_count - SAID : 0; n < said_count;
	     n++) {
		u32 i = n % SAID;

		printf("(d0)   step %u: %s (%u, %u) %lx\n", said[i].step,
		       said[i].what, said[i].a, said[i].b, said[i].found);
	}
	said_count = 0;
}

void machine_differs(uint32_t step, const char *what, uint32_t a, uint32_t b,
		     long expected, long found)
{
	if (differences++ < DIFFERENCES_MAX) {
		printf("(d0) sequence %lu step %u: %s (%u, %u): the model says "
		       "%lx, the hypervisor %lx\n",
		       sequence, step, what, a, b, expected, found);
		said_print();
	}
}

// --- a sequence's beginning and end ------------------------------------------

static long window_set(u32 w, u64 pte)
{
	return hv_update_va_mapping(machine_window_va(0, w), pte, UVMF_INVLPG);
}

// Frames of the pool that are gone are replaced; all are cleared.
void machine_begin(void)
{
	for (u32 f = 0; f < POOL; f++) {
		u64 *words = machine_mapped(SCRATCH, f);

		if (mmuext(MMUEXT_CLEAR_PAGE, machine_mfn[f], 0) ||
		    window_set(SCRATCH, pte_of(machine_mfn[f], PTE_DATA))) {
			PANIC("frame %u is not mine", f);
		}
		if (m_is_root_frame(f)) {
			words[1] = half[0];
			words[511] = half[1];
		}
		window_set(SCRATCH, 0);
	}
	memset(machine_grants(0), 0, M_REFS * sizeof(grant_table[0]));
}

// The use of a grant ends, wherever its entry went: make it again first.
static void handle_end(u32 i, const struct m_handle *h)
{
	const struct m_grant *g = &ops_model.domain[0].grant[h->ref];
	struct gnttab_unmap_grant_ref op = {
	    .host_addr = h->pte ? machine_window_maddr(0, SCRATCH)
				: machine_window_va(0, SCRATCH),
	    .handle = ops_handle(0, i),
	};

	window_set(SCRATCH, pte_of(machine_mfn[g->used_frame],
				   h->read_only ? PTE_RO : PTE_DATA));
	if (hv_grant_op(GNTTABOP_unmap_grant_ref, &op, 1) || op.status) {
		machine_differs(STEPS, "a use of a grant stays", i, h->ref, 0,
				op.status);
	}
}

static void frame_replace(u32 f)
{
	xen_pfn_t mfn = 0;
	struct xen_memory_reservation r = {.nr_extents = 1,
					   .domid = DOMID_SELF};

	set_xen_guest_handle(r.extent_start, &mfn);
	if (hv_memory_op(XENMEM_increase_reservation, &r) != 1) {
		PANIC("no frame to be had");
	}
	machine_mfn[f] = mfn;
}

void machine_end(void)
{
	mmuext(MMUEXT_NEW_BASEPTR, first_root, 0);
	mmuext(MMUEXT_NEW_USER_BASEPTR, 0, 0);
	for (u32 f = 0; f < POOL; f++) {
		mmuext(MMUEXT_UNPIN_TABLE, machine_mfn[f], 0);
	}
	for (u32 w = 0; w < M_WINDOW; w++) {
		window_set(w, 0);
	}
	for (u32 i = 0; i < M_HANDLES; i++) {
		const struct m_handle *h = &ops_model.domain[0].handle[i];

		if (h->used) {
			handle_end(i, h);
		}
	}
	window_set(SCRATCH, 0);
	for (u32 ref = 0; ref < M_REFS; ref++) {
		u16 in_use = GTF_reading | GTF_writing;

		if (machine_grants(0)[ref].flags & in_use) {
			machine_differs(STEPS, "a grant remains in use", ref, 0,
					0, machine_grants(0)[ref].flags);
		}
	}
	for (u32 i = 0; i < M_PORTS; i++) {
		if (ops_model.domain[0].port[i].state) {
			event_set_mask(ops_port(0, i), false);
			event_close(ops_port(0, i));
		}
	}
	vcpu_info()->evtchn_upcall_pending = 0;
	vcpu_info()->evtchn_pending_sel = 0;
	for (u32 f = 0; f < POOL; f++) {
		if (!ops_model.frame[f].allocated) {
			frame_replace(f);
		}
	}
}

static void prepare(void)
{
	u64 *root = (u64 *)start_info->pt_base;

	first_root = virt_to_mfn(root);
	window_l1 = maddr_of(pte_make(WINDOW, 1));
	grant_init();
	half[0] = root[REGION_KERNEL >> 39];
	half[1] = root[511];
	for (int slot = 271; slot > 257 && !machine_mfn_hypervisor; slot--) {
		machine_mfn_hypervisor = (root[slot] & PTE_FRAME) >> PAGE_SHIFT;
	}
	for (u32 f = 0; f < POOL; f++) {
		void *page = page_alloc();

		machine_mfn[f] = virt_to_mfn(page);
		hv_update_va_mapping((u64)page, 0, UVMF_INVLPG);
	}
	// Does this hypervisor mark entries?
	window_set(SCRATCH, pte_of(machine_mfn[0], PTE_DATA));
	ops_model.xen = *pte_find(machine_window_va(0, SCRATCH), 1) & PTE_G;
	window_set(SCRATCH, 0);
	memset(shared_info->evtchn_mask, 0, sizeof(shared_info->evtchn_mask));
	hv_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);
}

int guest_main(void)
{
	u64 steps = 0, before = 0, linear = 0;

	prepare();
	for (sequence = 0; sequence < SEQUENCES; sequence++) {
		steps += ops_run(NULL, 0, sequence + 1, STEPS);
		linear += ops_model.linear;
		if (sequence % CHUNK == CHUNK - 1) {
			printf("sequences to %lu: %lu operations, sum %08x\n",
			       sequence + 1, steps - before, ops_sum);
			before = steps;
			ops_sum = 0;
		}
	}
	printf("%lu sequences ended where a linear table was tried\n", linear);
	ok(steps >= 100000, "at least 100,000 operations");
	printf("not as the model says: %u\n", differences);
	return failed_count != 0;
}
