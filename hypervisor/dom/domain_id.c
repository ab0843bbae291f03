// SPDX-License-Identifier: MIT
// Domain ids: the table from id to domain, and free ids, found at once, or
// after a look at the whole bitmap, 512 words. As on Xen ids are handed out in
// increasing order and begin again at 1.

#include "dom.h"

struct domain *domain_by_id(domid_t id)
{
	switch (id) {
	case DOMID_IO:
		return &dom_io;
	case DOMID_XEN:
		return &dom_xen;
	case DOMID_IDLE:
		return &idle_domain;
	default:
		return id < DOMAIN_ID_END
			   ? READ_ONCE(
				 domain_table[index_clamp(id, DOMAIN_ID_END)])
			   : NULL;
	}
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
		domain_hold(current_domain());
		return current_domain();
	}
	return id < DOMAIN_ID_END ? hold_if_published(domain_by_id(id), id)
				  : NULL;
}

struct domain *domain_next(domid_t from)
{
	struct domain *d = NULL;

	for (u64 id = from; id < DOMAIN_ID_END && !d; id++) {
		id = bitmap_next(domain_ids, DOMAIN_ID_END, id);
		d = id < DOMAIN_ID_END ? domain_get((domid_t)id) : NULL;
	}
	return d;
}

static int choose_id(domid_t wanted, u32 *id)
{
	if (wanted < DOMAIN_ID_END) {
		*id = wanted;
		return bit_test(domain_ids, wanted) ? -EEXIST : 0;
	}
	*id = (u32)bitmap_next_clear(domain_ids, DOMAIN_ID_END, domain_id_next);
	if (*id == DOMAIN_ID_END) {
		*id = (u32)bitmap_next_clear(domain_ids, DOMAIN_ID_END, 1);
	}
	domain_id_next = *id + 1;
	return *id < DOMAIN_ID_END ? 0 : -ENOSPC;
}

int domain_id_take(struct domain *d, domid_t wanted)
{
	u32 id = 0;
	int error;

	lock(&domlist_lock);
	error = choose_id(wanted, &id);
	if (!error) {
		bit_set(domain_ids, id);
		d->serial = ++domain_serial;
		d->id = (domid_t)id;
		__atomic_store_n(&domain_table[id], d, __ATOMIC_RELEASE);
	}
	unlock(&domlist_lock);
	return error;
}

void domain_id_release(struct domain *d)
{
	lock(&domlist_lock);
	__atomic_store_n(&domain_table[d->id], NULL, __ATOMIC_RELEASE);
	bit_clear(domain_ids, d->id);
	unlock(&domlist_lock);
}
