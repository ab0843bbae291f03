// SPDX-License-Identifier: MIT
// Connecting ports, moving them between vCPUs, asking about them.
#include "ports.h"

long evtchn_alloc_unbound(struct domain *d, void *arg)
{
	struct evtchn_alloc_unbound *a = arg;
	domid_t remote =
	    a->remote_dom == DOMID_SELF ? current_domain()->id : a->remote_dom;
	const struct port as = {.state = PORT_UNBOUND, .remote_id = remote};

	return port_new(d, &as, &a->port);
}

// The far port is looked at before a near one is taken, so a failure leaves
// nothing to undo.
static int interdomain_bind(struct domain *d, struct domain *remote,
			    struct evtchn_bind_interdomain *b)
{
	struct port *far = port_find(remote, b->remote_port), *near;
	const struct port as = {
	    .state = PORT_INTERDOMAIN, .remote = remote, .peer = far};
	int error;

	if (!far || far->state != PORT_UNBOUND || far->remote_id != d->id) {
		return -EINVAL;
	}
	error = port_new(d, &as, &b->local_port);
	if (error) {
		return error;
	}
	near = port_find(d, b->local_port);
	lock(&far->lock);
	far->remote = d;
	far->peer = near;
	far->state = PORT_INTERDOMAIN;
	unlock(&far->lock);
	// What the other side sent while unbound is lost; make up for it.
	port_raise(d, near);
	return 0;
}

long evtchn_bind_interdomain(struct domain *d, void *arg)
{
	struct evtchn_bind_interdomain *b = arg;
	struct domain *remote = domain_get(b->remote_dom);
	long error;

	if (!remote) {
		return -ESRCH;
	}
	lock_two(&d->evtchn_lock, &remote->evtchn_lock);
	error = interdomain_bind(d, remote, b);
	unlock_two(&d->evtchn_lock, &remote->evtchn_lock);
	domain_put(remote);
	return error;
}

// As on Xen, any domain may bind any: the global ones are only raised for
// dom0, or where the hypervisor means that domain.
long evtchn_bind_virq(struct domain *d, void *arg)
{
	struct evtchn_bind_virq *b = arg;
	const struct port as = {
	    .state = PORT_VIRQ, .vcpu = (u16)b->vcpu, .virq = b->virq};
	struct vcpu *v = domain_vcpu(d, b->vcpu);
	u32 *bound;
	int error;

	if (b->virq >= NR_VIRQS || (virq_is_global(b->virq) && b->vcpu)) {
		return -EINVAL;
	}
	if (!v) {
		return -ENOENT;
	}
	bound = &v->virq_port[index_clamp(b->virq, NR_VIRQS)];
	if (*bound) {
		return -EEXIST;
	}
	error = port_new(d, &as, &b->port);
	if (!error) {
		WRITE_ONCE(*bound, b->port);
	}
	return error;
}

long evtchn_bind_ipi(struct domain *d, void *arg)
{
	struct evtchn_bind_ipi *b = arg;
	const struct port as = {.state = PORT_IPI, .vcpu = (u16)b->vcpu};

	return domain_vcpu(d, b->vcpu) ? port_new(d, &as, &b->port) : -ENOENT;
}

// Open before the interrupt may come.
long evtchn_bind_pirq(struct domain *d, void *arg)
{
	struct evtchn_bind_pirq *b = arg;
	const struct port as = {.state = PORT_PIRQ, .pirq = b->pirq};
	int error = d->privileged ? port_new(d, &as, &b->port) : -EPERM;

	if (error) {
		return error;
	}
	error = pirq_bind(d, b->pirq, b->port);
	if (error) {
		port_release(d, port_find(d, b->port));
	}
	return error;
}

long evtchn_bind_vcpu(struct domain *d, void *arg)
{
	const struct evtchn_bind_vcpu *b = arg;
	struct vcpu *v = domain_vcpu(d, b->vcpu);
	struct port *p = port_find(d, b->port);

	if (!v) {
		return -ENOENT;
	}
	if (!p || p->state <= PORT_RESERVED || p->state == PORT_IPI ||
	    (p->state == PORT_VIRQ && !virq_is_global(p->virq))) {
		return -EINVAL;
	}
	WRITE_ONCE(p->vcpu, (u16)v->id);
	if (p->state == PORT_PIRQ) {
		pirq_set_vcpu(d, p->pirq, v);
	}
	return 0;
}

long evtchn_unmask(struct domain *d, void *arg)
{
	struct port *p = port_find(d, ((struct evtchn_unmask *)arg)->port);

	if (!p) {
		return -EINVAL;
	}
	lock(&p->lock);
	if (p->state > PORT_RESERVED) {
		port_unmask(d, p);
	}
	unlock(&p->lock);
	return 0;
}

long evtchn_set_priority(struct domain *d, void *arg)
{
	const struct evtchn_set_priority *s = arg;
	struct port *p = port_find(d, s->port);

	if (p && !d->evtchns->fifo) {
		return -ENOSYS;
	}
	if (!p || s->priority > EVTCHN_FIFO_PRIORITY_MIN) {
		return -EINVAL;
	}
	if (p->state == PORT_FREE) {
		return -EACCES;
	}
	WRITE_ONCE(p->priority, (u8)s->priority);
	return 0;
}

// Another domain's ports are reset while the toolstack has it paused only.
long evtchn_reset(struct domain *d, void *arg)
{
	return d != current_domain() && !READ_ONCE(d->control_pauses)
		   ? -EINVAL
		   : evtchns_close_all(d);
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
	case PORT_VIRQ: // at one place in either union
		s->u.virq = p->virq;
		break;
	}
}

long evtchn_status(struct domain *d, void *arg)
{
	struct evtchn_status *s = arg;
	struct port *p = port_find(d, s->port);

	if (!p) {
		return -EINVAL;
	}
	status_fill(p, s);
	return 0;
}

// The lock keeps the port open, and so the word it looks at mapped.
int evtchn_is_pending(struct domain *d, u32 port)
{
	struct port *p = port_find(d, port);
	bool pending;

	if (!p) {
		return -EINVAL;
	}
	lock(&p->lock);
	pending = p->state > PORT_RESERVED && port_is_pending(d, p);
	unlock(&p->lock);
	return pending;
}

static void port_print(struct domain *d, const struct port *p)
{
	struct evtchn_status s = {0};

	status_fill(p, &s);
	printk("  port %u: status %u vcpu %u pending %d masked %d", p->number,
	       s.status, s.vcpu, port_is_pending(d, p), port_is_masked(d, p));
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
