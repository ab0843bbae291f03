// SPDX-License-Identifier: MIT
// Random operations of hostile guests, domains that come and go, processors
// that remember translations; after each step everything is counted again and
// no TLB may reach what it should not. Repeats to the digit: a failure names
// its seed and step; MM_SEED and MM_STEPS choose others.
#include <wabe/share.h>

#include "mm_machine.h"

#define GRANTS 24
#define SHARES 8
#define ROLES 5 // what a frame is meant for: mfn % ROLES

static struct grant {
	u64 mfn, pte, addr, frame;
	struct domain *mapper, *granter;
	bool by_maddr;
} grants[GRANTS];
static struct share *shares[SHARES];
static struct domain *share_of[SHARES];
static u64 heap_frame[FAKE_DOMAINS];
static u32 cpu_now;

// How much of what is to be tested was there at all.
static u32 seen_root, seen_partial, seen_pending, seen_foreign, seen_touch;

// --- choosing ----------------------------------------------------------------

static bool chance(u32 percent)
{
	return random_below(100) < percent;
}

static u64 any_frame(void)
{
	static const u64 odd[] = {
	    0, 1, 2, 3, FAKE_HOLE, FAKE_HOLE + 16, FAKE_FRAMES, 1ull << 39};

	return chance(90) ? 4 + random_below(140)
			  : odd[random_below(ARRAY_SIZE(odd))];
}

static bool owned(u64 mfn, const struct domain *d)
{
	return mfn < FAKE_HOLE && page(mfn)->owner == d->id &&
	       (page(mfn)->state & PAGE_REFS_MASK);
}

// One of d's own, meant for `role` (1..4 tables, 0 data), mostly.
static u64 frame_for(const struct domain *d, u32 role)
{
	u64 mfn;

	if (chance(6)) {
		return any_frame();
	}
	for (u32 i = 0; i < 200; i++) {
		mfn = 4 + random_below(140);
		if (owned(mfn, d) &&
		    (mfn % ROLES == role || i > 150 || chance(2))) {
			return mfn;
		}
	}
	return any_frame();
}

static u64 flags_for(u32 level)
{
	u64 flags = chance(92) ? PTE_P : 0;

	flags |= chance(level == 1 ? 50 : 90) ? PTE_RW : 0;
	flags |= chance(90) ? PTE_US : 0;
	flags |= random_next() & (PTE_A | PTE_D | BIT(9) | BIT(58));
	flags |= chance(10) ? PTE_NX : 0;
	flags |= chance(3) ? PTE_G : 0;
	flags |= chance(3) ? PTE_PCD : 0;
	flags |= chance(2) ? PTE_PS : 0;
	return flags;
}

static u64 entry_for(const struct domain *d, u32 level)
{
	if (chance(15)) {
		return 0;
	}
	// L1 entries name data, read-only ones also tables.
	return pte(frame_for(d, level == 1 && chance(25) ? random_below(ROLES)
							 : level - 1),
		   flags_for(level));
}

// A few slots only, so that trees meet; sometimes any.
static u32 any_index(void)
{
	return chance(90) ? random_below(6) : random_below(512);
}

static u64 any_va(void)
{
	return (u64)any_index() << 12 | (u64)any_index() << 21 |
	       (u64)random_below(3) << 30 | (u64)random_below(3) << 39;
}

static u64 any_work(void)
{
	return chance(60) ? ~0ull : 1 + random_below(chance(50) ? 8 : 40);
}

static u64 any_patience(void)
{
	return chance(70) ? ~0ull : random_below(3);
}

// The caller: a vCPU of `d` on the processor of its number.
static struct domain *caller(void)
{
	struct domain *d = fake_domain(random_below(3));

	d = d ? d : dom0;
	cpu_now = random_below(FAKE_CPUS);
	if (chance(80) && !vcpu_is_idle(cpus[cpu_now]->current)) {
		d = cpus[cpu_now]->current->domain; // who is there
	}
	fake_run(cpu_now, d->vcpu[cpu_now]);
	return d;
}

// --- what guests do ----------------------------------------------------------

