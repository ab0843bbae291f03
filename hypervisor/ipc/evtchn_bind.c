// SPDX-License-Identifier: MIT
// Connecting ports, moving them between vCPUs, asking about them.
#include <wabe/errno.h>

#include "ports.h"

int evtchn_alloc_unbound(struct domain *d, domid_t remote_id, u32 *port)
{
	struct port *p;
	int error;

	lock(&d->evtchn_lock);
	error = port_take(d, &p);
	if (!error) {
		p->remote_id = remote_id;
		port_open(d, p, PORT_UNBOUND);
		*port = p->number;
	}
	unlock(&d->evtchn_lock);
	return error;
}

// Both locks are held. The far port is looked at before a near one is taken,
// so a failure leaves nothing to undo.
static int interdomain_bind(struct domain *d, struct domain *remote,
			    u32 remote_port, u32 *port)
{
	struct port *far = port_find(remote, remote_port), *near;
	int error;

	if (!far || far->state != PORT_UNBOUND || far->remote_id != d->id) {
		return -EINVAL;
	}
	error = port_take(d, &near);
	if (error) {
		return error;
	}
	near->remote = remote;
	near->peer = far;
	port_open(d, near, PORT_INTERDOMAIN);
	lock(&far->lock);
	far->remote = d;
	far->peer = near;
	far->state = PORT_INTERDOMAIN;
	unlock(&far->lock);
	*port = near->number;
	// What the other side sent while unbound is lost; make up for it.
	port_raise(d, near);
	return 0;
}

int evtchn_bind_interdomain(struct domain *d, struct domain *remote,
			    u32 remote_port, u32 *port)
{
	int error;

	evtchn_lock_two(d, remote);
	error = interdomain_bind(d, remote, remote_port, port);
	evtchn_unlock_two(d, remote);
	return error;
}

int evtchn_bind_pirq(struct domain *d, u32 pirq, bool share, u32 *port)
{
	struct port *p;
	int error;

	lock(&d->evtchn_lock);
	error = port_take(d, &p);
	if (!error) {
		// Open before the interrupt may come.
		p->pirq = pirq;
		port_open(d, p, PORT_PIRQ);
		*port = p->number;
		error = pirq_bind(d, pirq, p->number, share);
		if (error) {
			port_release(d, p);
		}
	}
	unlock(&d->evtchn_lock);
	return error;
}

// evtchn_lock is held.
static int port_move(struct domain *d, struct port *p, struct vcpu *v)
{
	switch (p->state) {
	case PORT_VIRQ:
		if (!virq_is_global(p->virq)) {
			return -EINVAL;
		}
		break;
	case PORT_UNBOUND:
	case PORT_INTERDOMAIN:
	case PORT_PIRQ:
		break;
	default:
		return -EINVAL;
	}
	WRITE_ONCE(p->vcpu, (u16)v->id);
	if (p->state == PORT_PIRQ) {
		pirq_set_vcpu(d, p->pirq, v);
	}
	return 0;
}

int evtchn_bind_vcpu(struct domain *d, u32 port, u32 vcpu)
{
	struct vcpu *v = domain_vcpu(d, vcpu);
	struct port *p = port_find(d, port);
	int error;

	if (!v) {
		return -ENOENT;
	}
	if (!p) {
		return -EINVAL;
	}
	lock(&d->evtchn_lock);
	error = port_move(d, p, v);
	unlock(&d->evtchn_lock);
	return error;
}

int evtchn_unmask(struct domain *d, u32 port)
{
	struct port *p = port_find(d, port);
	u32 pirq = ~0u;

	if (!p) {
		return -EINVAL;
	}
	lock(&p->lock);
	if (p->state > PORT_RESERVED) {
		if (d->evtchns->fifo) {
			fifo_unmask(d, p);
		} else {
			level2_unmask(d, p);
		}
	}
	if (p->state == PORT_PIRQ) {
		pirq = p->pirq;
	}
	unlock(&p->lock);
	if (pirq != ~0u) {
		pirq_unmasked(d, pirq);
	}
	return 0;
}

