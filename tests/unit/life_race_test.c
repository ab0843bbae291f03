// SPDX-License-Identifier: MIT
// Domains come and go while others map their grants, bind to their ports and
// ask about them. When all have let go nothing is left of the dead.
#include "race.h"

#include <wabe/grant.h>
#include <wabe/sched.h>
#include <wabe/time.h>

#include <xen/event_channel.h>
#include <xen/grant_table.h>

#define OPS 600
#define FRAMES 4 // each has so many, granted; and so many ports
#define SLOTS 3
#define MAPS 32

static struct domain *user[2]; // dom0 and another, two vCPUs each
static u64 l1[2];
static u32 alive[SLOTS];		     // atomic: ids, 0 none
static u32 handles[2][MAPS], ports[2][MAPS]; // atomic; + 1; any will do
static u32 done_lives, done_maps, done_binds;

static u32 me(void)
{
	return current_domain() == user[1];
}

static domid_t any_alive(void)
{
	return (domid_t)READ_ONCE(alive[random_below(SLOTS)]);
}

static long event(u32 cmd, void *arg)
{
	return fake_hypercall(__HYPERVISOR_event_channel_op, cmd, (u64)arg, 0,
			      0);
}

// --- who makes and ends them -------------------------------------------------

static u32 begin_life(void)
{
	const struct domain_config config = {
	    .id = DOMID_INVALID,
	    .partition = partition_default,
	    .vcpus_max = FAKE_VCPUS,
	    .evtchn_max = 100,
	    .grant_frames = 1,
	    .maptrack_frames = 1,
	};
	struct grant_entry_v1 *entries;
	struct domain *d;
	mfn_t table;

	if (domain_create(&config, &d)) {
		return 0;
	}
	d->pages_max = FRAMES;
	for (u32 i = 0; i < FAKE_VCPUS; i++) {
		assert_int_equal(vcpu_create(d, i, i, NULL), 0);
	}
	// Capped, and so deep in debt that the timer of that never stops.
	assert_int_equal(sched_set_params(d, 256, 50), 0);
	d->sched.budget = -(1ll << 60);
	timer_set_on(&d->sched.refill, time_now(), random_below(FAKE_CPUS));
	assert_int_equal(grants_frame(d, 0, &table), 0);
	entries = (void *)fake_frame(table.n);
	for (u32 i = 0; i < FRAMES; i++) {
		struct evtchn_alloc_unbound a = {.dom = d->id,
						 .remote_dom = user[i % 2]->id};

		entries[i] = (struct grant_entry_v1){
		    GTF_permit_access, user[i % 2]->id, (u32)fake_alloc(d)};
		assert_int_equal(event(EVTCHNOP_alloc_unbound, &a), 0);
	}
	done_lives++;
	return d->id;
}

static void end_life(u32 id)
{
	struct domain *d = domain_get((domid_t)id);

	do {
		fake_work = random_below(40);
	} while (domain_destroy(d) == -ERESTART);
	fake_work = FAKE_ENDLESS;
	domain_put(d);
}

static void life(void)
{
	u32 *slot = &alive[random_below(SLOTS)];

	if (!*slot) {
		WRITE_ONCE(*slot, begin_life());
	} else if (!random_below(8)) {
		end_life(*slot);
		WRITE_ONCE(*slot, 0);
	}
}

// --- who uses them -----------------------------------------------------------

// Into entries of its own that are free: what is overwritten cannot be
// unmapped.
static void map(void)
{
	u32 u = me(), slot = random_below(20) * 2 + cpu_id() % 2;
	struct gnttab_map_grant_ref op = {
	    .host_addr = pte(l1[u], slot * 8),
	    .ref = random_below(FRAMES + 1),
	    .dom = any_alive(),
	    .flags = GNTMAP_host_map | GNTMAP_contains_pte |
		     (random_below(2) ? GNTMAP_readonly : 0),
	};

	if (READ_ONCE(fake_frame(l1[u])[slot])) {
		return;
	}
	(void)fake_hypercall(__HYPERVISOR_grant_table_op,
			     GNTTABOP_map_grant_ref, (u64)&op, 1, 0);
	if (!op.status) {
		WRITE_ONCE(handles[u][random_below(MAPS)], op.handle + 1);
		__atomic_add_fetch(&done_maps, 1, __ATOMIC_RELAXED);
	}
}

