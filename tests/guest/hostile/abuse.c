// SPDX-License-Identifier: MIT
// Too much of what is allowed.
#include "hostile.h"

#include <xen/io/console.h>
#include <xen/io/xs_wire.h>

// --- frames -----------------------------------------------------------------

// The upper half of the guest's memory is mapped nowhere.
static u64 *spare_list(u64 *count)
{
	*count = start_info->nr_pages / 2;
	return (u64 *)start_info->mfn_list + start_info->nr_pages - *count;
}

u64 own_mfn(struct attacker *a)
{
	u64 count, *list = spare_list(&count);

	return list[below(a, count)];
}

// Give back much of the memory and take it again, some of it twice.
void attack_memory(struct attacker *a)
{
	u64 count, *list = spare_list(&count), from = below(a, count);
	struct xen_memory_reservation r = {
	    .nr_extents = below(a, count - from) + 1,
	    .extent_order = below(a, 8) ? 0 : below(a, 12),
	    .domid = DOMID_SELF};

	set_xen_guest_handle(r.extent_start, list + from);
	if (below(a, 8)) {
		hv_memory_op(XENMEM_decrease_reservation, &r);
		hv_memory_op(XENMEM_populate_physmap, &r);
	} else {
		hv_memory_op(XENMEM_increase_reservation, &r);
	}
}

// --- processors -------------------------------------------------------------

void attack_spin(struct attacker *a)
{
	for (u32 i = 0; i < 10000; i++) {
		cpu_relax();
	}
}

// Everyone's ports: own ones come and go, those of dom0 are sent to.
void attack_events(struct attacker *a)
{
	long port = below(a, 2) ? event_bind_ipi(below(a, VCPUS))
				: event_alloc_unbound(DOMID_SELF, 0);

	for (u32 i = 0; i < 100; i++) {
		event_send(1 + below(a, 4));
		if (port > 0) {
			event_send((u32)port);
		}
	}
	if (port > 0 && below(a, 3)) {
		event_close((u32)port);
	}
}

// --- rings ------------------------------------------------------------------

void attack_rings(struct attacker *a)
{
	struct xencons_interface *console =
	    mfn_to_virt(start_info->console.domU.mfn);
	struct xenstore_domain_interface *store =
	    mfn_to_virt(start_info->store_mfn);

	for (u32 i = 0; i < 64; i++) {
		console->out[below(a, sizeof(console->out))] = random_next(a);
		store->req[below(a, sizeof(store->req))] = random_next(a);
	}
	console->out_prod = random_next(a);
	console->in_cons = random_next(a);
	store->req_prod = random_next(a);
	store->rsp_cons = random_next(a);
	event_send(start_info->console.domU.evtchn);
	event_send(start_info->store_evtchn);
}

// --- faults in what handles faults ------------------------------------------

// Ends the guest, in one way or another; the other vCPUs may be in anything.
void attack_faults(struct attacker *a)
{
	struct trap_info table[3] = {
	    {.vector = 14, .cs = FLAT_KERNEL_CS, .address = 0x1000},
	    {.vector = 13, .cs = FLAT_KERNEL_CS, .address = 0x7ffffffff000}};

	switch (below(a, 4)) {
	case 0: // a page fault handler that is not there
		hv_set_trap_table(table);
		break;
	case 1: // no stack
		asm volatile("mov $0x2000, %%rsp; ud2" ::: "memory");
		break;
	case 2: // its own callback faults
		CALL(set_callbacks, 0x1000, 0x1000, 0x1000, 0, 0);
		event_set_mask(1, false);
		vcpu_info()->evtchn_upcall_pending = 1;
		vcpu_info()->evtchn_upcall_mask = 0;
		break;
	default: // no handlers, a stack in the hypervisor
		hv_set_trap_table(NULL);
		asm volatile("movabs $0xffff830000000100, %%rsp; syscall" ::"a"(
				 (u64)__HYPERVISOR_iret)
			     : "memory");
	}
	asm volatile("movb $0, 0x1000" ::: "memory");
}

// --- two processors, one table ----------------------------------------------

static u64 *tables[5]; // an L4 with one branch; by level

void race_prepare(void)
{
	if (tables[1]) {
		return;
	}
	for (int i = 1; i <= 4; i++) {
		tables[i] = page_alloc();
		if (i > 1) {
			tables[i][3] =
			    pte_of(virt_to_mfn(tables[i - 1]), PTE_DATA);
		}
	}
	for (int i = 1; i <= 4; i++) {
		page_protect(tables[i]);
	}
}

void attack_race(struct attacker *a)
{
	u32 level = 1 + below(a, 4);
	u64 *t = tables[level], mfn = virt_to_mfn(t);

	switch (below(a, 6)) {
	case 0:
		mmuext(MMUEXT_PIN_L1_TABLE + level - 1, mfn, 0);
		break;
	case 1:
		mmuext(MMUEXT_UNPIN_TABLE, mfn, 0);
		break;
	case 2: // as another level
		mmuext(MMUEXT_PIN_L1_TABLE + below(a, 4), mfn, 0);
		break;
	case 3:
		hv_update_va_mapping((u64)t, pte_of(mfn, PTE_DATA),
				     UVMF_INVLPG | UVMF_ALL);
		break;
	case 4:
		hv_update_va_mapping((u64)t, pte_of(mfn, PTE_RO),
				     UVMF_INVLPG | UVMF_ALL);
		break;
	default:
		pte_write(&t[below(a, 8)],
			  level == 1
			      ? pte_of(own_mfn(a), below(a, 2) ? PTE_DATA : 0)
			      : pte_of(virt_to_mfn(tables[level - 1]),
				       below(a, 2) ? PTE_DATA : 0));
	}
}
