// SPDX-License-Identifier: MIT
// Grants: what may be mapped and copied, what is counted, what a liar gets.
#include "ipc_machine.h"

#include "../../hypervisor/ipc/grant.c"
#include "../../hypervisor/ipc/grant_copy.c"
#include "../../hypervisor/ipc/grant_map.c"

// Page tables: one array of entries a domain, `addr` is an index. What an
// entry names is counted by who made it.
static u64 entries[DOMAINS][32];

static u64 *entry_of(struct vcpu *v, u64 addr)
{
	return addr && addr < 32 ? &entries[v->domain->id][addr] : NULL;
}

int grant_pte_map(struct vcpu *v, u64 addr, bool is_pte_maddr, u64 pte)
{
	u64 *e = entry_of(v, addr);

	if (!e || *e) {
		return -EINVAL;
	}
	*e = pte;
	return 0;
}

int grant_pte_unmap(struct vcpu *v, u64 addr, bool is_pte_maddr, u64 expect,
		    u64 new_addr)
{
	u64 *e = entry_of(v, addr);
	u64 same = PTE_FRAME | PTE_RW | PTE_P;

	if (!e || (*e & same) != (expect & same)) {
		return -EINVAL;
	}
	*e = new_addr ? *entry_of(v, new_addr) : 0;
	return 0;
}

void domain_cpus(const struct domain *d, struct cpumask *out)
{
	memset(out, 0, sizeof(*out));
	cpumask_set(out, 0);
}

void tlb_flush_mask(const struct cpumask *mask, u64 va)
{
	flushes++;
}

void heap_page_share(void *page, struct domain *d)
{
	domain_hold(d);
}

void heap_page_unshare(void *page)
{
	heap_free(page);
}

mfn_t heap_mfn(const void *p)
{
	return MFN(((u64)p) >> PAGE_SHIFT);
}

#define GRANTER 1u
#define MAPPER 0u
#define FRAME 20u // one of the granter's

static struct domain *const granter = &domains[GRANTER];
static struct domain *const mapper = &domains[MAPPER];

static int setup(void **state)
{
	mfn_t m;

	machine_init();
	memset(entries, 0, sizeof(entries));
	for (u32 i = 0; i < DOMAINS; i++) {
		assert_int_equal(grants_create(&domains[i], 2, 1), 0);
	}
	assert_int_equal(grants_frame(granter, 1, &m), 0);
	return 0;
}

static int teardown(void **state)
{
	for (u32 i = 0; i < DOMAINS; i++) {
		u32 frames = domains[i].grants->frames;

		while (grants_unmap_all(&domains[i])) {
			work_left = 1 << 30;
		}
		grants_release_frames(&domains[i]);
		domains[i].refs -= frames;
	}
	for (u32 i = 0; i < DOMAINS; i++) {
		grants_destroy(&domains[i]);
		for (u32 n = 0; n < 32; n++) {
			u64 e = entries[i][n];

			if (e) {
				grant_frame_put(pte_mfn(e).n, e & PTE_RW);
			}
		}
	}
	machine_fini();
	return 0;
}

static struct grant_entry_v1 *shared(u32 ref)
{
	return entry_at(granter->grants, ref);
}

static void give(u32 ref, u16 flags, u32 grantee, u32 frame)
{
	shared(ref)->domid = (domid_t)grantee;
	shared(ref)->frame = frame;
	shared(ref)->flags = flags;
}

static s16 map(u32 ref, u32 flags, u64 addr, u32 *handle)
{
	struct gnttab_map_grant_ref op = {
	    .host_addr = addr,
	    .flags = flags | GNTMAP_host_map,
	    .ref = ref,
	    .dom = GRANTER,
	};

	op.status = grant_map(&op);
	*handle = op.handle;
	return op.status;
}

static s16 unmap(u32 handle, u64 addr)
{
	struct grant_unmapping u = {
	    .op = {.host_addr = addr, .handle = handle}};

	grant_unmap_prepare(&u);
	grant_unmap_finish(&u, 1);
	return u.op.status;
}

