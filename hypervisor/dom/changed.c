// SPDX-License-Identifier: MIT
// Which domains changed since dom0 last asked: a note for each id, so their
// number is bounded, and what to tell is looked up when it is asked for.
#include <wabe/errno.h>
#include <wabe/evtchn.h>
#include <wabe/lib.h>

#include <public/wabe.h>

#include "dom.h"

void domain_changed(domid_t id, bool exception)
{
	lock(&domlist_lock);
	bit_set(domains_changed, id);
	bit_set(domains_changed_words, id / 64);
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

int domain_next_changed(domid_t *out)
{
	const u64 words = ARRAY_SIZE(domains_changed);
	u64 word;

	lock(&domlist_lock);
	word = bitmap_next(domains_changed_words, words, 0);
	if (word < words) {
		u64 *map = &domains_changed[word];

		*out = (domid_t)(word * 64 + (u64)__builtin_ctzll(*map));
		*map &= *map - 1;
		if (!*map) {
			bit_clear(domains_changed_words, word);
		}
	}
	unlock(&domlist_lock);
	return word < words ? 0 : -ENOENT;
}
