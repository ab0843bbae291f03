// SPDX-License-Identifier: MIT
// GNTTABOP_copy: bytes from one frame to another, each either the caller's own
// or granted to it. A granted frame is pinned meanwhile, so that the granter
// sees it in use.
#include <wabe/mapcache.h>

#include "grants.h"

static void operand_release(struct grant_operand *o)
{
	struct domain *d = o->granter;

	if (!o->held) {
		return;
	}
	o->held = false;
	page_unmap(o->va);
	grant_frame_put(o->mfn, o->write);
	if (d) {
		lock(&d->grants->lock);
		grant_unpin(d->grants, o->named.u.ref, o->write);
		unlock(&d->grants->lock);
		domain_put(d);
	}
}

static s16 own_claim(struct grant_operand *o)
{
	o->granter = NULL;
	o->mfn = o->named.u.gmfn;
	return o->named.domid == DOMID_SELF
		   ? grant_frame_get(current_domain(), o->mfn, o->write)
		   : GNTST_permission_denied;
}

static s16 foreign_claim(struct grant_operand *o)
{
	struct domain *d = domain_get(o->named.domid);
	u32 ref = o->named.u.ref;
	struct active *a;
	s16 status;

	if (!d) {
		return GNTST_bad_domain;
	}
	o->granter = d;
	lock(&d->grants->lock);
	status = grant_pin(d, ref, current_domain()->id, o->write, false, &a);
	if (!status) {
		o->mfn = a->mfn;
		status = grant_frame_get(d, o->mfn, o->write);
		if (status) {
			grant_unpin(d->grants, ref, o->write);
		}
	}
	unlock(&d->grants->lock);
	if (status) {
		domain_put(d);
	}
	return status;
}

static bool operand_is(const struct grant_operand *o,
		       const struct gnttab_copy_ptr *named, bool granted)
{
	return o->held && o->granted == granted &&
	       o->named.domid == named->domid &&
	       (granted ? o->named.u.ref == named->u.ref
			: o->named.u.gmfn == named->u.gmfn);
}

static s16 operand_claim(struct grant_operand *o,
			 const struct gnttab_copy_ptr *named, bool granted,
			 bool write)
{
	s16 status;

	if (operand_is(o, named, granted)) {
		return GNTST_okay;
	}
	operand_release(o);
	o->write = write;
	o->granted = granted;
	o->named = *named;
	status = granted ? foreign_claim(o) : own_claim(o);
	if (!status) {
		o->va = page_map(MFN(o->mfn));
		o->held = true;
	}
	return status;
}

s16 grant_copy(struct grant_copier *c, const struct gnttab_copy *op)
{
	s16 status;

	if (op->source.offset + (u32)op->len > PAGE_SIZE ||
	    op->dest.offset + (u32)op->len > PAGE_SIZE) {
		return GNTST_bad_copy_arg;
	}
	status = operand_claim(&c->from, &op->source,
			       op->flags & GNTCOPY_source_gref, false);
	if (!status) {
		status = operand_claim(&c->to, &op->dest,
				       op->flags & GNTCOPY_dest_gref, true);
	}
	if (!status) {
		memmove(c->to.va + op->dest.offset,
			c->from.va + op->source.offset,
			op->len); // maybe one frame
	}
	return status;
}

void grant_copy_end(struct grant_copier *c)
{
	operand_release(&c->to);
	operand_release(&c->from);
}
