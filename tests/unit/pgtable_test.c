// SPDX-License-Identifier: MIT
// Page tables through the hypercalls: what guests may change, what it costs
// the references, batches and their continuation.
#include "mm_machine.h"

#include <xen/grant_table.h>

static struct domain *a, *b;
static struct tree t; // of `a`, the current root of its vCPU 0

static int setup(void **state)
{
	fake_init(3);
	a = fake_domain(1);
	b = fake_domain(2);
	t = tree_make(a, 2, 4);
	fake_run(0, a->vcpu[0]);
	assert_int_equal(root_set(a->vcpu[0], MFN(t.l4)), 0);
	return 0;
}

static int end(void **state)
{
	assert_sound();
	fake_fini();
	return 0;
}

static u64 maddr(u64 table, u32 index)
{
	return table << PAGE_SHIFT | index * 8;
}

static long update_as(u32 foreign, u64 ptr, u64 value)
{
	struct mmu_update r = {ptr, value};

	return fake_call(__HYPERVISOR_mmu_update, (u64)&r, 1, 0, foreign, ~0ull,
			 ~0ull);
}

static long update(u64 ptr, u64 value)
{
	return update_as(DOMID_SELF, ptr, value);
}

static long ext_as(u32 foreign, u32 cmd, u64 arg1, u64 arg2)
{
	struct mmuext_op op = {.cmd = cmd};

	op.arg1.mfn = arg1;
	op.arg2.src_mfn = arg2;
	return fake_call(__HYPERVISOR_mmuext_op, (u64)&op, 1, 0, foreign, ~0ull,
			 ~0ull);
}

static long ext(u32 cmd, u64 arg1)
{
	return ext_as(DOMID_SELF, cmd, arg1, 0);
}

static long va_update(u64 va, u64 value, u64 flags)
{
	return fake_call(__HYPERVISOR_update_va_mapping, va, value, flags, 0,
			 ~0ull, ~0ull);
}

// --- entries -----------------------------------------------------------------

static void an_entry_moves_references(void **state)
{
	u64 other = fake_alloc(a);

	assert_int_equal(refs(t.data), 1 + 8);
	assert_int_equal(update(maddr(t.l1[0], 0), pte(other, RW)), 0);
	assert_int_equal(refs(t.data), 1 + 7);
	assert_int_equal(types(other), 1);
	assert_int_equal(update(maddr(t.l1[0], 0), pte(other, RO)), 0);
	assert_int_equal(types(other), 0);
	assert_int_equal(refs(other), 2);
	assert_int_equal(update(maddr(t.l1[0], 0), 0), 0);
	assert_int_equal(refs(other), 1);
}

static void an_entry_is_refused_whole(void **state)
{
	u64 before = fake_frame(t.l1[0])[0], own = fake_alloc(a);
	u64 foreign = fake_alloc(b);
	u64 at = maddr(t.l1[0], 0);

	assert_int_equal(update(at, pte(foreign, RO)), -EBUSY);
	assert_int_equal(update(at, pte(t.l1[0], RW)), -EBUSY);
	assert_int_equal(update(at, pte(t.l4, RW)), -EBUSY);
	assert_int_equal(update(at, pte(3, RO)), -EBUSY);
	assert_int_equal(update(at, pte(FAKE_HOLE, RO)), -EPERM);
	assert_int_equal(update(at, pte(own, RO | PTE_PCD)), -EINVAL);
	assert_int_equal(update(maddr(t.l4, 256), pte(t.l3, RW)), -EINVAL);
	assert_int_equal(update(maddr(t.l4, 271), 0), -EINVAL);
	assert_int_equal(update(maddr(t.l2, 5), pte(t.l1[1], RW | PTE_PS)),
			 -EINVAL);
	assert_int_equal(update(maddr(t.l2, 5), pte(t.l2, RW)), -EINVAL);
	assert_int_equal(update(maddr(t.l2, 0), pte(t.l1[0], RW | PTE_PS)),
			 -EINVAL); // the same frame: still checked (XSA-182)
	assert_int_equal(update(maddr(FAKE_HOLE, 0), 0), -EINVAL);
	assert_int_equal(update(maddr(foreign, 0), 0), -EINVAL);
	assert_int_equal(update(at | 4, 0), -ENOSYS);
	assert_int_equal(fake_frame(t.l1[0])[0], before);
}

