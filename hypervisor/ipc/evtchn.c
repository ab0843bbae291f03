// SPDX-License-Identifier: MIT
// The ports of a domain: finding, opening and closing them, and the raise.
#include <wabe/alloc.h>

#include "ports.h"

// How many given-back ports are tried that the guest has still linked.
#define BUSY_TRIES 4
// Work units of closing an open port; looking at a free one is 1.
#define CLOSE_UNITS 8

// --- ports that are free ----------------------------------------------------

// The ABI in use has room for fewer ports than the domain's limit may say.
static u32 port_count_max(const struct evtchns *e)
{
	u32 room = e->fifo ? EVTCHN_FIFO_NR_CHANNELS : EVTCHN_2L_NR_CHANNELS;

	return MIN(e->limit, room);
}

static int bucket_add(struct domain *d, struct evtchns *e)
{
	struct port *ports = heap_alloc_for(d, BUCKET_PORTS * sizeof(*ports));

	if (!ports) {
		return -ENOMEM;
	}
	for (u32 i = 0; i < BUCKET_PORTS; i++) {
		ports[i].number = e->valid + i;
	}
	e->bucket[e->valid / BUCKET_PORTS] = ports;
	__atomic_store_n(&e->valid, e->valid + BUCKET_PORTS, __ATOMIC_RELEASE);
	return 0;
}

static void free_append(struct domain *d, struct port *p)
{
	struct evtchns *e = d->evtchns;

	p->next = 0;
	if (e->free_head) {
		port_find(d, e->free_tail)->next = p->number;
	} else {
		e->free_head = p->number;
	}
	e->free_tail = p->number;
}

// A port that was closed while the guest had it in a queue must not be opened
// anew before the guest took it out.
static struct port *free_take(struct domain *d)
{
	struct evtchns *e = d->evtchns;

	for (u32 i = 0; i < BUSY_TRIES && e->free_head; i++) {
		struct port *p = port_find(d, e->free_head);

		e->free_head = p->next;
		if (!port_is_linked(d, p)) {
			return p;
		}
		free_append(d, p);
	}
	return NULL;
}

static int port_take(struct domain *d, struct port **out)
{
	struct evtchns *e = d->evtchns;

	if (READ_ONCE(d->dying)) {
		return -EINVAL;
	}
	*out = free_take(d);
	if (*out) {
		return 0;
	}
	if (e->unused >= port_count_max(e)) {
		return -ENOSPC;
	}
	if (e->unused == e->valid && bucket_add(d, e)) {
		return -ENOMEM;
	}
	*out = port_find(d, e->unused++);
	return 0;
}

int port_new(struct domain *d, const struct port *as, u32 *number)
{
	struct port *p;
	int error = port_take(d, &p);

	if (error) {
		return error;
	}
	p->vcpu = as->vcpu;
	p->remote = as->remote; // the whole of the union
	p->peer = as->peer;
	p->priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
	p->pending = 0;
	d->evtchns->open++;
	lock(&p->lock);
	p->state = as->state;
	unlock(&p->lock);
	*number = p->number;
	return 0;
}

void port_release(struct domain *d, struct port *p)
{
	lock(&p->lock);
	p->state = PORT_FREE;
	unlock(&p->lock);
	port_clear(d, p);
	d->evtchns->open--;
	free_append(d, p);
}

// --- closing ----------------------------------------------------------------

// The other end goes back to waiting for this domain.
static void peer_unbind(struct domain *d, struct port *peer)
{
	lock(&peer->lock);
	peer->state = PORT_UNBOUND;
	peer->remote_id = d->id;
	unlock(&peer->lock);
}

// evtchn_lock of the domain and of the peer's are held.
static int port_close(struct domain *d, struct port *p)
{
	switch (p->state) {
	case PORT_FREE:
	case PORT_RESERVED:
		return -EINVAL;
	case PORT_INTERDOMAIN:
		peer_unbind(d, p->peer);
		break;
	case PORT_VIRQ:
		d->vcpu[virq_is_global(p->virq) ? 0 : p->vcpu]
		    ->virq_port[p->virq] = 0;
		break;
	case PORT_PIRQ:
		pirq_unbind(d, p->pirq);
		break;
	default:
		break;
	}
	port_release(d, p);
	return 0;
}

// The domain at the other end, referenced; NULL where there is none. While
// p's lock is held and it is bound, the peer has not finished dying.
static struct domain *peer_hold(struct port *p)
{
	struct domain *remote = NULL;

	lock(&p->lock);
	if (p->state == PORT_INTERDOMAIN) {
		remote = p->remote;
		domain_hold(remote);
	}
	unlock(&p->lock);
	return remote;
}

