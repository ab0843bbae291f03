// SPDX-License-Identifier: MIT
// Frames: owner, references, types, validation and its slices, destruction.
#include <wabe/acpi.h>
#include <wabe/share.h>

#include "mm_machine.h"

static struct domain *a, *b;

static int setup(void **state)
{
	fake_init(3);
	a = fake_domain(1);
	b = fake_domain(2);
	return 0;
}

static int end(void **state)
{
	fake_stamping = NULL;
	assert_sound();
	fake_fini();
	return 0;
}

// --- references --------------------------------------------------------------

static void only_the_owner_gets_a_reference(void **state)
{
	u64 m = fake_alloc(a);

	assert_false(page_get(page(m), b));
	assert_true(page_get(page(m), a));
	assert_int_equal(refs(m), 2);
	page_put(page(m));
	assert_int_equal(refs(m), 1);
}

static void a_free_frame_has_no_references(void **state)
{
	u64 m = fake_alloc(a);

	assert_true(frame_drop_allocation(page(m)));
	assert_false(page_get(page(m), a));
	assert_int_equal(page_get_type(page(m), a, PAGE_WRITABLE), -EINVAL);
}

static void a_frame_is_freed_with_its_last_reference(void **state)
{
	u64 m = fake_alloc(a), before = frames_free();

	assert_true(page_get(page(m), a));
	assert_true(frame_drop_allocation(page(m)));
	assert_false(frame_drop_allocation(page(m)));
	assert_int_equal(frames_free(), before);
	page_put(page(m));
	assert_int_equal(frames_free(), before + 1);
}

static void references_do_not_overflow(void **state)
{
	u64 m = fake_alloc(a), plain = page(m)->state;

	page(m)->state += PAGE_REF_ONE * (1u << 27);
	assert_false(page_get(page(m), a));
	assert_int_equal(page_get_type(page(m), a, PAGE_WRITABLE), -EINVAL);
	page(m)->state = plain;
}

static void what_is_not_ram_has_no_frame(void **state)
{
	assert_null(page_lookup(MFN(FAKE_HOLE)));
	assert_null(page_lookup(MFN(FAKE_FRAMES)));
	assert_null(page_lookup(MFN(~0ull)));
}

// --- types -------------------------------------------------------------------

static void a_writable_frame_is_no_table(void **state)
{
	u64 m = fake_alloc(a);

	for (enum page_type t = PAGE_L1; t <= PAGE_SEG; t++) {
		assert_int_equal(page_get_type(page(m), a, PAGE_WRITABLE), 0);
		assert_int_equal(page_get_type(page(m), a, t), -EINVAL);
		page_put_type(page(m));
		assert_int_equal(page_get_type(page(m), a, t), 0);
		assert_int_equal(page_get_type(page(m), a, PAGE_WRITABLE),
				 -EINVAL);
		assert_int_equal(page_put_type_sliced(page(m)), 0);
		memset(fake_frame(m), 0, PAGE_SIZE); // hypervisor's slots
	}
}

static void a_heap_frame_is_no_table(void **state)
{
	u64 m = fake_heap_frame(a);

	for (enum page_type t = PAGE_L1; t <= PAGE_SEG; t++) {
		assert_int_equal(page_get_type(page(m), a, t), -EINVAL);
	}
	assert_int_equal(page_get_type(page(m), b, PAGE_WRITABLE), -EINVAL);
	assert_int_equal(page_get_type(page(m), a, PAGE_WRITABLE), 0);
	page_put_type(page(m));
	assert_int_equal(page_get_type(page(m), a, PAGE_L1), -EINVAL);
}

static void a_descriptor_page_is_checked(void **state)
{
	u64 m = fake_alloc(a);

	fake_frame(m)[100] = 2;
	assert_int_equal(page_get_type(page(m), a, PAGE_SEG), 0);
	page_put_type(page(m));
	fake_frame(m)[511] = 1; // bad, says the fake
	assert_int_equal(page_get_type(page(m), a, PAGE_SEG), -EINVAL);
	assert_int_equal(types(m), 0);
}

