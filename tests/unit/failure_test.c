// SPDX-License-Identifier: MIT
// Every allocation made to fail in turn: a scenario is run with its first
// allocation failing, then with its second, and so on until none fails any
// more. It goes on after each failure, as a guest does; then everything is
// destroyed, and nothing may be left: no block of the heap, no frame, no count.
#include <wabe/errno.h>
#include <wabe/grant.h>
#include <wabe/hypercall.h>

#include <public/wabe.h>
#include <xen/domctl.h>
#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xen/vcpu.h>

#include "mm_machine.h"

#define VICTIM 2u // the domain that comes and goes

// Linked in the place of frames_alloc() (--wrap).
struct page *__real_frames_alloc(struct domain *d, u32 order, u32 bits,
				 u32 flags);
struct page *__wrap_frames_alloc(struct domain *d, u32 order, u32 bits,
				 u32 flags);

struct page *__wrap_frames_alloc(struct domain *d, u32 order, u32 bits,
				 u32 flags)
{
	return fake_allocation_fails()
		   ? NULL
		   : __real_frames_alloc(d, order, bits, flags);
}

static u32 failures; // errors that the scenario saw
static bool warm;    // it ran before on this machine

static void tried(long rc)
{
	failures += rc != 0;
}

static long event_op(u32 cmd, void *arg)
{
	return fake_hypercall(__HYPERVISOR_event_channel_op, cmd, (u64)arg, 0,
			      0);
}

static long grant_op(u32 cmd, void *arg)
{
	return fake_hypercall(__HYPERVISOR_grant_table_op, cmd, (u64)arg, 1, 0);
}

static u64 frame_of(struct domain *d)
{
	struct page *p = __wrap_frames_alloc(d, 0, 0, 0);

	failures += !p;
	return p ? page_mfn(p).n : 0;
}

// --- scenarios: the domain `d` is new and current ----------------------------

static void nothing(struct domain *d)
{
}

static void many_ports(struct domain *d)
{
	for (u32 i = 0; i < 300; i++) {
		struct evtchn_alloc_unbound alloc = {.dom = DOMID_SELF};

		tried(event_op(EVTCHNOP_alloc_unbound, &alloc));
	}
}

static void fifo(struct domain *d)
{
	u64 control = frame_of(d), array = frame_of(d);

	for (u32 v = 0; v < 2; v++) {
		struct evtchn_init_control init = {
		    .control_gfn = control, .vcpu = v, .offset = v * 128};

		tried(event_op(EVTCHNOP_init_control, &init));
	}
	for (u32 i = 0; i < 3; i++) {
		struct evtchn_expand_array expand = {.array_gfn = array};
		struct evtchn_alloc_unbound alloc = {.dom = DOMID_SELF};

		tried(event_op(EVTCHNOP_expand_array, &expand));
		tried(event_op(EVTCHNOP_alloc_unbound, &alloc));
	}
}

// dom0 grants, the domain maps in its own tables.
static void grants(struct domain *d)
{
	struct gnttab_setup_table table = {.dom = DOMID_SELF, .nr_frames = 2};
	u64 list[2], mine = frame_of(d), l1 = frame_of(d);
	struct grant_entry_v1 *e;
	mfn_t m;

	*(u64 **)&table.frame_list = list;
	tried(grant_op(GNTTABOP_setup_table, &table));
	failures += table.status != 0;
	if (!l1 || page_pin(page(l1), d, PAGE_L1) ||
	    grants_frame(dom0, 0, &m)) {
		failures++;
		return;
	}
	e = (void *)fake_frame(m.n);
	for (u32 i = 0; i < 3; i++) {
		struct gnttab_map_grant_ref map = {
		    .host_addr = pte(l1, i * 8),
		    .ref = i,
		    .flags = GNTMAP_host_map | GNTMAP_contains_pte,
		};
		struct gnttab_copy copy = {
		    .source = {.u.ref = i, .domid = 0},
		    .dest = {.u.gmfn = mine, .domid = DOMID_SELF},
		    .len = 8,
		    .flags = GNTCOPY_source_gref,
		};
		u64 given = fake_alloc(dom0);

		if (!given) {
			failures++;
			continue;
		}
		e[i] = (struct grant_entry_v1){GTF_permit_access, VICTIM,
					       (u32)given};
		tried(grant_op(GNTTABOP_map_grant_ref, &map));
		failures += map.status != 0;
		tried(grant_op(GNTTABOP_copy, &copy));
		failures += copy.status != 0;
		(void)frame_drop_allocation(page(given));
	}
}

