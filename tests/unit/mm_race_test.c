// SPDX-License-Identifier: MIT
// Several processors at the same tables at the same time: three vCPUs of one
// guest that change, pin, unpin, write and free the same few frames, and dom0,
// which pins and maps them as well. When all have paused, all is counted again.
// MM_ROUNDS chooses how long.
#include "race.h"

#include <xen/memory.h>

#define OPS 1500 // a thread's between two counts
#define TREES 2
#define L1S 3
#define DATA 4

static struct domain *a;
static struct tree trees[TREES];
static u64 data[DATA], dom0_l1;
static u32 changes; // atomic; calls that succeeded

static void changed(bool so)
{
	if (so) {
		__atomic_add_fetch(&changes, 1, __ATOMIC_RELAXED);
	}
}

static u64 any_table(u32 level)
{
	struct tree *t = &trees[random_below(TREES)];

	return level == 4   ? t->l4
	       : level == 3 ? t->l3
	       : level == 2 ? t->l2
			    : t->l1[random_below(L1S)];
}

// The tables of tree 0 stay tables: there, all meet at the same entries.
static u64 lasting_l1(void)
{
	return trees[0].l1[random_below(L1S)];
}

static u64 any_entry(u32 level)
{
	if (random_below(4) == 0) {
		return 0;
	}
	return level == 1 ? pte(random_below(6) ? data[random_below(DATA)]
						: any_table(1),
				random_below(2) ? RW : RO)
			  : pte(any_table(level - 1), RW);
}

static u64 any_work(void)
{
	return random_below(3) ? ~0ull : 1 + random_below(30);
}

static void update(void)
{
	struct mmu_update r[3];
	u32 n = 1 + random_below(3);

	for (u32 i = 0; i < n; i++) {
		u32 level = random_below(3) ? 1 : 1 + random_below(4);

		r[i].ptr = pte(level == 1 && random_below(3) ? lasting_l1()
							     : any_table(level),
			       random_below(2) * 8) |
			   (random_below(2) ? MMU_PT_UPDATE_PRESERVE_AD : 0);
		r[i].val = any_entry(level);
	}
	changed(!fake_call(__HYPERVISOR_mmu_update, (u64)r, n, 0, DOMID_SELF,
			   any_work(), ~0ull));
}

static void extend(void)
{
	static const u32 cmds[] = {
	    MMUEXT_PIN_L1_TABLE, MMUEXT_PIN_L2_TABLE, MMUEXT_PIN_L3_TABLE,
	    MMUEXT_PIN_L4_TABLE, MMUEXT_UNPIN_TABLE,  MMUEXT_UNPIN_TABLE,
	    MMUEXT_UNPIN_TABLE,	 MMUEXT_NEW_BASEPTR,  MMUEXT_NEW_USER_BASEPTR,
	};
	u32 cmd = cmds[random_below(ARRAY_SIZE(cmds))];
	struct mmuext_op op = {.cmd = cmd};
	u32 level = cmd <= MMUEXT_PIN_L4_TABLE	? cmd + 1
		    : cmd == MMUEXT_UNPIN_TABLE ? 1 + random_below(4)
						: 4;

	op.arg1.mfn =
	    level == 1 ? trees[1].l1[random_below(L1S)] : any_table(level);
	(void)fake_call(__HYPERVISOR_mmuext_op, (u64)&op, 1, 0,
			current_domain() == a ? DOMID_SELF : 1, any_work(),
			random_below(4) ? ~0ull : 1);
}

static void update_va(void)
{
	changed(
	    !fake_call(__HYPERVISOR_update_va_mapping,
		       (u64)random_below(4) << 12 | (u64)random_below(4) << 21,
		       any_entry(1), random_below(3), 0, ~0ull, ~0ull));
}

static void trap(void)
{
	u64 mfn = random_below(3) ? lasting_l1() : any_table(1), now;
	u32 i = random_below(2);
	struct pt_table t;

	if (pt_open_l1(&t, a, MFN(mfn))) {
		now = READ_ONCE(t.entries[i]);
		changed(!pt_cmpxchg_l1(&t, i, now, any_entry(1), &now));
		pt_close(&t);
	}
}

// A table that is none at the moment: the guest fills it.
static void write_table(void)
{
	u32 level = 1 + random_below(4);
	u64 mfn = any_table(level);

	if (page_get_type(page(mfn), a, PAGE_WRITABLE) == 0) {
		WRITE_ONCE(fake_frame(mfn)[random_below(4)], any_entry(level));
		page_put_type(page(mfn));
	}
}

static void balloon(void)
{
	u64 m = fake_alloc(a);

	if (m) {
		if (!page_get_type(page(m), a,
				   random_below(2) ? PAGE_L2 : PAGE_SEG)) {
			page_drop_type(page(m));
		}
		(void)frame_drop_allocation(page(m));
	}
}