static void map_and_unmap_leave_nothing(void **state)
{
	u32 rw, ro;

	give(5, GTF_permit_access, MAPPER, FRAME);
	assert_int_equal(map(5, 0, 3, &rw), GNTST_okay);
	assert_int_equal(shared(5)->flags,
			 GTF_permit_access | GTF_reading | GTF_writing);
	assert_int_equal(frames[FRAME].writers, 1);
	assert_int_equal(entries[MAPPER][3] & PTE_FRAME, (u64)FRAME << 12);
	assert_true(entries[MAPPER][3] & PTE_RW);
	assert_int_equal(map(5, GNTMAP_readonly, 4, &ro), GNTST_okay);
	assert_false(entries[MAPPER][4] & PTE_RW);
	assert_int_equal(frames[FRAME].refs, 2);
	assert_int_equal(unmap(rw, 3), GNTST_okay);
	assert_int_equal(flushes, 1);
	assert_int_equal(shared(5)->flags, GTF_permit_access | GTF_reading);
	assert_int_equal(unmap(rw, 3), GNTST_bad_handle);
	assert_int_equal(unmap(ro, 4), GNTST_okay);
	assert_int_equal(shared(5)->flags, GTF_permit_access);
	assert_int_equal(frames[FRAME].refs, 0);
	assert_int_equal(granter->refs, 3);
}

static void what_is_not_granted_is_refused(void **state)
{
	struct gnttab_map_grant_ref op = {.dom = DOMID_SELF,
					  .flags = GNTMAP_host_map};
	u32 h;

	op.status = grant_map(&op);
	assert_int_equal(op.status, GNTST_bad_domain);
	op = (struct gnttab_map_grant_ref){.dom = GRANTER};
	op.status = grant_map(&op);
	assert_int_equal(op.status, GNTST_bad_gntref);
	assert_int_equal(map(1024, 0, 3, &h), GNTST_bad_gntref);
	assert_int_equal(map(~0u, 0, 3, &h), GNTST_bad_gntref);
	assert_int_equal(map(5, 0, 3, &h), GNTST_general_error);
	give(5, GTF_permit_access, 2, FRAME);
	assert_int_equal(map(5, 0, 3, &h), GNTST_general_error);
	give(5, GTF_accept_transfer, MAPPER, FRAME);
	assert_int_equal(map(5, 0, 3, &h), GNTST_general_error);
	give(5, GTF_permit_access | GTF_readonly, MAPPER, FRAME);
	assert_int_equal(map(5, 0, 3, &h), GNTST_general_error);
	give(5, GTF_permit_access | GTF_sub_page, MAPPER, FRAME);
	assert_int_equal(map(5, 0, 3, &h), GNTST_general_error);
	// Frames that are not the granter's: the mapper's own, none at all.
	give(5, GTF_permit_access, MAPPER, 3);
	assert_int_equal(map(5, 0, 3, &h), GNTST_bad_page);
	give(5, GTF_permit_access, MAPPER, ~0u);
	assert_int_equal(map(5, 0, 3, &h), GNTST_bad_page);
	// A page table may be mapped, but not written.
	frames[FRAME].table = true;
	give(5, GTF_permit_access, MAPPER, FRAME);
	assert_int_equal(map(5, 0, 3, &h), GNTST_general_error);
	assert_int_equal(shared(5)->flags, GTF_permit_access);
	assert_int_equal(map(5, GNTMAP_readonly, 3, &h), GNTST_okay);
	assert_int_equal(unmap(h, 3), GNTST_okay);
	// No such entry in the mapper's tables.
	assert_int_equal(map(5, GNTMAP_readonly, 99, &h), GNTST_general_error);
	assert_int_equal(shared(5)->flags, GTF_permit_access);
	assert_int_equal(granter->refs, 3);
}

static void a_pinned_grant_keeps_its_frame(void **state)
{
	u32 one, two;

	give(5, GTF_permit_access, MAPPER, FRAME);
	assert_int_equal(map(5, 0, 3, &one), GNTST_okay);
	give(5, GTF_permit_access, 2, FRAME + 1);
	run_as(2);
	assert_int_equal(map(5, 0, 3, &two), GNTST_general_error);
	run_as(MAPPER);
	assert_int_equal(map(5, 0, 4, &two), GNTST_okay);
	assert_int_equal(pte_mfn(entries[MAPPER][4]).n, FRAME);
	assert_int_equal(frames[FRAME + 1].refs, 0);
	assert_int_equal(unmap(one, 3), GNTST_okay);
	assert_int_equal(unmap(two, 4), GNTST_okay);
}

static void unmap_wants_the_entry_that_was_made(void **state)
{
	u32 h;

	give(5, GTF_permit_access, MAPPER, FRAME);
	assert_int_equal(map(5, 0, 3, &h), GNTST_okay);
	assert_int_equal(unmap(h, 4), GNTST_general_error);
	assert_int_equal(unmap(h, 99), GNTST_general_error);
	// The guest made it read-only: a writable reference is not there to
	// drop.
	entries[MAPPER][3] &= ~PTE_RW;
	assert_int_equal(unmap(h, 3), GNTST_general_error);
	entries[MAPPER][3] |= PTE_RW;
	assert_int_equal(unmap(h, 0), GNTST_okay);
	assert_int_equal(frames[FRAME].writers, 1);
	assert_int_equal(unmap(h + 1, 3), GNTST_bad_handle);
	assert_int_equal(unmap(~0u, 3), GNTST_bad_handle);
	assert_int_equal(unmap(h, 3), GNTST_okay);
}