// Plain writes: through a mapping that it has for the moment.
static void guest_writes(struct domain *d)
{
	u64 mfn = frame_for(d, 1 + random_below(4));
	u32 level = mfn % ROLES ? mfn % ROLES : 1;
	struct page *p = page_lookup(MFN(mfn));

	if (!p || page_get_type(p, d, PAGE_WRITABLE)) {
		return;
	}
	for (u32 i = random_below(6); i; i--) {
		fake_frame(mfn)[any_index()] = entry_for(d, level);
	}
	if (chance(10)) {
		memset(fake_frame(mfn), 0, PAGE_SIZE);
	}
	page_put_type(p);
}

static u32 any_foreign(struct domain *d)
{
	static const u32 ids[] = {0, 1, 2, 3, DOMID_IO, DOMID_XEN};
	u32 id = chance(d == dom0 ? 40 : 5) ? ids[random_below(ARRAY_SIZE(ids))]
					    : DOMID_SELF;

	return chance(d == dom0 ? 20 : 3) ? id | (1 + random_below(3)) << 16
					  : id;
}

static void guest_updates(struct domain *d)
{
	struct mmu_update r[8];
	u32 n = 1 + random_below(8), foreign = any_foreign(d);
	struct domain *pt =
	    foreign >> 16 ? fake_domain((foreign >> 16) - 1) : d;
	struct domain *pg = fake_domain(foreign & 0xffff);

	pt = pt ? pt : d;
	pg = pg ? pg : pt;
	for (u32 i = 0; i < n; i++) {
		u64 mfn = i && chance(70) ? r[0].ptr >> PAGE_SHIFT
					  : frame_for(pt, 1 + random_below(4));
		u32 level = mfn % ROLES ? mfn % ROLES : 1;

		r[i].ptr = pte(mfn, any_index() * 8) |
			   (chance(80) ? 0 : random_below(5));
		r[i].val = entry_for(level == 1 ? pg : pt, level);
	}
	(void)fake_call(__HYPERVISOR_mmu_update, (u64)r, n, 0, foreign,
			any_work(), any_patience());
}

static void guest_updates_va(struct domain *d)
{
	(void)fake_call(__HYPERVISOR_update_va_mapping, any_va(),
			entry_for(d, 1), random_below(8), 0, any_work(),
			any_patience());
}

static void guest_extends(struct domain *d)
{
	static const u32 cmds[] = {
	    MMUEXT_PIN_L1_TABLE,     MMUEXT_PIN_L2_TABLE,
	    MMUEXT_PIN_L3_TABLE,     MMUEXT_PIN_L4_TABLE,
	    MMUEXT_PIN_L4_TABLE,     MMUEXT_PIN_L4_TABLE,
	    MMUEXT_UNPIN_TABLE,	     MMUEXT_UNPIN_TABLE,
	    MMUEXT_UNPIN_TABLE,	     MMUEXT_UNPIN_TABLE,
	    MMUEXT_NEW_BASEPTR,	     MMUEXT_NEW_BASEPTR,
	    MMUEXT_NEW_USER_BASEPTR, MMUEXT_NEW_USER_BASEPTR,
	    MMUEXT_CLEAR_PAGE,	     MMUEXT_COPY_PAGE,
	    MMUEXT_TLB_FLUSH_LOCAL,  MMUEXT_INVLPG_ALL,
	};
	struct mmuext_op op[3];
	u32 n = 1 + random_below(3);

	for (u32 i = 0; i < n; i++) {
		u32 cmd = cmds[random_below(ARRAY_SIZE(cmds))];
		u32 role = cmd <= MMUEXT_PIN_L4_TABLE ? cmd + 1
			   : cmd == MMUEXT_NEW_BASEPTR ||
				   cmd == MMUEXT_NEW_USER_BASEPTR
			       ? 4
			       : random_below(ROLES);

		memset(&op[i], 0, sizeof(op[i]));
		op[i].cmd = cmd;
		op[i].arg1.mfn = frame_for(d, role);
		op[i].arg2.src_mfn = frame_for(d, 0);
		if (cmd == MMUEXT_NEW_USER_BASEPTR && chance(20)) {
			op[i].arg1.mfn = 0;
		}
	}
	(void)fake_call(__HYPERVISOR_mmuext_op, (u64)op, n, 0,
			d == dom0 && chance(20) ? 1 + random_below(2)
						: DOMID_SELF,
			any_work(), any_patience());
}

