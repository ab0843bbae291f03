// SPDX-License-Identifier: MIT
// Free frames, by partition: a buddy allocator whose blocks are found in O(1).
//
// A partition keeps its free blocks in lists by (order, zone), a block's zone
// being the bit length of its first mfn: blocks are aligned and frame 0 is
// never handed out, so a block lies in one zone. A bit per list that is not
// empty makes "a block of this order below that address" two bit scans.
//
// Frames are scrubbed before they change owner: a freed frame remembers whose
// data it holds (serial of the domain, never used twice), and is cleared when
// another domain gets it, or earlier by a CPU that idles.
#include <wabe/alloc.h>
#include <wabe/boot.h>
#include <wabe/mapcache.h>
#include <wabe/tlb.h>

#include "frames.h"

#define SCRUB_SCAN 256 // frames looked at by one alloc_scrub_one()

static u32 zone_of(u64 mfn)
{
	return 64 - (u32)__builtin_clzll(mfn);
}

static void block_insert(struct partition *part, u64 mfn, u32 order)
{
	struct page *p = mfn_page(MFN(mfn));
	u32 zone = zone_of(mfn);

	p->order = (u8)(order + 1);
	page_link(&part->blocks[order][zone], p);
	part->nonempty[order] |= BIT(zone);
}

static void block_remove(struct partition *part, u64 mfn, u32 order)
{
	struct page *p = mfn_page(MFN(mfn));
	u32 zone = zone_of(mfn), *head = &part->blocks[order][zone];

	page_unlink(head, p);
	if (!*head) {
		part->nonempty[order] &= ~BIT(zone);
	}
	p->order = 0;
}

// The buddy of a block, if it is free, whole and of the same partition.
static bool buddy_is_free(struct partition *part, u64 buddy, u32 order)
{
	struct page *p;

	if (buddy >= frames_end) {
		return false;
	}
	p = mfn_page(MFN(buddy));
	return p->order == order + 1 && p->partition == part->id;
}

void blocks_free(struct partition *part, u64 mfn, u32 order, u32 order_max)
{
	part->free += 1ull << order;
	while (order < order_max) {
		u64 buddy = mfn ^ 1ull << order;

		if (!buddy_is_free(part, buddy, order)) {
			break;
		}
		block_remove(part, buddy, order);
		mfn &= ~(1ull << order);
		order++;
	}
	block_insert(part, mfn, order);
}

u64 blocks_take(struct partition *part, u32 order, u32 address_bits)
{
	u64 zones = ~0ull, mfn;
	u32 o;

	if (address_bits && address_bits < PAGE_SHIFT + ZONES) {
		// Zones 1 .. address_bits - PAGE_SHIFT.
		zones = address_bits <= PAGE_SHIFT
			    ? 0
			    : BIT(address_bits - PAGE_SHIFT + 1) - 1;
	}
	for (o = order; o <= ORDER_MAX; o++) {
		if (part->nonempty[o] & zones) {
			break;
		}
	}
	if (o > ORDER_MAX) {
		return 0;
	}
	// High zones first: low memory is for who asks for it.
	mfn = part->blocks[o][63 - __builtin_clzll(part->nonempty[o] & zones)];
	block_remove(part, mfn, o);
	while (o > order) {
		o--;
		block_insert(part, mfn + (1ull << o), o);
	}
	part->free -= 1ull << order;
	return mfn;
}

// --- boot -------------------------------------------------------------------

void alloc_init(void)
{
	partition_default = &partition_first;
	strlcpy(partition_first.name, "default", sizeof(partition_first.name));
	memset(&partition_first.cpus, 0xff, sizeof(partition_first.cpus));
	partitions[0] = partition_default;
	partition_count = 1;
}

void alloc_reserve_range(mfn_t start, mfn_t end)
{
	u64 last = MIN(end.n, frames_end);

	for (u64 mfn = start.n; mfn < last; mfn++) {
		struct page *p = mfn_page(MFN(mfn));

		p->flags = PAGE_F_RAM;
		frame_begin(p, DOMID_XEN, PAGE_HEAP);
	}
}

// Largest block that starts at `mfn` and ends by `end`.
static u32 order_at(u64 mfn, u64 end)
{
	u32 order = MIN((u32)__builtin_ctzll(mfn), ORDER_MAX);

	while (mfn + (1ull << order) > end) {
		order--;
	}
	return order;
}