// A reader's pin does not vouch for a writer.
static void a_reader_does_not_open_the_way_to_write(void **state)
{
	u32 ro, rw;

	give(5, GTF_permit_access | GTF_readonly, MAPPER, FRAME);
	assert_int_equal(map(5, GNTMAP_readonly, 3, &ro), GNTST_okay);
	assert_int_equal(map(5, 0, 4, &rw), GNTST_general_error);
	assert_int_equal(frames[FRAME].writers, 0);
	shared(5)->flags &= (u16)~GTF_readonly;
	assert_int_equal(map(5, 0, 4, &rw), GNTST_okay);
	assert_true(shared(5)->flags & GTF_writing);
	assert_int_equal(unmap(rw, 4), GNTST_okay);
	assert_int_equal(unmap(ro, 3), GNTST_okay);
}

static void a_handle_named_twice_in_a_batch_counts_once(void **state)
{
	struct grant_unmapping u[2];
	u32 one, two;

	give(5, GTF_permit_access, MAPPER, FRAME);
	assert_int_equal(map(5, 0, 3, &one), GNTST_okay);
	assert_int_equal(map(5, 0, 4, &two), GNTST_okay);
	u[0] = (struct grant_unmapping){.op = {.host_addr = 3, .handle = one}};
	u[1] = (struct grant_unmapping){.op = {.host_addr = 4, .handle = one}};
	grant_unmap_prepare(&u[0]);
	grant_unmap_prepare(&u[1]);
	// The granter does not hear of it before the flush.
	assert_int_equal(flushes, 0);
	assert_true(shared(5)->flags & GTF_writing);
	grant_unmap_finish(u, 2);
	assert_int_equal(flushes, 1);
	assert_int_equal(u[0].op.status, GNTST_okay);
	assert_int_equal(u[1].op.status, GNTST_bad_handle);
	assert_int_equal(frames[FRAME].writers, 1);
	assert_int_equal(unmap(two, 4), GNTST_okay);
}

// What a mapping for devices holds goes with the one in the tables: it cannot
// be let go of a second time (XSA-224).
static void a_device_mapping_holds_nothing_of_its_own(void **state)
{
	struct grant_unmapping u = {
	    .op = {.dev_bus_addr = (u64)FRAME << PAGE_SHIFT}};
	u32 both, other;

	give(5, GTF_permit_access, MAPPER, FRAME);
	assert_int_equal(map(5, GNTMAP_device_map, 3, &both), GNTST_okay);
	assert_int_equal(map(5, 0, 4, &other), GNTST_okay);
	assert_int_equal(unmap(both, 3), GNTST_okay);
	u.op.handle = both;
	grant_unmap_prepare(&u);
	grant_unmap_finish(&u, 1);
	assert_int_equal(u.op.status, GNTST_bad_handle);
	assert_int_equal(frames[FRAME].writers, 1);
	assert_true(shared(5)->flags & GTF_writing);
	assert_int_equal(unmap(other, 4), GNTST_okay);
}

static void handles_end_and_come_back(void **state)
{
	u32 h[257], count = 0;

	give(5, GTF_permit_access, MAPPER, FRAME);
	while (count < 257 && map(5, 0, 3, &h[count]) == GNTST_okay) {
		entries[MAPPER][3] = 0; // as if it were elsewhere
		count++;
	}
	assert_int_equal(count, 256);
	for (u32 i = 0; i < count; i++) {
		entries[MAPPER][3] = grant_pte(FRAME, 0);
		assert_int_equal(unmap(h[i], 3), GNTST_okay);
	}
	assert_int_equal(map(5, 0, 3, &h[0]), GNTST_okay);
}

static void a_dead_granter_is_let_go_by_the_last_unmap(void **state)
{
	mfn_t m;
	u32 h;

	give(5, GTF_permit_access, MAPPER, FRAME);
	assert_int_equal(map(5, 0, 3, &h), GNTST_okay);
	grants_release_frames(granter);
	granter->refs -= 2;
	assert_int_equal(granter->refs, 2);
	assert_int_equal(grants_frame(granter, 0, &m), -EINVAL);
	assert_int_equal(map(5, 0, 4, &h), GNTST_bad_gntref);
	assert_int_equal(unmap(0, 3), GNTST_okay);
	assert_int_equal(granter->refs, 1);
}

