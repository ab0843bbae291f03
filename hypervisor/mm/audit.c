// SPDX-License-Identifier: MIT
// The audit: count every reference again from nothing, by walking all tables
// and what else holds references, and compare with the state words. It shares
// no code and no constants with the files it checks, on purpose.
//
// What holds references: allocation, pin, partial state; entries of tables;
// roots, descriptor frames and put_pending of vCPUs; shares (mm/share.c); the
// place where a domain's destruction goes on.
#include <wabe/alloc.h>
#include <wabe/domain.h>
#include <wabe/mapcache.h>
#include <wabe/mmu.h>
#include <wabe/page.h>
#include <wabe/share.h>

#define CHUNK_FRAMES 0x40000 // frames counted in one 2 MiB piece of heap
#define CHUNKS 512
#define REPORTS_MAX 50

struct count {
	u32 refs, types;
};

static struct count *counts[CHUNKS];
static u64 bad;

static void complain(u64 mfn, const char *what, u64 x)
{
	if (bad++ < REPORTS_MAX) {
		printk("audit: frame %lx owner %u state %lx: %s %lx\n", mfn,
		       PAGE_TABLE[mfn].owner, PAGE_TABLE[mfn].state, what, x);
	}
}

static u32 type_of(u64 mfn)
{
	return PAGE_TABLE[mfn].state >> 56 & 7;
}

static u32 validity_of(u64 mfn)
{
	return PAGE_TABLE[mfn].state >> 59 & 3;
}

static bool is_ram(u64 mfn)
{
	return mfn < frames_end && (PAGE_TABLE[mfn].flags & 2);
}

// One more reference on `mfn`; `type` != 0: as that type.
static void expect(u64 mfn, u32 type)
{
	struct count *c = &counts[mfn / CHUNK_FRAMES][mfn % CHUNK_FRAMES];

	c->refs++;
	if (type) {
		c->types++;
		if (type_of(mfn) != type) {
			complain(mfn, "is used as type", type);
		}
	}
}

static void expect_used(u64 mfn, u32 type)
{
	if (!is_ram(mfn)) {
		complain(0, "a root, descriptor or share is no RAM:", mfn);
		return;
	}
	expect(mfn, type);
	if (type != 6 && validity_of(mfn) != 3) {
		complain(mfn, "in use, not valid, as type", type);
	}
}

// --- entries ----------------------------------------------------------------

static void entry_l1(u64 table, u64 e)
{
	u64 mfn = (e & 0xffffffffff000) >> 12;

	if ((e & 0x104) != 4) {
		complain(table, "entry without US or with G", e);
	}
	if (is_ram(mfn)) {
		expect(mfn, e & 2 ? 6 : 0);
	}
}

// `last`: the last entry counted of a partial table; what it names may be
// partly let go itself.
static void entry_upper(u64 table, u32 level, u64 e, bool last)
{
	u64 mfn = (e & 0xffffffffff000) >> 12;

	if ((e & 0x19c) != 4) {
		complain(table, "upper entry with bad bits", e);
	}
	if (!is_ram(mfn)) {
		complain(table, "upper entry names no RAM", e);
		return;
	}
	expect(mfn, level - 1);
	if (PAGE_TABLE[mfn].owner != PAGE_TABLE[table].owner) {
		complain(table, "names a foreign table", mfn);
	}
	if (validity_of(mfn) != 3 && !(last && validity_of(mfn) == 2)) {
		complain(mfn, "named, not valid, by", table);
	}
}

static void table_walk(u64 mfn)
{
	u32 level = type_of(mfn);
	u32 end = validity_of(mfn) == 3 ? 512 : PAGE_TABLE[mfn].partial;
	const u64 *t = page_map(MFN(mfn));

	for (u32 i = 0; i < end; i++) {
		if (level == 4 && i >= 256 && i < 272) {
			if (validity_of(mfn) == 3 &&
			    t[i] != hv_slots[i - 256] && (i > 256 || t[i])) {
				complain(mfn, "hypervisor's slot is", t[i]);
			}
		} else if ((t[i] & 1) && level == 1) {
			entry_l1(mfn, t[i]);
		} else if (t[i] & 1) {
			entry_upper(mfn, level, t[i],
				    i + 1 == end && end < 512);
		}
	}
	page_unmap(t);
}