static void accessed_and_dirty_can_be_kept(void **state)
{
	u64 at = maddr(t.l1[0], 0), other = fake_alloc(a);

	fake_frame(t.l1[0])[0] |= PTE_A | PTE_D; // the processor
	assert_int_equal(
	    update(at | MMU_PT_UPDATE_PRESERVE_AD, pte(t.data, RO | PTE_NX)),
	    0);
	assert_int_equal(fake_frame(t.l1[0])[0],
			 pte(t.data, RO | PTE_NX | PTE_A | PTE_D));
	assert_int_equal(update(at | MMU_PT_UPDATE_PRESERVE_AD, pte(other, RW)),
			 0);
	assert_int_equal(fake_frame(t.l1[0])[0],
			 pte(other, RW | PTE_A | PTE_D));
	assert_int_equal(update(at, pte(other, RW)), 0);
	assert_int_equal(fake_frame(t.l1[0])[0], pte(other, RW));
}

static void a_frame_that_is_no_table_is_just_written(void **state)
{
	assert_int_equal(update(maddr(t.data, 17), 0x1234), 0);
	assert_int_equal(fake_frame(t.data)[17], 0x1234);
	assert_int_equal(types(t.data), 0);
}

static void upper_entries_hold_tables(void **state)
{
	u64 l1 = fake_alloc(a);

	assert_int_equal(update(maddr(t.l2, 7), pte(l1, RO)), 0);
	assert_int_equal(types(l1), 1);
	assert_int_equal(update(maddr(t.l2, 7), pte(l1, RW)), 0);
	assert_int_equal(types(l1), 1);
	assert_int_equal(update(maddr(t.l2, 7), 0), 0);
	assert_int_equal(types(l1), 0);
	assert_int_equal(update(maddr(t.l4, 0), 0), 0);
	assert_int_equal(types(t.l1[0]), 0);
	assert_int_equal(refs(t.data), 1);
}

static void an_address_names_an_entry(void **state)
{
	u64 other = fake_alloc(a);

	assert_int_equal(va_update(0x3000, pte(other, RW), UVMF_INVLPG), 0);
	assert_int_equal(fake_frame(t.l1[0])[3], pte(other, RW));
	assert_true(fake_touch(0, 0x3000, true));
	assert_int_equal(
	    va_update(0x3000, pte(other, RO), UVMF_TLB_FLUSH | UVMF_ALL), 0);
	assert_int_equal(va_update(0x203000, pte(other, RW), 0), 0);
	assert_int_equal(fake_frame(t.l1[1])[3], pte(other, RW));
	assert_int_equal(va_update(0x400000, 0, 0), -EINVAL);
	assert_int_equal(va_update(0x1000000000000, 0, 0), -EINVAL);
	assert_int_equal(va_update(HV_START, 0, 0), -EINVAL);
	assert_int_equal(va_update(0x3000, 0, UVMF_INVLPG | 8), -EFAULT);
}

// Nothing of an earlier walk is remembered: the table that an upper entry names
// now is the one that changes (XSA-286).
static void an_address_is_walked_anew(void **state)
{
	u64 *one = fake_frame(t.l1[0]), *two = fake_frame(t.l1[1]);
	u64 before = one[5];

	assert_int_equal(va_update(0x5000, 0, UVMF_INVLPG), 0);
	assert_int_equal(update(maddr(t.l2, 0), pte(t.l1[1], RW)), 0);
	assert_int_equal(va_update(0x5000, pte(t.data, RW), UVMF_INVLPG), 0);
	assert_int_equal(one[5], 0);
	assert_int_equal(pte_mfn(two[5]).n, t.data);
	assert_int_equal(update(maddr(t.l2, 0), pte(t.l1[0], RW)), 0);
	assert_int_equal(va_update(0x5000, before, UVMF_INVLPG), 0);
	assert_int_equal(pte_mfn(two[5]).n, t.data);
}

