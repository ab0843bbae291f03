// SPDX-License-Identifier: MIT
// Claim: page tables are typed, and every way to change them is checked.
//
// Each line is a name and what the hypercall returned: 0, an error's name or a
// count. The parts, each with its own fresh tables:
//   data entries   what an L1 entry may and may not map, by mmu_update and by
//                  update_va_mapping
//   upper entries  what L2, L3 and L4 entries may point to; superpages, linear
//                  tables (Xen as Debian builds it allows these, Wabe never),
//                  the hypervisor's slots
//   pinning        of fresh tables, twice, at the wrong level, with a bad entry
//   types          a frame is writable or a table, never both
//   mmuext         the other operations, foreign domains, bad frames
//   batches        counts of what was done when one of several fails
//   many frames    each change lands in the frame it names, whichever frames
//                  the hypervisor has reached just before
#include "ipc.h"

#define MANY 1000u

static u64 data_mfn, other_mfn, root_mfn;
static u8 *data;

static void say(const char *name, long rc)
{
	printf("%s: %s\n", name, error_name(rc));
}

static u64 mfn_of(const void *page)
{
	return virt_to_mfn(page);
}

static long update(u64 ptr, u64 val, u32 domid)
{
	struct mmu_update u = {.ptr = ptr, .val = val};

	return hv_mmu_update(&u, 1, NULL, domid);
}

// A page that nothing maps writable and that is no table.
static u64 *page_fresh(void)
{
	return table_new();
}

static const struct {
	const char *name;
	u64 mfn, flags;
} odd_entries[] = {
    {"nothing", 0, 0},
    {"not present, all else set", 0xffffffffff, ~PTE_P & 0xffe},
    {"own page", ~0UL, PTE_DATA},
    {"own page, read-only", ~0UL, PTE_RO},
    {"own page, no user bit", ~0UL, PTE_DATA & ~PTE_US},
    {"own page, no execute", ~0UL, PTE_DATA | PTE_NX},
    {"own page, global", ~0UL, PTE_DATA | PTE_G},
    {"own page, PAT bit", ~0UL, PTE_DATA | PTE_PSE},
    {"own page, uncached", ~0UL, PTE_DATA | PTE_PCD},
    {"own page, write-through", ~0UL, PTE_DATA | PTE_PWT},
    {"own page, bits for software", ~0UL, PTE_DATA | 0xe00},
    {"own page, bit 52", ~0UL, PTE_DATA | 1UL << 52},
    {"own page, bits 53 to 58", ~0UL, PTE_DATA | 0x3fUL << 53},
    {"own page, protection key", ~0UL, PTE_DATA | 5UL << 59},
    {"frame behind all memory", 0x123456, PTE_DATA},
    {"frame of the highest address", 0xffffffffff, PTE_DATA},
    {"local APIC", 0xfee00, PTE_DATA},
    {"IO-APIC", 0xfec00, PTE_DATA},
    {"the BIOS", 0xf0, PTE_RO},
    {"the video memory", 0xb8, PTE_DATA},
    {"a device's memory", 0xfeb00, PTE_DATA},
};

static u64 odd_pte(unsigned int i)
{
	u64 mfn = odd_entries[i].mfn == ~0UL ? data_mfn : odd_entries[i].mfn;

	return pte_of(mfn, odd_entries[i].flags);
}

static void data_entries(void)
{
	u64 va = REGION_KERNEL + 0x1000, *e = pte_make(va, 1);

	for (unsigned int i = 0; i < ARRAY_COUNT(odd_entries); i++) {
		printf("L1 entry, %s: ", odd_entries[i].name);
		printf("mmu_update %s", error_name(pte_write(e, odd_pte(i))));
		pte_write(e, 0);
		printf(", update_va_mapping %s",
		       error_name(
			   hv_update_va_mapping(va, odd_pte(i), UVMF_INVLPG)));
		printf(", now %lx\n", *e & 0xe0 & ~PTE_A & ~PTE_D);
		pte_write(e, 0);
	}
}

