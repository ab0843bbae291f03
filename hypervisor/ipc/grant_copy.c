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
		grant_unpin(d->grants, o->ref, o->write);
		unlock(&d->grants->lock);
		domain_put(d);
	}
}

static s16 own_claim(struct grant_operand *o,
		     const struct gnttab_copy_ptr *from)
{
	o->granter = NULL;
	o->mfn = from->u.gmfn;
	return from->domid == DOMID_SELF
		   ? grant_frame_get(current_domain(), o->mfn, o->write)
		   : GNTST_permission_denied;
}

static s16 foreign_claim(struct grant_operand *o,
			 const struct gnttab_copy_ptr *from)
{
	struct domain *d = domain_get(from->domid);
	struct active *a;
	s16 status;

	if (!d) {
		return GNTST_bad_domain;
	}
	o->granter = d;
	o->ref = from->u.ref;
	lock(&d->grants->lock);
	status =
	    grant_pin(d, o->ref, current_domain()->id, o->write, false, &a);
	if (!status) {
		o->mfn = a->mfn;
		status = grant_frame_get(d, o->mfn, o->write);
		if (status) {
			grant_unpin(d->grants, o->ref, o->write);
		}
	}
	unlock(&d->grants->lock);
	if (status) {
		domain_put(d);
	}
	return status;
}

static bool operand_is(const struct grant_operand *o,
		       const struct gnttab_copy_ptr *from, bool granted)
{
	return o->held && o->granted == granted && o->domid == from->domid &&
	       (granted ? o->ref == from->u.ref : o->mfn == from->u.gmfn);
}

static s16 operand_claim(struct grant_operand *o,
			 const struct gnttab_copy_ptr *from, bool granted,
			 bool write)
{
	s16 status;

	if (operand_is(o, from, granted)) {
		return GNTST_okay;
	}
	operand_release(o);
	o->write = write;
	o->granted = granted;
	o->domid = from->domid;
	status = granted ? foreign_claim(o, from) : own_claim(o, from);
	if (!status) {
		o->va = page_map(MFN(o->mfn));
		o->held = true;
	}
	return status;
}

void grant_copy(struct grant_copier *c, struct gnttab_copy *op)
{
	if (op->source.offset + (u32)op->len > PAGE_SIZE ||
	    op->dest.offset + (u32)op->len > PAGE_SIZE) {
		op->status = GNTST_bad_copy_arg;
		return;
	}
	op->status = operand_claim(&c->from, &op->source,
				   op->flags & GNTCOPY_source_gref, false);
	if (op->status) {
		return;
	}
	op->status = operand_claim(&c->to, &op->dest,
				   op->flags & GNTCOPY_dest_gref, true);
	if (!op->status) {
		memmove(c->to.va + op->dest.offset,
			c->from.va + op->source.offset,
			op->len); // maybe one frame
	}
}

void grant_copy_end(struct grant_copier *c)
{
	operand_release(&c->to);
	operand_release(&c->from);
}