static void a_compared_entry_is_set_only_if_equal(void **state)
{
	u64 other = fake_alloc(a), now, old = fake_frame(t.l1[0])[0];
	struct pt_table l1;

	assert_false(pt_open_l1(&l1, a, MFN(t.l2)));
	assert_true(pt_open_l1(&l1, a, MFN(t.l1[0])));
	assert_int_equal(
	    pt_cmpxchg_l1(&l1, 0, old ^ PTE_A, pte(other, RW), &now), -EAGAIN);
	assert_int_equal(now, old);
	assert_int_equal(pt_cmpxchg_l1(&l1, 0, old, pte(t.l2, RW), &now),
			 -EBUSY);
	assert_int_equal(pt_cmpxchg_l1(&l1, 0, old, pte(other, RW), &now), 0);
	assert_int_equal(types(other), 1);
	assert_int_equal(
	    pt_cmpxchg_l1(&l1, 0, pte(other, RW), pte(other, RW | PTE_D), &now),
	    0);
	assert_int_equal(pt_cmpxchg_l1(&l1, 0, pte(other, RW | PTE_D), 0, &now),
			 0);
	assert_int_equal(types(other), 0);
	pt_close(&l1);
}

// --- foreign -----------------------------------------------------------------

static void only_the_privileged_name_foreign_domains(void **state)
{
	u64 m = fake_alloc(b), at = maddr(t.l1[0], 0);

	assert_int_equal(update_as(2, at, pte(m, RO)), -EPERM);
	assert_int_equal(update_as(DOMID_XEN, at, pte(2, RO)), -EPERM);
	assert_int_equal(update_as(1, at, pte(m, RO)), -ESRCH);
	assert_int_equal(update_as(3, at, pte(m, RO)), -ESRCH);
	assert_int_equal(update_as(DOMID_SELF | 3 << 16, at, 0), -EPERM);
	assert_int_equal(update_as(DOMID_SELF | 9 << 16, at, 0), -ESRCH);
	assert_int_equal(update_as(DOMID_IO, at, pte(m, RO)), -EBUSY);
	assert_int_equal(update_as(DOMID_IO, at, pte(FAKE_HOLE, RO)), -EPERM);
	assert_int_equal(ext_as(2, MMUEXT_PIN_L1_TABLE, m, 0), -EPERM);
	assert_int_equal(refs(m), 1);
}

static void dom0_maps_what_is_foreign(void **state)
{
	u64 l1 = fake_alloc(dom0), m = fake_alloc(b), own = fake_alloc(dom0);
	u64 at = maddr(l1, 0);

	fake_run(0, dom0->vcpu[0]);
	assert_int_equal(ext(MMUEXT_PIN_L1_TABLE, l1), 0);
	assert_int_equal(update(at, pte(m, RW)), -EBUSY);
	assert_int_equal(update_as(2, at, pte(m, RW)), 0);
	assert_int_equal(types(m), 1);
	assert_int_equal(update_as(2, at, pte(own, RW)), -EBUSY);
	assert_int_equal(update_as(1, at + 8, pte(m, RW)), -EBUSY);
	assert_int_equal(update(at, 0), 0);
	assert_int_equal(refs(m), 1);
	assert_int_equal(update_as(DOMID_XEN, at, pte(2, RO)), 0);
	assert_int_equal(update_as(DOMID_XEN, at, pte(2, RW)), -EBUSY);
	assert_int_equal(update_as(DOMID_XEN, at, pte(3, RO)), -EBUSY);
	assert_int_equal(update_as(DOMID_XEN, at, pte(m, RO)), -EBUSY);
	assert_int_equal(update_as(DOMID_IO, at, pte(FAKE_HOLE, RW)), 0);
	assert_int_equal(update(at, pte(FAKE_HOLE, RW | PTE_PCD)), 0);
	assert_int_equal(update(at, pte(FAKE_HOLE + 16, RO)), -EPERM);
	assert_int_equal(update(at, pte(own, RW | PTE_PCD | PTE_PWT)), 0);
	assert_int_equal(update(at, 0), 0);
}