static void a_new_role_waits_for_tlbs(void **state)
{
	u64 m = fake_alloc(a);
	u32 before;

	assert_int_equal(page_get_type(page(m), a, PAGE_WRITABLE), 0);
	page_put_type(page(m));
	before = fake_flushes;
	assert_int_equal(page_get_type(page(m), a, PAGE_WRITABLE), 0);
	assert_int_equal(fake_flushes, before);
	page_put_type(page(m));
	assert_int_equal(page_get_type(page(m), a, PAGE_L1), 0);
	assert_int_equal(fake_flushes, before + FAKE_CPUS);
	page_put_type(page(m));
	assert_int_equal(page_get_type(page(m), a, PAGE_WRITABLE), 0);
	assert_int_equal(fake_flushes, before + 2 * FAKE_CPUS);
	page_put_type(page(m));
}

// --- validation --------------------------------------------------------------

static void a_table_refuses(u64 entry, int error)
{
	u64 m = fake_alloc(a), data = fake_alloc(a);

	for (u32 i = 0; i < 512; i += 3) {
		fake_frame(m)[i] = pte(data, i & 1 ? RW : RO);
	}
	fake_frame(m)[500] = entry;
	assert_int_equal(page_get_type(page(m), a, PAGE_L1), error);
	assert_int_equal(types(m), 0);
	assert_int_equal(refs(data), 1);
	assert_int_equal(types(data), 0);
}

static void an_l1_table_names_only_what_its_owner_may(void **state)
{
	u64 own = fake_alloc(a), foreign = fake_alloc(b);

	a_table_refuses(pte(foreign, RO), -EBUSY);
	a_table_refuses(pte(foreign, RW), -EBUSY);
	a_table_refuses(pte(1, RO), -EBUSY);	       // hypervisor's
	a_table_refuses(pte(2, RO), -EBUSY);	       // M2P
	a_table_refuses(pte(FAKE_HOLE, RO), -EPERM);   // device
	a_table_refuses(pte(FAKE_FRAMES, RO), -EPERM); // beyond the table
	a_table_refuses(pte(1ull << 39, RO), -EINVAL); // no such address
	a_table_refuses(pte(own, RO | PTE_PCD), -EINVAL);
	a_table_refuses(pte(own, RO | PTE_PWT), -EINVAL);
	a_table_refuses(pte(own, RO | PTE_PS), -EINVAL); // PAT
}

static void a_table_may_not_map_itself_writable(void **state)
{
	u64 m = fake_alloc(a);

	fake_frame(m)[7] = pte(m, RW);
	assert_int_equal(page_get_type(page(m), a, PAGE_L1), -EBUSY);
	fake_frame(m)[7] = pte(m, RO);
	assert_int_equal(page_get_type(page(m), a, PAGE_L1), 0);
	assert_int_equal(refs(m), 3);
	page_put_type(page(m));
	assert_int_equal(refs(m), 1);
}

static void entries_keep_what_the_guest_wrote(void **state)
{
	u64 m = fake_alloc(a), data = fake_alloc(a);
	u64 soft = 0xfff0000000000e00ull | PTE_A | PTE_D;

	fake_frame(m)[0] = pte(data, PTE_P | PTE_G | soft);
	fake_frame(m)[1] = pte(data, PTE_P | PTE_RW);
	fake_frame(m)[2] = 0x1234567890abcdeull; // not present
	assert_int_equal(page_get_type(page(m), a, PAGE_L1), 0);
	assert_int_equal(fake_frame(m)[0], pte(data, PTE_P | PTE_US | soft));
	assert_int_equal(fake_frame(m)[1], pte(data, RW));
	assert_int_equal(fake_frame(m)[2], 0x1234567890abcdeull);
	page_put_type(page(m));
}

static void dom0_maps_devices_but_not_interrupt_controllers(void **state)
{
	u64 m = fake_alloc(dom0);

	fake_frame(m)[0] = pte(FAKE_HOLE, RW | PTE_PCD);
	fake_frame(m)[1] = pte(FAKE_FRAMES + 1000, RW);
	acpi_info.ioapic_count = 1;
	acpi_info.ioapics[0].maddr = FAKE_HOLE * PAGE_SIZE;
	assert_int_equal(page_get_type(page(m), dom0, PAGE_L1), 0);
	assert_int_equal(fake_frame(m)[0], pte(FAKE_HOLE, RO | PTE_PCD));
	page_put_type(page(m));
	acpi_info.ioapic_count = 0;
	fake_frame(m)[2] = pte(FAKE_HOLE + 16, RO); // local APIC
	assert_int_equal(page_get_type(page(m), dom0, PAGE_L1), -EPERM);
	fake_frame(m)[2] = pte(1ull << 24, RO); // above maddr_bits
	assert_int_equal(page_get_type(page(m), dom0, PAGE_L1), -EINVAL);
	fake_frame(m)[2] = pte(1, RO); // the hypervisor's
	assert_int_equal(page_get_type(page(m), dom0, PAGE_L1), -EBUSY);
}

