// SPDX-License-Identifier: MIT
// Claim: grants give what they say, for as long as they say, and no more.
//
// The domain grants frames to itself (dom0's id is 0), maps, unmaps and copies
// them. Each line has what came out, the flags that the granter then sees in
// the entry, and what the mapping's page-table entry is. The parts: map with
// every flag; what may not be mapped; unmap, right, wrong and twice; an entry
// that is changed under a mapping; unmap_and_replace; copies of every form, to
// the edges of pages; the calls about the table itself, set_version among them.
#include "ipc.h"

#define SELF 0 // dom0
// Bits of an entry that Xen marks for itself: 8 (kernel or user), 52 (grant).
#define XENS_OWN (1UL << 8 | 1UL << 52)
#define MAP_VA (REGION_KERNEL + 0x40000000)

static u8 *frame, *other;

static void status_say(int status)
{
	if (status > 0) {
		printf("%d", status);
	} else {
		printf("%s%d", status ? "-" : "", -status);
	}
}

static struct gnttab_map_grant_ref map_op;

static int map(u32 ref, u32 flags, u64 at)
{
	map_op = (struct gnttab_map_grant_ref){
	    .host_addr = at, .flags = flags, .ref = ref, .dom = SELF};
	return hv_grant_op(GNTTABOP_map_grant_ref, &map_op, 1) ?: map_op.status;
}

static int unmap(u32 handle, u64 at, u64 bus)
{
	struct gnttab_unmap_grant_ref op = {
	    .host_addr = at, .dev_bus_addr = bus, .handle = handle};

	return hv_grant_op(GNTTABOP_unmap_grant_ref, &op, 1) ?: op.status;
}

static void entry_say(const char *name, int status, u32 ref, u64 va)
{
	const u64 *e = pte_find(va, 1);

	printf("%s: ", name);
	status_say(status);
	printf(", entry %x, mapping %s%lx\n", grant_table[ref].flags,
	       (*e & PTE_FRAME) >> PAGE_SHIFT == grant_table[ref].frame
		   ? "of the frame "
		   : "",
	       *e & ~PTE_FRAME & ~XENS_OWN);
}

static void mapping(void)
{
	static const struct {
		const char *name;
		u32 flags;
	} ways[] = {
	    {"host", GNTMAP_host_map},
	    {"read-only", GNTMAP_host_map | GNTMAP_readonly},
	    {"device and host", GNTMAP_host_map | GNTMAP_device_map},
	    {"application", GNTMAP_host_map | GNTMAP_application_map},
	    {"bits for software", GNTMAP_host_map | 5u << _GNTMAP_guest_avail0},
	    {"no way", 0},
	    {"unknown flags", GNTMAP_host_map | 1u << 8},
	};

	for (u32 i = 0; i < ARRAY_COUNT(ways); i++) {
		int status = map(8, ways[i].flags, MAP_VA);

		entry_say(ways[i].name, status, 8, MAP_VA);
		if (!status) {
			entry_say("  unmapped",
				  unmap(map_op.handle, MAP_VA,
					ways[i].flags & GNTMAP_device_map
					    ? map_op.dev_bus_addr
					    : 0),
				  8, MAP_VA);
		}
	}
	map(8, GNTMAP_host_map | GNTMAP_contains_pte,
	    maddr_of(pte_find(MAP_VA, 1)));
	entry_say("by the entry's address", map_op.status, 8, MAP_VA);
	*(u64 *)MAP_VA = 0x1234;
	ok(*(u64 *)frame == 0x1234, "it is the frame");
	entry_say("  unmapped by virtual address",
		  unmap(map_op.handle, MAP_VA, 0), 8, MAP_VA);
	entry_say("  unmapped",
		  unmap(map_op.handle, maddr_of(pte_find(MAP_VA, 1)), 0), 8,
		  MAP_VA);
}

