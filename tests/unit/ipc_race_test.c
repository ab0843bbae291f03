// SPDX-License-Identifier: MIT
// Several processors at the same grants and event channels at the same time:
// two vCPUs of one guest and two of another map, unmap and copy the same few
// grants, bind, send, unmask and close the same few ports. Now and then one of
// them closes all its ports and sets up the FIFO form again, while the others
// use it (XSA-343, XSA-505). When all have paused, all is counted again: frames
// by the audit, and what is in use of grants by what was mapped. MM_ROUNDS
// chooses how long.
#include "race.h"

#include <wabe/grant.h>

#include <xen/event_channel.h>
#include <xen/grant_table.h>

#define OPS 800
#define REFS 6
#define PORTS 12

static struct domain *two[2];
static u64 l1[2], data[2][REFS];
static struct grant_entry_v1 *entries[2];
static u32 ports[2][PORTS];   // atomic; any number will do
static u32 handles[2][32];    // atomic; + 1
static u64 fifo_frames[2][6]; // control blocks of two vCPUs, then arrays
static u32 done_maps, done_events, done_resets;

static u32 me(void)
{
	return current_domain() == two[1];
}

static void map(void)
{
	u32 d = me(), ref = random_below(REFS), at = random_below(32);
	struct gnttab_map_grant_ref op = {
	    .host_addr = pte(l1[d], random_below(40) * 8),
	    .ref = ref,
	    .dom = two[!d]->id,
	    .flags = GNTMAP_host_map | GNTMAP_contains_pte |
		     (random_below(2) ? GNTMAP_readonly : 0),
	};

	(void)fake_hypercall(__HYPERVISOR_grant_table_op,
			     GNTTABOP_map_grant_ref, (u64)&op, 1, 0);
	if (!op.status) {
		__atomic_store_n(&handles[d][at], op.handle + 1,
				 __ATOMIC_RELAXED);
		__atomic_add_fetch(&done_maps, 1, __ATOMIC_RELAXED);
	}
}

// Any handle at any entry: mostly not the right one, or just gone.
static void unmap(void)
{
	u32 d = me(), slot = random_below(32);
	u32 handle = __atomic_load_n(&handles[d][slot], __ATOMIC_RELAXED);

	for (u32 i = 0; handle && i < 40; i++) {
		struct gnttab_unmap_grant_ref op = {
		    .host_addr = pte(l1[d], i * 8), .handle = handle - 1};

		(void)fake_hypercall(__HYPERVISOR_grant_table_op,
				     GNTTABOP_unmap_grant_ref, (u64)&op, 1, 0);
		if (op.status == GNTST_okay || op.status == GNTST_bad_handle) {
			break;
		}
	}
}

static void copy(void)
{
	u32 d = me();
	struct gnttab_copy op = {
	    .source = {.u.ref = random_below(REFS), .domid = two[!d]->id},
	    .dest = {.u.gmfn = data[d][random_below(REFS)],
		     .domid = DOMID_SELF},
	    .len = 16,
	    .flags = GNTCOPY_source_gref,
	};

	(void)fake_hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_copy,
			     (u64)&op, 1, 0);
}

static void regrant(void)
{
	u32 d = me();
	u32 *word = (u32 *)&entries[d][random_below(REFS)];
	u32 flags = random_below(4) ? GTF_permit_access : 0;

	__atomic_store_n(word,
			 flags | (random_below(3) ? 0 : GTF_readonly) |
			     (u32)two[!d]->id << 16,
			 __ATOMIC_SEQ_CST);
}

static long event(u32 cmd, void *arg)
{
	long rc =
	    fake_hypercall(__HYPERVISOR_event_channel_op, cmd, (u64)arg, 0, 0);

	if (!rc) {
		__atomic_add_fetch(&done_events, 1, __ATOMIC_RELAXED);
	}
	return rc;
}

static u32 any_port(u32 d)
{
	return __atomic_load_n(&ports[d][random_below(PORTS)],
			       __ATOMIC_RELAXED);
}

static void open_port(void)
{
	u32 d = me(), *slot = &ports[d][random_below(PORTS)];
	struct evtchn_alloc_unbound alloc = {.dom = DOMID_SELF,
					     .remote_dom = two[!d]->id};
	struct evtchn_bind_interdomain bind = {.remote_dom = two[!d]->id,
					       .remote_port = any_port(!d)};
	struct evtchn_bind_ipi ipi = {.vcpu = random_below(2)};

	switch (random_below(3)) {
	case 0:
		if (!event(EVTCHNOP_alloc_unbound, &alloc)) {
			__atomic_store_n(slot, alloc.port, __ATOMIC_RELAXED);
		}
		break;
	case 1:
		if (!event(EVTCHNOP_bind_interdomain, &bind)) {
			__atomic_store_n(slot, bind.local_port,
					 __ATOMIC_RELAXED);
		}
		break;
	default:
		if (!event(EVTCHNOP_bind_ipi, &ipi)) {
			__atomic_store_n(slot, ipi.port, __ATOMIC_RELAXED);
		}
	}
}

