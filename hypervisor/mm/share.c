// SPDX-License-Identifier: MIT
// The guest frames that the hypervisor keeps mapped: the complete list is who
// calls share_create(): VCPUOP_register_vcpu_info (dom/), runstate areas
// (dom/), FIFO control blocks and event arrays (ipc/).
#include <wabe/alloc.h>
#include <wabe/domain.h>
#include <wabe/mapcache.h>
#include <wabe/share.h>

// Taking one back flushes all CPUs, so a domain gets only so many in its life:
// several times what the largest has use for.
#define SHARES_MAX 4096

static lock_t shares_lock; // innermost
static struct list shares = LIST_INIT(shares);

int share_create(struct domain *d, mfn_t m, struct share **out)
{
	struct page *p = page_lookup(m);
	struct share *s;

	if (READ_ONCE(d->shares) >= SHARES_MAX) {
		return -ENOMEM;
	}
	if (!p || page_get_type(p, d, PAGE_WRITABLE)) {
		return -EINVAL;
	}
	__atomic_fetch_add(&d->shares, 1, __ATOMIC_RELAXED);
	s = heap_alloc_for(d, sizeof(*s));
	if (s) {
		s->mfn = m;
		s->page = vmap_frame(m);
	}
	if (!s || !s->page) {
		heap_free(s);
		page_put_type(p);
		return -ENOMEM;
	}
	lock(&shares_lock);
	list_insert(&shares, &s->all);
	unlock(&shares_lock);
	*out = s;
	return 0;
}

void share_destroy(struct share *s)
{
	if (!s) {
		return;
	}
	lock(&shares_lock);
	list_remove(&s->all);
	unlock(&shares_lock);
	vunmap(s->page);
	page_put_type(mfn_page(s->mfn));
	heap_free(s);
}

void share_for_each(void (*fn)(mfn_t m))
{
	lock(&shares_lock);
	list_for_each (at, &shares) {
		fn(container_of(at, struct share, all)->mfn);
	}
	unlock(&shares_lock);
}
