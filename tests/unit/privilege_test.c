// SPDX-License-Identifier: MIT
// What is dom0's: each call that another domain may not make, made by one, on
// the fake machine. It is told so, and the domain it aimed at is as before.
#include "mm_machine.h"

#include <wabe/evtchn.h>
#include <wabe/grant.h>
#include <wabe/hypercall.h>

#include <xen/domctl.h>
#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xen/physdev.h>
#include <xen/platform.h>
#include <xen/sched.h>
#include <xen/sysctl.h>

#define DOMCTLS 90
#define SYSCTLS 32
#define PLATFORM_OPS 70
#define VICTIM 2

static struct domain *victim;
static u64 its_frame;

static int setup(void **state)
{
	fake_init(3);
	victim = fake_domain(VICTIM);
	its_frame = fake_alloc(victim);
	fake_run(0, fake_domain(1)->vcpu[0]);
	return 0;
}

static int end(void **state)
{
	bool untouched = refs(its_frame) == 1 && !victim->dying;

	fake_run(0, dom0->vcpu[0]);
	fake_fini();
	return untouched ? 0 : -1;
}

static long call(u32 nr, u64 a0, u64 a1, u64 a2, u64 a3)
{
	return fake_hypercall(nr, a0, a1, a2, a3);
}

static void control_is_dom0s(void **state)
{
	for (u32 cmd = 0; cmd < DOMCTLS; cmd++) {
		struct xen_domctl op = {.cmd = cmd,
					.interface_version =
					    XEN_DOMCTL_INTERFACE_VERSION,
					.domain = VICTIM};

		assert_int_equal(call(__HYPERVISOR_domctl, (u64)&op, 0, 0, 0),
				 -EPERM);
	}
	for (u32 cmd = 0; cmd < SYSCTLS; cmd++) {
		struct xen_sysctl op = {.cmd = cmd,
					.interface_version =
					    XEN_SYSCTL_INTERFACE_VERSION};

		assert_int_equal(call(__HYPERVISOR_sysctl, (u64)&op, 0, 0, 0),
				 -EPERM);
	}
	for (u32 cmd = 0; cmd < PLATFORM_OPS; cmd++) {
		struct xen_platform_op op = {
		    .cmd = cmd, .interface_version = XENPF_INTERFACE_VERSION};

		assert_int_equal(
		    call(__HYPERVISOR_platform_op, (u64)&op, 0, 0, 0), -EPERM);
	}
}

// A domain does not wait for, nor hold, the lock that dom0's tools need
// (XSA-492, XSA-499).
static void control_is_refused_before_its_lock(void **state)
{
	struct xen_domctl op = {.interface_version =
				    XEN_DOMCTL_INTERFACE_VERSION};

	assert_true(lock_try(&control_lock));
	assert_int_equal(
	    fake_call(__HYPERVISOR_domctl, (u64)&op, 0, 0, 0, ~0ull, 1),
	    -EPERM);
	assert_false(fake_continued.again);
	unlock(&control_lock);
}

static void devices_are_dom0s(void **state)
{
	u64 page[64] = {0};
	struct physdev_set_iopl iopl = {.iopl = 1};

	for (u32 op = PHYSDEVOP_map_pirq; op < 34; op++) {
		long rc = call(__HYPERVISOR_physdev_op, op, (u64)page, 0, 0);

		assert_true(rc == -EPERM || rc == -ENOSYS);
	}
	assert_int_equal(
	    call(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, (u64)&iopl, 0, 0),
	    0);
}

static void memory_of_others_is_theirs(void **state)
{
	xen_pfn_t frame = its_frame;
	struct xen_memory_reservation r = {.nr_extents = 1, .domid = VICTIM};
	struct xen_memory_domain q = {.domid = VICTIM};
	u64 pages = victim->pages;

	set_xen_guest_handle(r.extent_start, &frame);
	for (u32 op = XENMEM_increase_reservation;
	     op <= XENMEM_populate_physmap; op++) {
		if (op <= XENMEM_decrease_reservation ||
		    op == XENMEM_populate_physmap) {
			assert_int_equal(
			    call(__HYPERVISOR_memory_op, op, (u64)&r, 0, 0), 0);
		}
	}
	assert_int_equal(victim->pages, pages);
	assert_int_equal(call(__HYPERVISOR_memory_op,
			      XENMEM_current_reservation, (u64)&q, 0, 0),
			 -EPERM);
	r.nr_extents = 5;
	set_xen_guest_handle(r.extent_start, (xen_pfn_t *)NULL);
	assert_int_equal(
	    call(__HYPERVISOR_memory_op, XENMEM_claim_pages, (u64)&r, 0, 0),
	    -EPERM);
}

