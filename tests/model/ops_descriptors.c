// SPDX-License-Identifier: MIT
// Operations on frames of descriptors. Not on a real machine, which would use
// them.
#include "ops.h"

#include <xen/errno.h>

#define PER_FRAME 512

static void gdt_set(void)
{
	uint32_t frames[M_GDT], count = below(M_GDT + 1);
	uint64_t list[M_GDT];
	long found;

	for (uint32_t i = 0; i < count; i++) {
		frames[i] = frame_for(me, below(5));
		list[i] = mfn_of(frames[i]);
	}
	found = machine_call(__HYPERVISOR_set_gdt, (uint64_t)list,
			     count * PER_FRAME, 0, 0)
		    .rc;
	expect("set_gdt", count ? frames[0] : 0, count,
	       m_gdt(m, me, cpu, frames, count), found);
}

static void descriptor_set(void)
{
	uint32_t f = frame_for(me, below(5)), slot = any_slot();
	uint64_t word = below(4) ? (uint64_t)next() << 1 : word_for(me, 1);
	long found = machine_call(__HYPERVISOR_update_descriptor,
				  mfn_of(f) << 12 | (M_SLOT0 + slot) * 8,
				  real(word), 0, 0)
			 .rc;

	expect("update_descriptor", f, slot, m_descriptor(m, me, f, slot, word),
	       found);
}

void op_descriptors(void)
{
	if (below(3)) {
		gdt_set();
	} else {
		descriptor_set();
	}
}