void alloc_add_range(mfn_t start, mfn_t end)
{
	struct partition *part = partition_default;
	u64 mfn = MAX(start.n, 1ull), last = MIN(end.n, frames_end);
	u8 id = (u8)part->id;

	if (mfn >= last) {
		return;
	}
	// Every frame of the machine passes here: as few stores as can be.
#pragma GCC unroll 8
	for (struct page *p = mfn_page(MFN(mfn)); p < mfn_page(MFN(last));
	     p++) {
		p->state = 0;
		p->partition = id;
		p->partial = 0;
		p->flags = PAGE_F_RAM | PAGE_F_FREE | PAGE_F_DIRTY;
		p->serial = 0;
	}
	lock(&part->lock);
	part->frames += last - mfn;
	while (mfn < last) {
		u32 order = order_at(mfn, last);

		blocks_free(part, mfn, order, ORDER_MAX);
		mfn += 1ull << order;
	}
	unlock(&part->lock);
}

// --- frames for domains -----------------------------------------------------

// Count `frames` against the domain's limit; false: over it.
static bool domain_charge(struct domain *d, u64 frames, bool above_limit)
{
	bool ok;

	lock(&d->pages_lock);
	ok = above_limit || d->pages + frames <= d->pages_max;
	if (ok) {
		charge(d, &d->pages, frames);
	}
	unlock(&d->pages_lock);
	return ok;
}

void uncharge(struct domain *d, u64 *count, u64 frames)
{
	bool last;

	lock(&d->pages_lock);
	*count -= frames;
	last = !*count;
	unlock(&d->pages_lock);
	if (last) {
		domain_put(d);
	}
}

void frames_leave(struct partition *part, u64 mfn, u64 count)
{
	for (u64 i = 0; i < count; i++) {
		struct page *p = mfn_page(MFN(mfn + i));

		p->flags &= (u16)~PAGE_F_FREE;
		part->dirty -= p->serial && (p->flags & PAGE_F_DIRTY);
	}
}

void frames_flush(u64 mfn, u64 count)
{
	u32 newest = mfn_page(MFN(mfn))->stamp;

	for (u64 i = 1; i < count; i++) {
		u32 stamp = mfn_page(MFN(mfn + i))->stamp;

		if ((s32)(stamp - newest) > 0) {
			newest = stamp;
		}
	}
	tlb_flush_stamped(newest);
}

// A block of d's partition, its frames no longer free. 0: none.
static u64 take_frames(struct domain *d, u32 order, u32 address_bits)
{
	struct partition *part = d->partition;
	u64 count = 1ull << order, own, mfn = 0;

	lock(&part->lock);
	own = MIN(d->claim, count);
	if (part->free >= count + part->claimed - own) {
		mfn = blocks_take(part, order, address_bits);
	}
	if (mfn) {
		d->claim -= own;
		part->claimed -= own;
		frames_leave(part, mfn, count);
	}
	unlock(&part->lock);
	return mfn;
}

static void frame_scrub(struct page *p)
{
	void *va = page_map(page_mfn(p));

	memset(va, 0, PAGE_SIZE);
	page_unmap(va);
	p->flags &= (u16)~PAGE_F_DIRTY;
}

// Before frames get a new owner: no TLB knows them, no foreign data in them.
static void prepare_frames(struct domain *d, u64 mfn, u64 count, u32 flags)
{
	frames_flush(mfn, count);
	for (u64 i = 0; i < count; i++) {
		struct page *p = mfn_page(MFN(mfn + i));

		if ((p->flags & PAGE_F_DIRTY) && p->serial != d->serial &&
		    !(flags & ALLOC_NO_SCRUB)) {
			frame_scrub(p);
		}
	}
}

// False: the domain is dying, and its destruction may have passed its list.
static bool list_frames(struct domain *d, u64 mfn, u64 count)
{
	bool alive;

	lock(&d->pages_lock);
	alive = !d->dying;
	for (u64 i = 0; i < count; i++) {
		struct page *p = mfn_page(MFN(mfn + i));

		p->serial = d->serial;
		p->flags |= PAGE_F_DIRTY;
		page_link(&d->pages_head, p);
		frame_begin(p, d->id, 0);
	}
	unlock(&d->pages_lock);
	return alive;
}

void frames_drop_allocation(struct page *p, u64 count)
{
	for (u64 i = 0; i < count; i++) {
		(void)frame_drop_allocation(p + i);
	}
}

struct page *frames_alloc(struct domain *d, u32 order, u32 address_bits,
			  u32 flags)
{
	u64 count = 1ull << order, mfn;

	if (order > ORDER_MAX ||
	    !domain_charge(d, count, flags & ALLOC_EXCHANGE)) {
		return NULL;
	}
	mfn = take_frames(d, order, address_bits);
	if (!mfn) {
		uncharge(d, &d->pages, count);
		return NULL;
	}
	prepare_frames(d, mfn, count, flags);
	if (!list_frames(d, mfn, count)) {
		frames_drop_allocation(mfn_page(MFN(mfn)), count);
		return NULL;
	}
	return mfn_page(MFN(mfn));
}

