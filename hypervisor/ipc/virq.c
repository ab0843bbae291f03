// SPDX-License-Identifier: MIT
// Virtual interrupts: events that the hypervisor itself sends. A per-vCPU one
// has a port on each vCPU; a global one has one port, bound through vCPU 0.
#include <wabe/errno.h>

#include "ports.h"

bool virq_is_global(u32 virq)
{
	return virq != VIRQ_TIMER && virq != VIRQ_DEBUG &&
	       virq != VIRQ_XENOPROF && virq != VIRQ_XENPMU;
}

// evtchn_lock is held.
static int virq_bind(struct vcpu *v, u32 virq, u32 *port)
{
	struct port *p;
	int error;

	if (v->virq_port[virq]) {
		return -EEXIST;
	}
	error = port_take(v->domain, &p);
	if (error) {
		return error;
	}
	p->virq = virq;
	port_open(v->domain, p, PORT_VIRQ);
	WRITE_ONCE(p->vcpu, (u16)v->id);
	WRITE_ONCE(v->virq_port[virq], p->number);
	*port = p->number;
	return 0;
}

// As on Xen, any domain may bind any: the global ones are only raised for
// dom0, or where the hypervisor means that domain.
int evtchn_bind_virq(struct domain *d, u32 virq, u32 vcpu, u32 *port)
{
	struct vcpu *v;
	int error;

	if (virq >= NR_VIRQS || (virq_is_global(virq) && vcpu)) {
		return -EINVAL;
	}
	v = domain_vcpu(d, vcpu);
	if (!v) {
		return -ENOENT;
	}
	lock(&d->evtchn_lock);
	error = virq_bind(v, (u32)index_clamp(virq, NR_VIRQS), port);
	unlock(&d->evtchn_lock);
	return error;
}

int evtchn_bind_ipi(struct domain *d, u32 vcpu, u32 *port)
{
	struct vcpu *v = domain_vcpu(d, vcpu);
	struct port *p;
	int error;

	if (!v) {
		return -ENOENT;
	}
	lock(&d->evtchn_lock);
	error = port_take(d, &p);
	if (!error) {
		port_open(d, p, PORT_IPI);
		WRITE_ONCE(p->vcpu, (u16)v->id);
		*port = p->number;
	}
	unlock(&d->evtchn_lock);
	return error;
}

void virq_raise_vcpu(struct vcpu *v, u32 virq)
{
	u32 number = READ_ONCE(v->virq_port[virq]);
	struct port *p;

	if (!number) {
		return;
	}
	p = port_find(v->domain, number);
	lock(&p->lock);
	// It may have been closed and opened as something else just now.
	if (p->state == PORT_VIRQ && p->virq == virq) {
		port_raise(v->domain, p);
	}
	unlock(&p->lock);
}

void virq_raise_domain(struct domain *d, u32 virq)
{
	struct vcpu *v = d->vcpu ? d->vcpu[0] : NULL;

	if (v) {
		virq_raise_vcpu(v, virq);
	}
}
