// SPDX-License-Identifier: MIT
// GNTTABOP_copy: bytes from one frame to another, each either the caller's own
// or granted to it. A granted frame is pinned meanwhile, so that the granter
// sees it in use.
#include <wabe/mapcache.h>
#include <wabe/page.h>

#include "grants.h"

struct operand {
	struct domain *granter;  // whose grant it is, referenced; NULL: own frame
	u32 ref;
	u64 mfn;
	bool write;
};

// -bad_page: not the domain's; -general_error: it may not be written.
static s16 frame_claim(struct domain *d, u64 mfn, bool write)
{
	if (likely(grant_frame_get(d, mfn, write))) {
		return GNTST_okay;
	}
	if (!write || !grant_frame_get(d, mfn, false)) {
		return GNTST_bad_page;
	}
	grant_frame_put(mfn, false);
	return GNTST_general_error;
}

static s16 grant_claim(struct operand *o)
{
	struct grant_table *t = o->granter->grants;
	struct active *a;
	s16 status;

	lock(&t->lock);
	status = grant_pin(o->granter, o->ref, current_domain()->id, o->write,
			   false, &a);
	if (!status) {
		o->mfn = a->mfn;
		status = frame_claim(o->granter, o->mfn, o->write);
		if (status) {
			grant_unpin(t, o->ref, o->write);
		}
	}
	unlock(&t->lock);
	return status;
}

static s16 operand_claim(struct operand *o, const struct gnttab_copy_ptr *from,
			 bool granted, bool write)
{
	s16 status;

	o->write = write;
	o->granter = NULL;
	if (!granted) {
		o->mfn = from->u.gmfn;
		return from->domid == DOMID_SELF
			       ? frame_claim(current_domain(), o->mfn, write)
			       : GNTST_permission_denied;
	}
	o->ref = from->u.ref;
	o->granter = domain_get(from->domid);
	if (!o->granter) {
		return GNTST_bad_domain;
	}
	status = grant_claim(o);
	if (status) {
		domain_put(o->granter);
	}
	return status;
}

static void operand_release(const struct operand *o)
{
	struct domain *d = o->granter;

	grant_frame_put(o->mfn, o->write);
	if (d) {
		lock(&d->grants->lock);
		grant_unpin(d->grants, o->ref, o->write);
		unlock(&d->grants->lock);
		domain_put(d);
	}
}

static void bytes_copy(const struct operand *to, u32 to_offset,
		       const struct operand *from, u32 from_offset, u32 bytes)
{
	const char *src = page_map(MFN(from->mfn));
	char *dst = page_map(MFN(to->mfn));

	memmove(dst + to_offset, src + from_offset, bytes);   // maybe one frame
	page_unmap(dst);
	page_unmap(src);
}

static s16 copy_claimed(const struct gnttab_copy *op, const struct operand *from)
{
	struct operand to;
	s16 status = operand_claim(&to, &op->dest,
				   op->flags & GNTCOPY_dest_gref, true);

	if (!status) {
		bytes_copy(&to, op->dest.offset, from, op->source.offset,
			   op->len);
		operand_release(&to);
	}
	return status;
}

void grant_copy(struct gnttab_copy *op)
{
	struct operand from;

	if (op->source.offset + (u32)op->len > PAGE_SIZE ||
	    op->dest.offset + (u32)op->len > PAGE_SIZE) {
		op->status = GNTST_bad_copy_arg;
		return;
	}
	op->status = operand_claim(&from, &op->source,
				   op->flags & GNTCOPY_source_gref, false);
	if (!op->status) {
		op->status = copy_claimed(op, &from);
		operand_release(&from);
	}
}