static void map_foreign(void)
{
	struct mmu_update r = {pte(dom0_l1, random_below(4) * 8), any_entry(1)};

	(void)fake_call(__HYPERVISOR_mmu_update, (u64)&r, 1, 0, 1, ~0ull,
			~0ull);
}

static void op(void)
{
	static void (*const ops[])(void) = {
	    update, update, update,	 extend,      extend, update_va,
	    trap,   trap,   write_table, write_table, balloon};
	static void (*const dom0_ops[])(void) = {map_foreign, map_foreign,
						 extend};

	if (current_domain() == a) {
		ops[random_below(ARRAY_SIZE(ops))]();
	} else {
		dom0_ops[random_below(ARRAY_SIZE(dom0_ops))]();
	}
}

static void delay(void)
{
	u32 n = random_below(4) ? 0 : random_below(600);

	for (volatile u32 i = 0; i < n; i++) {
	}
}

static void racing_processors_keep_all_counts_right(void **state)
{
	u32 rounds = race_rounds(150);

	fake_init(2);
	a = fake_domain(1);
	for (u32 i = 0; i < TREES; i++) {
		trees[i] = tree_make(a, L1S, 2);
	}
	for (u32 i = 0; i < DATA; i++) {
		data[i] = fake_alloc(a);
	}
	for (u32 i = 0; i < L1S; i++) {
		assert_int_equal(page_pin(page(trees[0].l1[i]), a, PAGE_L1), 0);
	}
	dom0_l1 = fake_alloc(dom0);
	assert_int_equal(page_pin(page(dom0_l1), dom0, PAGE_L1), 0);
	for (u32 i = 0; i < FAKE_CPUS; i++) {
		race.who[i] = i == 3 ? dom0->vcpu[3] : a->vcpu[i];
	}
	fake_delay = delay;
	race_run(op, rounds, OPS);
	fake_delay = NULL;
	printf("# %u changes of entries\n", changes);
	assert_true(changes > rounds * OPS / 2);
	fake_run(0, dom0->vcpu[0]);
	fake_fini();
}

// --- exchanges --------------------------------------------------------------

static u64 exchanged; // the frame to exchange, and what came for it
static u32 kept;
static bool done;

// Another vCPU uses the frame all the time. If it is exchanged nevertheless,
// the domain has both.
static void *hold(void *unused)
{
	fake_run(1, a->vcpu[1]);
	while (!__atomic_load_n(&done, __ATOMIC_SEQ_CST)) {
		u64 mfn = __atomic_load_n(&exchanged, __ATOMIC_SEQ_CST);

		if (!page_get(page(mfn), a)) {
			continue;
		}
		// It may be another one's come back, not yet said to be it.
		if (mfn == __atomic_load_n(&exchanged, __ATOMIC_SEQ_CST)) {
			for (u32 i = 0; i < 50; i++) {
				delay();
			}
			kept += mfn !=
				__atomic_load_n(&exchanged, __ATOMIC_SEQ_CST);
		}
		page_put(page(mfn));
		for (u32 i = 0; i < 20; i++) {
			delay(); // the other one's turn
		}
	}
	return NULL;
}

static bool exchange_one(void)
{
	u64 in = exchanged, out = 0;
	struct xen_memory_exchange x = {
	    .in = {.nr_extents = 1, .domid = DOMID_SELF},
	    .out = {.nr_extents = 1, .domid = DOMID_SELF},
	};

	set_xen_guest_handle(x.in.extent_start, (xen_pfn_t *)&in);
	set_xen_guest_handle(x.out.extent_start, (xen_pfn_t *)&out);
	if (fake_call(__HYPERVISOR_memory_op, XENMEM_exchange, (u64)&x, 0, 0,
		      ~0ull, ~0ull)) {
		return false;
	}
	__atomic_store_n(&exchanged, out, __ATOMIC_SEQ_CST);
	return true;
}

static void what_is_in_use_is_not_exchanged(void **state)
{
	u32 count = 0;
	pthread_t thread;

	fake_init(2);
	a = fake_domain(1);
	exchanged = fake_alloc(a);
	done = false;
	fake_run(0, a->vcpu[0]);
	fake_delay = delay;
	alarm(300);
	pthread_create(&thread, NULL, hold, NULL);
	for (u32 i = 0; i < 20000; i++) {
		count += exchange_one();
	}
	__atomic_store_n(&done, true, __ATOMIC_SEQ_CST);
	pthread_join(thread, NULL);
	fake_delay = NULL;
	printf("# %u exchanges\n", count);
	assert_true(count > 0);
	assert_int_equal(kept, 0);
	fake_run(0, dom0->vcpu[0]);
	fake_fini();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(racing_processors_keep_all_counts_right),
	    cmocka_unit_test(what_is_in_use_is_not_exchanged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
