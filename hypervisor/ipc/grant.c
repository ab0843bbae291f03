// SPDX-License-Identifier: MIT
// Grant tables: their frames, and pinning a grant while it is in use.
#include <wabe/alloc.h>

#include "grants.h"

#define FRAMES_DEFAULT 64
#define FRAMES_LIMIT 1024
#define MAPTRACK_DEFAULT 1024
#define MAPTRACK_LIMIT 65536
// An honest guest changes an entry's flags a time or two while we pin it.
#define PIN_TRIES 8

_Static_assert(sizeof(struct active) == 16, "8 KiB a frame");
_Static_assert(sizeof(struct maptrack) == 16, "256 a page");

// --- frames -----------------------------------------------------------------

int grants_create(struct domain *d, u32 frames_max, u32 maptrack_max)
{
	struct grant_table *t = heap_alloc_for(d, sizeof(*t));

	if (!t) {
		return -ENOMEM;
	}
	if (frames_max == ~0u) {
		frames_max = FRAMES_DEFAULT;
	}
	if (maptrack_max == ~0u) {
		maptrack_max = MAPTRACK_DEFAULT;
	}
	t->frames_max = MIN(frames_max, FRAMES_LIMIT);
	t->handles_max = MIN(maptrack_max, MAPTRACK_LIMIT) * CHUNK_HANDLES;
	t->shared =
	    heap_alloc_for(d, MAX(t->frames_max, 1u) * sizeof(*t->shared));
	t->active =
	    heap_alloc_for(d, MAX(t->frames_max, 1u) * sizeof(*t->active));
	d->grants = t;
	if (!t->shared || !t->active) {
		grants_destroy(d);
		return -ENOMEM;
	}
	return 0;
}

// Lock held: make frames up to and with `i`. They come one after the other, so
// a request for a high one makes those before it, frames_max at most.
static int frames_make(struct domain *d, u32 i)
{
	struct grant_table *t = d->grants;

	if (t->closed || i >= t->frames_max) {
		return -EINVAL;
	}
	while (t->frames <= i) {
		struct active *a = heap_alloc_for(d, FRAME_GRANTS * sizeof(*a));
		void *page = heap_alloc_for(d, PAGE_SIZE);

		if (!a || !page) {
			heap_free(a);
			heap_free(page);
			return -ENOMEM;
		}
		heap_page_share(page, d);
		t->active[t->frames] = a;
		t->shared[t->frames++] = page;
	}
	return 0;
}

int grants_frame(struct domain *d, u32 i, mfn_t *out)
{
	struct grant_table *t = d->grants;
	int error;

	lock(&t->lock);
	error = frames_make(d, i);
	if (!error) {
		*out = heap_mfn(t->shared[index_clamp(i, t->frames)]);
	}
	unlock(&t->lock);
	return error;
}

// The first frame is made when it is asked for, but counts from the start.
u32 grants_frame_count(struct domain *d)
{
	u32 frames = READ_ONCE(d->grants->frames);

	return frames ? frames : MIN(1u, d->grants->frames_max);
}

u32 grants_maps(const struct domain *d)
{
	return d->grants ? READ_ONCE(d->grants->maps) : 0;
}

u32 grants_frame_max(struct domain *d)
{
	return d->grants->frames_max;
}

// Unsharing may put the last reference to the domain, so the caller has one,
// and takes no lock around it.
void grants_release_frames(struct domain *d)
{
	struct grant_table *t = d->grants;
	u32 frames;

	if (!t) {
		return;
	}
	lock(&t->lock);
	t->closed = true;
	frames = t->frames;
	t->frames = 0;
	unlock(&t->lock);
	for (u32 i = 0; i < frames; i++) {
		void *page = t->shared[i];

		t->shared[i] = NULL;
		heap_page_unshare(page);
	}
}

static void array_free(void *array, u32 count)
{
	for (u32 i = 0; array && i < count; i++) {
		heap_free(((void **)array)[i]);
	}
	heap_free(array);
}

void grants_destroy(struct domain *d)
{
	struct grant_table *t = d->grants;

	if (!t) {
		return;
	}
	ASSERT(!t->frames);
	d->grants = NULL;
	array_free(t->active, t->frames_max);
	array_free(t->track, t->handles / CHUNK_HANDLES);
	heap_free(t->shared);
	heap_free(t);
}

// --- pins -------------------------------------------------------------------

// The entry of `ref`; its frame exists.
static struct grant_entry_v1 *entry_at(const struct grant_table *t, u32 ref)
{
	return &t->shared[ref / FRAME_GRANTS][ref % FRAME_GRANTS];
}