static void l1tf_entries_are_refused_where_they_leak(void **state)
{
	u64 m = fake_alloc(a);

	fake_frame(m)[9] = pte(5, PTE_RW); // not present
	assert_int_equal(page_get_type(page(m), a, PAGE_L1), 0);
	page_put_type(page(m));
	l1tf_guard();
	assert_int_equal(page_get_type(page(m), a, PAGE_L1), -EINVAL);
	assert_int_equal(page_get_type(page(m), a, PAGE_L3), -EINVAL);
	// The cache looks at as many bits as the processor's addresses have.
	fake_frame(m)[9] = pte(5, 0) | BIT(51);
	assert_int_equal(page_get_type(page(m), a, PAGE_L1), -EINVAL);
	// A large page is one also while it is not present; in an L1 it is PAT.
	fake_frame(m)[9] = PTE_PS;
	assert_int_equal(page_get_type(page(m), a, PAGE_L2), -EINVAL);
	assert_int_equal(page_get_type(page(m), a, PAGE_L3), -EINVAL);
	assert_int_equal(page_get_type(page(m), a, PAGE_L1), 0);
	page_put_type(page(m));
	fake_frame(m)[9] = ~pte(5, 0) & PTE_FRAME; // inverted, as Linux does
	assert_int_equal(page_get_type(page(m), a, PAGE_L1), 0);
	page_put_type(page(m));
}

static void upper_entries_have_no_large_pages_or_caching(void **state)
{
	struct tree t = tree_make(a, 1, 1);
	u64 bits[] = {PTE_PS, PTE_PCD, PTE_PWT, PTE_G};

	for (u32 i = 0; i < ARRAY_SIZE(bits); i++) {
		fake_frame(t.l2)[0] = pte(t.l1[0], RW | bits[i]);
		assert_int_equal(page_get_type(page(t.l2), a, PAGE_L2),
				 -EINVAL);
	}
	assert_int_equal(types(t.l1[0]), 0);
}

static void a_root_table_gets_the_hypervisors_slots(void **state)
{
	struct tree t = tree_make(a, 1, 1);

	fake_frame(t.l4)[256] = pte(t.data, RW);
	fake_frame(t.l4)[271] = pte(1, RW);
	assert_int_equal(page_get_type(page(t.l4), a, PAGE_L4), 0);
	assert_int_equal(fake_frame(t.l4)[256], 0); // the M2P, not yet
	for (u32 i = 1; i < 16; i++) {
		assert_int_equal(fake_frame(t.l4)[256 + i], hv_slots[i]);
	}
	assert_int_equal(types(t.l3), 1);
	assert_int_equal(types(t.l1[0]), 1);
	assert_int_equal(refs(t.data), 2);
	assert_int_equal(page_put_type_sliced(page(t.l4)), 0);
	assert_int_equal(types(t.l1[0]), 0);
	assert_int_equal(refs(t.data), 1);
}

static void tables_form_no_circle(void **state)
{
	struct tree t = tree_make(a, 1, 1);

	fake_frame(t.l3)[4] = pte(t.l3, RW); // linear tables of Xen
	assert_int_equal(page_get_type(page(t.l4), a, PAGE_L4), -EINVAL);
	fake_frame(t.l3)[4] = pte(t.l4, RW);
	assert_int_equal(page_get_type(page(t.l4), a, PAGE_L4), -EINVAL);
	fake_frame(t.l3)[4] = pte(t.l1[0], RW); // L1 in the place of L2
	assert_int_equal(page_get_type(page(t.l4), a, PAGE_L4), -EINVAL);
	assert_int_equal(types(t.l2), 0);
}

// --- slices ------------------------------------------------------------------

static int get_in_slices(u64 m, enum page_type type, u64 units)
{
	int rc;
	u32 slices = 0;

	do {
		fake_work = units;
		rc = page_get_type(page(m), a, type);
		fake_work = FAKE_ENDLESS;
		if (rc == -ERESTART) {
			assert_sound();
		}
		assert_true(++slices < 10000);
	} while (rc == -ERESTART);
	assert_true(slices > 1);
	return rc;
}