static void a_dead_mapper_unpins_in_slices(void **state)
{
	u32 h, slices = 0;

	give(5, GTF_permit_access, MAPPER, FRAME);
	for (u32 i = 1; i < 31; i++) {
		assert_int_equal(map(5, 0, i, &h), GNTST_okay);
	}
	do {
		work_left = 10;
		slices++;
	} while (grants_unmap_all(mapper) == -ERESTART);
	work_left = 1 << 30;
	assert_true(slices > 10);
	assert_int_equal(shared(5)->flags, GTF_permit_access);
	// Its tables still hold the frame.
	assert_int_equal(frames[FRAME].writers, 30);
}

static s16 copy(struct gnttab_copy op)
{
	struct grant_copier c;

	c.from.held = c.to.held = false;
	op.status = grant_copy(&c, &op);
	grant_copy_end(&c);
	return op.status;
}

#define OWN(frame, at)                                                 \
	{                                                              \
		.u.gmfn = (frame), .domid = DOMID_SELF, .offset = (at) \
	}
#define GREF(n, at)                                            \
	{                                                      \
		.u.ref = (n), .domid = GRANTER, .offset = (at) \
	}

static void copies_go_where_they_may(void **state)
{
	give(5, GTF_permit_access, MAPPER, FRAME);
	give(6, GTF_permit_access | GTF_readonly, MAPPER, FRAME + 1);
	memcpy(frames[FRAME].bytes + 100, "honey", 6);
	assert_int_equal(
	    copy((struct gnttab_copy){.source = GREF(5, 100),
				      .dest = OWN(3, 4090),
				      .len = 6,
				      .flags = GNTCOPY_source_gref}),
	    GNTST_okay);
	assert_string_equal((char *)frames[3].bytes + 4090, "honey");
	assert_int_equal(copy((struct gnttab_copy){.source = OWN(3, 4090),
						   .dest = GREF(5, 0),
						   .len = 6,
						   .flags = GNTCOPY_dest_gref}),
			 GNTST_okay);
	assert_string_equal((char *)frames[FRAME].bytes, "honey");
	assert_int_equal(copy((struct gnttab_copy){
			     .source = GREF(6, 0),
			     .dest = GREF(5, 8),
			     .len = 4088,
			     .flags = GNTCOPY_source_gref | GNTCOPY_dest_gref}),
			 GNTST_okay);
	// Past the edge; into what is read-only; what is not the caller's.
	assert_int_equal(copy((struct gnttab_copy){.source = OWN(3, 4090),
						   .dest = OWN(4, 0),
						   .len = 7}),
			 GNTST_bad_copy_arg);
	assert_int_equal(copy((struct gnttab_copy){.source = OWN(3, 0),
						   .dest = OWN(4, 4090),
						   .len = 7}),
			 GNTST_bad_copy_arg);
	assert_int_equal(copy((struct gnttab_copy){.source = OWN(3, 0),
						   .dest = OWN(4, 65535),
						   .len = 65535}),
			 GNTST_bad_copy_arg);
	assert_int_equal(copy((struct gnttab_copy){.source = OWN(3, 0),
						   .dest = GREF(6, 0),
						   .len = 1,
						   .flags = GNTCOPY_dest_gref}),
			 GNTST_general_error);
	assert_int_equal(copy((struct gnttab_copy){.source = OWN(FRAME, 0),
						   .dest = OWN(3, 0),
						   .len = 1}),
			 GNTST_bad_page);
	frames[4].table = true;
	assert_int_equal(copy((struct gnttab_copy){
			     .source = OWN(3, 0), .dest = OWN(4, 0), .len = 1}),
			 GNTST_general_error);
	assert_int_equal(copy((struct gnttab_copy){
			     .source = {.u.gmfn = FRAME, .domid = GRANTER},
			     .dest = OWN(3, 0),
			     .len = 1}),
			 GNTST_permission_denied);
	assert_int_equal(
	    copy((struct gnttab_copy){.source = {.u.ref = 5, .domid = 77},
				      .dest = OWN(3, 0),
				      .len = 1,
				      .flags = GNTCOPY_source_gref}),
	    GNTST_bad_domain);
	assert_int_equal(shared(5)->flags, GTF_permit_access);
}

