// SPDX-License-Identifier: MIT
// Hypercalls nobody would make, and those that somebody might.
#include "hostile.h"

#include <xen/nmi.h>

// Ends the guest, or the vCPU: left out.
static bool ends(u32 nr, u64 command)
{
	switch (nr) {
	case __HYPERVISOR_iret:
		return true;
	case __HYPERVISOR_sched_op:
	case __HYPERVISOR_sched_op_compat:
		return command != SCHEDOP_yield;
	case __HYPERVISOR_vcpu_op:
		return command == VCPUOP_down;
	}
	return false;
}

static u64 value(struct attacker *a)
{
	switch (below(a, 10)) {
	case 0:
		return 0;
	case 1:
		return ~0UL >> below(a, 64);
	case 2:
		return random_next(a) << 11 ^ random_next(a);
	case 3:
		return 1UL << below(a, 64);
	case 4:
		return 0xffff800000000000 + (below(a, 1UL << 43));
	case 5:
		return DOMID_FIRST_RESERVED + below(a, 6);
	case 6:
		return own_mfn(a) << (below(a, 2) * PAGE_SHIFT);
	case 7:
		return (u64)a->scratch + below(a, PAGE_SIZE);
	default:
		return below(a, 40);
	}
}

static void scratch_fill(struct attacker *a)
{
	for (u32 i = 0; i < 32; i++) {
		a->scratch[i] = value(a);
	}
}

// Traps, callbacks and the stack are what the guest needs to go on.
static void repair(struct attacker *a)
{
	if (a->steps % 16 == 0 && a == attackers) {
		trap_init();
		events_mask();
	}
}

void attack_random(struct attacker *a)
{
	u32 nr = below(a, 66);
	u64 command = below(a, 2) ? below(a, 32) : value(a);

	scratch_fill(a);
	if (!ends(nr, command)) {
		attack_call(a, nr, command, value(a), value(a), value(a),
			    value(a));
	}
	repair(a);
}

// Calls that carry a list: it is in scratch, `count` long.
static void lists(struct attacker *a)
{
	static const u32 numbers[] = {
	    __HYPERVISOR_mmu_update, __HYPERVISOR_mmuext_op,
	    __HYPERVISOR_grant_table_op, __HYPERVISOR_multicall};
	u32 nr = numbers[below(a, ARRAY_COUNT(numbers))];
	u64 list = (u64)a->scratch, count = below(a, 8);

	if (nr == __HYPERVISOR_mmu_update) {
		for (u32 i = 0; i < 16; i += 2) {
			a->scratch[i] = own_mfn(a) << 12 | below(a, 4096);
			a->scratch[i + 1] = own_mfn(a) << 12 | below(a, 512);
		}
	}
	if (nr == __HYPERVISOR_multicall) {
		for (u32 i = 0; i < 8; i++) {
			struct multicall_entry *e =
			    &((struct multicall_entry *)list)[i];

			e->op = below(a, 48);
			e->args[0] = below(a, 12);
			e->op = ends(e->op, e->args[0]) ? 17 : e->op;
		}
	}
	if (nr == __HYPERVISOR_grant_table_op) {
		attack_call(a, nr, below(a, 13), list, count, 0, 0);
	} else {
		attack_call(a, nr, list, count, 0, DOMID_SELF, 0);
	}
}

void attack_plausible(struct attacker *a)
{
	static const u32 numbers[] = {
	    __HYPERVISOR_event_channel_op, __HYPERVISOR_memory_op,
	    __HYPERVISOR_physdev_op, __HYPERVISOR_callback_op};
	u64 mfn = own_mfn(a);

	scratch_fill(a);
	switch (below(a, 8)) {
	case 0:
	case 1:
		lists(a);
		break;
	case 2:
		mmuext(MMUEXT_PIN_L1_TABLE + below(a, 5), mfn, 0);
		break;
	case 3:
		attack_call(a, __HYPERVISOR_vcpu_op, 4 + below(a, 10),
			    below(a, VCPUS), (u64)a->scratch, 0, 0);
		break;
	case 4:
		attack_call(a, __HYPERVISOR_update_va_mapping,
			    REGION_KERNEL + below(a, 1 << 20) * PAGE_SIZE,
			    mfn << PAGE_SHIFT | below(a, 512), below(a, 8), 0,
			    0);
		break;
	case 5:
		attack_call(a, __HYPERVISOR_set_gdt, (u64)a->scratch,
			    below(a, 8200), 0, 0, 0);
		break;
	default:
		a->scratch[0] = DOMID_SELF;
		attack_call(a, numbers[below(a, ARRAY_COUNT(numbers))],
			    below(a, 30), (u64)a->scratch, 1, 0, 0);
	}
	repair(a);
}