static void tables_of_others_are_theirs(void **state)
{
	struct mmu_update u = {.ptr = its_frame << PAGE_SHIFT, .val = 1};
	struct mmuext_op op = {.cmd = MMUEXT_PIN_L1_TABLE,
			       .arg1.mfn = its_frame};
	u32 foreign = (VICTIM + 1) << 16 | DOMID_SELF;

	assert_int_equal(call(__HYPERVISOR_mmu_update, (u64)&u, 1, 0, foreign),
			 -EPERM);
	assert_int_equal(call(__HYPERVISOR_mmu_update, (u64)&u, 1, 0, VICTIM),
			 -EPERM);
	assert_int_equal(call(__HYPERVISOR_mmuext_op, (u64)&op, 1, 0, VICTIM),
			 -EPERM);
	assert_int_equal(call(__HYPERVISOR_update_va_mapping_otherdomain,
			      0x1000, pte(its_frame, RW), 0, VICTIM),
			 -EPERM);
	assert_int_equal(types(its_frame), 0);
}

static void events_of_others_are_theirs(void **state)
{
	struct evtchn_alloc_unbound a = {.dom = VICTIM};
	struct evtchn_status s = {.dom = VICTIM, .port = 1};
	struct evtchn_reset r = {.dom = VICTIM};

	assert_int_equal(call(__HYPERVISOR_event_channel_op,
			      EVTCHNOP_alloc_unbound, (u64)&a, 0, 0),
			 -EPERM);
	assert_int_equal(
	    call(__HYPERVISOR_event_channel_op, EVTCHNOP_status, (u64)&s, 0, 0),
	    -EPERM);
	assert_int_equal(
	    call(__HYPERVISOR_event_channel_op, EVTCHNOP_reset, (u64)&r, 0, 0),
	    -EPERM);
}

static void grant_tables_of_others_are_theirs(void **state)
{
	xen_pfn_t frame = 7;
	struct gnttab_setup_table t = {.dom = VICTIM, .nr_frames = 1};
	struct gnttab_query_size q = {.dom = VICTIM};
	struct gnttab_get_version v = {.dom = VICTIM};

	set_xen_guest_handle(t.frame_list, &frame);
	assert_int_equal(call(__HYPERVISOR_grant_table_op, GNTTABOP_setup_table,
			      (u64)&t, 1, 0),
			 0);
	assert_int_equal(t.status, GNTST_permission_denied);
	assert_int_equal(frame, 7);
	assert_int_equal(call(__HYPERVISOR_grant_table_op, GNTTABOP_query_size,
			      (u64)&q, 1, 0),
			 0);
	assert_int_equal(q.status, GNTST_permission_denied);
	assert_int_equal(call(__HYPERVISOR_grant_table_op, GNTTABOP_get_version,
			      (u64)&v, 1, 0),
			 -EPERM);
}

static void nobody_else_is_shut_down(void **state)
{
	struct sched_remote_shutdown s = {.domain_id = VICTIM};

	assert_int_equal(
	    call(__HYPERVISOR_sched_op, SCHEDOP_remote_shutdown, (u64)&s, 0, 0),
	    -EPERM);
	assert_int_equal(call(__HYPERVISOR_console_io, 0, 4, (u64) "text", 0),
			 -EPERM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, end)
	    T(control_is_dom0s),
	    T(control_is_refused_before_its_lock),
	    T(devices_are_dom0s),
	    T(memory_of_others_is_theirs),
	    T(tables_of_others_are_theirs),
	    T(events_of_others_are_theirs),
	    T(grant_tables_of_others_are_theirs),
	    T(nobody_else_is_shut_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
