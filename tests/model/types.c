// SPDX-License-Identifier: MIT
// Frames as page tables: who owns a frame, what it is used as, what each entry
// holds. The rules in a few words:
//   - a frame lives as long as someone refers to it: its allocation, a pin,
//     an entry that names it, a root, a use as a type;
//   - it has one type at a time, and may get another when no one uses it as
//     the old one; a writable frame is never a table;
//   - to become a table every present entry is taken, from the first to the
//     last; if one may not be, those before it are let go, last first, and its
//     error is the result.
#include "types.h"

#include <xen/errno.h>

static struct m_domain *acting; // whose vCPU remembers what is interrupted
static uint32_t acting_vcpu;

void m_vcpu_now(struct model *m, uint32_t d, uint32_t vcpu)
{
	acting = &m->domain[d];
	acting_vcpu = vcpu;
}

void unref(struct m_frame *p)
{
	if (!--p->refs) {
		p->owner = M_NOBODY;
		p->allocated = false;
		p->type = M_UNTYPED;
	}
}

void m_put_plain(struct model *m, uint32_t f)
{
	unref(&m->frame[f]);
}

// --- entries -----------------------------------------------------------------

uint64_t stored(const struct model *m, uint32_t level, uint64_t word)
{
	if (!(word & M_P)) {
		return word;
	}
	if (level == M_L1 && m->xen) {
		word |= word & M_US ? M_G : M_KERNEL;
	} else if (level == M_L1) {
		word &= ~M_G;
	}
	return word | M_US;
}

int m_l1_take(struct model *m, uint32_t d, uint32_t pg_owner, uint64_t word)
{
	uint32_t f = m_index(word);

	if (!(word & M_P)) {
		return 0;
	}
	if (f == M_HOLE) {
		return m->domain[d].privileged && d == pg_owner ? 0
								: -XEN_EPERM;
	}
	if (!is_frame(f)) {
		return -XEN_EBUSY;
	}
	if (word & M_RW) {
		return m_take(m, f, pg_owner, M_WRITABLE) ? -XEN_EBUSY : 0;
	}
	if (m->frame[f].owner != pg_owner) {
		return -XEN_EBUSY;
	}
	m->frame[f].refs++;
	return 0;
}

void m_put_writable(struct model *m, uint32_t f)
{
	m->frame[f].types--;
	unref(&m->frame[f]);
}

void m_l1_drop(struct model *m, uint64_t word)
{
	if (!(word & M_P) || !is_frame(m_index(word))) {
		return;
	}
	if (word & M_RW) {
		m_put_writable(m, m_index(word));
	} else {
		m_put_plain(m, m_index(word));
	}
}

int entry_take(struct model *m, uint32_t d, uint32_t level, uint64_t word)
{
	if (level == M_L1) {
		return m_l1_take(m, d, d, word);
	}
	if (!(word & M_P)) {
		return 0;
	}
	if (!is_frame(m_index(word)) || (word & M_G)) {
		return -XEN_EINVAL;
	}
	if (!(word & M_RW) && m->frame[m_index(word)].types &&
	    m->frame[m_index(word)].type == level) {
		m->linear = true;
	}
	return m_take(m, m_index(word), d, level - 1);
}

static int type_drop(struct model *m, uint32_t f);

static int entry_drop(struct model *m, uint32_t level, uint64_t word)
{
	if (level == M_L1) {
		m_l1_drop(m, word);
		return 0;
	}
	return word & M_P ? type_drop(m, m_index(word)) : 0;
}

// --- tables ------------------------------------------------------------------

// As an L1, L2, L3 table a frame with the entries of a root is refused: those
// name a table that is used as an L3, and the hypervisor's memory.
static int home_refused(uint32_t type)
{
	return type == M_L4 ? 0 : type == M_L1 ? -XEN_EBUSY : -XEN_EINVAL;
}

// Was it in a table below entry `word` of `table` that the machine stopped?
static bool stopped_below(const struct model *m, uint32_t table, uint64_t word)
{
	uint32_t f = m_index(word);
	const struct m_frame *p;

	if (!(word & M_P) || !is_frame(f) || !m->stopped[f] ||
	    m->stopped_type[f] != m->frame[table].type - 1) {
		return false;
	}
	p = &m->frame[f];
	if (p->valid != m->stopped[f] || p->at != m->stopped_at[f]) {
		return true;
	}
	for (uint32_t i = 0; i < M_WORDS; i++) {
		if (stopped_below(m, f, p->word[i])) {
			return true;
		}
	}
	return false;
}

