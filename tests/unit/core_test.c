// SPDX-License-Identifier: MIT
// What guests ask of the core beside page tables, through hypercalls, and what
// the hypervisor says of itself: vCPU areas and timers, event channels, the
// console, partitions, processors that vCPUs may run on.
#include <wabe/console.h>
#include <wabe/evtchn.h>
#include <wabe/paging.h>
#include <wabe/sched.h>
#include <wabe/time.h>
#include <wabe/timer.h>

#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xen/sched.h>
#include <xen/vcpu.h>

#include "mm_machine.h"

#define MS 1000000ull

static struct domain *a;
static u64 l1, area; // an L1 table at address 0, what it maps at 1 MiB

static int setup(void **state)
{
	struct tree t;

	fake_init(3);
	a = fake_domain(1);
	t = tree_make(a, 1, 0);
	l1 = t.l1[0];
	area = fake_alloc(a);
	fake_frame(l1)[256] = pte(area, RW);
	fake_run(0, a->vcpu[0]);
	assert_int_equal(root_set(a->vcpu[0], MFN(t.l4)), 0);
	return 0;
}

static int teardown(void **state)
{
	assert_sound();
	fake_run(0, dom0->vcpu[0]);
	if (fake_domain(1)) {
		fake_domain_destroy(fake_domain(1));
	}
	fake_fini();
	return 0;
}

static long vcpu_op(u32 cmd, u32 id, void *arg)
{
	return fake_hypercall(__HYPERVISOR_vcpu_op, cmd, id, (u64)arg, 0);
}

static long event_op(u32 cmd, void *arg)
{
	return fake_hypercall(__HYPERVISOR_event_channel_op, cmd, (u64)arg, 0,
			      0);
}

// --- vCPUs -------------------------------------------------------------------

static void a_runstate_area_follows_the_vcpu(void **state)
{
	struct vcpu_register_runstate_memory_area at = {.addr.p =
							    0x100000 + 64};
	struct vcpu_runstate_info now, *seen = (void *)(fake_frame(area) + 8);

	a->vm_assist = BIT(VMASST_TYPE_runstate_update_flag);
	assert_int_equal(vcpu_op(VCPUOP_register_runstate_memory_area, 0, &at),
			 0);
	assert_int_equal(types(area), 2);
	assert_int_equal(seen->state, RUNSTATE_offline);
	fake_now += 5 * MS;
	assert_int_equal(vcpu_op(VCPUOP_get_runstate_info, 0, &now), 0);
	assert_int_equal(now.time[RUNSTATE_offline], 5 * MS);
	assert_int_equal(vcpu_cpu_time(a->vcpu[0]), 0);
	// Another takes its place: nothing of the old one is held.
	at.addr.p = 0x100000 + 512;
	assert_int_equal(vcpu_op(VCPUOP_register_runstate_memory_area, 0, &at),
			 0);
	assert_int_equal(types(area), 2);
	// Across pages, or not mapped: by address. The hypervisor's: refused.
	at.addr.p = 0x101000 - 8;
	assert_int_equal(vcpu_op(VCPUOP_register_runstate_memory_area, 0, &at),
			 0);
	assert_int_equal(types(area), 1);
	at.addr.p = HV_START + 64;
	assert_int_equal(vcpu_op(VCPUOP_register_runstate_memory_area, 0, &at),
			 -EFAULT);
	assert_int_equal(vcpu_op(VCPUOP_get_runstate_info, 0, NULL), -EFAULT);
}

// Each taking back flushes everyone.
static void a_domain_takes_only_so_many_shares(void **state)
{
	struct vcpu_register_runstate_memory_area at = {.addr.p = 0x100000};
	struct evtchn_init_control control = {.control_gfn = area};
	struct evtchn_reset reset = {.dom = DOMID_SELF};
	u32 flushes;

	for (u32 i = 0; i < 4200; i++) {
		at.addr.p = 0x100000 + i % 64 * 8;
		assert_int_equal(
		    vcpu_op(VCPUOP_register_runstate_memory_area, 0, &at), 0);
	}
	// From then on it is by address.
	assert_null(a->vcpu[0]->runstate_share);
	assert_int_equal(a->vcpu[0]->runstate_gva, at.addr.p);
	flushes = fake_flushes;
	assert_int_equal(event_op(EVTCHNOP_init_control, &control), -ENOMEM);
	assert_int_equal(event_op(EVTCHNOP_reset, &reset), 0);
	assert_int_equal(fake_flushes, flushes);
}

