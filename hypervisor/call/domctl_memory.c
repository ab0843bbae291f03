// SPDX-License-Identifier: MIT
// domctl: a domain's memory as the toolstack sees it.
#include <wabe/mapcache.h>
#include <wabe/page.h>

#include "domctl.h"

#define FRAMES_MAX 1024u // of one call, as on Xen
#define CHUNK 64u

long domctl_max_mem(struct xen_domctl *op, struct domain *d, struct vcpu *v)
{
	lock(&d->pages_lock);
	d->pages_max = op->u.max_mem.max_memkb >> (PAGE_SHIFT - 10);
	unlock(&d->pages_lock);
	return 0;
}

// The types' numbers are the same in the ABI.
_Static_assert(XEN_DOMCTL_PFINFO_L4TAB == (unsigned)PAGE_L4
					      << XEN_DOMCTL_PFINFO_LTAB_SHIFT,
	       "table types");

static u32 frame_info(struct domain *d, u64 mfn)
{
	struct page *p = page_lookup(MFN(mfn));
	u32 type;

	if (!p || !page_get(p, d)) {
		return XEN_DOMCTL_PFINFO_XTAB;
	}
	if (READ_ONCE(p->state) & PAGE_HEAP) {
		page_put(p); // shared by the hypervisor, nothing to save
		return XEN_DOMCTL_PFINFO_XTAB;
	}
	type = page_type_now(p);
	type = type >= PAGE_L1 && type <= PAGE_L4
		   ? type << XEN_DOMCTL_PFINFO_LTAB_SHIFT
		   : XEN_DOMCTL_PFINFO_NOTAB;
	if (type && (READ_ONCE(p->state) & PAGE_PINNED)) {
		type |= XEN_DOMCTL_PFINFO_LPINTAB;
	}
	page_put(p);
	return type;
}

// The array of frame numbers becomes one of types.
long domctl_frames_info(struct xen_domctl *op, struct domain *d, struct vcpu *v)
{
	const struct xen_domctl_getpageframeinfo3 *q = &op->u.getpageframeinfo3;
	u64 frames[CHUNK];

	if (q->num > FRAMES_MAX) {
		return -E2BIG;
	}
	for (u64 done = 0; done < q->num; done += CHUNK) {
		u64 count = MIN(q->num - done, CHUNK);
		gva_t at = gva_add(HANDLE_GVA(q->array), done * sizeof(u64));

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

long domctl_hypercall_init(struct xen_domctl *op, struct domain *d,
			   struct vcpu *v)
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

// --- dirty logging ----------------------------------------------------------
//
// A guest reads its own page tables, and nothing but what it wrote may stand
// there: so no page is write-protected behind its back, and each one that it
// has may have been written at any time. That is what is reported: all of them.

#define BITMAP_TAG 0x7964697274696e67ull

// Where a long bitmap was left: in the caller's copy, behind the request. A
// first call has no tag there that fits.
struct progress {
	struct xen_domctl_shadow_op op;
	u64 done, tag;
};

static long bitmap_fill(struct xen_domctl *request)
{
	struct progress *p = (void *)&request->u;
	gva_t bitmap = HANDLE_GVA(p->op.dirty_bitmap);
	u64 bytes = DIV_ROUND_UP(p->op.pages, 8), ones[32];
	u64 done = p->tag == (BITMAP_TAG ^ p->done ^ bitmap.a) ? p->done : 0;

	memset(ones, 0xff, sizeof(ones));
	while (done < bytes) {
		u64 count = MIN(bytes - done, sizeof(ones));

		// Bits past the last page are 0.
		if (p->op.pages % 8 && done + count == bytes) {
			((u8 *)ones)[count - 1] =
			    (u8)(BIT(p->op.pages % 8) - 1);
		}
		if (copy_to_guest(gva_add(bitmap, done), ones, count)) {
			return -EFAULT;
		}
		done += count;
		if (done < bytes && work_spent(2)) {
			p->done = done;
			p->tag = BITMAP_TAG ^ done ^ bitmap.a;
			return -ERESTART;
		}
	}
	p->done = p->tag = 0;
	return 0;
}

static long dirty_report(struct xen_domctl *op, const struct domain *d)
{
	struct xen_domctl_shadow_op *s = &op->u.shadow_op;

	if (!d->log_dirty || (s->mode & ~XEN_DOMCTL_SHADOW_LOGDIRTY_FINAL)) {
		return -EINVAL;
	}
	// Watching found none, which tells who copies a running domain not to
	// go round once more; at the end, how many there are to copy.
	s->stats.fault_count = 0;
	s->stats.dirty_count = s->mode ? (u32)MIN(s->pages, d->pages) : 0;
	return HANDLE_GVA(s->dirty_bitmap).a ? bitmap_fill(op) : 0;
}

static long log_dirty_set(struct domain *d, bool on)
{
	if (d->log_dirty == on) {
		return -EINVAL;
	}
	d->log_dirty = on;
	return 0;
}

long domctl_shadow(struct xen_domctl *op, struct domain *d, struct vcpu *v)
{
	struct xen_domctl_shadow_op *s = &op->u.shadow_op;

	switch (s->op) {
	case XEN_DOMCTL_SHADOW_OP_OFF:
		return log_dirty_set(d, false);
	case XEN_DOMCTL_SHADOW_OP_ENABLE:
		if (s->mode != XEN_DOMCTL_SHADOW_ENABLE_LOG_DIRTY) {
			return -EOPNOTSUPP;
		}
		// fall through
	case XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY:
		return log_dirty_set(d, true);
	case XEN_DOMCTL_SHADOW_OP_CLEAN:
	case XEN_DOMCTL_SHADOW_OP_PEEK:
		return dirty_report(op, d);
	case XEN_DOMCTL_SHADOW_OP_GET_ALLOCATION:
	case XEN_DOMCTL_SHADOW_OP_SET_ALLOCATION:
		s->mb = 0; // no memory is needed for it
		return 0;
	}
	return -EOPNOTSUPP;
}