static void tables_as_data(void)
{
	u64 va = REGION_KERNEL + 0x1000, *e = pte_make(va, 1);
	u64 l1 = mfn_of((void *)((u64)e & -PAGE_SIZE));
	u64 hv = 0;

	say("L1 writable", pte_write(e, pte_of(l1, PTE_DATA)));
	say("L1 read-only", pte_write(e, pte_of(l1, PTE_RO)));
	say("L4 writable", pte_write(e, pte_of(root_mfn, PTE_DATA)));
	say("L4 read-only", pte_write(e, pte_of(root_mfn, PTE_RO)));
	say("L4 read-only becomes writable",
	    pte_write(e, pte_of(root_mfn, PTE_DATA)));
	say("nothing", pte_write(e, 0));
	for (int slot = 271; slot > 257 && !hv; slot--) { // 257 may be the root
		hv = (((u64 *)start_info->pt_base)[slot] & PTE_FRAME) >>
		     PAGE_SHIFT;
	}
	say("the hypervisor's table, read-only",
	    pte_write(e, pte_of(hv, PTE_RO)));
	say("m2p's frame, read-only",
	    pte_write(e,
		      pte_of((((u64 *)start_info->pt_base)[256] & PTE_FRAME) >>
				 PAGE_SHIFT,
			     PTE_RO)));
	say("shared_info again",
	    pte_write(e, start_info->shared_info | PTE_DATA));
	say("nothing", pte_write(e, 0));
	say("m2p's slot at L4",
	    update((root_mfn << 12) + 256 * 8, 0, DOMID_SELF));
	say("update_va_mapping in the hypervisor",
	    hv_update_va_mapping(0xffff830000000000, 0, UVMF_INVLPG));
	say("update_va_mapping of m2p",
	    hv_update_va_mapping((u64)machine_to_phys_mapping, 0, UVMF_INVLPG));
	say("update_va_mapping without tables",
	    hv_update_va_mapping(0x600000000000, 0, UVMF_INVLPG));
	say("update_va_mapping of address 0", hv_update_va_mapping(0, 0, 0));
	say("update_va_mapping, non-canonical",
	    hv_update_va_mapping(0x900000000000, 0, UVMF_INVLPG));
	say("update_va_mapping, flags 3", hv_update_va_mapping(va, 0, 3));
	say("update_va_mapping, flags 4", hv_update_va_mapping(va, 0, 4));
	say("update_va_mapping, flags 8", hv_update_va_mapping(va, 0, 8));
	say("update_va_mapping, flags 5", hv_update_va_mapping(va, 0, 5));
	say("update_va_mapping, flags 6", hv_update_va_mapping(va, 0, 6));
}

static void say_upper(const char *name, u64 *entry, u64 pte)
{
	long rc = pte_write(entry, pte);

	printf("%s: %s", name, error_name(rc));
	if (!rc && pte) {
		printf(", cleared: %s", error_name(pte_write(entry, 0)));
	}
	printf("\n");
}

static void upper_entries(int level)
{
	// Free entries of a live table at each level.
	u64 va[] = {0, 0, REGION_KERNEL + 0x40000000 - 0x200000,
		    REGION_KERNEL + 0x7f80000000, 0x780000000000};
	u64 *e = pte_make(va[level], level);
	u64 table = mfn_of((void *)((u64)e & -PAGE_SIZE));
	u64 *bad = page_fresh();

	printf("level %d\n", level);
	say_upper("a fresh page", e, pte_of(mfn_of(page_fresh()), PTE_DATA));
	say_upper("a fresh page, again", e,
		  pte_of(mfn_of(page_fresh()), PTE_P | PTE_US));
	say_upper("no user bit", e,
		  pte_of(mfn_of(page_fresh()), PTE_P | PTE_RW | PTE_A));
	say_upper("no execute", e,
		  pte_of(mfn_of(page_fresh()), PTE_DATA | PTE_NX));
	say_upper("superpage", e,
		  pte_of(data_mfn & ~511UL, PTE_DATA | PTE_PSE));
	say_upper("global", e, pte_of(mfn_of(page_fresh()), PTE_DATA | PTE_G));
	say_upper("uncached", e,
		  pte_of(mfn_of(page_fresh()), PTE_DATA | PTE_PCD));
	say_upper("bits for software", e,
		  pte_of(mfn_of(page_fresh()), PTE_DATA | 0xe00 | 7UL << 52));
	say_upper("protection key", e,
		  pte_of(mfn_of(page_fresh()), PTE_DATA | 5UL << 59));
	say_upper("a writable page", e, pte_of(data_mfn, PTE_DATA));
	say_upper("no frame", e, pte_of(0xffffffffff, PTE_DATA));
	say_upper("itself", e, pte_of(table, PTE_DATA));
	say_upper("itself, read-only", e, pte_of(table, PTE_RO));
	say_upper("the root", e, pte_of(root_mfn, PTE_DATA));
	say_upper("the root, read-only", e, pte_of(root_mfn, PTE_RO));
	page_unprotect(bad);
	bad[7] = pte_of(0xffffffffff, PTE_DATA);
	page_protect(bad);
	say_upper("a table with a bad entry", e, pte_of(mfn_of(bad), PTE_DATA));
	page_unprotect(bad);
	bad[7] = 0;
	bad[511] = pte_of(data_mfn, PTE_DATA | (level > 2 ? PTE_PSE : 0));
	page_protect(bad);
	say_upper("a table with a page", e, pte_of(mfn_of(bad), PTE_DATA));
	say_upper("not present, rubbish", e, 0x5a5a5a5a5a5a5a5a);
	say_upper("nothing", e, 0);
}