// Until the other end, whose lock is wanted too, is the same once it is held.
static long close_number(struct domain *d, u32 number)
{
	struct port *p = port_find(d, number);
	bool same = !p;
	long result = -EINVAL;

	while (!same) {
		struct domain *remote = peer_hold(p);
		lock_t *other = &(remote ? remote : d)->evtchn_lock;

		lock_two(&d->evtchn_lock, other);
		same =
		    (p->state == PORT_INTERDOMAIN ? p->remote : NULL) == remote;
		if (same) {
			result = port_close(d, p);
		}
		unlock_two(&d->evtchn_lock, other);
		if (remote) {
			domain_put(remote);
		}
	}
	return result;
}

long evtchn_close(struct domain *d, void *arg)
{
	return close_number(d, ((struct evtchn_close *)arg)->port);
}

// --- raising ----------------------------------------------------------------

void upcall_raise(struct vcpu *v)
{
	if (__atomic_exchange_n(&v->info->evtchn_upcall_pending, 1,
				__ATOMIC_SEQ_CST)) {
		return;
	}
	// The way out of the hypervisor looks at the flag by itself.
	if (v != current_vcpu() || v->blocked) {
		vcpu_kick(v);
	}
}

long evtchn_send(struct domain *d, void *arg)
{
	struct port *p = port_find(d, ((struct evtchn_send *)arg)->port);
	long result = 0;

	if (!p) {
		return -EINVAL;
	}
	lock(&p->lock);
	if (likely(p->state == PORT_INTERDOMAIN)) {
		port_raise(p->remote, p->peer);
	} else if (p->state == PORT_IPI) {
		port_raise(d, p);
	} else if (p->state != PORT_UNBOUND) {
		result = -EINVAL;
	}
	unlock(&p->lock);
	return result;
}

void evtchn_raise(struct domain *d, u32 port)
{
	struct port *p = port_find(d, port);

	if (!p) {
		return;
	}
	lock(&p->lock);
	if (p->state > PORT_RESERVED) {
		port_raise(d, p);
	}
	unlock(&p->lock);
}

void virq_raise_vcpu(struct vcpu *v, u32 virq)
{
	u32 number = READ_ONCE(v->virq_port[virq]);
	struct port *p = port_find(v->domain, number);

	if (!number) {
		return;
	}
	lock(&p->lock);
	// It may have been closed and opened as something else just now.
	if (p->state == PORT_VIRQ && p->virq == virq) {
		port_raise(v->domain, p);
	}
	unlock(&p->lock);
}

void virq_raise_domain(struct domain *d, u32 virq)
{
	if (d->vcpu && d->vcpu[0]) {
		virq_raise_vcpu(d->vcpu[0], virq);
	}
}

void evtchn_recheck(struct vcpu *v)
{
	__atomic_fetch_or(&v->info->evtchn_pending_sel, ~0ull,
			  __ATOMIC_SEQ_CST);
	__atomic_store_n(&v->info->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST);
	vcpu_kick(v);
}

// --- a domain's life --------------------------------------------------------

int evtchns_create(struct domain *d, u32 port_max)
{
	u32 limit = MIN(port_max, EVTCHN_FIFO_NR_CHANNELS - 1u) + 1;
	struct evtchns *e;

	e = heap_alloc_for(d, sizeof(*e) + DIV_ROUND_UP(limit, BUCKET_PORTS) *
					       sizeof(e->bucket[0]));
	if (!e) {
		return -ENOMEM;
	}
	if (bucket_add(d, e)) {
		heap_free(e);
		return -ENOMEM;
	}
	e->limit = limit;
	e->unused = 1;
	e->cursor = 1;
	e->bucket[0][0].state = PORT_RESERVED;
	d->evtchns = e;
	return 0;
}

// All are closed: as it was when new, numbers from 1 again.
static int start_anew(struct domain *d)
{
	struct evtchns *e = d->evtchns;
	int result = -ERESTART;

	lock(&d->evtchn_lock);
	e->cursor = 1;
	if (!e->open) {
		e->unused = 1;
		e->free_head = 0;
		result = fifo_teardown(d);
	}
	unlock(&d->evtchn_lock);
	return result;
}

// Two vCPUs of a domain may be here at once: each only sets the cursor past a
// port it closed, and start_anew() begins again if one was opened behind it.
int evtchns_close_all(struct domain *d)
{
	struct evtchns *e = d->evtchns;

	if (!e) {
		return 0;
	}
	for (;;) {
		u32 n = READ_ONCE(e->cursor);
		bool closed;

		if (n >= READ_ONCE(e->unused)) {
			return start_anew(d);
		}
		closed = close_number(d, n) == 0;
		WRITE_ONCE(e->cursor, n + 1);
		if (work_spent(closed ? CLOSE_UNITS : 1)) {
			return -ERESTART;
		}
	}
}

void evtchns_destroy(struct domain *d)
{
	struct evtchns *e = d->evtchns;

	if (!e) {
		return;
	}
	d->evtchns = NULL;
	for (u32 i = 0; i < e->valid / BUCKET_PORTS; i++) {
		heap_free(e->bucket[i]);
	}
	heap_free(e);
}
