// SPDX-License-Identifier: MIT
// What a domain may do to its memory: change entries, pin tables, set roots,
// clear and copy frames, give them back. An entry is changed by taking what the
// new one names, then letting go of what the old one named (types.c).
#include "types.h"

#include <xen/errno.h>

// --- changes of entries ------------------------------------------------------

// Same frame, present before and after, and for L1 entries as writable: what
// the entry holds does not change.
static bool same_reference(uint32_t level, uint64_t a, uint64_t b)
{
	return (a & b & M_P) && m_index(a) == m_index(b) &&
	       !((a ^ b) & (level > M_L1 ? M_G : M_RW));
}

static int entry_set(struct model *m, uint32_t d, uint32_t pg_owner,
		     uint32_t level, uint64_t *slot, uint64_t word,
		     bool keep_ad)
{
	uint64_t old = *slot;
	int error = 0;

	if (!same_reference(level, old, word)) {
		error = level == M_L1 ? m_l1_take(m, d, pg_owner, word)
				      : entry_take(m, d, level, word);
	}
	if (error) {
		return error;
	}
	*slot = stored(m, level, word) | (keep_ad ? old & (M_A | M_D) : 0);
	if (same_reference(level, old, word) || !(old & M_P)) {
		return 0;
	}
	if (level == M_L1) {
		m_l1_drop(m, old);
	} else {
		type_put(m, m_index(old));
	}
	return 0;
}

static int store(struct model *m, uint32_t d, uint32_t f, uint32_t slot,
		 uint64_t word)
{
	struct m_frame *p = &m->frame[f];

	if (p->owner != d ||
	    (p->types && (p->type != M_WRITABLE || is_partial(p)))) {
		return -XEN_EBUSY;
	}
	p->type = M_WRITABLE;
	p->word[slot] = word;
	return 0;
}

int m_update(struct model *m, uint32_t d, uint32_t pg_owner, uint32_t f,
	     uint32_t slot, uint64_t word, bool keep_ad)
{
	struct m_frame *p;

	if (!is_frame(f)) {
		return -XEN_EINVAL;
	}
	p = &m->frame[f];
	if (p->owner == d && p->types && p->type < M_SEG &&
	    p->valid == M_VALID) {
		if (p->type > M_L1 && d != pg_owner) {
			return -XEN_EINVAL;
		}
		return entry_set(m, d, pg_owner, p->type, &p->word[slot], word,
				 keep_ad);
	}
	return store(m, d, f, slot, word) ? -XEN_EINVAL : 0;
}

int m_window_set(struct model *m, uint32_t d, uint32_t w, uint64_t word)
{
	return entry_set(m, d, d, M_L1, &m->domain[d].window[w], word, false);
}

// The entry that maps an address in the running root: at[3] is its slot in the
// L4 table, at[0] in the L1 table.
int m_va_set(struct model *m, uint32_t d, uint32_t vcpu, const uint8_t at[4],
	     uint64_t word)
{
	uint32_t f = m->domain[d].vcpu[vcpu].root;

	if (f == M_NONE) {
		return -XEN_EINVAL; // the first root has nothing there
	}
	for (int level = M_L4; level > M_L1; level--) {
		uint64_t e = m->frame[f].word[at[level - 1]];

		if (!(e & M_P)) {
			return -XEN_EINVAL;
		}
		f = m_index(e);
	}
	return entry_set(m, d, d, M_L1, &m->frame[f].word[at[0]], word, false);
}

// --- pins, roots, contents ---------------------------------------------------

int m_pin(struct model *m, uint32_t owner, uint32_t f, uint32_t level)
{
	int error = is_frame(f) ? m_take(m, f, owner, level) : -XEN_EINVAL;

	if (error) {
		return error;
	}
	if (m->frame[f].pinned) {
		type_put(m, f);
		return -XEN_EINVAL;
	}
	m->frame[f].pinned = true;
	return 0;
}

int m_unpin(struct model *m, uint32_t owner, uint32_t f)
{
	if (!is_frame(f) || m->frame[f].owner != owner || !m->frame[f].pinned) {
		return -XEN_EINVAL;
	}
	m->frame[f].pinned = false;
	type_put(m, f);
	return 0;
}

int m_root(struct model *m, uint32_t d, uint32_t vcpu, uint32_t f, bool user)
{
	struct m_vcpu *v = &m->domain[d].vcpu[vcpu];
	uint32_t *root = user ? &v->user_root : &v->root, old = *root;
	int error;

	if (f == old) {
		return 0;
	}
	if (f != M_NONE) {
		error = is_frame(f) ? m_take(m, f, d, M_L4) : -XEN_EINVAL;
		if (error) {
			return error;
		}
	}
	*root = f;
	if (old != M_NONE) {
		type_put(m, old);
	}
	return 0;
}

static bool may_write(const struct m_frame *p, uint32_t owner)
{
	return p->owner == owner &&
	       (!p->types || (p->type == M_WRITABLE && !is_partial(p)));
}

int m_clear(struct model *m, uint32_t owner, uint32_t f)
{
	struct m_frame *p = &m->frame[is_frame(f) ? f : 0];

	if (!is_frame(f) || !may_write(p, owner)) {
		return -XEN_EINVAL;
	}
	p->type = M_WRITABLE;
	p->home = p->hypervisor = false;
	for (uint32_t i = 0; i < M_WORDS; i++) {
		p->word[i] = 0;
	}
	return 0;
}

int m_copy(struct model *m, uint32_t owner, uint32_t to, uint32_t from)
{
	struct m_frame *p, *q;

	if (!is_frame(to) || !is_frame(from)) {
		return -XEN_EINVAL;
	}
	p = &m->frame[to];
	q = &m->frame[from];
	if (q->owner != owner || !may_write(p, owner)) {
		return -XEN_EINVAL;
	}
	p->type = M_WRITABLE;
	p->home = q->home;
	p->hypervisor = q->hypervisor;
	for (uint32_t i = 0; i < M_WORDS; i++) {
		p->word[i] = q->word[i];
	}
	return 0;
}

// --- frames come and go ------------------------------------------------------

int m_decrease(struct model *m, uint32_t d, uint32_t f)
{
	struct m_frame *p = &m->frame[is_frame(f) ? f : 0];

	if (!is_frame(f) || p->owner != d || !p->allocated) {
		return -XEN_EINVAL;
	}
	p->allocated = false;
	unref(p);
	return 0;
}

void m_populated(struct model *m, uint32_t d, uint32_t f)
{
	m->frame[f] =
	    (struct m_frame){.owner = (uint8_t)d, .allocated = true, .refs = 1};
}

void m_frame_add(struct model *m, uint32_t f, uint32_t d)
{
	m_populated(m, d, f);
}

void m_init(struct model *m, uint32_t domains, uint32_t vcpus)
{
	*m = (struct model){.vcpus = vcpus, .xen = m->xen};
	for (uint32_t f = 0; f < M_FRAMES; f++) {
		m->frame[f].owner = M_NOBODY;
	}
	for (uint32_t d = 0; d < domains; d++) {
		m->domain[d].privileged = d == 0;
		for (uint32_t v = 0; v < M_VCPUS; v++) {
			m->domain[d].vcpu[v] =
			    (struct m_vcpu){.root = M_NONE,
					    .user_root = M_NONE,
					    .pending = M_NONE};
		}
	}
}