// In a batch what was claimed for one copy serves the next, if it is the same.
// A number alone does not tell: it may be a frame's or a reference's, and of
// another domain (XSA-523).
static void a_copy_does_not_pass_for_the_one_before(void **state)
{
	struct gnttab_copy granted = {.source = GREF(FRAME, 0),
				      .dest = OWN(3, 0),
				      .len = 1,
				      .flags = GNTCOPY_source_gref};
	struct gnttab_copy frame = granted, other = granted, into = granted;
	struct grant_copier c;

	frame.flags = 0; // the granter's frame of that number
	other.source.domid = 2;
	into.flags = GNTCOPY_source_gref | GNTCOPY_dest_gref; // ours is a frame
	c.from.held = c.to.held = false;
	give(FRAME, GTF_permit_access, MAPPER, FRAME + 1);
	for (u32 i = 0; i < 2; i++) {
		assert_int_equal(grant_copy(&c, &granted), GNTST_okay);
		assert_true(c.from.held);
		assert_int_equal(grant_copy(&c, &frame),
				 GNTST_permission_denied);
		assert_int_equal(grant_copy(&c, &granted), GNTST_okay);
		assert_int_equal(grant_copy(&c, &other), GNTST_bad_gntref);
		assert_int_equal(grant_copy(&c, &granted), GNTST_okay);
		assert_int_equal(grant_copy(&c, &into), GNTST_bad_gntref);
	}
	grant_copy_end(&c);
	assert_int_equal(shared(FRAME)->flags, GTF_permit_access);
}

static void swap_leaves_what_is_in_use(void **state)
{
	u32 h;

	give(5, GTF_permit_access, MAPPER, FRAME);
	assert_int_equal(map(5, 0, 3, &h), GNTST_okay);
	run_as(GRANTER);
	assert_int_equal(grant_swap(5, 6), GNTST_eagain);
	assert_int_equal(grant_swap(6, 1024), GNTST_bad_gntref);
	run_as(MAPPER);
	assert_int_equal(unmap(h, 3), GNTST_okay);
	run_as(GRANTER);
	assert_int_equal(grant_swap(5, 6), GNTST_okay);
	assert_int_equal(shared(6)->frame, FRAME);
	assert_int_equal(shared(5)->flags, 0);
	run_as(MAPPER);
}

// A granter that changes its entries all the time; a mapper that tries all it
// can think of. The counts must agree at the end (teardown looks).
static void liars_do_not_upset_the_counts(void **state)
{
	u32 handle[64] = {0}, at[64] = {0}, n = 0, mapped = 0;

	for (u32 step = 0; step < 200000; step++) {
		u32 ref = random_below(4), i = random_below(n ? n : 1);

		give(ref, (u16)random_below(1 << 9), random_below(3),
		     16 + random_below(20));
		frames[16 + random_below(16)].table = false;
		switch (random_below(4)) {
		case 0:
			at[n] = 1 + random_below(31);
			if (n < 63 && map(ref, random_below(64), at[n],
					  &handle[n]) == GNTST_okay) {
				n++;
				mapped++;
			}
			break;
		case 1:
			if (n && unmap(handle[i], at[i]) == GNTST_okay) {
				n--;
				handle[i] = handle[n];
				at[i] = at[n];
			}
			break;
		case 2:
			unmap(random_below(300), 1 + random_below(31));
			for (u32 k = 0; k < n; k++) {
				if (!entries[MAPPER][at[k]]) {
					n--;
					handle[k] = handle[n];
					at[k] = at[n];
					k--;
				}
			}
			break;
		case 3:
			copy((struct gnttab_copy){
			    .source = GREF(ref, random_below(4096)),
			    .dest = GREF(random_below(4), 0),
			    .len = (u16)random_below(4096),
			    .flags = (u16)random_below(4)});
			break;
		}
	}
	assert_true(mapped > 1000);
	while (n--) {
		assert_int_equal(unmap(handle[n], at[n]), GNTST_okay);
	}
	assert_int_equal(granter->refs, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	    TEST(map_and_unmap_leave_nothing),
	    TEST(what_is_not_granted_is_refused),
	    TEST(a_pinned_grant_keeps_its_frame),
	    TEST(unmap_wants_the_entry_that_was_made),
	    TEST(a_reader_does_not_open_the_way_to_write),
	    TEST(a_handle_named_twice_in_a_batch_counts_once),
	    TEST(a_device_mapping_holds_nothing_of_its_own),
	    TEST(handles_end_and_come_back),
	    TEST(a_dead_granter_is_let_go_by_the_last_unmap),
	    TEST(a_dead_mapper_unpins_in_slices),
	    TEST(copies_go_where_they_may),
	    TEST(a_copy_does_not_pass_for_the_one_before),
	    TEST(swap_leaves_what_is_in_use),
	    TEST(liars_do_not_upset_the_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
