// SPDX-License-Identifier: MIT
// Frames of descriptor tables: a type of their own, that excludes the others,
// holds nothing, and is refused to a frame with a descriptor that is bad. Here
// a descriptor is bad if it is odd: as the fake machine has it, and as
// page-table entries are, if present.
#include "model.h"

#include <xen/errno.h>

bool m_descriptors_ok(const struct m_frame *p)
{
	bool bad = p->home || p->hypervisor;

	for (uint32_t i = 0; i < M_WORDS; i++) {
		bad = bad || p->word[i] & 1;
	}
	return !bad;
}

// All new ones are taken before the old ones go.
int m_gdt(struct model *m, uint32_t d, uint32_t vcpu, const uint32_t *frames,
	  uint32_t count)
{
	struct m_vcpu *v = &m->domain[d].vcpu[vcpu];

	for (uint32_t i = 0; i < count; i++) {
		if (frames[i] >= M_FRAMES || m_take(m, frames[i], d, M_SEG)) {
			while (i) {
				m_put_type(m, frames[--i]);
			}
			return -XEN_EINVAL;
		}
	}
	while (v->gdt_count) {
		m_put_type(m, v->gdt[--v->gdt_count]);
	}
	for (uint32_t i = 0; i < count; i++) {
		v->gdt[i] = frames[i];
	}
	v->gdt_count = count;
	return 0;
}

// One descriptor: into a frame that holds them, or that the guest may write to.
int m_descriptor(struct model *m, uint32_t d, uint32_t f, uint32_t slot,
		 uint64_t word)
{
	uint32_t type;

	if (f >= M_FRAMES || (word & 1)) {
		return -XEN_EINVAL;
	}
	type = m->frame[f].type == M_SEG ? M_SEG : M_WRITABLE;
	if (m_take(m, f, d, type)) {
		return -XEN_EINVAL;
	}
	m->frame[f].word[slot] = word;
	m_put_type(m, f);
	return 0;
}