static void dom0_builds_foreign_tables(void **state)
{
	u64 l1 = fake_alloc(b), m = fake_alloc(b), own = fake_alloc(dom0);
	u32 both = 2 | 3 << 16;

	fake_run(0, dom0->vcpu[0]);
	assert_int_equal(ext_as(2, MMUEXT_PIN_L1_TABLE, l1, 0), 0);
	assert_int_equal(update_as(both, maddr(l1, 1), pte(m, RW)), 0);
	assert_int_equal(update_as(both, maddr(l1, 2), pte(FAKE_HOLE, RO)),
			 -EPERM);
	assert_int_equal(update_as(both, maddr(l1, 2), pte(own, RO)), -EBUSY);
	assert_int_equal(update_as(both, maddr(own, 2), 5), -EINVAL);
	assert_int_equal(update_as(both, maddr(m, 0) | MMU_MACHPHYS_UPDATE, 5),
			 -EPERM);
	assert_int_equal(ext_as(2, MMUEXT_NEW_BASEPTR, l1, 0), -EPERM);
	assert_int_equal(ext_as(2, MMUEXT_UNPIN_TABLE, l1, 0), 0);
	assert_int_equal(types(m), 0);
}

static void the_m2p_is_set_for_own_frames(void **state)
{
	u64 m = fake_alloc(a), foreign = fake_alloc(b);

	assert_int_equal(update(maddr(m, 0) | MMU_MACHPHYS_UPDATE, 77), 0);
	assert_int_equal(fake_m2p(m), 77);
	assert_int_equal(update(maddr(foreign, 0) | MMU_MACHPHYS_UPDATE, 77),
			 -EINVAL);
	assert_int_equal(update(maddr(FAKE_HOLE, 0) | MMU_MACHPHYS_UPDATE, 77),
			 -EINVAL);
}

// --- TLBs --------------------------------------------------------------------

// The guest does not flush: another CPU still knows the mapping as writable.
static void a_stale_writable_mapping_meets_no_table(void **state)
{
	u64 m = fake_alloc(a);

	assert_int_equal(va_update(0x3000, pte(m, RW), 0), 0);
	cpus[1]->root = t.l4 << PAGE_SHIFT;
	assert_true(fake_touch(1, 0x3000, true));
	assert_int_equal(va_update(0x3000, pte(m, RO), 0), 0);
	assert_int_equal(ext(MMUEXT_PIN_L1_TABLE, m), 0);
	assert_sound();
	cpus[1]->root = 0;
}

static void a_stale_mapping_meets_no_other_owner(void **state)
{
	u64 m = fake_alloc(a), n;

	assert_int_equal(va_update(0x3000, pte(m, RO), 0), 0);
	cpus[1]->root = t.l4 << PAGE_SHIFT;
	assert_true(fake_touch(1, 0x3000, false));
	assert_int_equal(va_update(0x3000, 0, 0), 0);
	assert_true(frame_drop_allocation(page(m)));
	do {
		n = fake_alloc(b);
	} while (n && n != m);
	assert_int_equal(n, m);
	assert_sound();
	cpus[1]->root = 0;
}