// Flags and grantee of an entry as the one word they are changed in.
static u32 *entry_word(struct grant_entry_v1 *e)
{
	return (u32 *)e;
}

// Set the flags that tell the granter of the use, if the entry permits it.
static s16 entry_mark(struct grant_entry_v1 *e, domid_t grantee, bool write,
		      bool map)
{
	u16 mask = GTF_type_mask | (map ? GTF_sub_page : 0);
	u16 mark = GTF_reading | (write ? GTF_writing : 0);
	u32 word = READ_ONCE(*entry_word(e));

	for (u32 i = 0; i < PIN_TRIES; i++) {
		u16 flags = (u16)word;

		if ((flags & mask) != GTF_permit_access ||
		    word >> 16 != grantee || (write && flags & GTF_readonly)) {
			return GNTST_general_error;
		}
		if (__atomic_compare_exchange_n(
			entry_word(e), &word, word | mark, false,
			__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
			return GNTST_okay;
		}
	}
	return GNTST_general_error;
}

static void entry_unmark(struct grant_table *t, u32 ref, u16 marks)
{
	// A dead granter's frames are gone; nobody looks any more.
	if (ref < t->frames * FRAME_GRANTS) {
		__atomic_fetch_and(entry_word(entry_at(t, ref)), ~(u32)marks,
				   __ATOMIC_SEQ_CST);
	}
}

s16 grant_pin(struct domain *d, u32 ref, domid_t grantee, bool write, bool map,
	      struct active **out)
{
	struct grant_table *t = d->grants;
	u32 count = t->frames * FRAME_GRANTS;
	struct grant_entry_v1 *e;
	struct active *a;
	bool pinned;

	if (ref >= count) {
		return GNTST_bad_gntref;
	}
	ref = (u32)index_clamp(ref, count);
	a = grant_active(t, ref);
	pinned = a->readers || a->writers;
	if (pinned && a->grantee != grantee) {
		return GNTST_general_error;
	}
	e = entry_at(t, ref);
	if (!pinned || (write && !a->writers)) {
		s16 status = entry_mark(e, grantee, write, map);

		if (status) {
			return status;
		}
	}
	if (!pinned) {
		a->mfn = READ_ONCE(e->frame);
		a->grantee = grantee;
	}
	*(write ? &a->writers : &a->readers) += 1;
	*out = a;
	return GNTST_okay;
}

void grant_unpin(struct grant_table *t, u32 ref, bool write)
{
	struct active *a = grant_active(t, ref);
	u16 marks = 0;

	*(write ? &a->writers : &a->readers) -= 1;
	if (write && !a->writers) {
		marks |= GTF_writing;
	}
	if (!a->writers && !a->readers) {
		marks |= GTF_reading;
	}
	if (marks) {
		entry_unmark(t, ref, marks);
	}
}

s16 grant_frame_get(struct domain *owner, u64 mfn, bool write)
{
	struct page *p = page_lookup(MFN(mfn));

	if (p && write && !page_get_type(p, owner, PAGE_WRITABLE)) {
		return GNTST_okay;
	}
	if (!p || !page_get(p, owner)) {
		return GNTST_bad_page;
	}
	if (!write) {
		return GNTST_okay;
	}
	page_put(p);
	return GNTST_general_error;
}

void grant_frame_put(u64 mfn, bool write)
{
	struct page *p = mfn_page(MFN(mfn));

	if (write) {
		page_put_type(p);
	} else {
		page_put(p);
	}
}

// --- the rest ---------------------------------------------------------------

static bool grant_in_use(const struct grant_table *t, u32 ref)
{
	const struct active *a = grant_active(t, ref);

	return a->readers || a->writers;
}

static s16 swap_locked(struct grant_table *t, u32 a, u32 b)
{
	u32 count = t->frames * FRAME_GRANTS;
	u64 *ea, *eb, value;

	if (a >= count || b >= count) {
		return GNTST_bad_gntref;
	}
	a = (u32)index_clamp(a, count);
	b = (u32)index_clamp(b, count);
	if (a == b) {
		return GNTST_okay;
	}
	if (grant_in_use(t, a) || grant_in_use(t, b)) {
		return GNTST_eagain;
	}
	ea = (u64 *)entry_at(t, a);
	eb = (u64 *)entry_at(t, b);
	value = READ_ONCE(*ea);
	WRITE_ONCE(*ea, READ_ONCE(*eb));
	WRITE_ONCE(*eb, value);
	return GNTST_okay;
}

s16 grant_swap(u32 a, u32 b)
{
	struct grant_table *t = current_domain()->grants;
	s16 status;

	lock(&t->lock);
	status = swap_locked(t, a, b);
	unlock(&t->lock);
	return status;
}
