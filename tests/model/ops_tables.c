// SPDX-License-Identifier: MIT
// Operations on page tables that come in batches: mmu_update and mmuext_op.
#include "ops.h"

#include <xen/errno.h>

#define BATCH 4

static struct {
	uint32_t f, slot, cmd;
	uint64_t word;
} update[BATCH];
static uint32_t table_owner, frame_owner; // of a batch

static int update_one(uint32_t i)
{
	uint32_t f = update[i].f;

	switch (update[i].cmd) {
	case MMU_NORMAL_PT_UPDATE:
	case MMU_PT_UPDATE_NO_TRANSLATE:
	case MMU_PT_UPDATE_PRESERVE_AD:
		return m_update(m, table_owner, frame_owner, f, update[i].slot,
				update[i].word,
				update[i].cmd == MMU_PT_UPDATE_PRESERVE_AD);
	case MMU_MACHPHYS_UPDATE:
		if (table_owner != me) {
			return -XEN_EPERM;
		}
		return f < M_FRAMES && m->frame[f].owner == frame_owner
			   ? 0
			   : -XEN_EINVAL;
	default:
		return -XEN_ENOSYS;
	}
}

static uint32_t command(void)
{
	uint8_t b = next();

	return b < 200 ? MMU_NORMAL_PT_UPDATE : b % 5;
}

// Who owns the tables and the frames of a request: dom0 may name others.
static uint32_t foreign(void)
{
	uint8_t b = next();

	table_owner = frame_owner = me;
	if (machine_domains == 1 || b > 60 || !m->domain[me].privileged) {
		return DOMID_SELF;
	}
	if (b & 1) {
		frame_owner = 1 + below(machine_domains - 1);
	}
	if (b & 2) {
		table_owner = 1 + below(machine_domains - 1);
	}
	return (frame_owner == me ? DOMID_SELF : frame_owner) |
	       (table_owner == me ? 0 : (table_owner + 1) << 16);
}

static void interrupt(void)
{
	uint8_t b = next();

	if (b < 60) {
		machine_limit(1 + b % 24, b % 3);
	}
}

void op_update(void)
{
	struct mmu_update u[BATCH];
	uint32_t n = 1 + below(BATCH), done = ~0u, whose = foreign();

	for (uint32_t i = 0; i < n; i++) {
		uint32_t role = 1 + below(4);

		update[i].f = frame_for(table_owner, role);
		role = update[i].f < M_FRAMES ? role_of(update[i].f) : role;
		update[i].slot = any_slot();
		update[i].cmd = command();
		update[i].word = word_for(role == 1 ? frame_owner : table_owner,
					  role ? role : 1);
		u[i].ptr = mfn_of(update[i].f) << 12 |
			   (M_SLOT0 + update[i].slot) * 8 | update[i].cmd;
		u[i].val = update[i].cmd == MMU_MACHPHYS_UPDATE
			       ? 77
			       : real(update[i].word);
		machine_said(step_now, me, "  request", update[i].f,
			     update[i].slot, (long)update[i].word);
	}
	interrupt();
	batch_compare("mmu_update", update[0].f, n, update_one,
		      machine_call(__HYPERVISOR_mmu_update, (uint64_t)u, n,
				   (uint64_t)&done, whose),
		      &done);
}

static struct {
	uint32_t cmd, f, from;
} ext[BATCH];

static int ext_one(uint32_t i)
{
	uint32_t f = ext[i].f, cmd = ext[i].cmd;

	switch (cmd) {
	case MMUEXT_UNPIN_TABLE:
		return m_unpin(m, frame_owner, f);
	case MMUEXT_NEW_BASEPTR:
	case MMUEXT_NEW_USER_BASEPTR:
		return m_root(m, me, cpu, f, cmd == MMUEXT_NEW_USER_BASEPTR);
	case MMUEXT_CLEAR_PAGE:
		return m_clear(m, frame_owner, f);
	case MMUEXT_COPY_PAGE:
		return m_copy(m, frame_owner, f, ext[i].from);
	default:
		return m_pin(m, frame_owner, f, M_L1 + cmd);
	}
}

// A root without the caller's own half would be the end of a real guest.
static bool may_be_root(uint32_t f)
{
	return f >= M_FRAMES || m->frame[f].home || m->frame[f].owner != me ||
	       (m->frame[f].types && m->frame[f].type != M_L4);
}

static void ext_choose(uint32_t i)
{
	static const uint8_t cmds[] = {
	    MMUEXT_PIN_L1_TABLE, MMUEXT_PIN_L2_TABLE, MMUEXT_PIN_L3_TABLE,
	    MMUEXT_PIN_L4_TABLE, MMUEXT_PIN_L4_TABLE, MMUEXT_UNPIN_TABLE,
	    MMUEXT_UNPIN_TABLE,	 MMUEXT_NEW_BASEPTR,  MMUEXT_NEW_USER_BASEPTR,
	    MMUEXT_NEW_BASEPTR,	 MMUEXT_CLEAR_PAGE,   MMUEXT_COPY_PAGE,
	};
	uint32_t cmd = cmds[below(ARRAY_COUNT(cmds))], role = below(5);

	if (cmd <= MMUEXT_PIN_L4_TABLE && next() > 20) {
		role = cmd + 1;
	} else if (cmd == MMUEXT_UNPIN_TABLE) {
		role = 1 + below(4);
	} else if (cmd == MMUEXT_NEW_BASEPTR ||
		   cmd == MMUEXT_NEW_USER_BASEPTR) {
		role = 4;
	}
	ext[i].f = frame_for(frame_owner, role);
	ext[i].from = frame_for(frame_owner, below(5));
	if (cmd == MMUEXT_NEW_BASEPTR &&
	    (next() < 60 || i || !may_be_root(ext[i].f))) {
		ext[i].f = M_NONE; // back to the first one
	}
	if (cmd == MMUEXT_NEW_USER_BASEPTR && next() < 40) {
		ext[i].f = M_NONE;
	}
	ext[i].cmd = cmd;
}

static uint64_t root_mfn(uint32_t i)
{
	if (ext[i].f != M_NONE) {
		return mfn_of(ext[i].f);
	}
	return ext[i].cmd == MMUEXT_NEW_BASEPTR ? machine_first_root(me) : 0;
}

void op_extended(void)
{
	struct mmuext_op o[BATCH];
	uint32_t n = 1 + below(2), done = ~0u, whose = DOMID_SELF;

	table_owner = frame_owner = me;
	if (m->domain[me].privileged && machine_domains > 1 && next() < 30) {
		whose = frame_owner = 1 + below(machine_domains - 1);
	}
	for (uint32_t i = 0; i < n; i++) {
		ext_choose(i);
		if (frame_owner != me &&
		    (ext[i].cmd == MMUEXT_NEW_BASEPTR ||
		     ext[i].cmd == MMUEXT_NEW_USER_BASEPTR)) {
			ext[i].cmd = MMUEXT_UNPIN_TABLE;
			ext[i].f %= M_FRAMES;
		}
		o[i] = (struct mmuext_op){.cmd = ext[i].cmd};
		o[i].arg1.mfn = root_mfn(i);
		o[i].arg2.src_mfn = mfn_of(ext[i].from);
	}
	interrupt();
	batch_compare("mmuext", ext[0].cmd, n, ext_one,
		      machine_call(__HYPERVISOR_mmuext_op, (uint64_t)o, n,
				   (uint64_t)&done, whose),
		      &done);
}