static void refused(void)
{
	static const struct {
		const char *name;
		u16 flags, dom;
	} entries[] = {
	    {"nothing", 0, SELF},
	    {"another domain's", GTF_permit_access, 77},
	    {"transfer", GTF_accept_transfer, SELF},
	    {"transitive", GTF_transitive, SELF},
	    {"sub-page", GTF_permit_access | GTF_sub_page, SELF},
	    {"to read", GTF_permit_access | GTF_readonly, SELF},
	    {"cache bits", GTF_permit_access | GTF_PWT | GTF_PCD, SELF},
	};

	for (u32 i = 0; i < ARRAY_COUNT(entries); i++) {
		int status;

		grant_table[9].domid = entries[i].dom;
		grant_table[9].frame = virt_to_mfn(frame);
		grant_table[9].flags = entries[i].flags;
		status = map(9, GNTMAP_host_map, MAP_VA);
		printf("map of %s: ", entries[i].name);
		status_say(status);
		if (!status) {
			unmap(map_op.handle, MAP_VA, 0);
		}
		status = map(9, GNTMAP_host_map | GNTMAP_readonly, MAP_VA);
		printf(", to read ");
		status_say(status);
		if (!status) {
			unmap(map_op.handle, MAP_VA, 0);
		}
		printf("\n");
	}
	grant_give(9, SELF, virt_to_mfn(table_new()), false);
	entry_say("a frame without writable mappings",
		  map(9, GNTMAP_host_map, MAP_VA), 9, MAP_VA);
	unmap(map_op.handle, MAP_VA, 0);
	grant_give(9, SELF, virt_to_mfn((void *)start_info->pt_base), false);
	entry_say("the root", map(9, GNTMAP_host_map, MAP_VA), 9, MAP_VA);
	entry_say("the root, to read",
		  map(9, GNTMAP_host_map | GNTMAP_readonly, MAP_VA), 9, MAP_VA);
	unmap(map_op.handle, MAP_VA, 0);
	grant_give(9, SELF, 0xfffffff, false);
	entry_say("no frame", map(9, GNTMAP_host_map, MAP_VA), 9, MAP_VA);
	printf("a ref behind the table: ");
	status_say(map(100000, GNTMAP_host_map, MAP_VA));
	printf("\nat an address without tables: ");
	status_say(map(8, GNTMAP_host_map, 0x600000000000));
	printf("\nin the hypervisor: ");
	status_say(map(8, GNTMAP_host_map, 0xffff830000000000));
	printf("\nnot a table's entry: ");
	status_say(map(8, GNTMAP_host_map | GNTMAP_contains_pte,
		       virt_to_mfn(other) << PAGE_SHIFT));
	printf("\nfrom the middle of one entry to that of the next: ");
	status_say(map(8, GNTMAP_host_map | GNTMAP_contains_pte,
		       maddr_of(pte_find(MAP_VA, 1)) + 4));
	map_op = (struct gnttab_map_grant_ref){
	    .flags = GNTMAP_host_map, .host_addr = MAP_VA, .ref = 8, .dom = 77};
	hv_grant_op(GNTTABOP_map_grant_ref, &map_op, 1);
	printf("\ndomain 77: ");
	status_say(map_op.status);
	map_op.dom = DOMID_SELF;
	hv_grant_op(GNTTABOP_map_grant_ref, &map_op, 1);
	printf("\nDOMID_SELF: ");
	status_say(map_op.status);
	printf("\n");
}

static void unmapping(void)
{
	struct gnttab_unmap_grant_ref twice[2];
	u32 handle;

	map(8, GNTMAP_host_map, MAP_VA);
	handle = map_op.handle;
	entry_say("a wrong handle", unmap(handle + 1, MAP_VA, 0), 8, MAP_VA);
	entry_say("a handle behind all", unmap(0x7fffffff, MAP_VA, 0), 8,
		  MAP_VA);
	entry_say("another address", unmap(handle, MAP_VA + PAGE_SIZE, 0), 8,
		  MAP_VA);
	pte_write(pte_find(MAP_VA, 1),
		  (*pte_find(MAP_VA, 1) & ~PTE_RW) | PTE_AVAIL);
	entry_say("the entry made read-only meanwhile",
		  unmap(handle, MAP_VA, 0), 8, MAP_VA);
	entry_say("again", unmap(handle, MAP_VA, 0), 8, MAP_VA);
	map(8, GNTMAP_host_map, MAP_VA);
	for (u32 i = 0; i < 2; i++) {
		twice[i] = (struct gnttab_unmap_grant_ref){
		    .host_addr = MAP_VA, .handle = map_op.handle};
	}
	hv_grant_op(GNTTABOP_unmap_grant_ref, twice, 2);
	printf("twice in one call: ");
	status_say(twice[0].status);
	printf(" ");
	status_say(twice[1].status);
	printf(", entry %x\n", grant_table[8].flags);
	// The granter changes its mind while it is mapped.
	map(8, GNTMAP_host_map | GNTMAP_readonly, MAP_VA);
	handle = map_op.handle;
	grant_table[8].flags = 0;
	entry_say("a second mapping of what was taken back",
		  map(8, GNTMAP_host_map | GNTMAP_readonly, MAP_VA + PAGE_SIZE),
		  8, MAP_VA);
	if (!map_op.status) {
		unmap(map_op.handle, MAP_VA + PAGE_SIZE, 0);
	}
	entry_say("to write", map(8, GNTMAP_host_map, MAP_VA + PAGE_SIZE), 8,
		  MAP_VA);
	grant_give(8, SELF, virt_to_mfn(other), false);
	map(8, GNTMAP_host_map | GNTMAP_readonly, MAP_VA + PAGE_SIZE);
	printf("another frame in the entry: ");
	status_say(map_op.status);
	printf(", mapped is %s\n",
	       !map_op.status && (*pte_find(MAP_VA + PAGE_SIZE, 1) &
				  PTE_FRAME) == virt_to_mfn(frame) << PAGE_SHIFT
		   ? "the first"
		   : "else");
	unmap(map_op.handle, MAP_VA + PAGE_SIZE, 0);
	unmap(handle, MAP_VA, 0);
	grant_give(8, SELF, virt_to_mfn(frame), false);
	printf("entry at the end %x\n", grant_table[8].flags);
}