// Let go of the entries below p->at, last first. M_RESTART: not all yet.
static int entries_drop(struct model *m, uint32_t f, enum m_valid how)
{
	struct m_frame *p = &m->frame[f];

	for (int i = M_WORDS - 1; i >= 0; i--) {
		uint16_t slot = (uint16_t)(M_SLOT0 + i);

		if (p->at <= slot || !(p->word[i])) {
			continue;
		}
		if (m->stopped[f] == how && m->stopped_at[f] > slot &&
		    !stopped_below(m, f, p->word[i])) {
			break;
		}
		p->at = (uint16_t)(slot + 1);
		if (entry_drop(m, p->type, p->word[i])) {
			p->valid = (uint8_t)how;
			return M_RESTART;
		}
		p->at = slot;
	}
	if (m->stopped[f] == how) {
		p->at = m->stopped_at[f];
		p->valid = (uint8_t)how;
		return M_RESTART;
	}
	p->valid = M_NOT;
	p->types--;
	unref(p);
	return 0;
}

static int refused(struct model *m, uint32_t f, int error)
{
	return entries_drop(m, f, M_FAILED) ? M_RESTART : error;
}

// Take the entries from p->at on.
static int entries_take(struct model *m, uint32_t f)
{
	struct m_frame *p = &m->frame[f];
	int error;

	if (p->home && p->at <= 1 && home_refused(p->type)) {
		p->at = 0;
		return refused(m, f, home_refused(p->type));
	}
	for (uint32_t i = 0; i < M_WORDS; i++) {
		uint16_t slot = (uint16_t)(M_SLOT0 + i);

		if (p->at > slot || !p->word[i]) {
			continue;
		}
		if (m->stopped[f] == M_UP && m->stopped_at[f] <= slot &&
		    !stopped_below(m, f, p->word[i])) {
			break;
		}
		p->at = slot;
		error = entry_take(m, p->owner, p->type, p->word[i]);
		if (error == M_RESTART) {
			p->valid = M_UP;
			return error;
		}
		if (error) {
			return refused(m, f, error);
		}
		p->word[i] = stored(m, p->type, p->word[i]);
		p->at = (uint16_t)(slot + 1);
	}
	if (m->stopped[f] == M_UP) {
		p->at = m->stopped_at[f];
		p->valid = M_UP;
		return M_RESTART;
	}
	if (p->hypervisor && p->type != M_L4) {
		p->at = 256;
		return refused(m, f,
			       p->type == M_L1 ? -XEN_EBUSY : -XEN_EINVAL);
	}
	p->valid = M_VALID;
	p->hypervisor |= p->type == M_L4;
	return 0;
}

int m_take(struct model *m, uint32_t f, uint32_t d, uint32_t type)
{
	struct m_frame *p = &m->frame[f];

	if (p->owner != d) {
		return -XEN_EINVAL;
	}
	if (!p->types) {
		p->type = (uint8_t)type;
		p->valid = M_NOT;
		p->at = 0;
		p->types = 1;
		p->refs++;
		if (type == M_SEG) {
			p->valid = M_VALID;
			return m_descriptors_ok(p) ? 0
						   : refused(m, f, -XEN_EINVAL);
		}
		return type == M_WRITABLE ? 0 : entries_take(m, f);
	}
	if (p->type != type || p->valid == M_LETGO) {
		return -XEN_EINVAL;
	}
	switch (p->valid) {
	case M_UP:
		return entries_take(m, f);
	case M_FAILED:
		return refused(m, f, -XEN_EINVAL);
	default:
		p->types++;
		p->refs++;
		return 0;
	}
}

// A reference as a table goes; with the last one it is a table no longer.
static int type_drop(struct model *m, uint32_t f)
{
	struct m_frame *p = &m->frame[f];

	if (p->types > 1) {
		p->types--;
		unref(p);
		return 0;
	}
	if (!is_partial(p)) {
		p->at = p->type < M_SEG ? 512 : 0;
	}
	return entries_drop(m, f, M_LETGO);
}

void m_put_type(struct model *m, uint32_t f)
{
	(void)type_drop(m, f);
}

void type_put(struct model *m, uint32_t f)
{
	if (type_drop(m, f)) {
		acting->vcpu[acting_vcpu].pending = f;
	}
}

int m_pending_finish(struct model *m, uint32_t d, uint32_t vcpu)
{
	struct m_vcpu *v = &m->domain[d].vcpu[vcpu];

	if (v->pending != M_NONE) {
		if (type_drop(m, v->pending)) {
			return M_RESTART;
		}
		v->pending = M_NONE;
	}
	return 0;
}