static void root_entries(void)
{
	static const int slots[] = {255, 256, 257, 258, 260,
				    261, 262, 271, 272};
	u64 mfn = mfn_of(page_fresh());

	for (unsigned int i = 0; i < ARRAY_COUNT(slots); i++) {
		u64 ptr = (root_mfn << 12) + slots[i] * 8;

		printf(
		    "L4 slot %d: %s", slots[i],
		    error_name(update(ptr, pte_of(mfn, PTE_DATA), DOMID_SELF)));
		printf(", nothing %s\n",
		       error_name(update(ptr, 0, DOMID_SELF)));
	}
}

static void pinning(void)
{
	u64 *table[5];

	for (int level = 1; level <= 4; level++) {
		table[level] = page_fresh();
		printf("pin L%d: %s", level,
		       error_name(mmuext(MMUEXT_PIN_L1_TABLE + level - 1,
					 mfn_of(table[level]), 0)));
		printf(", again %s",
		       error_name(mmuext(MMUEXT_PIN_L1_TABLE + level - 1,
					 mfn_of(table[level]), 0)));
		printf(", as L%d %s", level % 4 + 1,
		       error_name(mmuext(MMUEXT_PIN_L1_TABLE + level % 4,
					 mfn_of(table[level]), 0)));
		printf(", writable %s",
		       error_name(hv_update_va_mapping(
			   (u64)table[level],
			   pte_of(mfn_of(table[level]), PTE_DATA), 0)));
		printf(", unpin %s",
		       error_name(mmuext(MMUEXT_UNPIN_TABLE,
					 mfn_of(table[level]), 0)));
		printf(", again %s",
		       error_name(mmuext(MMUEXT_UNPIN_TABLE,
					 mfn_of(table[level]), 0)));
		printf(", writable %s\n",
		       error_name(hv_update_va_mapping(
			   (u64)table[level],
			   pte_of(mfn_of(table[level]), PTE_DATA), 0)));
	}
	say("pin a writable page", mmuext(MMUEXT_PIN_L1_TABLE, data_mfn, 0));
	say("pin no frame", mmuext(MMUEXT_PIN_L1_TABLE, 0xffffffffff, 0));
	say("pin frame 0xfee00", mmuext(MMUEXT_PIN_L1_TABLE, 0xfee00, 0));
	say("unpin a data page", mmuext(MMUEXT_UNPIN_TABLE, data_mfn, 0));
	say("unpin no frame", mmuext(MMUEXT_UNPIN_TABLE, 0xffffffffff, 0));
	say("pin the running root", mmuext(MMUEXT_PIN_L4_TABLE, root_mfn, 0));
	say("unpin the running root", mmuext(MMUEXT_UNPIN_TABLE, root_mfn, 0));
	say("pin it", mmuext(MMUEXT_PIN_L4_TABLE, root_mfn, 0));
}