// A guest gives back a frame that a processor still knows as writable, and the
// frame is scrubbed before anyone wants it: not before that processor has
// forgotten it, else what is written behind the scrubbing goes to the next
// owner (XSA-511).
static void scrubbing_waits_for_tlbs(void **state)
{
	u64 m = fake_alloc(a);
	u32 before;

	assert_int_equal(va_update(0x3000, pte(m, RW), 0), 0);
	cpus[1]->root = t.l4 << PAGE_SHIFT;
	assert_true(fake_touch(1, 0x3000, true));
	assert_int_equal(va_update(0x3000, 0, 0), 0);
	assert_true(frame_drop_allocation(page(m)));
	before = fake_flushes;
	fake_frame(m)[0] = 77;
	while (page(m)->flags & PAGE_F_DIRTY) {
		assert_true(alloc_scrub_one());
	}
	assert_int_equal(fake_frame(m)[0], 0);
	assert_true(fake_flushes > before);
	cpus[1]->root = 0;
}

static void a_frame_comes_clean(void **state)
{
	u64 m = fake_alloc(a), n;

	fake_frame(m)[5] = 0x5ec7e7;
	assert_true(frame_drop_allocation(page(m)));
	do {
		n = fake_alloc(b);
	} while (n && n != m);
	assert_int_equal(n, m);
	assert_int_equal(fake_frame(m)[5], 0);
}

// --- grants ------------------------------------------------------------------

static void a_grant_is_unmapped_only_as_mapped(void **state)
{
	u64 m = fake_alloc(b), at = maddr(t.l1[0], 9);
	struct vcpu *v = a->vcpu[0];

	assert_int_equal(page_get_type(page(m), b, PAGE_WRITABLE), 0);
	for (u32 i = 1; i < 8; i++) { // half an entry (XSA-227)
		assert_int_equal(grant_pte_map(v, at + i, true, pte(m, RW)),
				 -EINVAL);
	}
	assert_int_equal(grant_pte_map(v, at, true, pte(m, RW)), 0);
	assert_true(page_get(page(m), b));
	assert_int_equal(grant_pte_map(v, 0xa000, false, pte(m, RO)), 0);
	assert_sound();
	assert_int_equal(grant_pte_unmap(v, 0xa000, false, pte(m, RW), 0),
			 -EINVAL); // the other handle's entry
	assert_int_equal(grant_pte_unmap(v, at, true, pte(m, RO), 0), -EINVAL);
	assert_int_equal(grant_pte_unmap(v, at + 1, true, pte(m, RW), 0),
			 -EINVAL);
	assert_int_equal(
	    grant_pte_unmap(v, maddr(t.l2, 0), true, pte(m, RW), 0), -EINVAL);
	// Its owner cannot make it writable, nor move it.
	assert_int_equal(va_update(0xa000, pte(m, RW), 0), -EBUSY);
	assert_int_equal(va_update(0xb000, pte(m, RO), 0), -EBUSY);
	assert_int_equal(va_update(0xa000, pte(m, RO | PTE_NX), 0), 0);
	assert_int_equal(grant_pte_unmap(v, at, true, pte(m, RW), 0), 0);
	page_put_type(page(m));
	// Overwritten: the entry drops its reference, the grant is lost.
	assert_int_equal(va_update(0xa000, 0, 0), 0);
	assert_int_equal(refs(m), 1);
	assert_int_equal(grant_pte_unmap(v, 0xa000, false, pte(m, RO), 0),
			 -EINVAL);
}

static void a_table_is_not_written_by_a_copy(void **state)
{
	struct gnttab_copy copy = {
	    .source = {.u.gmfn = t.data, .domid = DOMID_SELF},
	    .dest = {.u.gmfn = t.l1[0], .domid = DOMID_SELF},
	    .len = 8,
	};

	assert_int_equal(fake_call(__HYPERVISOR_grant_table_op, GNTTABOP_copy,
				   (u64)&copy, 1, 0, ~0ull, ~0ull),
			 0);
	assert_int_equal(copy.status, GNTST_general_error);
	assert_int_equal(fake_frame(t.l1[0])[0], pte(t.data, RO));
	copy.dest =
	    (struct gnttab_copy_ptr){.u.gmfn = t.data, .domid = DOMID_SELF};
	copy.source.u.gmfn = t.l1[0]; // but read it may be
	assert_int_equal(fake_call(__HYPERVISOR_grant_table_op, GNTTABOP_copy,
				   (u64)&copy, 1, 0, ~0ull, ~0ull),
			 0);
	assert_int_equal(copy.status, GNTST_okay);
}

