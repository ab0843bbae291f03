// SPDX-License-Identifier: MIT
// Operations on single entries and on frames: update_va_mapping, what the guest
// writes and reads by itself, frames given back and got.
#include "ops.h"

#include <xen/memory.h>

// It ends first what was interrupted before.
long va_call(uint64_t va, uint64_t word)
{
	long rc = machine_call(__HYPERVISOR_update_va_mapping, va, real(word),
			       UVMF_INVLPG, 0)
		      .rc;

	machine_look(m);
	(void)m_pending_finish(m, me, cpu);
	return rc;
}

void op_window(void)
{
	uint32_t w = below(SCRATCH);
	uint64_t word = word_for(me, 1);
	long found = va_call(machine_window_va(me, w), word);

	expect("window entry", w, m_index(word), m_window_set(m, me, w, word),
	       found);
}

void op_va(void)
{
	uint8_t at[4];
	uint64_t va = 0, word = word_for(me, 1);
	long found;

	for (uint32_t i = 0; i < 4; i++) {
		at[i] = (uint8_t)any_slot();
		va |= (uint64_t)(M_SLOT0 + at[i]) << (12 + 9 * i);
	}
	found = va_call(va, word);
	expect("update_va_mapping", at[3], at[0],
	       m_va_set(m, me, cpu, at, word), found);
}

// The guest writes to its frame, through a mapping that it has for the moment.
void op_store(void)
{
	uint32_t role = 1 + below(4), f = frame_for(me, role), n = 1 + below(4);
	uint64_t map = m_word(f) | M_P | M_RW | M_US;
	long found = va_call(machine_window_va(me, SCRATCH), map);
	long expected = m_window_set(m, me, SCRATCH, map);

	expect("mapping writable", f, 0, expected, found);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t slot = any_slot();
		uint64_t word =
		    word_for(me, f < M_FRAMES && role_of(f) ? role_of(f) : 1);

		if (!found && !expected && f < M_FRAMES) {
			machine_mapped(SCRATCH, f)[M_SLOT0 + slot] = real(word);
			m->frame[f].word[slot] = word;
		}
	}
	(void)va_call(machine_window_va(me, SCRATCH), 0);
	(void)m_window_set(m, me, SCRATCH, 0);
}

// What the guest reads is what it wrote, but A and D; and G and bit 52, by
// which Xen tells L1 entries that said US from those that did not; and how
// devices are cached.
void frame_compare(uint32_t f)
{
	uint64_t map = m_word(f) | M_P | M_US;

	if (m->frame[f].owner != me ||
	    va_call(machine_window_va(me, SCRATCH), map)) {
		return;
	}
	for (uint32_t i = 0; i < M_WORDS; i++) {
		uint64_t found = machine_mapped(SCRATCH, f)[M_SLOT0 + i];
		uint64_t right = real(m->frame[f].word[i]);

		uint64_t ours = M_A | M_D | M_G | M_KERNEL;

		if (m_index(m->frame[f].word[i]) == M_HOLE) {
			ours |= M_CACHE;
		}
		if ((found ^ right) & ~ours) {
			expect("content", f, i, (long)right, (long)found);
		}
	}
	(void)va_call(machine_window_va(me, SCRATCH), 0);
}

void op_read(void)
{
	frame_compare(me * 16 + below(16));
}

static bool is_granted(uint32_t f)
{
	for (uint32_t d = 0; d < machine_domains; d++) {
		for (uint32_t i = 0; i < M_REFS; i++) {
			const struct m_grant *g = &m->domain[d].grant[i];

			if ((g->readers || g->writers) && g->used_frame == f) {
				return true;
			}
		}
	}
	return false;
}

static void reservation(struct xen_memory_reservation *r, xen_pfn_t *list)
{
	*r = (struct xen_memory_reservation){.nr_extents = 1,
					     .domid = DOMID_SELF};
	set_xen_guest_handle(r->extent_start, list);
}

void op_decrease(void)
{
	struct xen_memory_reservation r;
	uint32_t f = frame_for(me, below(5));
	xen_pfn_t mfn = mfn_of(f);
	int expected;

	if (f < M_FRAMES && (is_granted(f) || (m->frame[f].owner == me &&
					       !m->frame[f].allocated))) {
		return;
	}
	reservation(&r, &mfn);
	expected = m_decrease(m, me, f);
	expect("decrease", f, 0, !expected,
	       machine_call(__HYPERVISOR_memory_op, XENMEM_decrease_reservation,
			    (uint64_t)&r, 0, 0)
		   .rc);
}

// Frames that are gone come back, whichever the machine has.
void op_populate(void)
{
	struct xen_memory_reservation r;
	struct mmuext_op clear = {.cmd = MMUEXT_CLEAR_PAGE};
	xen_pfn_t mfn = 0;
	uint32_t f = 0;
	long found;

	if (machine_populates && below(2)) {
		op_descriptors();
		return;
	}
	while (f < machine_domains * 16 && m->frame[f].owner != M_NOBODY) {
		f++;
	}
	if (f == machine_domains * 16 || !machine_populates) {
		return;
	}
	reservation(&r, &mfn);
	found = machine_call(__HYPERVISOR_memory_op,
			     XENMEM_increase_reservation, (uint64_t)&r, 0, 0)
		    .rc;
	expect("increase", 0, 0, 1, found);
	f = machine_frame_of(mfn);
	if (found != 1 || f == M_FRAMES) {
		return;
	}
	expect("a frame that was free", f, 0, M_NOBODY, m->frame[f].owner);
	m_populated(m, me, f);
	clear.arg1.mfn = mfn;
	found = machine_call(__HYPERVISOR_mmuext_op, (uint64_t)&clear, 1, 0,
			     DOMID_SELF)
		    .rc;
	machine_look(m);
	(void)m_pending_finish(m, me, cpu);
	expect("clear", f, 0, m_clear(m, me, f), found);
}