static void areas(struct domain *d)
{
	u64 info = frame_of(d);
	struct vcpu_register_vcpu_info at = {.mfn = info};

	tried(fake_hypercall(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, 0,
			     (u64)&at, 0));
}

static void memory(struct domain *d)
{
	u64 list[4] = {0};
	struct xen_memory_reservation r = {
	    .nr_extents = 4, .extent_order = 1, .domid = DOMID_SELF};
	struct xen_memory_exchange x = {
	    .in = {.nr_extents = 2, .domid = DOMID_SELF},
	    .out = {.nr_extents = 2, .domid = DOMID_SELF}};
	u64 in[2] = {frame_of(d), frame_of(d)}, out[2] = {7, 8};

	*(u64 **)&r.extent_start = list;
	failures += fake_hypercall(__HYPERVISOR_memory_op,
				   XENMEM_populate_physmap, (u64)&r, 0, 0) != 4;
	*(u64 **)&x.in.extent_start = in;
	*(u64 **)&x.out.extent_start = out;
	tried(fake_hypercall(__HYPERVISOR_memory_op, XENMEM_exchange, (u64)&x,
			     0, 0));
}

// The domain gives its vCPU 1 a context, and its vCPU 0 an area.
static void vcpus(struct domain *d)
{
	static struct vcpu_guest_context c;
	struct vcpu_register_runstate_memory_area at = {
	    .addr.h.p = (void *)fake_frame(frame_of(d))};

	memset(&c, 0, sizeof(c));
	c.flags = VGCF_in_kernel;
	c.ctrlreg[3] = frame_of(d) << PAGE_SHIFT;
	d->vcpu[1]->initialised = false;
	tried(fake_hypercall(__HYPERVISOR_vcpu_op, VCPUOP_initialise, 1,
			     (u64)&c, 0));
	tried(fake_hypercall(__HYPERVISOR_vcpu_op,
			     VCPUOP_register_runstate_memory_area, 0, (u64)&at,
			     0));
}

static long control_op(struct domain *d, u32 cmd, struct xen_domctl *op)
{
	op->cmd = cmd;
	op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	op->domain = d->id;
	return fake_hypercall(__HYPERVISOR_domctl, (u64)op, 0, 0, 0);
}

// dom0 builds the domain, as a toolstack does.
static void control(struct domain *d)
{
	static struct vcpu_guest_context c;
	struct e820_entry entry = {0, 1 << 20, E820_RAM};
	struct xen_foreign_memory_map map = {.domid = d->id,
					     .map.nr_entries = 1};
	struct xen_memory_map machine = {.nr_entries = 1};
	struct xen_domctl op = {0};

	fake_run(0, dom0->vcpu[0]);
	set_xen_guest_handle(map.map.buffer, (void *)&entry);
	set_xen_guest_handle(machine.buffer, (void *)&entry);
	tried(fake_hypercall(__HYPERVISOR_memory_op, XENMEM_set_memory_map,
			     (u64)&map, 0, 0));
	tried(fake_hypercall(__HYPERVISOR_memory_op, XENMEM_machine_memory_map,
			     (u64)&machine, 0, 0));
	memset(&c, 0, sizeof(c));
	c.flags = VGCF_in_kernel;
	c.ctrlreg[3] = frame_of(d) << PAGE_SHIFT;
	set_xen_guest_handle(op.u.vcpucontext.ctxt, (void *)&c);
	tried(control_op(d, XEN_DOMCTL_setvcpucontext, &op));
	memset(&op, 0, sizeof(op));
	set_xen_guest_handle(op.u.vcpucontext.ctxt, (void *)&c);
	tried(control_op(d, XEN_DOMCTL_getvcpucontext, &op));
}