// A tree of its own, built while it is data.
static void trees(void)
{
	u64 *l[5];
	u64 mfn;

	for (int i = 1; i <= 4; i++) {
		l[i] = page_alloc();
	}
	l[1][3] = pte_of(data_mfn, PTE_DATA);
	for (int i = 2; i <= 4; i++) {
		l[i][3] = pte_of(mfn_of(l[i - 1]), PTE_DATA);
	}
	say("pin a tree of writable pages",
	    mmuext(MMUEXT_PIN_L4_TABLE, mfn_of(l[4]), 0));
	page_protect(l[4]);
	page_protect(l[3]);
	page_protect(l[2]);
	say("with a writable L1", mmuext(MMUEXT_PIN_L4_TABLE, mfn_of(l[4]), 0));
	page_protect(l[1]);
	say("all read-only", mmuext(MMUEXT_PIN_L4_TABLE, mfn_of(l[4]), 0));
	printf("the hypervisor's slots in it: %d\n", (l[4][256] & PTE_P) != 0);
	mfn = mfn_of(l[1]);
	say("its L1 writable",
	    hv_update_va_mapping((u64)l[1], pte_of(mfn, PTE_DATA), 0));
	say("the same L1 at another place in L2",
	    pte_write(&l[2][4], pte_of(mfn, PTE_DATA)));
	say("its L1 as L2", mmuext(MMUEXT_PIN_L2_TABLE, mfn, 0));
	say("its L3 entry cleared", pte_write(&l[3][3], 0));
	say("its L1 writable",
	    hv_update_va_mapping((u64)l[1], pte_of(mfn, PTE_DATA), 0));
	say("unpin", mmuext(MMUEXT_UNPIN_TABLE, mfn_of(l[4]), 0));
	printf("the hypervisor's slots in it: %d\n", (l[4][256] & PTE_P) != 0);
	say("its L4 writable",
	    hv_update_va_mapping((u64)l[4], pte_of(mfn_of(l[4]), PTE_DATA), 0));
}

static void foreign(void)
{
	u64 va = REGION_KERNEL + 0x1000, *e = pte_make(va, 1);
	static const u32 domids[] = {0,	     1,	     500,    0x7fef,
				     0x7ff0, 0x7ff1, 0x7ff2, 0x7ff3,
				     0x7ff4, 0x7fff, 0x8000};

	for (unsigned int i = 0; i < ARRAY_COUNT(domids); i++) {
		u32 d = domids[i];
		struct mmuext_op op = {.cmd = MMUEXT_TLB_FLUSH_LOCAL};

		printf("domain %x: L1 entry %s", d,
		       error_name(
			   update(maddr_of(e), pte_of(data_mfn, PTE_DATA), d)));
		update(maddr_of(e), 0, DOMID_SELF);
		printf(
		    ", table of %x %s", d,
		    error_name(update(maddr_of(e), 0, d << 16 | DOMID_SELF)));
		printf(", mmuext %s",
		       error_name(hv_mmuext_op(&op, 1, NULL, d)));
		op.cmd = MMUEXT_PIN_L1_TABLE;
		op.arg1.mfn = data_mfn;
		printf(", pin %s\n", error_name(hv_mmuext_op(&op, 1, NULL, d)));
	}
	say("own table's domain, high half 1",
	    update(maddr_of(e), 0, 1 << 16 | DOMID_SELF));
}

static void pointers(void)
{
	u64 va = REGION_KERNEL + 0x1000, *e = pte_make(va, 1);
	u64 ro = mfn_of(page_fresh());

	say("command 3 of mmu_update", update(maddr_of(e) | 3, 0, DOMID_SELF));
	say("PRESERVE_AD", update(maddr_of(e) | MMU_PT_UPDATE_PRESERVE_AD,
				  pte_of(data_mfn, PTE_RO), DOMID_SELF));
	say("not aligned", update(maddr_of(e) + 4, 0, DOMID_SELF));
	say("a writable data page",
	    update(data_mfn << 12 | 8, 0x55, DOMID_SELF));
	printf("which now has %x\n", data[8]);
	say("a read-only data page", update(ro << 12 | 8, 0x55, DOMID_SELF));
	say("no frame", update(0xffffffffffUL << 12, 0, DOMID_SELF));
	say("above all frames", update(1UL << 62, 0, DOMID_SELF));
	say("local APIC", update(0xfee00000, 0, DOMID_SELF));
	say("machphys of own page",
	    update(data_mfn << 12 | MMU_MACHPHYS_UPDATE,
		   machine_to_phys_mapping[data_mfn], DOMID_SELF));
	say("machphys of no frame",
	    update(0xffffffffffUL << 12 | MMU_MACHPHYS_UPDATE, 0, DOMID_SELF));
	say("machphys to 0x123456",
	    update(other_mfn << 12 | MMU_MACHPHYS_UPDATE, 0x123456,
		   DOMID_SELF));
	printf("m2p says %lx\n", machine_to_phys_mapping[other_mfn]);
	say("an array that is not there",
	    hv_mmu_update((void *)0x10, 1, NULL, DOMID_SELF));
	say("no array, no entries", hv_mmu_update(NULL, 0, NULL, DOMID_SELF));
	pte_write(e, 0);
}