void frame_release(struct page *p, struct domain *owner)
{
	struct partition *part;

	ASSERT(!(READ_ONCE(p->state) & PAGE_REFS_MASK));
	if (READ_ONCE(p->state) & PAGE_HEAP) {
		heap_frame_release(p, owner);
		return;
	}
	lock(&owner->pages_lock);
	page_unlink(&owner->pages_head, p);
	unlock(&owner->pages_lock);
	part = partitions[p->partition];
	p->stamp = tlb_stamp_now();
	WRITE_ONCE(p->state, 0);
	lock(&part->lock);
	p->flags |= PAGE_F_FREE;
	part->dirty++;
	blocks_free(part, page_mfn(p).n, 0, ORDER_MAX);
	unlock(&part->lock);
	uncharge(owner, &owner->pages, 1);
}

bool frame_drop_allocation(struct page *p)
{
	u64 old =
	    __atomic_fetch_and(&p->state, ~PAGE_ALLOCATED, __ATOMIC_SEQ_CST);

	if (!(old & PAGE_ALLOCATED)) {
		return false;
	}
	page_put(p);
	return true;
}

bool frame_take_out(struct page *p, struct domain *d)
{
	u64 s;
	bool taken;

	if (!page_get(p, d)) {
		return false;
	}
	// No reference but these two, so nobody is left to take or drop one.
	s = (READ_ONCE(p->state) &
	     ~(PAGE_HEAP | PAGE_ALLOCATED | PAGE_TYPES_MASK | PAGE_REFS_MASK)) |
	    PAGE_ALLOCATED | 2 * PAGE_REF_ONE;
	taken = __atomic_compare_exchange_n(
	    &p->state, &s, s - PAGE_ALLOCATED - 2 * PAGE_REF_ONE, false,
	    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	if (!taken) {
		page_put(p);
	}
	return taken;
}

void frame_put_back(struct page *p)
{
	__atomic_fetch_add(&p->state, PAGE_ALLOCATED + PAGE_REF_ONE,
			   __ATOMIC_SEQ_CST);
}

// --- totals, idle scrubbing -------------------------------------------------

u64 frames_low;

u64 frames_free(void)
{
	return READ_ONCE(partition_default->free);
}

int frames_claim(struct domain *d, u64 pages)
{
	struct partition *part = d->partition;
	int error = 0;

	lock(&part->lock);
	if (!pages) {
		part->claimed -= d->claim;
		d->claim = 0;
	} else if (d->dying || d->claim || pages <= d->pages ||
		   pages > d->pages_max) {
		error = -EINVAL;
	} else if (part->free - part->claimed < pages - d->pages) {
		error = -ENOMEM;
	} else {
		d->claim = pages - d->pages;
		part->claimed += d->claim;
	}
	unlock(&part->lock);
	return error;
}

// Look for a dirty free frame from the partition's cursor on.
static struct page *find_dirty(struct partition *part)
{
	for (u32 i = 0; i < SCRUB_SCAN; i++) {
		struct page *p = mfn_page(MFN(part->cursor));

		if (++part->cursor >= frames_end) {
			part->cursor = 1;
		}
		if (p->partition == part->id && p->serial &&
		    (p->flags & PAGE_F_FREE) && (p->flags & PAGE_F_DIRTY)) {
			return p;
		}
	}
	return NULL;
}

bool alloc_scrub_one(void)
{
	for (u32 i = 0; i < partition_count; i++) {
		struct partition *part = partitions[i];
		struct page *p;

		if (!READ_ONCE(part->dirty) || !lock_try(&part->lock)) {
			continue;
		}
		p = find_dirty(part);
		if (p) {
			// Who still knows the frame would write behind us.
			tlb_flush_stamped(p->stamp);
			frame_scrub(p);
			p->serial = 0;
			part->dirty--;
		}
		unlock(&part->lock);
		return true;
	}
	return false;
}

void alloc_dump(void)
{
	for (u32 i = 0; i < partition_count; i++) {
		struct partition *part = partitions[i];
		u64 used, heap = partition_heap_frames(part, &used);

		printk("partition %u %s: %lu frames, %lu free, %lu to scrub, "
		       "%lu claimed, heap: %lu, %lu bytes used\n",
		       part->id, part->name, part->frames, part->free,
		       part->dirty, part->claimed, heap, used);
	}
}