static long partition_op(u32 cmd, struct wabe_op *op)
{
	op->cmd = cmd;
	op->version = WABE_VERSION;
	return fake_hypercall(WABE_HYPERCALL, (u64)op, 0, 0, 0);
}

static void partitions_come_and_go(struct domain *d)
{
	struct wabe_op op = {.u.partition = {.name = "red", .cpus = {3}}};
	long rc;

	fake_run(0, dom0->vcpu[0]);
	rc = partition_op(WABE_PARTITION_CREATE, &op);
	tried(rc);
	if (!rc) {
		op.u.partition.frames = 40;
		tried(partition_op(WABE_PARTITION_RESIZE, &op));
		assert_int_equal(partition_op(WABE_PARTITION_REMOVE, &op), 0);
	}
}

// --- each with each allocation failing ---------------------------------------

// Run once; true: the n-th allocation was reached.
static bool run(void (*scenario)(struct domain *d), u64 n)
{
	u64 frames = frames_free(), blocks = fake_heap_blocks();
	struct domain *d;
	bool reached;

	failures = 0;
	fake_fail_after = n;
	d = fake_domain_create(VICTIM);
	if (d) {
		fake_run(0, d->vcpu[0]);
		scenario(d);
	} else {
		failures++;
	}
	reached = fake_fail_after == ~0ull;
	fake_fail_after = ~0ull;
	assert_sound();
	fake_run(0, dom0->vcpu[0]);
	if (d) {
		fake_domain_destroy(d);
	}
	fake_settle();
	assert_null(domain_by_id(VICTIM));
	assert_int_equal(frames_free(), frames);
	// A domain's structure stays, for the next one.
	assert_true(warm ? fake_heap_blocks() == blocks
			 : fake_heap_blocks() <= blocks + 4);
	assert_sound();
	return reached;
}

static void fail_each(void (*scenario)(struct domain *d))
{
	u64 n = 0, seen = 0;
	mfn_t m;

	fake_init(1);
	// What the first domain of a machine leaves behind, and dom0's grants.
	assert_int_equal(grants_frame(dom0, 0, &m), 0);
	for (u32 i = 0; i < 2; i++) {
		warm = i;
		assert_false(run(scenario, ~0ull - 1));
		assert_int_equal(failures, 0);
	}
	while (run(scenario, n)) {
		seen += failures != 0;
		n++;
	}
	printf("# %lu allocations, %lu failures seen\n", n, seen);
	assert_true(n > 5 && seen > n / 2);
	fake_fini();
}

static void failing_nothing(void **state)
{
	fail_each(nothing);
}

static void failing_many_ports(void **state)
{
	fail_each(many_ports);
}

static void failing_fifo(void **state)
{
	fail_each(fifo);
}

static void failing_grants(void **state)
{
	fail_each(grants);
}

static void failing_areas(void **state)
{
	fail_each(areas);
}

static void failing_memory(void **state)
{
	fail_each(memory);
}

static void failing_vcpus(void **state)
{
	fail_each(vcpus);
}

static void failing_control(void **state)
{
	fail_each(control);
}

static void failing_partitions_come_and_go(void **state)
{
	fail_each(partitions_come_and_go);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(failing_nothing),
	    cmocka_unit_test(failing_many_ports),
	    cmocka_unit_test(failing_fifo),
	    cmocka_unit_test(failing_grants),
	    cmocka_unit_test(failing_areas),
	    cmocka_unit_test(failing_memory),
	    cmocka_unit_test(failing_vcpus),
	    cmocka_unit_test(failing_control),
	    cmocka_unit_test(failing_partitions_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