// --- vCPUs, shares, domains -------------------------------------------------

static void vcpu_walk(const struct vcpu *v)
{
	if (v->kernel_root) {
		expect_used(v->kernel_root >> 12, 4);
	}
	if (v->user_root) {
		expect_used(v->user_root >> 12, 4);
	}
	for (u32 i = 0; i < 16; i++) {
		if (v->gdt_frames[i]) {
			expect_used(v->gdt_frames[i], 5);
		}
		if (v->ldt_frames[i]) {
			expect_used(v->ldt_frames[i], 5);
		}
	}
	for (u64 mfn = v->put_pending ? (u64)(v->put_pending - PAGE_TABLE) : 0;
	     mfn; mfn = PAGE_TABLE[mfn].stamp) {
		expect(mfn, type_of(mfn));
	}
}

static void share_walk(mfn_t m)
{
	expect_used(m.n, 6);
}

static void domains_walk(void)
{
	domid_t id = 0;
	struct domain *d;

	while ((d = domain_next(id))) {
		domain_for_each_vcpu (v, d) {
			vcpu_walk(v);
		}
		if (d->relinquish_at) {
			expect((u64)(d->relinquish_at - PAGE_TABLE), 0);
		}
		id = (domid_t)(d->id + 1);
		domain_put(d);
	}
}

// --- frames -----------------------------------------------------------------

static void frame_walk(u64 mfn)
{
	const struct page *p = &PAGE_TABLE[mfn];
	u32 type = type_of(mfn), validity = validity_of(mfn);

	if (p->state >> 62 & 1) {
		expect(mfn, 0);
	}
	if (p->state >> 61 & 1) {
		expect(mfn, type);
	}
	if (validity == 1) {
		complain(mfn, "busy though all is quiet", 0);
	}
	if (validity == 2 && !(p->flags & 8)) {
		expect(mfn, type);
	}
	if (validity && (type == 0 || type == 6)) {
		complain(mfn, "validity of a type without", validity);
	}
	if (validity >= 2 && type >= 1 && type <= 4) {
		table_walk(mfn);
	}
}

static void frame_compare(u64 mfn)
{
	const struct count *c = &counts[mfn / CHUNK_FRAMES][mfn % CHUNK_FRAMES];
	u64 state = PAGE_TABLE[mfn].state;

	if ((state >> 28 & 0xfffffff) != c->refs) {
		complain(mfn, "references counted", c->refs);
	}
	if ((state & 0xfffffff) != c->types) {
		complain(mfn, "type references counted", c->types);
	}
}

static bool counts_alloc(void)
{
	for (u32 i = 0; i < CHUNKS && (u64)i * CHUNK_FRAMES < frames_end; i++) {
		u64 frames = frames_end - (u64)i * CHUNK_FRAMES;

		counts[i] = heap_alloc(MIN(frames, CHUNK_FRAMES) *
				       sizeof(struct count));
		if (!counts[i]) {
			return false;
		}
	}
	return true;
}

static void counts_free(void)
{
	for (u32 i = 0; i < CHUNKS; i++) {
		heap_free(counts[i]);
		counts[i] = NULL;
	}
}

u64 page_audit(void)
{
	bad = 0;
	if (!counts_alloc()) {
		printk("audit: not enough memory to count in\n");
		counts_free();
		return ~0ull;
	}
	for (u64 mfn = 0; mfn < frames_end; mfn++) {
		if (is_ram(mfn)) {
			frame_walk(mfn);
		}
	}
	domains_walk();
	share_for_each(share_walk);
	for (u64 mfn = 0; mfn < frames_end; mfn++) {
		if (is_ram(mfn)) {
			frame_compare(mfn);
		}
	}
	counts_free();
	return bad;
}