// --- mmuext_op ---------------------------------------------------------------

static void nothing_of_the_hypervisor_can_be_copied(void **state)
{
	u64 own = fake_alloc(dom0);

	fake_run(0, dom0->vcpu[0]);
	assert_int_equal(ext_as(DOMID_XEN, MMUEXT_CLEAR_PAGE, 3, 0), -EINVAL);
	assert_int_equal(ext_as(DOMID_XEN, MMUEXT_COPY_PAGE, own, 3), -EINVAL);
	assert_int_equal(ext_as(DOMID_XEN, MMUEXT_COPY_PAGE, 3, 3), -EINVAL);
	assert_int_equal(ext_as(DOMID_XEN, MMUEXT_PIN_L1_TABLE, 3, 0), -EINVAL);
	assert_int_equal(ext_as(DOMID_IO, MMUEXT_TLB_FLUSH_LOCAL, 0, 0),
			 -EPERM);
	assert_int_equal(page_get_type(page(3), &dom_xen, PAGE_WRITABLE),
			 -EINVAL);
	assert_int_equal(refs(3), 1);
}

static void roots_are_taken_and_let_go(void **state)
{
	struct tree n = tree_make(a, 1, 1);
	struct vcpu *v = a->vcpu[0];

	assert_int_equal(ext(MMUEXT_NEW_BASEPTR, t.l3), -EINVAL);
	assert_int_equal(ext(MMUEXT_NEW_BASEPTR, 0), -EINVAL);
	assert_int_equal(ext(MMUEXT_NEW_BASEPTR, FAKE_HOLE), -EINVAL);
	assert_int_equal(ext(MMUEXT_NEW_USER_BASEPTR, n.l4), 0);
	assert_int_equal(ext(MMUEXT_NEW_USER_BASEPTR, n.l4), 0);
	assert_int_equal(v->user_root, n.l4 << PAGE_SHIFT);
	assert_int_equal(types(n.l4), 1);
	assert_int_equal(fake_frame(n.l4)[256], 0); // users see no M2P
	assert_int_equal(ext(MMUEXT_NEW_BASEPTR, n.l4), 0);
	assert_int_equal(fake_frame(n.l4)[256], hv_slots[0]);
	assert_int_equal(types(n.l4), 2);
	assert_int_equal(types(t.l4), 0);
	assert_int_equal(types(t.l1[0]), 0);
	assert_int_equal(this_cpu()->root, n.l4 << PAGE_SHIFT);
	assert_int_equal(ext(MMUEXT_NEW_USER_BASEPTR, 0), 0);
	assert_int_equal(types(n.l4), 1);
}

static void frames_are_cleared_and_copied(void **state)
{
	u64 from = fake_alloc(a), to = fake_alloc(a), foreign = fake_alloc(b);

	fake_frame(from)[511] = 99;
	assert_int_equal(ext_as(DOMID_SELF, MMUEXT_COPY_PAGE, to, from), 0);
	assert_int_equal(fake_frame(to)[511], 99);
	assert_int_equal(ext(MMUEXT_CLEAR_PAGE, to), 0);
	assert_int_equal(fake_frame(to)[511], 0);
	assert_int_equal(ext(MMUEXT_CLEAR_PAGE, t.l1[0]), -EINVAL);
	assert_int_equal(ext(MMUEXT_CLEAR_PAGE, foreign), -EINVAL);
	assert_int_equal(ext_as(DOMID_SELF, MMUEXT_COPY_PAGE, to, foreign),
			 -EINVAL);
	assert_int_equal(ext_as(DOMID_SELF, MMUEXT_COPY_PAGE, t.l1[0], from),
			 -EINVAL);
	assert_int_equal(ext_as(DOMID_SELF, MMUEXT_COPY_PAGE, to, t.l1[0]), 0);
}

