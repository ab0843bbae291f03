// SPDX-License-Identifier: MIT
// Domain ids: the table from id to domain, and free ids in constant time. As
// on Xen ids are handed out in increasing order and begin again at 1.
#include <wabe/alloc.h>
#include <wabe/errno.h>
#include <wabe/lib.h>

#include "dom.h"

#define WORDS (DOMAIN_IDS / 64)

static struct domain **id_slot(u32 id)
{
	struct domain **leaf = domain_leaves[id / DOMAIN_LEAF];

	return leaf ? &leaf[id % DOMAIN_LEAF] : NULL;
}

struct domain *domain_by_id(domid_t id)
{
	struct domain **slot;

	if (unlikely(id >= DOMAIN_ID_END)) {
		switch (id) {
		case DOMID_IO:
			return &dom_io;
		case DOMID_XEN:
			return &dom_xen;
		case DOMID_IDLE:
			return &idle_domain;
		}
		return NULL;
	}
	slot = id_slot(index_clamp(id, DOMAIN_ID_END));
	return slot ? READ_ONCE(*slot) : NULL;
}

// One more reference, unless there is none left.
static bool hold_unless_dead(struct domain *d)
{
	u32 refs = __atomic_load_n(&d->refs, __ATOMIC_RELAXED);

	while (refs) {
		if (__atomic_compare_exchange_n(&d->refs, &refs, refs + 1, true,
						__ATOMIC_ACQUIRE,
						__ATOMIC_RELAXED)) {
			return true;
		}
	}
	return false;
}

// The structure found may be that of a domain that is being freed or made:
// it remains a struct domain, so its count may be tried, and then says all.
static struct domain *hold_if_published(struct domain *d, domid_t id)
{
	if (!d || !hold_unless_dead(d)) {
		return NULL;
	}
	if (unlikely(d->id != id ||
		     !__atomic_load_n(&d->published, __ATOMIC_ACQUIRE))) {
		domain_put(d);
		return NULL;
	}
	return d;
}

struct domain *domain_get(domid_t id)
{
	if (id == DOMID_SELF) {
		struct domain *d = current_domain();

		domain_hold(d);
		return d;
	}
	if (id >= DOMAIN_ID_END) {
		return NULL;
	}
	return hold_if_published(domain_by_id(id), id);
}

struct domain *domain_next(domid_t from)
{
	for (u64 id = from; id < DOMAIN_ID_END; id++) {
		struct domain *d;

		id = bitmap_next(domain_ids, DOMAIN_ID_END, id);
		if (id >= DOMAIN_ID_END) {
			break;
		}
		d = domain_get((domid_t)id);
		if (d) {
			return d;
		}
	}
	return NULL;
}

static void mark_used(u32 id)
{
	bit_set(domain_ids, id);
	if (!~domain_ids[id / 64]) {
		bit_set(domain_ids_full, id / 64);
	}
}

// A free id at or after `from`, below DOMAIN_ID_END, or that.
static u32 find_free(u32 from)
{
	u64 word = from / 64;
	u64 free = ~domain_ids[word] & ~0ull << from % 64;

	if (!free) {
		word = bitmap_next_clear(domain_ids_full, WORDS, word + 1);
		if (word >= WORDS) {
			return DOMAIN_ID_END;
		}
		free = ~domain_ids[word];
	}
	return MIN((u32)(word * 64 + (u32)__builtin_ctzll(free)),
		   (u32)DOMAIN_ID_END);
}

static int choose_id(domid_t wanted, u32 *id)
{
	if (wanted < DOMAIN_ID_END) {
		*id = wanted;
		return bit_test(domain_ids, wanted) ? -EEXIST : 0;
	}
	*id = find_free(domain_id_next);
	if (*id == DOMAIN_ID_END) {
		*id = find_free(1);
	}
	if (*id == DOMAIN_ID_END) {
		return -ENOSPC;
	}
	domain_id_next = *id + 1 < DOMAIN_ID_END ? *id + 1 : 1;
	return 0;
}

static void mark_free(u32 id)
{
	lock(&domlist_lock);
	bit_clear(domain_ids, id);
	bit_clear(domain_ids_full, id / 64);
	unlock(&domlist_lock);
}

// Only whoever holds control_lock takes ids, so leaves have one maker.
static bool make_leaf(u32 id)
{
	struct domain ***leaf = &domain_leaves[id / DOMAIN_LEAF];

	if (!*leaf) {
		__atomic_store_n(leaf, heap_page(), __ATOMIC_RELEASE);
	}
	return *leaf;
}

int domain_id_take(struct domain *d, domid_t wanted)
{
	u32 id = 0;
	int error;

	lock(&domlist_lock);
	error = choose_id(wanted, &id);
	if (!error) {
		mark_used(id);
		d->serial = ++domain_serial;
	}
	unlock(&domlist_lock);
	if (error) {
		return error;
	}
	if (!make_leaf(id)) {
		mark_free(id);
		return -ENOMEM;
	}
	d->id = (domid_t)id;
	__atomic_store_n(id_slot(id), d, __ATOMIC_RELEASE);
	return 0;
}

void domain_id_release(struct domain *d)
{
	__atomic_store_n(id_slot(d->id), NULL, __ATOMIC_RELEASE);
	mark_free(d->id);
}
