// SPDX-License-Identifier: MIT
// Operations on event channels in the FIFO form, and the guest's part of it: it
// follows the words from a queue's head, as Linux does.
#include "ops.h"

#include <xen/errno.h>
#include <xen/event_channel.h>

#define FLAG(n) (1u << (n))
#define PENDING FLAG(EVTCHN_FIFO_PENDING)
#define MASKED FLAG(EVTCHN_FIFO_MASKED)
#define LINKED FLAG(EVTCHN_FIFO_LINKED)

// What the guest has taken from a control block: queues that it was told of and
// has not emptied, and where it is in them (0: at the head).
static struct {
	uint32_t ready, at[EVTCHN_FIFO_MAX_QUEUES];
} taken[M_DOMAINS][M_VCPUS];

static struct evtchn_fifo_control_block *control(uint32_t d, uint32_t vcpu)
{
	return (void *)((char *)machine_fifo_page(d, 0) + 256 * vcpu);
}

static event_word_t *words(uint32_t d)
{
	return machine_fifo_page(d, 1);
}

static void domain_begin(uint32_t d)
{
	for (uint32_t i = 0; i < M_NUMBERS; i++) {
		((uint32_t *)machine_fifo_page(d, 0))[i] = 0;
		words(d)[i] = 0;
	}
	for (uint32_t v = 0; v < M_VCPUS; v++) {
		taken[d][v].ready = 0;
		for (uint32_t q = 0; q < EVTCHN_FIFO_MAX_QUEUES; q++) {
			taken[d][v].at[q] = 0;
		}
	}
}

void fifo_begin(void)
{
	for (uint32_t d = 0; d < machine_domains; d++) {
		domain_begin(d);
	}
}

bool fifo_mask(uint32_t number, bool to)
{
	if (!m->domain[me].fifo.pages) {
		return false;
	}
	words(me)[number] &= ~MASKED;
	words(me)[number] |= to ? MASKED : 0;
	return to;
}

// --- comparing ---------------------------------------------------------------

static void queue_compare(uint32_t d, uint32_t vcpu, uint32_t q)
{
	const struct m_fifo *f = &m->domain[d].fifo;
	uint32_t told = f->ready[vcpu] | taken[d][vcpu].ready;
	uint32_t found = taken[d][vcpu].at[q], after = 0, number;

	if (!found && (told & FLAG(q))) {
		found = control(d, vcpu)->head[q];
	}
	do {
		number = m_fifo_next(m, d, vcpu, q, after);
		expect("next in the queue", vcpu, q, number, found);
		after = f->event[number].order;
		found = words(d)[number] & EVTCHN_FIFO_LINK_MASK;
	} while (number);
}

static void domain_compare(uint32_t d)
{
	const struct m_domain *dom = &m->domain[d];
	uint32_t expected[M_NUMBERS] = {0};

	for (uint32_t i = 0; i < M_PORTS; i++) {
		const struct m_port *p = &dom->port[i];

		if (p->state) {
			expected[p->number] = (p->pending ? PENDING : 0) |
					      (p->masked ? MASKED : 0);
		}
	}
	for (uint32_t n = 0; n < m->numbers; n++) {
		expected[n] |= dom->fifo.event[n].order ? LINKED : 0;
		if (expected[n] != (words(d)[n] & ~EVTCHN_FIFO_LINK_MASK)) {
			expect("word", d, n, expected[n],
			       words(d)[n] & ~EVTCHN_FIFO_LINK_MASK);
		}
	}
	for (uint32_t v = 0; v < m->vcpus; v++) {
		if (!dom->fifo.control[v]) {
			continue;
		}
		expect("ready", d, v, dom->fifo.ready[v], control(d, v)->ready);
		for (uint32_t q = 0; q < EVTCHN_FIFO_MAX_QUEUES; q++) {
			queue_compare(d, v, q);
		}
	}
}

void fifo_compare(void)
{
	for (uint32_t d = 0; d < machine_domains; d++) {
		if (m->domain[d].fifo.on) {
			domain_compare(d);
		}
	}
}

// --- operations --------------------------------------------------------------

// One of the model's frames that the hypervisor may not write to. false: the
// bytes chose one that it may.
static bool frame_refused(uint64_t *mfn)
{
	uint32_t f = frame_for(me, below(5));
	const struct m_frame *p = &m->frame[f < M_FRAMES ? f : 0];

	*mfn = mfn_of(f);
	return f >= M_FRAMES || p->owner != me ||
	       (p->types && p->type != M_WRITABLE);
}