static void unmap_handle(u32 handle)
{
	for (u32 i = 0; i < 40; i++) {
		struct gnttab_unmap_grant_ref op = {
		    .host_addr = pte(l1[me()], i * 8), .handle = handle};

		(void)fake_hypercall(__HYPERVISOR_grant_table_op,
				     GNTTABOP_unmap_grant_ref, (u64)&op, 1, 0);
		if (op.status == GNTST_okay || op.status == GNTST_bad_handle) {
			return;
		}
	}
}

static void unmap(void)
{
	u32 handle = READ_ONCE(handles[me()][random_below(MAPS)]);

	if (handle) {
		unmap_handle(handle - 1);
	}
}

static void bind(void)
{
	struct evtchn_bind_interdomain b = {
	    .remote_dom = any_alive(), .remote_port = random_below(FRAMES + 2)};

	if (!event(EVTCHNOP_bind_interdomain, &b)) {
		WRITE_ONCE(ports[me()][random_below(MAPS)], b.local_port);
		__atomic_add_fetch(&done_binds, 1, __ATOMIC_RELAXED);
	}
}

static void use_port(void)
{
	struct evtchn_close c = {READ_ONCE(ports[me()][random_below(MAPS)])};

	(void)event(random_below(4) ? EVTCHNOP_send : EVTCHNOP_close, &c);
}

static void look(void)
{
	struct domain *d = domain_get(any_alive());

	if (d) {
		BUG_ON(!d->refs || !d->published);
		domain_put(d);
	}
	d = domain_next(2);
	if (d) {
		domain_put(d);
	}
}

static void op(void)
{
	static void (*const ops[])(void) = {map,  map,	    unmap,    unmap,
					    bind, use_port, use_port, look};

	if (cpu_id() == 0) {
		life();
	} else {
		ops[random_below(ARRAY_SIZE(ops))]();
	}
	__atomic_fetch_add(&fake_now, 1000000, __ATOMIC_SEQ_CST);
	cpu_raise(this_cpu(), WORK_TIMERS);
	fake_settle();
}

static void begin(u32 u)
{
	user[u] = fake_domain(u);
	l1[u] = fake_alloc(user[u]);
	assert_int_equal(page_pin(page(l1[u]), user[u], PAGE_L1), 0);
}

static void let_go(u32 u)
{
	struct domain *d = user[u];

	fake_run(0, d->vcpu[0]);
	for (u32 handle = 0; grants_maps(d) && handle < 1024; handle++) {
		unmap_handle(handle);
	}
	for (u32 port = 1; port < 4096; port++) {
		struct evtchn_close c = {port};

		(void)event(EVTCHNOP_close, &c);
	}
}

static void delay(void)
{
	if (!random_below(6)) {
		sched_yield();
	}
}

static void nothing_is_left_of_the_dead(void **state)
{
	u32 rounds = race_rounds(60), left = 0;

	fake_init(2);
	begin(0);
	begin(1);
	for (u32 i = 0; i < FAKE_CPUS; i++) {
		race.who[i] = user[i / 2]->vcpu[i % 2];
	}
	fake_delay = delay;
	race_run(op, rounds, OPS);
	fake_delay = NULL;
	printf("# %u lives, %u maps, %u binds\n", done_lives, done_maps,
	       done_binds);
	assert_true(done_lives > rounds && done_maps > rounds &&
		    done_binds > rounds);
	for (u32 i = 0; i < SLOTS; i++) {
		fake_run(0, dom0->vcpu[0]);
		if (alive[i]) {
			end_life(alive[i]);
		}
	}
	let_go(0);
	let_go(1);
	fake_run(0, dom0->vcpu[0]);
	for (u32 i = 0; i < FAKE_CPUS; i++) { // the reaper may be set on any
		fake_cpu = cpus[i];
		fake_cpu_id = i;
		fake_settle();
	}
	for (u32 id = 2; id < DOMID_FIRST_RESERVED; id++) {
		left += domain_by_id((domid_t)id) != NULL;
	}
	assert_int_equal(left, 0);
	fake_cpu = cpus[0];
	fake_cpu_id = 0;
	assert_int_equal(page_audit(), 0);
	fake_fini();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nothing_is_left_of_the_dead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