static void operations(void)
{
	u64 *clear = page_alloc(), *fresh = page_fresh();
	u64 user = mfn_of(page_fresh());

	clear[5] = 5;
	say("TLB_FLUSH_LOCAL", mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0, 0));
	say("INVLPG_LOCAL", mmuext(MMUEXT_INVLPG_LOCAL, (u64)data, 0));
	say("INVLPG_LOCAL in the hypervisor",
	    mmuext(MMUEXT_INVLPG_LOCAL, 0xffff830000000000, 0));
	say("TLB_FLUSH_ALL", mmuext(MMUEXT_TLB_FLUSH_ALL, 0, 0));
	say("INVLPG_ALL", mmuext(MMUEXT_INVLPG_ALL, (u64)data, 0));
	say("TLB_FLUSH_MULTI, no mask", mmuext(MMUEXT_TLB_FLUSH_MULTI, 0, 0));
	say("INVLPG_MULTI, no mask", mmuext(MMUEXT_INVLPG_MULTI, (u64)data, 0));
	say("FLUSH_CACHE", mmuext(MMUEXT_FLUSH_CACHE, 0, 0));
	say("FLUSH_CACHE_GLOBAL", mmuext(MMUEXT_FLUSH_CACHE_GLOBAL, 0, 0));
	say("CLEAR_PAGE", mmuext(MMUEXT_CLEAR_PAGE, mfn_of(clear), 0));
	printf("which now has %lx\n", clear[5]);
	clear[5] = 6;
	say("COPY_PAGE", mmuext(MMUEXT_COPY_PAGE, data_mfn, mfn_of(clear)));
	printf("which now has %lx\n", *(u64 *)(data + 40));
	say("CLEAR_PAGE of a read-only page",
	    mmuext(MMUEXT_CLEAR_PAGE, mfn_of(fresh), 0));
	say("CLEAR_PAGE of the root", mmuext(MMUEXT_CLEAR_PAGE, root_mfn, 0));
	say("CLEAR_PAGE of no frame",
	    mmuext(MMUEXT_CLEAR_PAGE, 0xffffffffff, 0));
	say("COPY_PAGE onto the root",
	    mmuext(MMUEXT_COPY_PAGE, root_mfn, data_mfn));
	say("COPY_PAGE of the root",
	    mmuext(MMUEXT_COPY_PAGE, data_mfn, root_mfn));
	say("COPY_PAGE of no frame",
	    mmuext(MMUEXT_COPY_PAGE, data_mfn, 0xffffffffff));
	say("SET_LDT, none", mmuext(MMUEXT_SET_LDT, 0, 0));
	say("SET_LDT, not aligned", mmuext(MMUEXT_SET_LDT, 8, 1));
	say("SET_LDT, too many", mmuext(MMUEXT_SET_LDT, 0, 8193));
	say("SET_LDT of a page", mmuext(MMUEXT_SET_LDT, (u64)fresh, 512));
	say("SET_LDT, none", mmuext(MMUEXT_SET_LDT, 0, 0));
	say("NEW_BASEPTR, the same", mmuext(MMUEXT_NEW_BASEPTR, root_mfn, 0));
	say("NEW_BASEPTR of data", mmuext(MMUEXT_NEW_BASEPTR, data_mfn, 0));
	say("NEW_BASEPTR of nothing", mmuext(MMUEXT_NEW_BASEPTR, 0, 0));
	say("NEW_BASEPTR of no frame",
	    mmuext(MMUEXT_NEW_BASEPTR, 0xffffffffff, 0));
	say("NEW_USER_BASEPTR of data",
	    mmuext(MMUEXT_NEW_USER_BASEPTR, data_mfn, 0));
	say("NEW_USER_BASEPTR of the root",
	    mmuext(MMUEXT_NEW_USER_BASEPTR, root_mfn, 0));
	say("NEW_USER_BASEPTR of an empty page",
	    mmuext(MMUEXT_NEW_USER_BASEPTR, user, 0));
	say("NEW_USER_BASEPTR of nothing",
	    mmuext(MMUEXT_NEW_USER_BASEPTR, 0, 0));
	say("MARK_SUPER", mmuext(MMUEXT_MARK_SUPER, 0, 0));
	say("operation 99", mmuext(99, 0, 0));
	say("no array", hv_mmuext_op((void *)0x10, 1, NULL, DOMID_SELF));
}