static void use_port(void)
{
	struct evtchn_send send = {.port = any_port(me())};
	struct evtchn_bind_vcpu bind = {.port = send.port,
					.vcpu = random_below(2)};
	struct evtchn_status status = {.dom = DOMID_SELF, .port = send.port};
	static const u32 cmds[] = {EVTCHNOP_send, EVTCHNOP_send, EVTCHNOP_send,
				   EVTCHNOP_unmask, EVTCHNOP_close};

	if (!random_below(8)) {
		(void)event(EVTCHNOP_bind_vcpu, &bind);
	} else if (!random_below(8)) {
		(void)event(EVTCHNOP_status, &status);
	} else {
		(void)event(cmds[random_below(ARRAY_SIZE(cmds))], &send);
	}
}

// Back to 2-level, or on to FIFO.
static void begin_anew(void)
{
	u32 d = me(), v = random_below(2);
	struct evtchn_reset reset = {.dom = DOMID_SELF};
	struct evtchn_init_control init = {.control_gfn = fifo_frames[d][v],
					   .vcpu = v};
	struct evtchn_expand_array expand = {
	    .array_gfn = fifo_frames[d][2 + random_below(4)]};

	if (!random_below(8)) {
		// In slices, so that a sibling comes in between.
		if (!fake_call(__HYPERVISOR_event_channel_op, EVTCHNOP_reset,
			       (u64)&reset, 0, 0, 20, 1000)) {
			__atomic_add_fetch(&done_resets, 1, __ATOMIC_RELAXED);
		}
	} else if (random_below(2)) {
		(void)event(EVTCHNOP_init_control, &init);
	} else {
		(void)event(EVTCHNOP_expand_array, &expand);
	}
}

static void op(void)
{
	static void (*const ops[])(void) = {
	    map,      map,	unmap,	  unmap,     copy,    regrant,
	    use_port, use_port, use_port, open_port, use_port};

	if (!random_below(40)) {
		begin_anew();
		return;
	}

	ops[random_below(ARRAY_SIZE(ops))]();
}

static void begin(u32 i)
{
	mfn_t grants;

	two[i] = fake_domain(i + 1);
	fake_run(i * 2, two[i]->vcpu[0]);
	l1[i] = fake_alloc(two[i]);
	assert_int_equal(page_pin(page(l1[i]), two[i], PAGE_L1), 0);
	assert_int_equal(grants_frame(two[i], 0, &grants), 0);
	entries[i] = (void *)fake_frame(grants.n);
	for (u32 n = 0; n < ARRAY_SIZE(fifo_frames[i]); n++) {
		fifo_frames[i][n] = fake_alloc(two[i]);
	}
	for (u32 ref = 0; ref < REFS; ref++) {
		data[i][ref] = fake_alloc(two[i]);
		entries[i][ref] = (struct grant_entry_v1){
		    GTF_permit_access, (domid_t)(2 - i), (u32)data[i][ref]};
	}
}

static void racing_processors_lose_no_grant_and_no_port(void **state)
{
	u32 rounds = race_rounds(200);
	u64 free_before;

	fake_init(3);
	free_before = frames_free();
	begin(0);
	begin(1);
	for (u32 i = 0; i < FAKE_CPUS; i++) {
		race.who[i] = two[i / 2]->vcpu[i % 2];
	}
	race_run(op, rounds, OPS);
	printf("# %u maps, %u event operations, %u resets\n", done_maps,
	       done_events, done_resets);
	assert_true(done_maps > rounds * 10 && done_events > rounds * OPS / 8);
	assert_true(done_resets > rounds);
	fake_run(0, dom0->vcpu[0]);
	for (u32 i = 1; i < FAKE_CPUS; i++) {
		cpus[i]->current = cpus[i]->idle;
	}
	// Nothing keeps what they had: no pin, no port, no frame.
	fake_domain_destroy(two[0]);
	fake_domain_destroy(two[1]);
	fake_settle();
	assert_null(domain_by_id(1));
	assert_null(domain_by_id(2));
	assert_int_equal(frames_free(), free_before);
	fake_fini();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(racing_processors_lose_no_grant_and_no_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