static void flushes_reach_who_runs_the_domain(void **state)
{
	u64 all = ~0ull, self = 1, bad = 8;
	u32 before;

	cpus[1]->root = t.l4 << PAGE_SHIFT;
	before = fake_flushes;
	assert_int_equal(ext(MMUEXT_TLB_FLUSH_LOCAL, 0), 0);
	assert_int_equal(fake_flushes, before + 1);
	assert_int_equal(ext(MMUEXT_TLB_FLUSH_ALL, 0), 0);
	assert_int_equal(fake_flushes, before + 3);
	cpus[1]->root = t.l4 << PAGE_SHIFT;
	assert_int_equal(
	    ext_as(DOMID_SELF, MMUEXT_TLB_FLUSH_MULTI, 0, (u64)&self), 0);
	assert_int_equal(fake_flushes, before + 4);
	assert_int_equal(
	    ext_as(DOMID_SELF, MMUEXT_INVLPG_MULTI, 0x5000, (u64)&all), 0);
	assert_int_equal(fake_flushes, before + 6);
	assert_int_equal(ext_as(DOMID_SELF, MMUEXT_TLB_FLUSH_MULTI, 0, bad),
			 -EINVAL);
	cpus[1]->root = 0;
}

static void odd_requests_get_xens_answers(void **state)
{
	assert_int_equal(ext(14, 0), -ENOSYS);
	assert_int_equal(ext(99, 0), -ENOSYS);
	assert_int_equal(ext(MMUEXT_MARK_SUPER, 0), -EOPNOTSUPP);
	assert_int_equal(ext(MMUEXT_FLUSH_CACHE, 0), -EACCES);
	assert_int_equal(ext_as(DOMID_SELF, MMUEXT_SET_LDT, 0x1001, 1),
			 -EINVAL);
	assert_int_equal(ext_as(DOMID_SELF, MMUEXT_SET_LDT, 0x1000, 8193),
			 -EINVAL);
	assert_int_equal(ext_as(DOMID_SELF, MMUEXT_SET_LDT, HV_START, 1),
			 -EINVAL);
	assert_int_equal(ext(MMUEXT_UNPIN_TABLE, t.data), -EINVAL);
	assert_int_equal(fake_call(__HYPERVISOR_mmuext_op, 8, 1, 0, DOMID_SELF,
				   ~0ull, ~0ull),
			 -EFAULT);
	assert_int_equal(fake_call(__HYPERVISOR_mmu_update, 8, 1, 0, DOMID_SELF,
				   ~0ull, ~0ull),
			 -EFAULT);
	assert_int_equal(fake_call(__HYPERVISOR_mmu_update, 0, 0, 0, DOMID_SELF,
				   ~0ull, ~0ull),
			 0);
}

// --- batches -----------------------------------------------------------------

static void a_batch_counts_what_is_done(void **state)
{
	struct mmu_update r[40];
	u32 done = 0;

	for (u32 i = 0; i < 40; i++) {
		r[i].ptr = maddr(t.l1[i & 1], 100 + i);
		r[i].val = pte(t.data, RO);
	}
	assert_int_equal(fake_call(__HYPERVISOR_mmu_update, (u64)r, 40,
				   (u64)&done, DOMID_SELF, 3, ~0ull),
			 0);
	assert_int_equal(done, 40);
	assert_int_equal(refs(t.data), 1 + 8 + 40);
	r[21].val = pte(t.data, RO | PTE_PCD);
	assert_int_equal(fake_call(__HYPERVISOR_mmu_update, (u64)r, 40,
				   (u64)&done, DOMID_SELF, 3, ~0ull),
			 -EINVAL);
	assert_int_equal(done, 21);
}