static void expand(uint64_t mfn, bool writable)
{
	struct evtchn_expand_array x = {.array_gfn = mfn};
	long rc = event(EVTCHNOP_expand_array, &x);

	expect("expand_array", writable, m->domain[me].fifo.pages,
	       m_fifo_expand(m, me, writable), rc);
}

static void expand_good(void)
{
	expand(machine_fifo_mfn(me, m->domain[me].fifo.pages ? 2 : 1), true);
}

// The guest forgets what it knew in the other form.
static void switched(void)
{
	struct shared_info *s = machine_shared(me);

	for (uint32_t i = 0; i < 64; i++) {
		s->evtchn_pending[i] = 0;
		s->evtchn_mask[i] = 0;
	}
	// Where an event waits on Xen, it does so when its port was closed too.
	if (m->xen) {
		expand_good();
	}
}

static void init(void)
{
	static const uint32_t wrong[] = {4, 4032, 4096, 0x80000000};
	uint32_t vcpu = below(m->vcpus), how = below(8);
	bool writable = how != 2, on = m->domain[me].fifo.on;
	struct evtchn_init_control c = {
	    .control_gfn = machine_fifo_mfn(me, 0),
	    .offset = how == 1 ? wrong[below(4)] : 256 * vcpu,
	    .vcpu = how == 0 ? m->vcpus + below(9) : vcpu,
	};
	long rc;

	if (!writable && !frame_refused(&c.control_gfn)) {
		return;
	}
	rc = event(EVTCHNOP_init_control, &c);
	expect("init_control", how, c.vcpu,
	       m_fifo_control(m, me, c.vcpu, c.offset, writable), rc);
	if (!rc) {
		expect("link bits", 0, 0, EVTCHN_FIFO_LINK_BITS, c.link_bits);
	}
	if (!rc && !on) {
		switched();
	}
}

static void expand_some(void)
{
	uint32_t how = next();
	uint64_t mfn;

	if (how < 64) {
		if (frame_refused(&mfn)) {
			expand(mfn, false);
		}
		return;
	}
	expand_good();
	// All there can be, and one more.
	while (how > 240 && m->domain[me].fifo.pages % 128) {
		expand_good();
	}
	if (how > 240) {
		expand_good();
	}
}

static void priority(void)
{
	uint32_t port = below(M_PORTS), value = below(18);
	struct evtchn_set_priority s = {port_real(me, port), value};
	long rc = event(EVTCHNOP_set_priority, &s);

	expect("set_priority", port, value, m_fifo_priority(m, me, port, value),
	       rc);
}

static void reset(void)
{
	struct evtchn_reset r = {.dom = DOMID_SELF};
	struct shared_info *s = machine_shared(me);

	expect("reset", 0, 0, 0, event(EVTCHNOP_reset, &r));
	m_reset(m, me);
	domain_begin(me);
	for (uint32_t i = 0; i < 64; i++) {
		s->evtchn_mask[i] = 0;
	}
}

void op_fifo(void)
{
	switch (below(12)) {
	case 0:
	case 1:
	case 2:
	case 3:
		init();
		break;
	case 4:
	case 5:
	case 6:
		expand_some();
		break;
	case 7:
		if (next() < 64) {
			reset();
		}
		break;
	default:
		priority();
	}
}

// The first of a queue, as the guest finds it.
static void take(uint32_t vcpu, uint32_t q)
{
	uint32_t number = taken[me][vcpu].at[q], word;

	if (!number) {
		number = control(me, vcpu)->head[q];
	}
	expect("taken", vcpu, q, m_fifo_take(m, me, vcpu, q), number);
	if (!number || number >= M_NUMBERS) {
		return;
	}
	word = words(me)[number];
	words(me)[number] &=
	    ~(LINKED | EVTCHN_FIFO_LINK_MASK | (word & MASKED ? 0 : PENDING));
	taken[me][vcpu].at[q] = word & EVTCHN_FIFO_LINK_MASK;
	if (!taken[me][vcpu].at[q]) {
		taken[me][vcpu].ready &= ~FLAG(q);
	}
}

// The guest looks what it is told of, and takes some, the highest priority
// first.
void op_fifo_take(void)
{
	struct m_fifo *f = &m->domain[me].fifo;
	uint32_t n = below(12);

	if (!f->on || !f->control[cpu]) {
		return;
	}
	taken[me][cpu].ready |= control(me, cpu)->ready;
	control(me, cpu)->ready = 0;
	f->ready[cpu] = 0;
	while (n-- && taken[me][cpu].ready) {
		take(cpu, (uint32_t)__builtin_ctz(taken[me][cpu].ready));
	}
}