static int replace(u32 handle, u64 at, u64 by)
{
	struct gnttab_unmap_and_replace op = {
	    .host_addr = at, .new_addr = by, .handle = handle};

	return hv_grant_op(GNTTABOP_unmap_and_replace, &op, 1) ?: op.status;
}

// The mapping's place takes what another address maps, which then maps nothing.
static void replacing(void)
{
	u64 by = MAP_VA + 4 * PAGE_SIZE;
	u32 handle;

	page_map(by, virt_to_mfn(other), PTE_DATA);
	map(8, GNTMAP_host_map, MAP_VA);
	handle = map_op.handle;
	entry_say("replaced, a wrong handle", replace(0x7fffffff, MAP_VA, by),
		  8, MAP_VA);
	entry_say("by an address without tables",
		  replace(handle, MAP_VA, 0x600000000000), 8, MAP_VA);
	entry_say("by one in the hypervisor",
		  replace(handle, MAP_VA, 0xffff830000000000), 8, MAP_VA);
	entry_say("another address",
		  replace(handle, MAP_VA + PAGE_SIZE, MAP_VA + 2 * PAGE_SIZE),
		  8, MAP_VA);
	other[5] = 0x77;
	entry_say("replaced", replace(handle, MAP_VA, by), 8, MAP_VA);
	printf("it maps the other's frame %d: %x; there is %lx\n",
	       (*pte_find(MAP_VA, 1) & PTE_FRAME) >> PAGE_SHIFT ==
		   virt_to_mfn(other),
	       ((u8 *)MAP_VA)[5], *pte_find(by, 1));
	entry_say("again", replace(handle, MAP_VA, by), 8, MAP_VA);
	map(8, GNTMAP_host_map, by);
	entry_say("replaced by nothing", replace(map_op.handle, by, 0), 8, by);
	map(8, GNTMAP_host_map | GNTMAP_contains_pte,
	    maddr_of(pte_find(by, 1)));
	entry_say("one mapped by the entry's address",
		  replace(map_op.handle, maddr_of(pte_find(by, 1)), MAP_VA), 8,
		  by);
	entry_say("  unmapped",
		  unmap(map_op.handle, maddr_of(pte_find(by, 1)), 0), 8, by);
	pte_write(pte_find(MAP_VA, 1), 0);
}

static int copy(u32 flags, u32 from, u32 from_at, u32 to, u32 to_at, u32 len)
{
	struct gnttab_copy op = {.len = len, .flags = flags};

	op.source.offset = from_at;
	op.dest.offset = to_at;
	op.source.domid = flags & GNTCOPY_source_gref ? SELF : DOMID_SELF;
	op.dest.domid = flags & GNTCOPY_dest_gref ? SELF : DOMID_SELF;
	if (flags & GNTCOPY_source_gref) {
		op.source.u.ref = from;
	} else {
		op.source.u.gmfn = from;
	}
	if (flags & GNTCOPY_dest_gref) {
		op.dest.u.ref = to;
	} else {
		op.dest.u.gmfn = to;
	}
	return hv_grant_op(GNTTABOP_copy, &op, 1) ?: op.status;
}

static void copy_say(const char *name, int status)
{
	printf("copy, %s: ", name);
	status_say(status);
	printf(", first %x last %x, entries %x %x\n", other[0],
	       other[PAGE_SIZE - 1], grant_table[8].flags,
	       grant_table[10].flags);
	memset(other, 0xee, PAGE_SIZE);
}