// A reset flushes everyone for each page it lets go; nor is that for ever.
static void resets_of_the_fifo_come_to_an_end(void **state)
{
	struct evtchn_init_control control = {.control_gfn = area};
	struct evtchn_expand_array expand = {.array_gfn = area};
	struct evtchn_reset reset = {.dom = DOMID_SELF};
	long rc = 0;
	u32 times;

	for (times = 0; times < 2100 && !rc; times++) {
		rc = event_op(EVTCHNOP_init_control, &control);
		for (u32 i = 0; i < 4 && !rc; i++) {
			rc = event_op(EVTCHNOP_expand_array, &expand);
		}
		// A slice a page, so that nobody waits for long.
		assert_int_equal(fake_call(__HYPERVISOR_event_channel_op,
					   EVTCHNOP_reset, (u64)&reset, 0, 0, 1,
					   ~0ull),
				 0);
		assert_true(rc || fake_slices >= 5);
	}
	assert_int_equal(rc, -ENOMEM);
	assert_in_range(times, 500, 1000);
}

static void vcpu_info_is_moved_once(void **state)
{
	struct vcpu_register_vcpu_info at = {.mfn = area, .offset = 64};
	struct vcpu_info *info = (void *)(fake_frame(area) + 8);
	u32 flushes;

	assert_int_equal(vcpu_op(VCPUOP_register_vcpu_info, 0, &at), 0);
	assert_ptr_equal(a->vcpu[0]->info, info);
	assert_int_equal(info->evtchn_upcall_pending, 1); // look again
	flushes = fake_flushes;
	assert_int_equal(vcpu_op(VCPUOP_register_vcpu_info, 0, &at), -EINVAL);
	assert_int_equal(fake_flushes, flushes); // all would feel it
	at.offset = 4090;
	assert_int_equal(vcpu_op(VCPUOP_register_vcpu_info, 1, &at), -ENXIO);
	at.offset = 0;
	at.mfn = l1; // a table
	assert_int_equal(vcpu_op(VCPUOP_register_vcpu_info, 1, &at), -EINVAL);
	assert_int_equal(vcpu_op(VCPUOP_register_vcpu_info, 9, &at), -ENOENT);
}

// As on Xen, commands and vCPUs' numbers have 32 bits.
static void the_upper_half_of_a_command_is_nothing(void **state)
{
	const u64 high = 1ull << 40;

	assert_int_equal(fake_hypercall(__HYPERVISOR_sched_op,
					high | SCHEDOP_yield, 0, 0, 0),
			 0);
	assert_int_equal(fake_hypercall(__HYPERVISOR_sched_op_compat,
					high | SCHEDOP_yield, 0, 0, 0),
			 0);
	assert_int_equal(fake_hypercall(__HYPERVISOR_vcpu_op,
					high | VCPUOP_is_up, high | 1, 0, 0),
			 0);
	assert_int_equal(fake_hypercall(__HYPERVISOR_vcpu_op,
					high | VCPUOP_stop_singleshot_timer, 0,
					0, 0),
			 0);
}

