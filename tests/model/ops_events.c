// SPDX-License-Identifier: MIT
// Operations on event channels.
#include "ops.h"

#include <xen/errno.h>
#include <xen/event_channel.h>

#define PORT_BAD 3000u

uint32_t ops_port(uint32_t d, uint32_t port)
{
	return m->domain[d].port[port].number;
}

long event(uint32_t cmd, void *arg)
{
	return machine_call(__HYPERVISOR_event_channel_op, cmd, (uint64_t)arg,
			    0, 0)
	    .rc;
}

// The machine's number of a port; one that cannot be, where it is closed.
uint32_t port_real(uint32_t d, uint32_t port)
{
	return m->domain[d].port[port].state ? ops_port(d, port) : PORT_BAD;
}

// A port is opened, or refused. It has a number that nobody has, nor a queue.
static long open_call(uint32_t cmd, void *arg, const uint32_t *number)
{
	long rc = event(cmd, arg);
	bool taken = false;

	if (rc) {
		return rc;
	}
	for (uint32_t i = 0; i < M_PORTS; i++) {
		const struct m_port *p = &m->domain[me].port[i];

		taken |= p->state && p->number == *number;
	}
	taken |= *number < M_NUMBERS && m->domain[me].fifo.event[*number].order;
	if (taken) {
		expect("a number that is in use", cmd, *number, 0, 1);
	}
	m->number = *number;
	m->numbers = m->numbers > *number ? m->numbers : *number + 1;
	return 0;
}

static void opened(const char *what, uint32_t a, int expected, long rc)
{
	expect(what, a, 0, expected < 0 ? expected : 0, rc);
}

// Not those that the hypervisor itself raises for dom0.
static uint32_t any_virq(void)
{
	uint32_t virq = below(VIRQ_ARCH_0 + 1);

	return virq < VIRQ_ARCH_0 ? virq : NR_VIRQS;
}

void op_port_open(void)
{
	uint32_t remote = below(machine_domains), port = below(M_PORTS);
	uint32_t vcpu = next() < 20 ? 7 : below(m->vcpus);
	struct evtchn_alloc_unbound alloc = {.dom = DOMID_SELF,
					     .remote_dom = (domid_t)remote};
	struct evtchn_bind_interdomain bind = {.remote_dom = (domid_t)remote,
					       .remote_port =
						   port_real(remote, port)};
	struct evtchn_bind_ipi ipi = {.vcpu = vcpu};
	struct evtchn_bind_virq virq = {.virq = any_virq(), .vcpu = vcpu};
	long rc;

	// Numbers grow where closed ports stay in queues: the model has a page.
	if (m_port_free(m, me) < 0 || m->numbers == M_NUMBERS) {
		return;
	}
	switch (below(5)) {
	case 0:
	case 1:
		rc = open_call(EVTCHNOP_alloc_unbound, &alloc, &alloc.port);
		opened("alloc_unbound", remote, m_alloc_unbound(m, me, remote),
		       rc);
		break;
	case 2:
		rc = open_call(EVTCHNOP_bind_interdomain, &bind,
			       &bind.local_port);
		opened("bind_interdomain", port,
		       m_bind_interdomain(m, me, remote, port), rc);
		break;
	case 3:
		rc = open_call(EVTCHNOP_bind_ipi, &ipi, &ipi.port);
		opened("bind_ipi", vcpu, m_bind_ipi(m, me, vcpu), rc);
		break;
	default:
		rc = open_call(EVTCHNOP_bind_virq, &virq, &virq.port);
		opened("bind_virq", virq.virq,
		       m_bind_virq(m, me, virq.virq, vcpu), rc);
	}
}

static void bit_set_to(xen_ulong_t *map, uint32_t n, bool to)
{
	if (to) {
		map[n / 64] |= 1ul << n % 64;
	} else {
		map[n / 64] &= ~(1ul << n % 64);
	}
}

// The guest's own doing. false: it is not masked, for there is no word yet.
static bool mask_set(const struct m_port *p, bool to)
{
	if (m->domain[me].fifo.on) {
		return fifo_mask(p->number, to);
	}
	bit_set_to(machine_shared(me)->evtchn_mask, p->number, to);
	return to;
}

void op_port_use(void)
{
	uint32_t port = below(M_PORTS), number = port_real(me, port);
	struct m_port *p = &m->domain[me].port[port];
	struct evtchn_close close = {.port = number};
	struct evtchn_bind_vcpu bind = {.port = number, .vcpu = below(6)};

	switch (below(8)) {
	case 0:
		// Xen raises it later even so, whoever has the number then.
		if (m->xen && p->waiting) {
			break;
		}
		if (p->state) {
			mask_set(p, false);
		}
		expect("close", port, 0, m_close(m, me, port),
		       event(EVTCHNOP_close, &close));
		break;
	case 1:
		expect("unmask", port, 0, m_unmask(m, me, port),
		       event(EVTCHNOP_unmask, &close));
		break;
	case 2:
		expect("bind_vcpu", port, bind.vcpu,
		       m_bind_vcpu(m, me, port, bind.vcpu),
		       event(EVTCHNOP_bind_vcpu, &bind));
		break;
	case 3: // the guest masks it
		if (p->state) {
			p->masked = mask_set(p, true);
		}
		break;
	default:
		expect("send", port, 0, m_send(m, me, port),
		       event(EVTCHNOP_send, &close));
	}
}

void op_port_status(void)
{
	uint32_t port = below(M_PORTS);
	const struct m_port *p = &m->domain[me].port[port];
	struct evtchn_status s = {.dom = DOMID_SELF,
				  .port = port_real(me, port)};
	long rc = event(EVTCHNOP_status, &s);

	expect("status", port, 0, p->state ? 0 : -XEN_EINVAL, rc);
	if (rc || !p->state) {
		return;
	}
	expect("state", port, 0, p->state, s.status);
	expect("vCPU", port, p->state, p->vcpu, s.vcpu);
	if (p->state == EVTCHNSTAT_unbound) {
		expect("for whom", port, 0, p->remote_domain, s.u.unbound.dom);
	} else if (p->state == EVTCHNSTAT_interdomain) {
		expect("to whom", port, 0, p->remote_domain,
		       s.u.interdomain.dom);
		expect("to where", port, 0, 1,
		       s.u.interdomain.port ==
			   ops_port(p->remote_domain, p->remote_port));
	}
}

// The guest takes its events: what is pending is what should be.
void op_events(void)
{
	struct shared_info *s = machine_shared(me);

	for (uint32_t v = 0; v < m->vcpus; v++) {
		struct vcpu_info *info = &s->vcpu_info[v];

		expect("upcall", v, 0, m->domain[me].vcpu[v].upcall,
		       info->evtchn_upcall_pending);
		m->domain[me].vcpu[v].upcall = false;
		info->evtchn_upcall_pending = 0;
		info->evtchn_pending_sel = 0;
	}
	for (uint32_t i = 0; i < M_PORTS && !m->domain[me].fifo.on; i++) {
		struct m_port *p = &m->domain[me].port[i];
		uint32_t n = p->number;

		if (p->state) {
			expect("pending", i, p->state, p->pending,
			       s->evtchn_pending[n / 64] >> n % 64 & 1);
			expect("masked", i, p->state, p->masked,
			       s->evtchn_mask[n / 64] >> n % 64 & 1);
			p->pending = false;
			bit_set_to(s->evtchn_pending, n, false);
		}
	}
}
