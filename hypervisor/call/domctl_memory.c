// SPDX-License-Identifier: MIT
// domctl: a domain's memory as the toolstack sees it.
#include <wabe/hypercall.h>
#include <wabe/lib.h>
#include <wabe/mapcache.h>
#include <wabe/page.h>

#include "domctl.h"

#define FRAMES_MAX 1024u // of one call, as on Xen
#define CHUNK 64u

long domctl_max_mem(struct xen_domctl *op, struct domain *d)
{
	lock(&d->pages_lock);
	d->pages_max = op->u.max_mem.max_memkb >> (PAGE_SHIFT - 10);
	unlock(&d->pages_lock);
	return 0;
}

static u32 type_info(const struct page *p)
{
	u32 pinned =
	    READ_ONCE(p->state) & PAGE_PINNED ? XEN_DOMCTL_PFINFO_LPINTAB : 0;

	switch (page_type_now(p)) {
	case PAGE_L1:
		return XEN_DOMCTL_PFINFO_L1TAB | pinned;
	case PAGE_L2:
		return XEN_DOMCTL_PFINFO_L2TAB | pinned;
	case PAGE_L3:
		return XEN_DOMCTL_PFINFO_L3TAB | pinned;
	case PAGE_L4:
		return XEN_DOMCTL_PFINFO_L4TAB | pinned;
	default:
		return XEN_DOMCTL_PFINFO_NOTAB;
	}
}

static u32 frame_info(struct domain *d, u64 mfn)
{
	struct page *p = page_lookup(MFN(mfn));
	u32 info;

	if (!p || !page_get(p, d)) {
		return XEN_DOMCTL_PFINFO_XTAB;
	}
	info = type_info(p);
	page_put(p);
	return info;
}

// The array of frame numbers becomes one of types.
long domctl_frame_info(struct xen_domctl *op, struct domain *d)
{
	const struct xen_domctl_getpageframeinfo3 *q = &op->u.getpageframeinfo3;
	gva_t array = HANDLE_GVA(q->array);
	u64 frames[CHUNK];

	if (q->num > FRAMES_MAX) {
		return -E2BIG;
	}
	for (u64 done = 0; done < q->num; done += CHUNK) {
		u64 count = MIN(q->num - done, CHUNK);
		gva_t at = gva_add(array, done * sizeof(u64));

		if (copy_from_guest(frames, at, count * sizeof(u64))) {
			return -EFAULT;
		}
		for (u64 i = 0; i < count; i++) {
			frames[i] = frame_info(d, frames[i]);
		}
		if (copy_to_guest(at, frames, count * sizeof(u64))) {
			return -EFAULT;
		}
	}
	return 0;
}

long domctl_hypercall_init(struct xen_domctl *op, struct domain *d)
{
	struct page *p = page_lookup(MFN(op->u.hypercall_init.gmfn));
	void *page;

	if (!p || page_get_type(p, d, PAGE_WRITABLE)) {
		return -EACCES;
	}
	page = page_map(page_mfn(p));
	hypercall_page_fill(page);
	page_unmap(page);
	page_put_type(p);
	return 0;
}

// No dirty logging: a guest reads its own page tables, and nothing but what it
// wrote may stand there. "Off" says what Xen says where it is not on.
long domctl_shadow(struct xen_domctl *op, struct domain *d)
{
	return op->u.shadow_op.op == XEN_DOMCTL_SHADOW_OP_OFF ? -EINVAL
							      : -EOPNOTSUPP;
}