static void batches(void)
{
	u64 va = REGION_KERNEL + 0x1000, *e = pte_make(va, 1);
	struct mmu_update u[4];
	struct mmuext_op op[3] = {{.cmd = MMUEXT_TLB_FLUSH_LOCAL},
				  {.cmd = 99},
				  {.cmd = MMUEXT_TLB_FLUSH_LOCAL}};
	u32 done = 77;

	for (int i = 0; i < 4; i++) {
		u[i].ptr = maddr_of(e + i);
		u[i].val = pte_of(data_mfn, PTE_DATA);
	}
	u[2].val = pte_of(root_mfn, PTE_DATA);
	say("four, the third bad", hv_mmu_update(u, 4, &done, DOMID_SELF));
	printf("done %u, entries %d %d %d %d\n", done, e[0] != 0, e[1] != 0,
	       e[2] != 0, e[3] != 0);
	u[2].val = 0;
	say("four, all good", hv_mmu_update(u, 4, &done, DOMID_SELF));
	printf("done %u\n", done);
	say("a count that cannot be written",
	    hv_mmu_update(u, 4, (void *)0x10, DOMID_SELF));
	done = 77;
	say("mmuext, three, the second bad",
	    hv_mmuext_op(op, 3, &done, DOMID_SELF));
	printf("done %u\n", done);
	say("the preempted bit with 0",
	    hv_mmu_update(u, 1u << 31, NULL, DOMID_SELF));
}

static void multicalls(void)
{
	struct multicall_entry m[3] = {
	    {.op = __HYPERVISOR_xen_version, .args = {XENVER_version}},
	    {.op = 63},
	    {.op = __HYPERVISOR_update_va_mapping, .args = {0x10, 0, 0}},
	};

	say("multicall", hv_multicall(m, 3));
	printf("results %lx", (u64)m[0].result);
	printf(" %s", error_name(m[1].result));
	printf(" %s\n", error_name(m[2].result));
	m[0].op = __HYPERVISOR_multicall;
	say("nested", hv_multicall(m, 1));
	say("its result", m[0].result);
	say("from nowhere", hv_multicall((void *)0x10, 1));
	say("from the hypervisor", hv_multicall((void *)0xffff830000000000, 1));
}

// Any two frames may want the same place in what the hypervisor reaches frames
// by: change one in turn with each of many.
static void many_frames(void)
{
	static u64 pages[MANY][512] __attribute__((aligned(4096)));
	struct mmu_update u[2];
	u64 wrong = 0;

	u[0].ptr = data_mfn << PAGE_SHIFT;
	for (u64 i = 0; i < MANY; i++) {
		u[1].ptr = mfn_of(pages[i]) << PAGE_SHIFT;
		u[0].val = u[1].val = i + 1;
		wrong += hv_mmu_update(u, 2, NULL, DOMID_SELF) != 0 ||
			 *(u64 *)data != i + 1 || pages[i][0] != i + 1;
	}
	printf("%u frames changed in turn with another: %lu wrong\n", MANY,
	       wrong);
}

int guest_main(void)
{
	data = page_alloc();
	data_mfn = mfn_of(data);
	other_mfn = mfn_of(page_alloc());
	root_mfn = mfn_of((void *)start_info->pt_base);
	data_entries();
	tables_as_data();
	upper_entries(2);
	upper_entries(3);
	upper_entries(4);
	root_entries();
	pinning();
	trees();
	foreign();
	pointers();
	operations();
	batches();
	multicalls();
	many_frames();
	return 0;
}
