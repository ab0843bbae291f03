// SPDX-License-Identifier: MIT
// Claim: every hypercall number answers nonsense with the same error.
//
// For each number from 0 to 63, and for each known sub-operation of those that
// have one, a line with what is returned for arguments that are all 0, that
// are all an address where nothing is, and that are all ones. Left out: iret
// (23), which cannot return, and whatever ends the machine when it works.
// After each call the guest's own setup (traps, callbacks) is made again.
#include "ipc.h"

#define NOWHERE 0x10UL

static long call(unsigned int nr, u64 a, u64 b, u64 c, u64 d, u64 e)
{
	long rc = hypercall(nr, a, b, c, d, e);

	trap_init();
	events_mask();
	return rc;
}

// What a number returned may be something that differs from run to run.
static const char *answer(long rc)
{
	return rc > 0 && rc > 0x100000 ? "large" : error_name(rc);
}

static void numbers(void)
{
	static const u64 values[] = {0, NOWHERE, ~0UL};

	for (unsigned int nr = 0; nr < 64; nr++) {
		if (nr == __HYPERVISOR_iret) {
			continue;
		}
		printf("call %u:", nr);
		for (unsigned int i = 0; i < ARRAY_COUNT(values); i++) {
			u64 v = values[i];

			printf(" %s", answer(call(nr, v, v, v, v, v)));
		}
		printf("\n");
	}
	for (unsigned int nr = 64; nr < 1000000; nr *= 11) {
		printf("call %u: %s\n", nr, answer(call(nr, 0, 0, 0, 0, 0)));
	}
	printf("call of all ones: %s\n", answer(call(~0u, 0, 0, 0, 0, 0)));
}

// Sub-operations whose argument is a pointer, asked with one to nowhere.
static void operations(const char *name, unsigned int nr, u32 count)
{
	for (u32 op = 0; op < count; op++) {
		printf("%s %u: %s\n", name, op,
		       answer(call(nr, op, NOWHERE, 0, 0, 0)));
	}
}

// Those of a vCPU, or a grant array: operation, number, pointer.
static void vcpu_operations(void)
{
	for (u32 op = 0; op < 16; op++) {
		printf("vcpu_op %u:", op);
		if (op != VCPUOP_down) { // which would be the end
			printf(" %s", answer(call(__HYPERVISOR_vcpu_op, op, 0,
						  NOWHERE, 0, 0)));
		}
		printf(" %s", answer(call(__HYPERVISOR_vcpu_op, op, 1, NOWHERE,
					  0, 0)));
		printf(" %s\n", answer(call(__HYPERVISOR_vcpu_op, op, 9999,
					    NOWHERE, 0, 0)));
	}
	for (u32 op = 0; op < 16; op++) {
		printf("grant_table_op %u:", op);
		printf(" %s", answer(call(__HYPERVISOR_grant_table_op, op, 0, 0,
					  0, 0)));
		printf(" %s", answer(call(__HYPERVISOR_grant_table_op, op,
					  NOWHERE, 1, 0, 0)));
		printf(" %s\n", answer(call(__HYPERVISOR_grant_table_op, op,
					    NOWHERE, ~0u, 0, 0)));
	}
}

static void sched_operations(void)
{
	for (u32 op = 0; op < 12; op++) {
		if (op == SCHEDOP_block) {
			continue; // would wait
		}
		printf(
		    "sched_op %u: %s\n", op,
		    answer(call(__HYPERVISOR_sched_op, op, NOWHERE, 0, 0, 0)));
	}
}

// Structures that carry their operation: in a page, all else 0.
static void carried(const char *name, unsigned int nr, u32 count, u32 version)
{
	static u32 page[1024] __attribute__((aligned(4096)));

	for (u32 op = 0; op < count; op++) {
		memset(page, 0, sizeof(page));
		page[0] = op;
		page[1] = version ^ 1;
		printf("%s %u, wrong version: %s\n", name, op,
		       answer(call(nr, (u64)page, 0, 0, 0, 0)));
	}
}

// VCPUOP_send_nmi may work.
static bool nmi_ignore(struct regs *regs)
{
	return regs->vector == 2;
}

int guest_main(void)
{
	trap_hook = nmi_ignore;
	numbers();
	operations("xen_version", __HYPERVISOR_xen_version, 14);
	operations("memory_op", __HYPERVISOR_memory_op, 32);
	operations("event_channel_op", __HYPERVISOR_event_channel_op, 16);
	operations("physdev_op", __HYPERVISOR_physdev_op, 34);
	operations("callback_op", __HYPERVISOR_callback_op, 4);
	operations("vm_assist", __HYPERVISOR_vm_assist, 4);
	operations("xenpmu_op", __HYPERVISOR_xenpmu_op, 8);
	sched_operations();
	vcpu_operations();
	carried("platform_op", __HYPERVISOR_platform_op, 4, 0x03000000);
	carried("domctl", __HYPERVISOR_domctl, 4, 0x15);
	carried("sysctl", __HYPERVISOR_sysctl, 4, 0x15);
	return 0;
}