static void timers_raise_their_event(void **state)
{
	struct evtchn_bind_virq bind = {.virq = VIRQ_TIMER};
	struct vcpu_set_singleshot_timer once = {.timeout_abs_ns =
						     fake_now + 3 * MS};
	struct vcpu_set_periodic_timer often = {.period_ns = 999};

	assert_int_equal(event_op(EVTCHNOP_bind_virq, &bind), 0);
	assert_int_equal(vcpu_op(VCPUOP_set_singleshot_timer, 1, &once),
			 -EINVAL);
	assert_int_equal(vcpu_op(VCPUOP_set_singleshot_timer, 0, &once), 0);
	fake_now += 2 * MS;
	timers_run();
	assert_false(evtchn_is_pending(a, bind.port));
	fake_now += MS;
	timers_run();
	assert_true(evtchn_is_pending(a, bind.port));
	assert_false(timer_is_set(&a->vcpu[0]->singleshot));
	assert_int_equal(vcpu_op(VCPUOP_set_periodic_timer, 0, &often),
			 -EINVAL);
	often.period_ns = ~0ull; // and no overflow (XSA-20)
	assert_int_equal(vcpu_op(VCPUOP_set_periodic_timer, 0, &often),
			 -EINVAL);
	often.period_ns = 2 * MS;
	assert_int_equal(vcpu_op(VCPUOP_set_periodic_timer, 0, &often), 0);
	assert_true(timer_is_set(&a->vcpu[0]->periodic));
	timer_set_on(&a->vcpu[0]->periodic, fake_now + 2 * MS, 2);
	assert_int_equal(a->vcpu[0]->periodic.cpu, 2);
	assert_true(timer_is_set(&a->vcpu[0]->periodic));
	assert_int_equal(vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL), 0);
	assert_false(timer_is_set(&a->vcpu[0]->periodic));
	assert_int_equal(vcpu_op(VCPUOP_stop_singleshot_timer, 0, NULL), 0);
}

static void a_vcpu_runs_where_it_may(void **state)
{
	struct vcpu *v = a->vcpu[1];
	struct cpumask none = {{0}}, third = {{BIT(2)}};

	fake_run(0, dom0->vcpu[0]);
	assert_int_equal(sched_set_affinity(v, &none, NULL), -EINVAL);
	assert_int_equal(sched_set_affinity(v, &third, &third), 0);
	v->kernel_root = v->user_root = hv_root;
	v->offline = 0;
	v->initialised = true;
	domain_unpause(a);
	assert_int_equal(v->processor, 2);
	assert_true(cpus[2]->work & WORK_SCHED);
	sched_dump();
	fake_run(2, cpus[2]->idle);
	sched_run();
	assert_ptr_equal(current_vcpu(), v);
	assert_int_equal(v->runstate.state, RUNSTATE_running);
	// Somewhere else now: it leaves, and is woken there.
	third.bits[0] = BIT(3);
	assert_int_equal(sched_set_affinity(v, &third, NULL), 0);
	sched_run();
	assert_ptr_not_equal(current_vcpu(), v);
	assert_int_equal(v->processor, 3);
	fake_run(3, cpus[3]->idle);
	sched_run();
	assert_ptr_equal(current_vcpu(), v);
	vcpu_yield();
	vcpu_block();
	sched_run();
	assert_true(vcpu_is_idle(current_vcpu()));
	assert_int_equal(v->runstate.state, RUNSTATE_blocked);
	v->kernel_root = v->user_root = 0;
	domain_pause(a);
	fake_run(0, dom0->vcpu[0]);
}

// --- events ------------------------------------------------------------------

static void ports_answer_for_themselves(void **state)
{
	struct evtchn_bind_pirq pirq = {.pirq = 3};
	struct evtchn_status s = {.dom = DOMID_SELF};
	struct evtchn_alloc_unbound for_me = {.dom = DOMID_SELF,
					      .remote_dom = DOMID_SELF};
	struct evtchn_bind_ipi ipi = {.vcpu = 1};
	struct evtchn_set_priority priority = {.port = 1, .priority = 3};
	struct evtchn_reset reset = {.dom = 2};

	assert_int_equal(event_op(EVTCHNOP_bind_pirq, &pirq), -EPERM);
	assert_int_equal(event_op(EVTCHNOP_reset, &reset), -EPERM);
	assert_int_equal(event_op(EVTCHNOP_alloc_unbound, &for_me), 0);
	assert_int_equal(event_op(EVTCHNOP_set_priority, &priority), -ENOSYS);
	fake_run(0, dom0->vcpu[0]);
	assert_int_equal(event_op(EVTCHNOP_bind_pirq, &pirq), 0);
	s.port = pirq.port;
	assert_int_equal(event_op(EVTCHNOP_status, &s), 0);
	assert_int_equal(s.status, EVTCHNSTAT_pirq);
	assert_int_equal(s.u.pirq, 3);
	assert_int_equal(event_op(EVTCHNOP_bind_ipi, &ipi), 0);
	s.port = ipi.port;
	assert_int_equal(event_op(EVTCHNOP_status, &s), 0);
	assert_int_equal(s.status, EVTCHNSTAT_ipi);
	assert_int_equal(s.vcpu, 1);
	pirq.pirq = 99;
	assert_int_equal(event_op(EVTCHNOP_bind_pirq, &pirq), -EINVAL);
	assert_int_equal(event_op(EVTCHNOP_reset, &reset), 0); // paused
	assert_int_equal(event_op(99, &s), -ENOSYS);
	assert_int_equal(event_op(EVTCHNOP_status, NULL), -EFAULT);
	evtchn_dump(dom0);
	s.port = 4000;
	assert_int_equal(event_op(EVTCHNOP_status, &s), -EINVAL);
}