static void a_big_table_is_validated_in_slices(void **state)
{
	struct tree t = tree_make(a, 40, 8);

	assert_int_equal(get_in_slices(t.l4, PAGE_L4, 1), 0);
	assert_int_equal(types(t.l4), 1);
	assert_int_equal(refs(t.data), 1 + 40 * 8);
	a->vcpu[0]->kernel_root = t.l4 << PAGE_SHIFT; // takes the reference
	assert_sound();
}

static void a_partial_table_takes_no_other_role(void **state)
{
	struct tree t = tree_make(a, 40, 8);
	struct pt_table table;

	fake_work = 1;
	assert_int_equal(page_get_type(page(t.l4), a, PAGE_L4), -ERESTART);
	fake_work = FAKE_ENDLESS;
	assert_true(is_partial(t.l4) && is_partial(t.l2));
	assert_int_equal(page_get_type(page(t.l4), a, PAGE_WRITABLE), -EINVAL);
	assert_int_equal(page_get_type(page(t.l4), a, PAGE_L3), -EINVAL);
	assert_int_equal(page_get_type(page(t.l2), a, PAGE_WRITABLE), -EINVAL);
	assert_false(pt_open(&table, a, MFN(t.l4)));
	// Someone else goes on with a part of it, and keeps that.
	assert_int_equal(page_pin(page(t.l2), a, PAGE_L2), 0);
	assert_sound();
	assert_int_equal(page_pin(page(t.l4), a, PAGE_L4), 0);
	assert_sound();
	assert_int_equal(types(t.l2), 2);
	assert_int_equal(types(t.l4), 1);
}

static void a_bad_entry_undoes_all_before_it_in_slices(void **state)
{
	struct tree t = tree_make(a, 40, 8);

	fake_frame(t.l2)[39] = pte(t.l1[39], RW | PTE_PS);
	assert_int_equal(get_in_slices(t.l4, PAGE_L4, 1), -EINVAL);
	assert_int_equal(types(t.l4), 0);
	assert_int_equal(types(t.l2), 0);
	assert_int_equal(refs(t.data), 1);
	assert_int_equal(page_get_type(page(t.l4), a, PAGE_WRITABLE), 0);
	page_put_type(page(t.l4));
}

static void letting_go_is_sliced_and_kept(void **state)
{
	struct tree t = tree_make(a, 40, 8);
	struct vcpu *v = current_vcpu();
	u32 slices = 0;

	assert_int_equal(page_pin(page(t.l4), a, PAGE_L4), 0);
	fake_work = 18; // past the hypervisor's slots
	assert_int_equal(page_unpin(page(t.l4), a), 0);
	assert_ptr_equal(v->put_pending, page(t.l4));
	assert_true(is_partial(t.l4) && is_partial(t.l3) && is_partial(t.l2));
	fake_work = FAKE_ENDLESS;
	assert_sound();
	// Nobody gets it back half way: neither it nor a part of it.
	assert_int_equal(page_get_type(page(t.l4), a, PAGE_L4), -EINVAL);
	assert_int_equal(page_get_type(page(t.l2), a, PAGE_L2), -EINVAL);
	assert_int_equal(page_pin(page(t.l4), a, PAGE_L4), -EINVAL);
	assert_int_equal(page_unpin(page(t.l4), a), -EINVAL);
	do {
		fake_work = 1;
		slices++;
	} while (put_pending_finish(v));
	fake_work = FAKE_ENDLESS;
	assert_true(slices > 30);
	assert_int_equal(types(t.l4), 0);
	assert_int_equal(refs(t.data), 1);
}

// Another vCPU took the rest of two tables away: this one finds that it has the
// last reference of both.
static void letting_go_of_two_tables_is_sliced(void **state)
{
	struct tree t[2] = {tree_make(a, 40, 8), tree_make(a, 40, 8)};
	struct vcpu *v = current_vcpu();
	u32 slices = 0;

	for (u32 i = 0; i < 2; i++) {
		assert_int_equal(page_pin(page(t[i].l4), a, PAGE_L4), 0);
	}
	for (u32 i = 0; i < 2; i++) {
		fake_work = 18;
		assert_int_equal(page_unpin(page(t[i].l4), a), 0);
		fake_work = FAKE_ENDLESS;
		assert_true(is_partial(t[i].l4) && is_partial(t[i].l2));
		assert_sound();
	}
	do {
		fake_work = 1;
		slices++;
	} while (put_pending_finish(v));
	fake_work = FAKE_ENDLESS;
	assert_true(slices > 60);
	assert_null(v->put_pending);
	assert_int_equal(refs(t[0].data), 1);
	assert_int_equal(refs(t[1].data), 1);
}