int evtchn_set_priority(struct domain *d, u32 port, u32 priority)
{
	struct port *p = port_find(d, port);
	int error = 0;

	if (!p) {
		return -EINVAL;
	}
	lock(&d->evtchn_lock);
	if (!d->evtchns->fifo) {
		error = -ENOSYS;
	} else if (priority > EVTCHN_FIFO_PRIORITY_MIN) {
		error = -EINVAL;
	} else if (p->state == PORT_FREE) {
		error = -EACCES;
	} else {
		WRITE_ONCE(p->priority, (u8)priority);
	}
	unlock(&d->evtchn_lock);
	return error;
}

// --- questions --------------------------------------------------------------

static void status_fill(const struct port *p, struct evtchn_status *s)
{
	static const u8 status_of[] = {
	    [PORT_FREE] = EVTCHNSTAT_closed,
	    [PORT_RESERVED] = EVTCHNSTAT_closed,
	    [PORT_UNBOUND] = EVTCHNSTAT_unbound,
	    [PORT_INTERDOMAIN] = EVTCHNSTAT_interdomain,
	    [PORT_PIRQ] = EVTCHNSTAT_pirq,
	    [PORT_VIRQ] = EVTCHNSTAT_virq,
	    [PORT_IPI] = EVTCHNSTAT_ipi,
	};

	s->status = status_of[p->state];
	s->vcpu = p->vcpu;
	switch (p->state) {
	case PORT_UNBOUND:
		s->u.unbound.dom = p->remote_id;
		break;
	case PORT_INTERDOMAIN:
		s->u.interdomain.dom = p->remote->id;
		s->u.interdomain.port = p->peer->number;
		break;
	case PORT_PIRQ:
		s->u.pirq = p->pirq;
		break;
	case PORT_VIRQ:
		s->u.virq = p->virq;
		break;
	default:
		break;
	}
}

int evtchn_status(struct domain *d, struct evtchn_status *s)
{
	struct port *p = port_find(d, s->port);

	if (!p) {
		return -EINVAL;
	}
	lock(&d->evtchn_lock);
	status_fill(p, s);
	unlock(&d->evtchn_lock);
	return 0;
}

bool evtchn_port_ok(struct domain *d, u32 port)
{
	return port_find(d, port) != NULL;
}

static bool pending_now(const struct domain *d, const struct port *p)
{
	if (p->state <= PORT_RESERVED) {
		return false;
	}
	return d->evtchns->fifo
		   ? p->pending || fifo_test(d, p->number, EVTCHN_FIFO_PENDING)
		   : level2_test(d, p->number, false);
}

// The lock keeps the port open, and so the word it looks at mapped.
bool evtchn_is_pending(struct domain *d, u32 port)
{
	struct port *p = port_find(d, port);
	bool pending;

	if (!p) {
		return false;
	}
	lock(&p->lock);
	pending = pending_now(d, p);
	unlock(&p->lock);
	return pending;
}

static void port_print(struct domain *d, const struct port *p)
{
	struct evtchn_status s = {0};
	bool masked = d->evtchns->fifo
			  ? fifo_test(d, p->number, EVTCHN_FIFO_MASKED)
			  : level2_test(d, p->number, true);

	status_fill(p, &s);
	printk("  port %u: status %u vcpu %u pending %d masked %d", p->number,
	       s.status, s.vcpu, pending_now(d, p), masked);
	if (p->state == PORT_INTERDOMAIN) {
		printk("    to d%u port %u", s.u.interdomain.dom,
		       s.u.interdomain.port);
	} else if (p->state > PORT_INTERDOMAIN) {
		printk("    number %u", s.u.virq);
	} else {
		printk("    for d%u", s.u.unbound.dom);
	}
}

void evtchn_dump(struct domain *d)
{
	struct evtchns *e = d->evtchns;

	if (!e) {
		return;
	}
	lock(&d->evtchn_lock);
	printk("d%u event channels: %u open, %s", d->id, e->open,
	       e->fifo ? "FIFO" : "2-level");
	for (u32 n = 1; n < e->unused; n++) {
		const struct port *p = port_find(d, n);

		if (p->state > PORT_RESERVED) {
			port_print(d, p);
		}
	}
	unlock(&d->evtchn_lock);
}