// --- the console -------------------------------------------------------------

static void the_ring_keeps_what_was_said_last(void **state)
{
	char text[64];
	u32 index = ~0u;
	size_t n;

	fake_run(0, dom0->vcpu[0]);
	console_ring_clear();
	printk("one\ntwo %u\n", 2u);
	n = console_ring_read(text, sizeof(text) - 1, &index);
	text[n] = 0;
	assert_string_equal(text, "(XEN) one\n(XEN) two 2\n");
	n = console_ring_read(text, sizeof(text), &index);
	assert_int_equal(n, 0);
	for (u32 i = 0; i < 3000; i++) {
		printk("line %u", i); // more than it holds
	}
	n = console_ring_read(text, 5, &index);
	assert_int_equal(n, 5);
	console_ring_clear();
	index = ~0u;
	assert_int_equal(console_ring_read(text, 5, &index), 0);
}

static void what_is_typed_reaches_dom0(void **state)
{
	char text[8];

	fake_run(0, dom0->vcpu[0]);
	for (const char *c = "a\001b"; *c; c++) {
		console_input(*c);
	}
	assert_int_equal(
	    fake_hypercall(__HYPERVISOR_console_io, 1, 8, (u64)text, 0), 3);
	assert_memory_equal(text, "a\001b", 3);
	for (const char *c = "\001\001\001hzqmreiA"; *c; c++) {
		console_input(*c); // debug keys now
	}
	assert_int_equal(console_input_take(text, sizeof(text)), 0);
	for (const char *c = "\001\001\001x"; *c; c++) {
		console_input(*c);
	}
	assert_int_equal(console_input_take(text, sizeof(text)), 1);
	assert_int_equal(
	    fake_hypercall(__HYPERVISOR_console_io, 0, 3, (u64) "abc", 0), 0);
	fake_run(0, a->vcpu[0]);
	assert_int_equal(
	    fake_hypercall(__HYPERVISOR_console_io, 0, 3, (u64) "abc", 0),
	    -EPERM);
}

static void a_guest_cannot_flood_the_console(void **state)
{
	char text[2048];
	u32 index = ~0u;
	size_t lines = 0;

	fake_now += 100000 * MS;
	console_ring_clear();
	for (u32 i = 0; i < 1000; i++) {
		log_guest("again");
	}
	for (size_t n = console_ring_read(text, sizeof(text), &index); n--;) {
		lines += text[n] == '\n';
	}
	assert_in_range(lines, 1, 12);
}

// --- memory ------------------------------------------------------------------

static long reserve(u32 op, u64 *list, u32 order, u64 extents)
{
	struct xen_memory_reservation r = {
	    .nr_extents = extents, .extent_order = order, .domid = DOMID_SELF};

	set_xen_guest_handle(r.extent_start, list);
	return fake_hypercall(__HYPERVISOR_memory_op, op, (u64)&r, 0, 0);
}

static long exchange(u64 mfn)
{
	struct xen_memory_exchange x = {
	    .in = {.nr_extents = 1, .domid = DOMID_SELF},
	    .out = {.nr_extents = 1, .domid = DOMID_SELF},
	};
	u64 out = 1;

	set_xen_guest_handle(x.in.extent_start, (xen_pfn_t *)&mfn);
	set_xen_guest_handle(x.out.extent_start, (xen_pfn_t *)&out);
	return fake_hypercall(__HYPERVISOR_memory_op, XENMEM_exchange, (u64)&x,
			      0, 0);
}

