// SPDX-License-Identifier: MIT
// Which domains changed since dom0 last asked: a note for each id, so their
// number is bounded, and what to tell is looked up when it is asked for.

#include <public/wabe.h>

#include "dom.h"

void domain_changed(domid_t id, bool exception)
{
	lock(&domlist_lock);
	bit_set(domains_changed, id);
	unlock(&domlist_lock);
	if (exception) {
		WRITE_ONCE(domain_exception, true);
	}
	WRITE_ONCE(domain_change, true);
	timer_set(&domain_reaper, 0);
}

void domain_changes_tell(void)
{
	if (__atomic_exchange_n(&domain_exception, false, __ATOMIC_SEQ_CST)) {
		virq_raise_dom0(VIRQ_DOM_EXC);
	}
	if (__atomic_exchange_n(&domain_change, false, __ATOMIC_SEQ_CST)) {
		virq_raise_dom0(WABE_VIRQ_CHANGED);
	}
}

// In turn, so that a domain that changes all the time keeps no other waiting.
int domain_next_changed(domid_t *out)
{
	u64 id;

	lock(&domlist_lock);
	id = bitmap_next(domains_changed, DOMAIN_IDS, domain_told);
	if (id == DOMAIN_IDS) {
		id = bitmap_next(domains_changed, DOMAIN_IDS, 0);
	}
	if (id < DOMAIN_IDS) {
		bit_clear(domains_changed, id);
		domain_told = (u32)id + 1;
	}
	unlock(&domlist_lock);
	*out = (domid_t)id;
	return id < DOMAIN_IDS ? 0 : -ENOENT;
}