// A trapped write to a table.
static void guest_traps(struct domain *d)
{
	u64 mfn = frame_for(d, 1), now;
	struct pt_table t;
	u32 i = any_index();

	if (pt_open_l1(&t, d, MFN(mfn))) {
		(void)pt_cmpxchg_l1(&t, i, chance(80) ? t.entries[i] : 0,
				    entry_for(d, 1), &now);
		pt_close(&t);
	}
}

static void guest_balloons(struct domain *d)
{
	u64 mfn = frame_for(d, random_below(ROLES));

	if (chance(55)) {
		(void)fake_alloc(d);
	} else if (owned(mfn, d) && !(page(mfn)->state & PAGE_HEAP)) {
		(void)frame_drop_allocation(page(mfn));
	}
}

static void guest_sets_gdt(struct domain *d)
{
	u64 *slot = &d->vcpu[cpu_now]->gdt_frames[random_below(3)];
	u64 mfn = frame_for(d, 0);
	struct page *p = page_lookup(MFN(mfn));

	if (*slot) {
		page_put_type(mfn_page(MFN(*slot)));
		*slot = 0;
	} else if (p && !page_get_type(p, d, PAGE_SEG)) {
		*slot = mfn;
	}
}

// An address that the CPU's root maps, as far as one is found.
static u64 mapped_va(u32 cpu)
{
	u64 table = cpus[cpu]->root >> PAGE_SHIFT, va = 0;

	for (u32 level = 4; level && table && table < FAKE_HOLE; level--) {
		u32 i = random_below(6);

		for (u32 n = 0; n < 6 && !(fake_frame(table)[i] & PTE_P); n++) {
			i = (i + 1) % 6;
		}
		va |= (u64)i << (PAGE_SHIFT + 9 * (level - 1));
		table = pte_mfn(fake_frame(table)[i]).n;
	}
	return va;
}

static void guest_touches(struct domain *d)
{
	for (u32 i = 0; i < 8; i++) {
		u32 cpu = random_below(FAKE_CPUS);

		seen_touch += fake_touch(cpu, mapped_va(cpu), chance(30));
	}
}

// --- grants, shares ----------------------------------------------------------

static void grant_map_any(struct domain *d, struct grant *g)
{
	struct domain *granter = fake_domain(random_below(3));
	bool write = chance(50);
	struct page *p;

	if (!granter || granter == d) {
		return;
	}
	*g = (struct grant){.mfn = frame_for(granter, 0),
			    .mapper = d,
			    .granter = granter,
			    .by_maddr = chance(50)};
	g->addr =
	    g->by_maddr ? pte(frame_for(d, 1), any_index() * 8) : any_va();
	g->pte = pte(g->mfn, write ? RW : RO);
	p = page_lookup(MFN(g->mfn));
	if (!p || (write ? page_get_type(p, granter, PAGE_WRITABLE) != 0
			 : !page_get(p, granter))) {
		g->mapper = NULL;
	} else if (grant_pte_map(d->vcpu[cpu_now], g->addr, g->by_maddr,
				 g->pte)) {
		if (write) {
			page_put_type(p);
		} else {
			page_put(p);
		}
		g->mapper = NULL;
	}
}

static void grant_unmap_any(struct domain *d, struct grant *g)
{
	struct cpumask mask;

	if (grant_pte_unmap(d->vcpu[cpu_now], g->addr, g->by_maddr, g->pte,
			    0)) {
		g->mapper = chance(10) ? NULL : g->mapper;
		return;
	}
	domain_cpus(d, &mask);
	tlb_flush_mask(&mask, ~0ull);
	if (g->pte & PTE_RW) {
		page_put_type(mfn_page(MFN(g->mfn)));
	} else {
		page_put(mfn_page(MFN(g->mfn)));
	}
	g->mapper = NULL;
}

static void guest_grants(struct domain *d)
{
	struct grant *g = &grants[random_below(GRANTS)];

	if (!g->mapper) {
		grant_map_any(d, g);
	} else if (g->mapper == d) {
		grant_unmap_any(d, g);
	}
}