static void a_batch_pins_in_slices(void **state)
{
	struct tree n = tree_make(a, 60, 9);
	struct mmuext_op ops[4] = {{.cmd = MMUEXT_PIN_L4_TABLE},
				   {.cmd = MMUEXT_NEW_USER_BASEPTR},
				   {.cmd = MMUEXT_UNPIN_TABLE},
				   {.cmd = MMUEXT_NEW_USER_BASEPTR}};
	u32 done = 0;

	ops[0].arg1.mfn = ops[1].arg1.mfn = ops[2].arg1.mfn = n.l4;
	assert_int_equal(fake_call(__HYPERVISOR_mmuext_op, (u64)ops, 4,
				   (u64)&done, DOMID_SELF, 30, ~0ull),
			 0);
	assert_int_equal(done, 4);
	assert_int_equal(types(n.l4), 0);
	assert_int_equal(refs(n.data), 1);
	assert_null(current_vcpu()->put_pending);
}

static void a_batch_of_small_things_goes_in_slices(void **state)
{
	static struct mmuext_op list[500];
	u32 done = 0;

	for (u32 i = 0; i < ARRAY_SIZE(list); i++) {
		list[i] = (struct mmuext_op){.cmd = MMUEXT_INVLPG_LOCAL,
					     .arg1.linear_addr = 0x5000};
	}
	assert_int_equal(fake_call(__HYPERVISOR_mmuext_op, (u64)list,
				   ARRAY_SIZE(list), (u64)&done, DOMID_SELF,
				   100, ~0ull),
			 0);
	assert_int_equal(done, ARRAY_SIZE(list));
	assert_true(fake_slices > 10);
}

static void the_result_survives_what_is_left_over(void **state)
{
	struct tree n = tree_make(a, 60, 9);
	struct mmuext_op ops[2] = {{.cmd = MMUEXT_UNPIN_TABLE}, {.cmd = 99}};

	assert_int_equal(ext(MMUEXT_PIN_L4_TABLE, n.l4), 0);
	ops[0].arg1.mfn = n.l4;
	assert_int_equal(fake_call(__HYPERVISOR_mmuext_op, (u64)ops, 2, 0,
				   DOMID_SELF, 30, ~0ull),
			 -ENOSYS);
	assert_int_equal(types(n.l4), 0);
	assert_int_equal(ext(MMUEXT_PIN_L4_TABLE, n.l4), 0);
	// Given up: the next call of any kind goes on with it first.
	(void)fake_call(__HYPERVISOR_mmuext_op, (u64)ops, 1, 0, DOMID_SELF, 30,
			0);
	assert_non_null(current_vcpu()->put_pending);
	assert_sound();
	assert_int_equal(update(maddr(t.l1[0], 0), 0), 0);
	assert_null(current_vcpu()->put_pending);
	assert_int_equal(types(n.l4), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(an_entry_moves_references),
	    TEST(an_entry_is_refused_whole),
	    TEST(accessed_and_dirty_can_be_kept),
	    TEST(a_frame_that_is_no_table_is_just_written),
	    TEST(upper_entries_hold_tables),
	    TEST(an_address_names_an_entry),
	    TEST(an_address_is_walked_anew),
	    TEST(a_compared_entry_is_set_only_if_equal),
	    TEST(only_the_privileged_name_foreign_domains),
	    TEST(dom0_maps_what_is_foreign),
	    TEST(dom0_builds_foreign_tables),
	    TEST(the_m2p_is_set_for_own_frames),
	    TEST(a_stale_writable_mapping_meets_no_table),
	    TEST(a_stale_mapping_meets_no_other_owner),
	    TEST(scrubbing_waits_for_tlbs),
	    TEST(a_frame_comes_clean),
	    TEST(a_grant_is_unmapped_only_as_mapped),
	    TEST(a_table_is_not_written_by_a_copy),
	    TEST(nothing_of_the_hypervisor_can_be_copied),
	    TEST(roots_are_taken_and_let_go),
	    TEST(frames_are_cleared_and_copied),
	    TEST(flushes_reach_who_runs_the_domain),
	    TEST(odd_requests_get_xens_answers),
	    TEST(a_batch_counts_what_is_done),
	    TEST(a_batch_pins_in_slices),
	    TEST(a_batch_of_small_things_goes_in_slices),
	    TEST(the_result_survives_what_is_left_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