// --- pins, destruction -------------------------------------------------------

static void a_table_is_pinned_once(void **state)
{
	struct tree t = tree_make(a, 1, 1);

	assert_int_equal(page_unpin(page(t.l4), a), -EINVAL);
	assert_int_equal(page_pin(page(t.l4), b, PAGE_L4), -EINVAL);
	assert_int_equal(page_pin(page(t.l4), a, PAGE_L4), 0);
	assert_int_equal(page_pin(page(t.l4), a, PAGE_L4), -EINVAL);
	assert_int_equal(page_pin(page(t.l4), a, PAGE_L3), -EINVAL);
	assert_int_equal(page_unpin(page(t.l4), b), -EINVAL);
	assert_int_equal(types(t.l4), 1);
	assert_int_equal(page_unpin(page(t.l4), a), 0);
	assert_int_equal(types(t.l3), 0);
}

static void a_pinned_table_outlives_its_allocation(void **state)
{
	struct tree t = tree_make(a, 1, 1);
	u64 before = frames_free();

	assert_int_equal(page_pin(page(t.l4), a, PAGE_L4), 0);
	assert_true(frame_drop_allocation(page(t.l4)));
	assert_true(frame_drop_allocation(page(t.data)));
	assert_int_equal(frames_free(), before);
	assert_sound();
	assert_int_equal(page_unpin(page(t.l4), a), 0);
	assert_int_equal(frames_free(), before + 2);
}

static void everything_of_a_dead_domain_is_freed(void **state)
{
	u64 before = frames_free();
	struct tree pinned = tree_make(a, 20, 8), root = tree_make(a, 3, 3);
	struct tree half = tree_make(a, 40, 8), failed = tree_make(a, 40, 8);
	struct share *s;

	assert_int_equal(page_pin(page(pinned.l4), a, PAGE_L4), 0);
	assert_int_equal(root_set(a->vcpu[1], MFN(root.l4)), 0);
	fake_work = 1;
	assert_int_equal(page_get_type(page(half.l4), a, PAGE_L4), -ERESTART);
	fake_work = 60;
	fake_frame(failed.l2)[39] |= PTE_PS;
	while (page(failed.l2)->flags == page(failed.l3)->flags) {
		assert_int_equal(page_get_type(page(failed.l4), a, PAGE_L4),
				 -ERESTART);
		fake_work = 1;
	}
	assert_int_equal(share_create(a, MFN(fake_alloc(a)), &s), 0);
	assert_sound();
	share_destroy(s);
	fake_work = 1;
	fake_domain_destroy(a);
	assert_int_equal(frames_free(), before);
	assert_null(domain_by_id(1));
	a = NULL;
}

static void what_others_map_outlives_the_domain(void **state)
{
	u64 before = frames_free(), m = fake_alloc(a);

	assert_true(page_get(page(m), a));
	fake_domain_destroy(a);
	assert_int_equal(frames_free(), before - 1);
	assert_non_null(domain_by_id(1)); // its number is not free yet
	page_put(page(m));
	fake_settle();
	assert_int_equal(frames_free(), before);
	assert_null(domain_by_id(1));
}

static void destroyed_meanwhile(void)
{
	fake_delay = NULL;
	fake_domain_destroy(a);
}

// The toolstack populates it and destroys it at the same time.
static void a_domain_that_dies_gets_no_frame(void **state)
{
	u64 before = frames_free(), dirty = fake_alloc(b);

	assert_ptr_equal(domain_get(1), a);
	assert_true(frame_drop_allocation(page(dirty)));
	fake_delay = destroyed_meanwhile; // while it is cleared
	assert_int_equal(fake_alloc(a), 0);
	assert_null(fake_delay);
	assert_int_equal(frames_free(), before);
	domain_put(a);
	fake_settle();
	assert_null(domain_by_id(1));
}

static void a_dying_domain_is_not_pinned_for(void **state)
{
	struct tree t = tree_make(a, 1, 1);

	a->dying = DOMAIN_DYING;
	assert_int_equal(page_pin(page(t.l4), a, PAGE_L4), -EINVAL);
	assert_int_equal(types(t.l4), 0);
	fake_domain_destroy(a);
}