static void what_the_hypervisor_shares_is_not_given_away(void **state)
{
	u64 shared = heap_mfn(a->shared).n, theirs = fake_alloc(dom0);
	struct gnttab_transfer transfer = {.mfn = area};

	assert_int_equal(reserve(XENMEM_decrease_reservation, &shared, 0, 1),
			 0);
	assert_int_equal(exchange(shared), -EINVAL);
	assert_int_equal(reserve(XENMEM_decrease_reservation, &theirs, 0, 1),
			 0);
	assert_int_equal(exchange(theirs), -EINVAL);
	assert_int_equal(refs(theirs), 1);
	// A frame in use: mapped, or a table (XSA-287).
	assert_int_equal(exchange(area), -EINVAL);
	assert_int_equal(exchange(l1), -EINVAL);
	// Nor does any frame go to another domain (XSA-214, XSA-217).
	assert_int_equal(fake_hypercall(__HYPERVISOR_grant_table_op,
					GNTTABOP_transfer, (u64)&transfer, 1,
					0),
			 0);
	assert_int_equal(transfer.status, GNTST_general_error);
	assert_int_equal(page(area)->owner, a->id);
	assert_true(frame_drop_allocation(page(theirs)));
}

static void a_domain_takes_no_more_than_its_limit(void **state)
{
	u64 list[8] = {0};
	struct xen_memory_reservation on_demand = {
	    .nr_extents = 1,
	    .mem_flags = XENMEMF_populate_on_demand,
	    .domid = DOMID_SELF};

	a->pages_max = a->pages + 3;
	assert_int_equal(reserve(XENMEM_populate_physmap, list, 0, 8), 3);
	assert_int_equal(a->pages, a->pages_max);
	assert_int_equal(reserve(XENMEM_increase_reservation, list, 0, 1), 0);
	assert_int_equal(reserve(XENMEM_decrease_reservation, list, 0, 1), 1);
	assert_int_equal(reserve(XENMEM_populate_physmap, list, 1, 1), 0);
	assert_int_equal(reserve(XENMEM_populate_physmap, list, 0, 2), 1);
	// What is for translated guests (XSA-14, XSA-507).
	a->pages_max++;
	set_xen_guest_handle(on_demand.extent_start, list);
	assert_int_equal(fake_hypercall(__HYPERVISOR_memory_op,
					XENMEM_populate_physmap,
					(u64)&on_demand, 0, 0),
			 0);
	// Orders that a shift would not survive (XSA-31).
	for (u32 order = 16; order < 256; order += 16) {
		assert_int_equal(
		    reserve(XENMEM_populate_physmap, list, order, 1), 0);
		assert_int_equal(
		    reserve(XENMEM_decrease_reservation, list, order, 1), 0);
	}
}

// A batch that is interrupted goes on at the next one, and each has its answer
// (XSA-318).
static void each_copy_of_a_batch_is_answered(void **state)
{
	static struct gnttab_copy batch[60];

	for (u32 i = 0; i < ARRAY_SIZE(batch); i++) {
		batch[i] = (struct gnttab_copy){
		    .source = {.u.gmfn = area, .domid = DOMID_SELF},
		    .dest = {.u.gmfn = area, .domid = DOMID_SELF},
		    .len = i % 7 ? 8 : 5000,
		    .status = 77,
		};
	}
	assert_int_equal(fake_call(__HYPERVISOR_grant_table_op, GNTTABOP_copy,
				   (u64)batch, ARRAY_SIZE(batch), 0, 1, ~0ull),
			 0);
	assert_true(fake_slices > 10);
	for (u32 i = 0; i < ARRAY_SIZE(batch); i++) {
		assert_int_equal(batch[i].status,
				 i % 7 ? GNTST_okay : GNTST_bad_copy_arg);
	}
}

