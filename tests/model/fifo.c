// SPDX-License-Identifier: MIT
// Event channels, the FIFO form. What a guest is promised, in a few words:
//   - its first control block switches the domain over; events that are pending
//     then are raised again when their words exist;
//   - each vCPU has 16 queues, one a priority. An event that is raised goes to
//     the end of its vCPU's and priority's, unless it is masked or is in a
//     queue already; those of a queue come out in the order they went in;
//   - one that is masked stays pending, and goes in when it is unmasked;
//   - moving a port, or closing it, does not take it out of the queue it is in,
//     and a number that is in a queue is not given to another port;
//   - a vCPU is told when an event comes to a queue of which it has not been
//     told yet. It need not be told of more before it has taken all.
// How the words and the control blocks say this is for the guest to follow
// (ops_fifo.c); here a queue is an order.
#include "model.h"

#include <xen/errno.h>
#include <xen/xen.h>
#include <xen/event_channel.h>

#define PAGE_BYTES 4096
#define PAGES_MAX (EVTCHN_FIFO_NR_CHANNELS / M_NUMBERS)

uint32_t m_fifo_next(const struct model *m, uint32_t d, uint32_t vcpu,
		     uint32_t priority, uint32_t after)
{
	const struct m_fifo *f = &m->domain[d].fifo;
	uint32_t found = 0;

	for (uint32_t n = 1; n < m->numbers; n++) {
		const struct m_event *e = &f->event[n];

		if (e->order > after && e->vcpu == vcpu &&
		    e->priority == priority &&
		    (!found || e->order < f->event[found].order)) {
			found = n;
		}
	}
	return found;
}

static void link(struct model *m, uint32_t d, const struct m_port *p)
{
	struct m_fifo *f = &m->domain[d].fifo;
	uint16_t bit = (uint16_t)(1u << p->priority);

	if (f->event[p->number].order || !f->control[p->vcpu]) {
		return;
	}
	if (!m_fifo_next(m, d, p->vcpu, p->priority, 0) &&
	    !(f->ready[p->vcpu] & bit)) {
		f->ready[p->vcpu] |= bit;
		m->domain[d].vcpu[p->vcpu].upcall = true;
	}
	f->event[p->number] =
	    (struct m_event){p->vcpu, p->priority, ++f->linked};
}

void m_fifo_raise(struct model *m, uint32_t d, struct m_port *p)
{
	if (!m->domain[d].fifo.pages) {
		p->waiting = true;
		return;
	}
	p->pending = true;
	if (!p->masked) {
		link(m, d, p);
	}
}

int m_fifo_control(struct model *m, uint32_t d, uint32_t vcpu, uint32_t offset,
		   bool writable)
{
	struct m_domain *dom = &m->domain[d];

	if (vcpu >= m->vcpus) {
		return -XEN_ENOENT;
	}
	if (offset > PAGE_BYTES - sizeof(struct evtchn_fifo_control_block) ||
	    offset % 8 || dom->fifo.control[vcpu] || !writable) {
		return -XEN_EINVAL;
	}
	dom->fifo.control[vcpu] = true;
	for (uint32_t i = 0; i < M_PORTS && !dom->fifo.on; i++) {
		struct m_port *p = &dom->port[i];

		p->waiting = p->pending;
		p->pending = p->masked = false;
	}
	dom->fifo.on = true;
	return 0;
}

// Those that wait are raised by their numbers.
static void waiting_raise(struct model *m, uint32_t d)
{
	for (uint32_t n = 1; n < m->numbers; n++) {
		for (uint32_t i = 0; i < M_PORTS; i++) {
			struct m_port *p = &m->domain[d].port[i];

			if (p->state && p->number == n && p->waiting) {
				p->waiting = false;
				m_fifo_raise(m, d, p);
			}
		}
	}
}

int m_fifo_expand(struct model *m, uint32_t d, bool writable)
{
	struct m_fifo *f = &m->domain[d].fifo;

	if (!f->on) {
		return -XEN_EOPNOTSUPP;
	}
	if (f->pages == PAGES_MAX) {
		return -XEN_ENOSPC;
	}
	if (!writable) {
		return -XEN_EINVAL;
	}
	if (!f->pages++) {
		waiting_raise(m, d);
	}
	return 0;
}

int m_fifo_priority(struct model *m, uint32_t d, uint32_t port,
		    uint32_t priority)
{
	struct m_port *p = &m->domain[d].port[port];

	if (!p->state) {
		return -XEN_EINVAL;
	}
	if (!m->domain[d].fifo.on) {
		return -XEN_ENOSYS;
	}
	if (priority > EVTCHN_FIFO_PRIORITY_MIN) {
		return -XEN_EINVAL;
	}
	p->priority = (uint8_t)priority;
	return 0;
}

// The guest takes the first of a queue and, unless it has it masked, handles
// it. Its number; 0: the queue is empty.
uint32_t m_fifo_take(struct model *m, uint32_t d, uint32_t vcpu,
		     uint32_t priority)
{
	struct m_domain *dom = &m->domain[d];
	uint32_t number = m_fifo_next(m, d, vcpu, priority, 0);

	if (number) {
		dom->fifo.event[number].order = 0;
	}
	for (uint32_t i = 0; i < M_PORTS; i++) {
		struct m_port *p = &dom->port[i];

		if (number && p->state && p->number == number && !p->masked) {
			p->pending = false;
		}
	}
	return number;
}