static void an_idle_cpu_leaves_a_root_that_goes(void **state)
{
	struct tree t = tree_make(a, 1, 1);

	assert_int_equal(root_set(a->vcpu[0], MFN(t.l4)), 0);
	cpus[2]->root = t.l4 << PAGE_SHIFT; // lazily, running nothing
	assert_int_equal(root_set(a->vcpu[0], MFN(0)), 0);
	assert_int_not_equal(cpus[2]->root, t.l4 << PAGE_SHIFT);
	assert_int_equal(types(t.l4), 0);
}

static void the_audit_finds_what_is_wrong(void **state)
{
	struct tree t = tree_make(a, 1, 1);
	u64 was;

	assert_int_equal(page_pin(page(t.l4), a, PAGE_L4), 0);
	assert_int_equal(page_audit(), 0);
	page(t.data)->state += PAGE_REF_ONE;
	assert_int_not_equal(page_audit(), 0);
	page(t.data)->state -= PAGE_REF_ONE;
	was = fake_frame(t.l1[0])[3];
	fake_frame(t.l1[0])[3] = pte(t.l2, RW);
	assert_int_not_equal(page_audit(), 0);
	fake_frame(t.l1[0])[3] = was;
	fake_frame(t.l4)[260] ^= 2;
	assert_int_not_equal(page_audit(), 0);
	fake_frame(t.l4)[260] ^= 2;
}

// Else another vCPU could map it, its processor flush and cache the mapping,
// and the mapping go again, between the stamp and the end: the stamp were too
// old.
static u64 ending;
static u32 stampings;

static void stamped(void)
{
	stampings++;
	assert_true((page(ending)->state & PAGE_VALID_MASK) ==
			1ull << PAGE_VALID_SHIFT ||
		    !(page(ending)->state & PAGE_REFS_MASK));
}

static void nobody_uses_a_frame_while_it_is_stamped(void **state)
{
	ending = fake_alloc(a);
	stampings = 0;
	assert_int_equal(page_get_type(page(ending), a, PAGE_WRITABLE), 0);
	fake_stamping = stamped;
	page_put_type(page(ending));
	assert_int_equal(stampings, 1);
	fake_stamping = NULL;
	assert_int_equal(page_pin(page(ending), a, PAGE_L1), 0);
	fake_stamping = stamped;
	assert_int_equal(page_unpin(page(ending), a), 0);
	assert_int_equal(stampings, 2);
	assert_true(frame_drop_allocation(page(ending)));
	fake_stamping = NULL;
	assert_int_equal(stampings, 3);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(only_the_owner_gets_a_reference),
	    TEST(a_free_frame_has_no_references),
	    TEST(a_frame_is_freed_with_its_last_reference),
	    TEST(references_do_not_overflow),
	    TEST(what_is_not_ram_has_no_frame),
	    TEST(a_writable_frame_is_no_table),
	    TEST(a_heap_frame_is_no_table),
	    TEST(a_descriptor_page_is_checked),
	    TEST(a_new_role_waits_for_tlbs),
	    TEST(nobody_uses_a_frame_while_it_is_stamped),
	    TEST(an_l1_table_names_only_what_its_owner_may),
	    TEST(a_table_may_not_map_itself_writable),
	    TEST(entries_keep_what_the_guest_wrote),
	    TEST(dom0_maps_devices_but_not_interrupt_controllers),
	    TEST(upper_entries_have_no_large_pages_or_caching),
	    TEST(a_root_table_gets_the_hypervisors_slots),
	    TEST(tables_form_no_circle),
	    TEST(a_big_table_is_validated_in_slices),
	    TEST(a_partial_table_takes_no_other_role),
	    TEST(a_bad_entry_undoes_all_before_it_in_slices),
	    TEST(letting_go_is_sliced_and_kept),
	    TEST(letting_go_of_two_tables_is_sliced),
	    TEST(a_table_is_pinned_once),
	    TEST(a_pinned_table_outlives_its_allocation),
	    TEST(everything_of_a_dead_domain_is_freed),
	    TEST(what_others_map_outlives_the_domain),
	    TEST(a_domain_that_dies_gets_no_frame),
	    TEST(a_dying_domain_is_not_pinned_for),
	    TEST(an_idle_cpu_leaves_a_root_that_goes),
	    TEST(the_audit_finds_what_is_wrong),
	    TEST(l1tf_entries_are_refused_where_they_leak), // last: stays on
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