static void copies(void)
{
	u32 a = virt_to_mfn(frame), b = virt_to_mfn(other);
	u32 both = GNTCOPY_source_gref | GNTCOPY_dest_gref;

	memset(frame, 0x11, PAGE_SIZE);
	memset(other, 0xee, PAGE_SIZE);
	grant_give(10, SELF, b, false);
	copy_say("own frames, whole", copy(0, a, 0, b, 0, PAGE_SIZE));
	copy_say("both granted", copy(both, 8, 0, 10, 0, PAGE_SIZE));
	copy_say("nothing", copy(both, 8, 0, 10, 0, 0));
	copy_say("the last byte", copy(both, 8, 4095, 10, 4095, 1));
	copy_say("from the end", copy(both, 8, 4095, 10, 0, 1));
	copy_say("past the source", copy(both, 8, 1, 10, 0, PAGE_SIZE));
	copy_say("past the target", copy(both, 8, 0, 10, 1, PAGE_SIZE));
	copy_say("an offset of a page", copy(both, 8, 4096, 10, 0, 1));
	copy_say("the same, nothing", copy(both, 8, 4096, 10, 0, 0));
	copy_say("longest", copy(both, 8, 0xffff, 10, 0xffff, 0xffff));
	grant_give(10, SELF, b, true);
	copy_say("to what is to read", copy(both, 8, 0, 10, 0, 16));
	copy_say("from what is to read", copy(both, 10, 0, 8, 0, 0));
	grant_give(10, 77, b, false);
	copy_say("another domain's", copy(both, 8, 0, 10, 0, 16));
	grant_give(10, SELF, b, false);
	copy_say("to the root",
		 copy(GNTCOPY_source_gref, 8, 0,
		      virt_to_mfn((void *)start_info->pt_base), 0, 16));
	copy_say("to no frame",
		 copy(GNTCOPY_source_gref, 8, 0, 0xfffffff, 0, 16));
	copy_say("flags unknown", copy(both | 0x80, 8, 0, 10, 0, 16));
	copy_say("ref behind the table", copy(both, 99999, 0, 10, 0, 16));
}

static void table(void)
{
	struct gnttab_query_size q = {.dom = DOMID_SELF};
	struct gnttab_get_version v = {.dom = DOMID_SELF};
	struct gnttab_swap_grant_ref s = {.ref_a = 8, .ref_b = 10};
	struct gnttab_setup_table t = {.dom = DOMID_SELF, .nr_frames = 100000};
	long rc = hv_grant_op(GNTTABOP_query_size, &q, 1);

	printf("query_size: %ld %d\n", rc, q.status);
	printf("two at once: %s\n",
	       error_name(hv_grant_op(GNTTABOP_query_size, &q, 2)));
	rc = hv_grant_op(GNTTABOP_get_version, &v, 1);
	printf("get_version: %ld %u\n", rc, v.version);
	v.dom = 77;
	printf("of domain 77: %s\n",
	       error_name(hv_grant_op(GNTTABOP_get_version, &v, 1)));
	rc = hv_grant_op(GNTTABOP_setup_table, &t, 1);
	printf("setup_table, too many: %ld ", rc);
	status_say(t.status);
	rc = hv_grant_op(GNTTABOP_swap_grant_ref, &s, 1);
	printf("\nswap: %ld ", rc);
	status_say(s.status);
	printf(", %d\n", grant_table[8].frame == virt_to_mfn(other));
	map(8, GNTMAP_host_map, MAP_VA);
	s.status = 1;
	hv_grant_op(GNTTABOP_swap_grant_ref, &s, 1);
	printf("swap of one in use: ");
	status_say(s.status);
	unmap(map_op.handle, MAP_VA, 0);
	s.ref_b = 99999;
	hv_grant_op(GNTTABOP_swap_grant_ref, &s, 1);
	printf("\nswap with none: ");
	status_say(s.status);
	printf("\n");
}

// Version 2 last: it changes the table's form, on Xen.
static void versions(void)
{
	static const u32 asked[] = {1, 0, 3, ~0u, 2, 1};

	for (u32 i = 0; i < ARRAY_COUNT(asked); i++) {
		struct gnttab_set_version set = {.version = asked[i]};
		struct gnttab_get_version get = {.dom = DOMID_SELF};

		printf("set_version %x: %s", asked[i],
		       error_name(hv_grant_op(GNTTABOP_set_version, &set, 1)));
		hv_grant_op(GNTTABOP_get_version, &get, 1);
		printf(", it is %u\n", get.version);
	}
}

int guest_main(void)
{
	grant_init();
	frame = page_alloc();
	other = page_alloc();
	page_map(MAP_VA, virt_to_mfn(other), PTE_DATA); // makes its tables
	pte_write(pte_find(MAP_VA, 1), 0);
	grant_give(8, SELF, virt_to_mfn(frame), false);
	mapping();
	refused();
	unmapping();
	replacing();
	copies();
	table();
	versions();
	return failed_count != 0;
}
