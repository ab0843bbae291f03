// SPDX-License-Identifier: MIT
// Grants, version 1. The granter's entry is looked at when a use begins that
// is the first, or the first to write; until the last use ends what it said
// then counts. The entry made by a map holds the frame, the handle the use.
#include "model.h"

#include <stddef.h>
#include <xen/xen.h>
#include <xen/grant_table.h>

#define FIRST_READ(g) (!(g)->readers && !(g)->writers)

static int use_begin(struct model *m, uint32_t granter, uint32_t ref,
		     uint32_t grantee, bool write)
{
	struct m_grant *g;

	if (ref >= M_REFS) {
		return GNTST_bad_gntref;
	}
	g = &m->domain[granter].grant[ref];
	if (!FIRST_READ(g) && g->used_grantee != grantee) {
		return GNTST_general_error;
	}
	if (FIRST_READ(g) || (write && !g->writers)) {
		if ((g->flags & GTF_type_mask) != GTF_permit_access ||
		    g->grantee != grantee ||
		    (write && (g->flags & GTF_readonly))) {
			return GNTST_general_error;
		}
		g->flags |= GTF_reading | (write ? GTF_writing : 0);
	}
	if (FIRST_READ(g)) {
		g->used_frame = g->frame;
		g->used_grantee = (uint16_t)grantee;
	}
	*(write ? &g->writers : &g->readers) += 1;
	return GNTST_okay;
}

static void use_end(struct model *m, uint32_t granter, uint32_t ref, bool write)
{
	struct m_grant *g = &m->domain[granter].grant[ref];

	*(write ? &g->writers : &g->readers) -= 1;
	if (write && !g->writers) {
		g->flags &= (uint16_t)~GTF_writing;
	}
	if (FIRST_READ(g)) {
		g->flags &= (uint16_t)~GTF_reading;
	}
}

// The entry itself, if it is one of an L1 table of `d`.
static uint64_t *entry_at(struct model *m, uint32_t d, struct m_place at)
{
	struct m_frame *p;

	if (!at.in_frame) {
		return &m->domain[d].window[at.slot];
	}
	p = &m->frame[at.frame];
	return p->owner == d && p->types && p->type == M_L1 &&
		       p->valid == M_VALID
		   ? &p->word[at.slot]
		   : NULL;
}

static uint64_t grant_word(uint32_t frame, bool read_only)
{
	return m_word(frame) | M_P | M_US | M_A | M_D | (read_only ? 0 : M_RW);
}

static int frame_take(struct model *m, uint32_t granter, uint32_t frame,
		      bool write)
{
	uint64_t word = m_word(frame) | M_P | (write ? M_RW : 0);

	if (frame >= M_FRAMES || m->frame[frame].owner != granter) {
		return GNTST_bad_page;
	}
	return m_l1_take(m, granter, granter, word) ? GNTST_general_error
						    : GNTST_okay;
}

int m_grant_map(struct model *m, uint32_t d, uint32_t granter, uint32_t ref,
		bool read_only, struct m_place at, uint32_t handle)
{
	struct m_grant *g;
	uint64_t *e;
	int status = use_begin(m, granter, ref, d, !read_only);

	if (status) {
		return status;
	}
	g = &m->domain[granter].grant[ref];
	status = frame_take(m, granter, g->used_frame, !read_only);
	e = entry_at(m, d, at);
	if (!status && !e) {
		m_l1_drop(m, grant_word(g->used_frame, read_only));
		status = GNTST_general_error;
	}
	if (status) {
		use_end(m, granter, ref, !read_only);
		return status;
	}
	m_l1_drop(m, *e);
	*e = grant_word(g->used_frame, read_only) | M_NX | (m->xen ? M_G : 0);
	m->domain[d].handle[handle] = (struct m_handle){
	    .used = true,
	    .read_only = read_only,
	    .pte = at.in_frame,
	    .granter = (uint8_t)granter,
	    .ref = (uint16_t)ref,
	};
	return GNTST_okay;
}

int m_grant_unmap(struct model *m, uint32_t d, uint32_t handle,
		  struct m_place at)
{
	struct m_handle *h = &m->domain[d].handle[handle];
	struct m_grant *g;
	uint64_t *e, expect;

	if (!h->used) {
		return GNTST_bad_handle;
	}
	g = &m->domain[h->granter].grant[h->ref];
	expect = grant_word(g->used_frame, h->read_only);
	e = entry_at(m, d, at);
	if (!e || !(*e & M_P) || m_index(*e) != m_index(expect) ||
	    ((*e ^ expect) & M_RW)) {
		return GNTST_general_error;
	}
	*e = 0;
	m_l1_drop(m, expect);
	use_end(m, h->granter, h->ref, !h->read_only);
	h->used = false;
	return GNTST_okay;
}

// --- copies ------------------------------------------------------------------

// The use of a granted frame: the one that counts, but on Xen, where the copy
// is the first to write to an entry in use, the one that the entry names by
// now.
static int granted_begin(struct model *m, uint32_t d, struct m_operand *o,
			 bool write)
{
	const struct m_grant *g =
	    &m->domain[o->domain].grant[o->ref < M_REFS ? o->ref : 0];
	bool anew = m->xen && write && !g->writers;
	int status = use_begin(m, o->domain, o->ref, d, write);

	o->frame = anew ? g->frame : g->used_frame;
	return status;
}

// The frame, held for the copy.
static int operand_begin(struct model *m, uint32_t d, struct m_operand *o,
			 bool write)
{
	uint32_t owner = o->granted ? o->domain : d;
	int status = GNTST_okay;

	if (o->granted) {
		status = granted_begin(m, d, o, write);
		if (status) {
			return status;
		}
	}
	status = frame_take(m, owner, o->frame, write);
	if (status) {
		if (o->granted) {
			use_end(m, o->domain, o->ref, write);
		}
	}
	return status;
}

static void operand_end(struct model *m, const struct m_operand *o, bool write)
{
	m_l1_drop(m, grant_word(o->frame, !write));
	if (o->granted) {
		use_end(m, o->domain, o->ref, write);
	}
}

int m_grant_copy(struct model *m, uint32_t d, struct m_operand from,
		 struct m_operand to, uint32_t words)
{
	int status = operand_begin(m, d, &from, false);
	uint64_t moved[M_WORDS];

	if (status) {
		return status;
	}
	status = operand_begin(m, d, &to, true);
	if (!status) {
		for (uint32_t i = 0; i < words; i++) {
			moved[i] = m->frame[from.frame].word[from.slot + i];
		}
		for (uint32_t i = 0; i < words; i++) {
			m->frame[to.frame].word[to.slot + i] = moved[i];
		}
		operand_end(m, &to, true);
	}
	operand_end(m, &from, false);
	return status;
}
