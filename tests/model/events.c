// SPDX-License-Identifier: MIT
// Event channels: ports, and the 2-level form (fifo.c has the other). Which
// number a new port gets is the hypervisor's choice: ports here have numbers of
// their own.
#include "model.h"

#include <stddef.h>
#include <xen/errno.h>
#include <xen/xen.h>
#include <xen/event_channel.h>

int m_port_free(const struct model *m, uint32_t d)
{
	for (uint32_t i = 0; i < M_PORTS; i++) {
		if (m->domain[d].port[i].state == EVTCHNSTAT_closed) {
			return (int)i;
		}
	}
	return -1;
}

static struct m_port *open_port(struct model *m, uint32_t d, uint32_t port)
{
	struct m_port *p = port < M_PORTS ? &m->domain[d].port[port] : NULL;

	return p && p->state != EVTCHNSTAT_closed ? p : NULL;
}

// A port that becomes pending, and is not masked, is told to its vCPU.
static void raise(struct model *m, uint32_t d, struct m_port *p)
{
	if (m->domain[d].fifo.on) {
		m_fifo_raise(m, d, p);
		return;
	}
	if (!p->pending && !p->masked) {
		m->domain[d].vcpu[p->vcpu].upcall = true;
	}
	p->pending = true;
}

// A new port. The guest unmasks what it closes, so none begins masked.
static int port_open(struct model *m, uint32_t d, struct m_port as)
{
	int i = m_port_free(m, d);

	as.number = m->number;
	as.priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
	m->domain[d].port[i] = as;
	return i;
}

int m_alloc_unbound(struct model *m, uint32_t d, uint32_t remote)
{
	return port_open(m, d,
			 (struct m_port){.state = EVTCHNSTAT_unbound,
					 .remote_domain = (uint8_t)remote});
}

int m_bind_interdomain(struct model *m, uint32_t d, uint32_t remote,
		       uint32_t port)
{
	struct m_port *far = open_port(m, remote, port);
	int i;

	if (!far || far->state != EVTCHNSTAT_unbound ||
	    far->remote_domain != d) {
		return -XEN_EINVAL;
	}
	i = port_open(m, d,
		      (struct m_port){.state = EVTCHNSTAT_interdomain,
				      .remote_domain = (uint8_t)remote,
				      .remote_port = (uint16_t)port});
	far->state = EVTCHNSTAT_interdomain;
	far->remote_domain = (uint8_t)d;
	far->remote_port = (uint16_t)i;
	// An event sent before there was an other end is made up for.
	raise(m, d, &m->domain[d].port[i]);
	return i;
}

int m_bind_ipi(struct model *m, uint32_t d, uint32_t vcpu)
{
	if (vcpu >= m->vcpus) {
		return -XEN_ENOENT;
	}
	return port_open(
	    m, d,
	    (struct m_port){.state = EVTCHNSTAT_ipi, .vcpu = (uint8_t)vcpu});
}

static bool is_global(uint32_t virq)
{
	return virq != VIRQ_TIMER && virq != VIRQ_DEBUG &&
	       virq != VIRQ_XENOPROF && virq != VIRQ_XENPMU;
}

int m_bind_virq(struct model *m, uint32_t d, uint32_t virq, uint32_t vcpu)
{
	uint16_t *bound;
	int i;

	if (virq >= NR_VIRQS || (is_global(virq) && vcpu)) {
		return -XEN_EINVAL;
	}
	if (vcpu >= m->vcpus) {
		return -XEN_ENOENT;
	}
	bound = &m->domain[d].vcpu[vcpu].virq_port[virq];
	if (*bound) {
		return -XEN_EEXIST;
	}
	i = port_open(m, d,
		      (struct m_port){.state = EVTCHNSTAT_virq,
				      .virq = (uint8_t)virq,
				      .vcpu = (uint8_t)vcpu});
	*bound = (uint16_t)(i + 1);
	return i;
}

int m_close(struct model *m, uint32_t d, uint32_t port)
{
	struct m_port *p = open_port(m, d, port), *far;

	if (!p) {
		return -XEN_EINVAL;
	}
	if (p->state == EVTCHNSTAT_interdomain) {
		far = &m->domain[p->remote_domain].port[p->remote_port];
		far->state = EVTCHNSTAT_unbound;
		far->remote_domain = (uint8_t)d;
	} else if (p->state == EVTCHNSTAT_virq) {
		uint32_t vcpu = is_global(p->virq) ? 0 : p->vcpu;

		m->domain[d].vcpu[vcpu].virq_port[p->virq] = 0;
	}
	p->state = EVTCHNSTAT_closed;
	p->pending = p->masked = p->waiting = false;
	return 0;
}

void m_reset(struct model *m, uint32_t d)
{
	for (uint32_t i = 0; i < M_PORTS; i++) {
		(void)m_close(m, d, i);
	}
	m->domain[d].fifo = (struct m_fifo){0};
}

int m_send(struct model *m, uint32_t d, uint32_t port)
{
	struct m_port *p = open_port(m, d, port);

	if (!p || p->state == EVTCHNSTAT_virq || p->state == EVTCHNSTAT_pirq) {
		return -XEN_EINVAL;
	}
	if (p->state == EVTCHNSTAT_interdomain) {
		raise(m, p->remote_domain,
		      &m->domain[p->remote_domain].port[p->remote_port]);
	} else if (p->state == EVTCHNSTAT_ipi) {
		raise(m, d, p);
	}
	return 0;
}

int m_unmask(struct model *m, uint32_t d, uint32_t port)
{
	struct m_port *p = open_port(m, d, port);

	if (!p) {
		return -XEN_EINVAL;
	}
	if (m->domain[d].fifo.on) {
		p->masked = false;
		if (p->pending) {
			m_fifo_raise(m, d, p);
		}
		return 0;
	}
	if (p->masked && p->pending) {
		m->domain[d].vcpu[p->vcpu].upcall = true;
	}
	p->masked = false;
	return 0;
}

int m_bind_vcpu(struct model *m, uint32_t d, uint32_t port, uint32_t vcpu)
{
	struct m_port *p = open_port(m, d, port);

	if (vcpu >= m->vcpus) {
		return -XEN_ENOENT;
	}
	if (!p || p->state == EVTCHNSTAT_ipi ||
	    (p->state == EVTCHNSTAT_virq && !is_global(p->virq))) {
		return -XEN_EINVAL;
	}
	p->vcpu = (uint8_t)vcpu;
	return 0;
}
