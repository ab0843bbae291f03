// SPDX-License-Identifier: MIT
// Operations on grants: entries written, mapped, unmapped, copied from and to.
#include "ops.h"

#define REF_BAD 100000u

static uint32_t handles[M_DOMAINS][M_HANDLES];

uint32_t ops_handle(uint32_t d, uint32_t handle)
{
	return handles[d][handle];
}

void op_grant(void)
{
	uint32_t ref = below(M_REFS), to = below(machine_domains);
	struct m_grant *g = &m->domain[me].grant[ref];
	struct grant_entry_v1 *e = &machine_grants(me)[ref];
	uint8_t b = next();
	uint16_t flags = b < 180   ? GTF_permit_access
			 : b < 200 ? GTF_accept_transfer
				   : GTF_invalid;

	flags |= b & 1 ? GTF_readonly : 0;
	expect("flags of a grant", ref, 0, g->flags, e->flags);
	g->flags = (uint16_t)((g->flags & (GTF_reading | GTF_writing)) | flags);
	g->grantee = (uint16_t)to;
	g->frame = frame_for(me, below(3) ? 0 : below(5));
	e->domid = g->grantee;
	e->frame = (uint32_t)mfn_of(g->frame);
	e->flags = g->flags;
}

static struct m_place any_place(void)
{
	if (next() < 160) {
		return (struct m_place){.slot = below(SCRATCH)};
	}
	return (struct m_place){true, (me * 16 + 4 + below(5)), below(M_WORDS)};
}

static uint64_t place_addr(struct m_place at)
{
	return at.in_frame ? mfn_of(at.frame) << 12 | (M_SLOT0 + at.slot) * 8
			   : machine_window_va(me, at.slot);
}

void op_grant_map(void)
{
	uint32_t ref = next() < 8 ? M_REFS : below(M_REFS), handle = 0;
	uint32_t granter = below(machine_domains);
	struct m_place at = any_place();
	bool read_only = next() & 1;
	struct gnttab_map_grant_ref op = {
	    .host_addr = place_addr(at),
	    .flags = GNTMAP_host_map | (read_only ? GNTMAP_readonly : 0) |
		     (at.in_frame ? GNTMAP_contains_pte : 0),
	    .ref = ref < M_REFS ? machine_ref_first() + ref : REF_BAD,
	    .dom = (domid_t)granter,
	};
	int expected;

	// Where the use could not be ended again: a frame that may go.
	if (!machine_populates && ref < M_REFS) {
		const struct m_grant *g = &m->domain[granter].grant[ref];

		if (g->frame < M_FRAMES && !m->frame[g->frame].allocated) {
			return;
		}
	}
	while (handle < M_HANDLES && m->domain[me].handle[handle].used) {
		handle++;
	}
	if (handle == M_HANDLES) {
		return;
	}
	expect("grant_table_op", 0, 0, 0,
	       machine_call(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref,
			    (uint64_t)&op, 1, 0)
		   .rc);
	expected = m_grant_map(m, me, granter, ref, read_only, at, handle);
	expect("grant map", ref, at.in_frame, expected, op.status);
	handles[me][handle] = op.handle;
}

void op_grant_unmap(void)
{
	uint32_t handle = below(M_HANDLES);
	struct m_handle *h = &m->domain[me].handle[handle];
	struct m_place at = any_place();
	struct gnttab_unmap_grant_ref op;

	// Mostly the window entry that has the frame.
	for (uint32_t w = 0; h->used && !h->pte && w < SCRATCH; w++) {
		uint64_t word = m->domain[me].window[w];
		const struct m_grant *g = &m->domain[h->granter].grant[h->ref];

		if ((word & M_P) && m_index(word) == g->used_frame &&
		    next() & 15) {
			at = (struct m_place){.slot = w};
			break;
		}
	}
	if (h->used && h->pte != at.in_frame) {
		return; // the address means what it meant at the map
	}
	op = (struct gnttab_unmap_grant_ref){
	    .host_addr = place_addr(at),
	    .handle = h->used ? handles[me][handle] : 0xfffffu,
	};
	expect("grant_table_op", 1, 0, 0,
	       machine_call(__HYPERVISOR_grant_table_op,
			    GNTTABOP_unmap_grant_ref, (uint64_t)&op, 1, 0)
		   .rc);
	expect("grant unmap", handle, at.slot, m_grant_unmap(m, me, handle, at),
	       op.status);
}

static struct m_operand any_operand(struct gnttab_copy_ptr *p, uint32_t slot,
				    uint16_t *flags, uint16_t flag)
{
	struct m_operand o = {.granted = next() & 1, .slot = slot};

	p->offset = (uint16_t)((M_SLOT0 + o.slot) * 8);
	if (o.granted) {
		o.domain = below(machine_domains);
		o.ref = below(M_REFS);
		p->domid = (domid_t)o.domain;
		p->u.ref = machine_ref_first() + o.ref;
		*flags |= flag;
	} else {
		o.frame = frame_for(me, below(5));
		p->domid = DOMID_SELF;
		p->u.gmfn = mfn_of(o.frame);
	}
	return o;
}

// From the first half of the entries to the second: what a copy onto itself
// does where both overlap is nobody's promise.
void op_grant_copy(void)
{
	struct gnttab_copy op = {.len = 0};
	uint32_t first = below(M_WORDS / 2);
	uint32_t words = 1 + below(M_WORDS / 2 - first);
	struct m_operand from, to;

	from = any_operand(&op.source, first, &op.flags, GNTCOPY_source_gref);
	to = any_operand(&op.dest, M_WORDS - words, &op.flags,
			 GNTCOPY_dest_gref);
	op.len = (uint16_t)(words * 8);
	machine_said(step_now, me, "  from", from.granted,
		     from.granted ? from.ref : from.frame, first);
	machine_said(step_now, me, "  to", to.granted,
		     to.granted ? to.ref : to.frame, words);
	expect("grant_table_op", 2, 0, 0,
	       machine_call(__HYPERVISOR_grant_table_op, GNTTABOP_copy,
			    (uint64_t)&op, 1, 0)
		   .rc);
	expect("grant copy", from.granted, to.granted,
	       m_grant_copy(m, me, from, to, words), op.status);
}