static void guest_shares(struct domain *d)
{
	u32 i = random_below(SHARES);

	if (shares[i]) {
		share_destroy(shares[i]);
		shares[i] = NULL;
	} else if (!share_create(d, MFN(frame_for(d, 0)), &shares[i])) {
		share_of[i] = d;
	}
}

// --- domains come and go -----------------------------------------------------

static void domain_fill(struct domain *d)
{
	for (u32 i = 0; d && i < 30; i++) {
		(void)fake_alloc(d);
	}
	if (d) {
		heap_frame[d->id] = fake_heap_frame(d);
	}
}

static void domain_goes(void)
{
	u32 id = 1 + random_below(2);
	struct domain *d = fake_domain(id);
	u64 work;

	fake_run(0, dom0->vcpu[0]);
	if (!d) {
		domain_fill(fake_domain_create(id));
		return;
	}
	for (u32 i = 0; i < FAKE_CPUS; i++) {
		if (cpus[i]->current->domain == d) {
			cpus[i]->current = cpus[i]->idle; // root and all
		}
	}
	for (u32 i = 0; i < SHARES; i++) {
		if (shares[i] && share_of[i] == d) {
			share_destroy(shares[i]);
			shares[i] = NULL;
		}
	}
	for (u32 i = 0; i < GRANTS; i++) {
		if (grants[i].mapper == d) {
			grants[i].mapper = NULL; // the entries drop them
		}
	}
	(void)frame_drop_allocation(page(heap_frame[id]));
	work = any_work();
	fake_work = (s64)MIN(work, (u64)FAKE_ENDLESS);
	fake_domain_destroy(d);
	fake_work = FAKE_ENDLESS;
}

static void step(void)
{
	static void (*const ops[])(struct domain * d) = {
	    guest_writes,   guest_writes,   guest_writes,  guest_updates,
	    guest_updates,  guest_updates,  guest_updates, guest_extends,
	    guest_extends,  guest_extends,  guest_extends, guest_updates_va,
	    guest_traps,    guest_balloons, guest_grants,  guest_grants,
	    guest_sets_gdt, guest_shares,   guest_touches, guest_touches,
	};

	if (chance(1) && chance(40)) {
		domain_goes();
	} else {
		ops[random_below(ARRAY_SIZE(ops))](caller());
	}
	fake_settle();
}

static void look(void)
{
	for (u64 m = 4; m < 150; m++) {
		seen_partial += is_partial(m);
	}
	for (u32 id = 0; id < 3; id++) {
		struct domain *d = fake_domain(id);

		for (u32 i = 0; d && i < FAKE_VCPUS; i++) {
			seen_root += d->vcpu[i]->kernel_root != 0;
			seen_pending += d->vcpu[i]->put_pending != NULL;
		}
	}
	for (u32 i = 0; i < GRANTS; i++) {
		seen_foreign += grants[i].mapper != NULL;
	}
}

static void random_operations_keep_all_counts_right(void **state)
{
	const char *seed = getenv("MM_SEED"), *steps = getenv("MM_STEPS");
	u64 n = steps ? strtoull(steps, NULL, 0) : 15000;

	if (seed) {
		random_state ^= strtoull(seed, NULL, 0) * 0x9e3779b97f4a7c15ull;
	}
	fake_init(3);
	for (u32 id = 0; id < 3; id++) {
		domain_fill(fake_domain(id));
	}
	for (u64 i = 0; i < n; i++) {
		step();
		fake_verbose = true;
		if (page_audit() || fake_tlb_wrong() || fake_mapped) {
			fail_msg("step %lu", i);
		}
		fake_verbose = false;
		look();
	}
	printf("# in %lu steps: %u roots, %u partial, %u pending, %u grants, "
	       "%u touches\n",
	       n, seen_root, seen_partial, seen_pending, seen_foreign,
	       seen_touch);
	assert_true(seen_root > n / 10 && seen_partial > n / 100 &&
		    seen_pending && seen_foreign > n / 10 &&
		    seen_touch > n / 10);
	fake_fini();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(random_operations_keep_all_counts_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