// By the number of entries, or by the address of one.
static void descriptors_go_where_they_may(void **state)
{
	static u64 frames[32];

	assert_int_equal(fake_hypercall(__HYPERVISOR_set_gdt, (u64)frames,
					FIRST_RESERVED_GDT_ENTRY + 1, 0, 0),
			 -EINVAL);
	assert_int_equal(
	    fake_hypercall(__HYPERVISOR_set_gdt, (u64)frames, ~0u, 0, 0),
	    -EINVAL);
	assert_int_equal(fake_hypercall(__HYPERVISOR_update_descriptor,
					area << PAGE_SHIFT | 8, 0, 0, 0),
			 0);
	// Into a table, across two of them, where there is no frame.
	assert_int_equal(fake_hypercall(__HYPERVISOR_update_descriptor,
					l1 << PAGE_SHIFT, 0, 0, 0),
			 -EINVAL);
	assert_int_equal(fake_hypercall(__HYPERVISOR_update_descriptor,
					area << PAGE_SHIFT | 4, 0, 0, 0),
			 -EINVAL);
	assert_int_equal(fake_hypercall(__HYPERVISOR_update_descriptor,
					(u64)FAKE_HOLE << PAGE_SHIFT, 0, 0, 0),
			 -EINVAL);
}

// A list without an end is cut into slices.
static void a_trap_table_without_end_goes_in_slices(void **state)
{
	static struct trap_info table[3000];

	for (u32 i = 0; i < ARRAY_SIZE(table) - 1; i++) {
		table[i] = (struct trap_info){
		    .vector = (u8)i, .cs = FLAT_KERNEL_CS, .address = 0x1000};
	}
	assert_int_equal(fake_call(__HYPERVISOR_set_trap_table, (u64)table, 0,
				   0, 0, 100, ~0ull),
			 0);
	assert_true(fake_slices > 20);
	assert_int_equal(a->vcpu[0]->traps[14].address, 0x1000);
	table[5].address = 1ull << 47;
	assert_int_equal(fake_call(__HYPERVISOR_set_trap_table, (u64)table, 0,
				   0, 0, ~0ull, ~0ull),
			 -EINVAL);
}

// --- partitions --------------------------------------------------------------

static void frames_move_between_partitions(void **state)
{
	struct cpumask all = {{~0ull}};
	u64 before = frames_free();
	struct partition *p;
	u32 id;

	fake_run(0, dom0->vcpu[0]);
	assert_int_equal(partition_create("tenant", &all, &id), 0);
	assert_int_equal(partition_create("tenant", &all, &id), -EEXIST);
	p = partition_get(id);
	assert_non_null(p);
	assert_ptr_equal(partition_from(0), partition_default);
	assert_ptr_equal(partition_from(1), p);
	assert_int_equal(partition_resize(partition_default, 1), -EINVAL);
	assert_int_equal(partition_resize(p, 100000), -ENOMEM);
	assert_int_equal(partition_resize(p, 37), 0);
	assert_int_equal(partition_frames(p), 37);
	assert_int_equal(p->free, 37);
	alloc_dump();
	assert_int_equal(partition_resize(p, 11), 0);
	assert_int_equal(p->free, 11);
	while (alloc_scrub_one()) {
	}
	assert_int_equal(partition_remove(partition_default), -EINVAL);
	assert_int_equal(partition_remove(p), 0);
	assert_null(partition_get(id));
	assert_int_equal(frames_free(), before);
	assert_sound();
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(a_runstate_area_follows_the_vcpu),
	    TEST(a_domain_takes_only_so_many_shares),
	    TEST(resets_of_the_fifo_come_to_an_end),
	    TEST(vcpu_info_is_moved_once),
	    TEST(the_upper_half_of_a_command_is_nothing),
	    TEST(timers_raise_their_event),
	    TEST(a_vcpu_runs_where_it_may),
	    TEST(ports_answer_for_themselves),
	    TEST(the_ring_keeps_what_was_said_last),
	    TEST(what_is_typed_reaches_dom0),
	    TEST(a_guest_cannot_flood_the_console),
	    TEST(what_the_hypervisor_shares_is_not_given_away),
	    TEST(a_domain_takes_no_more_than_its_limit),
	    TEST(each_copy_of_a_batch_is_answered),
	    TEST(descriptors_go_where_they_may),
	    TEST(a_trap_table_without_end_goes_in_slices),
	    TEST(frames_move_between_partitions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
