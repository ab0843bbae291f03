// SPDX-License-Identifier: MIT
// What a guest sees of its ports.
//
// 2-level: a bit for each port in shared_info, a selector word in each
// vcpu_info. They are only ever changed bit by bit here, and no index is taken
// from them.
//
// FIFO: a 32-bit word for each port in pages the guest gives, and for each vCPU
// 16 queues (one a priority) of ports linked through their words. The guest
// takes ports from a queue's head, we add at its tail.
//
//	31      30     29     28   27..17  16....0
//	PENDING MASKED LINKED BUSY    0    next port in the queue
//
// The guest can write anything into words and control blocks at any time. What
// we follow is our own: port numbers and tails; a word or a head is never used
// as an index here. All a liar does is to lose his own events.
#include <wabe/alloc.h>
#include <wabe/share.h>

#include "ports.h"

#define PENDING (1u << EVTCHN_FIFO_PENDING)
#define MASKED (1u << EVTCHN_FIFO_MASKED)
#define LINKED (1u << EVTCHN_FIFO_LINKED)
#define BUSY (1u << EVTCHN_FIFO_BUSY)

#define PAGE_WORDS ((u32)(PAGE_SIZE / sizeof(event_word_t)))
#define PAGES_MAX (EVTCHN_FIFO_NR_CHANNELS / PAGE_WORDS)

// An honest guest changes a BUSY word a few times at most.
#define LINK_TRIES 8
// Work units of letting go of a page.
#define SHARE_UNITS 64
// Another CPU must move a port each time for us to fail this often.
#define QUEUE_TRIES 16

struct fifo_queue {
	lock_t lock;
	u32 tail; // last port added, 0 none; it may be gone
};

struct fifo_vcpu {
	struct evtchn_fifo_control_block *control;
	struct share *share;
	struct fifo_queue queue[EVTCHN_FIFO_MAX_QUEUES];
};

struct fifo_array {
	u32 words; // those that exist; grows, evtchn_lock
	struct share *page[PAGES_MAX];
};

static u32 *fifo_word(const struct domain *d, u32 number)
{
	const struct fifo_array *a = d->evtchns->fifo;

	if (unlikely(number >= __atomic_load_n(&a->words, __ATOMIC_ACQUIRE))) {
		return NULL;
	}
	return (u32 *)a->page[number / PAGE_WORDS]->page + number % PAGE_WORDS;
}

// --- linking ----------------------------------------------------------------

static struct fifo_queue *queue_at(const struct domain *d, u32 at)
{
	const struct vcpu *v = d->vcpu[at / EVTCHN_FIFO_MAX_QUEUES];
	struct fifo_vcpu *f;

	f = v ? __atomic_load_n(&v->fifo, __ATOMIC_ACQUIRE) : NULL;
	return f ? &f->queue[at % EVTCHN_FIFO_MAX_QUEUES] : NULL;
}

// Lock the queue `to` and the one that `p` was last in, which is returned (it
// may be the same). NULL: other CPUs keep moving the port.
static struct fifo_queue *queues_lock(const struct domain *d, struct port *p,
				      struct fifo_queue *to)
{
	for (u32 i = 0; i < QUEUE_TRIES; i++) {
		u16 last = READ_ONCE(p->last);
		struct fifo_queue *from = queue_at(d, last);

		if (!from) {
			from = to;
		}
		lock_two(&from->lock, &to->lock);
		if (likely(READ_ONCE(p->last) == last)) {
			return from;
		}
		unlock_two(&to->lock, &from->lock);
	}
	return NULL;
}

// Put `number` behind the port of `word`. false: the guest has taken that one
// out, so the queue is empty. BUSY keeps the guest from changing the word
// while we try again.
static bool tail_link(u32 *word, u32 number)
{
	u32 w = READ_ONCE(*word);

	for (u32 i = 0; i < LINK_TRIES && (w & LINKED); i++) {
		u32 linked = (w & ~(BUSY | EVTCHN_FIFO_LINK_MASK)) | number;

		if (__atomic_compare_exchange_n(word, &w, linked, false,
						__ATOMIC_SEQ_CST,
						__ATOMIC_SEQ_CST)) {
			return true;
		}
		w = __atomic_fetch_or(word, BUSY, __ATOMIC_SEQ_CST) | BUSY;
	}
	if (!(w & BUSY)) {
		return false;
	}
	w = __atomic_fetch_and(word, ~BUSY, __ATOMIC_SEQ_CST);
	// Still linked after that many tries: the guest plays with the word.
	// It loses the event.
	return w & LINKED;
}

// Add a port at the end of a queue. Its lock is held.
static void queue_add(struct vcpu *v, struct fifo_queue *q, u32 number)
{
	struct fifo_vcpu *f = v->fifo;
	u32 priority = (u32)(q - f->queue);
	bool linked =
	    q->tail && tail_link(fifo_word(v->domain, q->tail), number);

	q->tail = number;
	if (linked) {
		return;
	}
	WRITE_ONCE(f->control->head[priority], number);
	if (!(__atomic_fetch_or(&f->control->ready, 1u << priority,
				__ATOMIC_SEQ_CST) &
	      1u << priority)) {
		upcall_raise(v);
	}
}

static void port_link(struct domain *d, struct port *p, u32 *word)
{
	u32 at = READ_ONCE(p->vcpu) * EVTCHN_FIFO_MAX_QUEUES +
		 READ_ONCE(p->priority);
	struct fifo_queue *to = queue_at(d, at), *from;

	// No control block yet: an honest guest has the port masked, and its
	// unmask comes back here.
	if (!to) {
		return;
	}
	from = queues_lock(d, p, to);
	if (!from) {
		return;
	}
	if (!(__atomic_fetch_or(word, LINKED, __ATOMIC_SEQ_CST) & LINKED)) {
		// If it was the last of its old queue, that queue is empty, and
		// nothing may be linked behind it there.
		if (from->tail == p->number) {
			from->tail = 0;
		}
		WRITE_ONCE(p->last, (u16)at);
		queue_add(d->vcpu[at / EVTCHN_FIFO_MAX_QUEUES], to, p->number);
	}
	unlock_two(&to->lock, &from->lock);
}

// Apart from the 2-level way, which is short without it.
static void __attribute__((noinline))
fifo_raise(struct domain *d, struct port *p)
{
	u32 *word = fifo_word(d, p->number);
	u32 old;

	if (unlikely(!word)) {
		// evtchn_expand_array() raises it when the word exists, unless
		// that happened just now.
		__atomic_store_n(&p->pending, 1, __ATOMIC_SEQ_CST);
		word = fifo_word(d, p->number);
		if (!word ||
		    !__atomic_exchange_n(&p->pending, 0, __ATOMIC_SEQ_CST)) {
			return;
		}
	}
	old = __atomic_fetch_or(word, PENDING, __ATOMIC_SEQ_CST);
	if (!(old & (MASKED | LINKED))) {
		port_link(d, p, word);
	}
	if (!(old & PENDING)) {
		pollers_wake(d, p->number);
	}
}

static bool fifo_test(const struct domain *d, const struct port *p, u32 bit)
{
	const u32 *word = fifo_word(d, p->number);

	return word && (READ_ONCE(*word) & bit);
}

// --- either -----------------------------------------------------------------

static void level2_select(struct domain *d, const struct port *p)
{
	struct vcpu *v = d->vcpu[READ_ONCE(p->vcpu)];

	if (v && !bit_test_set(&v->info->evtchn_pending_sel, p->number / 64)) {
		upcall_raise(v);
	}
}

void port_raise(struct domain *d, struct port *p)
{
	if (d->evtchns->fifo) {
		fifo_raise(d, p);
		return;
	}
	if (bit_test_set(d->shared->evtchn_pending, p->number)) {
		return;
	}
	if (!bit_test(d->shared->evtchn_mask, p->number)) {
		level2_select(d, p);
	}
	pollers_wake(d, p->number);
}

void port_unmask(struct domain *d, struct port *p)
{
	u32 *word;

	if (!d->evtchns->fifo) {
		if (bit_test_clear(d->shared->evtchn_mask, p->number) &&
		    bit_test(d->shared->evtchn_pending, p->number)) {
			level2_select(d, p);
		}
		return;
	}
	word = fifo_word(d, p->number);
	if (word &&
	    (__atomic_fetch_and(word, ~MASKED, __ATOMIC_SEQ_CST) & PENDING)) {
		fifo_raise(d, p);
	}
}

bool port_is_pending(const struct domain *d, const struct port *p)
{
	return d->evtchns->fifo
		   ? p->pending || fifo_test(d, p, PENDING)
		   : bit_test(d->shared->evtchn_pending, p->number);
}

bool port_is_masked(const struct domain *d, const struct port *p)
{
	return d->evtchns->fifo ? fifo_test(d, p, MASKED)
				: bit_test(d->shared->evtchn_mask, p->number);
}

bool port_is_linked(const struct domain *d, const struct port *p)
{
	return d->evtchns->fifo && fifo_test(d, p, LINKED);
}

void port_clear(struct domain *d, struct port *p)
{
	u32 *word;

	if (!d->evtchns->fifo) {
		bit_test_clear(d->shared->evtchn_pending, p->number);
		return;
	}
	word = fifo_word(d, p->number);
	__atomic_store_n(&p->pending, 0, __ATOMIC_SEQ_CST);
	if (word) {
		__atomic_fetch_and(word, ~PENDING, __ATOMIC_SEQ_CST);
	}
}

// --- setting up -------------------------------------------------------------

// The first control block of a domain switches it over. What is pending in
// shared_info is kept until the words exist.
static int switch_over(struct domain *d)
{
	struct evtchns *e = d->evtchns;
	struct fifo_array *a = heap_alloc_for(d, sizeof(*a));
	u32 end = MIN(e->unused, (u32)EVTCHN_2L_NR_CHANNELS);

	if (!a) {
		return -ENOMEM;
	}
	__atomic_store_n(&e->fifo, a, __ATOMIC_SEQ_CST);
	for (u32 n = 1; n < end; n++) {
		struct port *p = port_find(d, n);

		if (p->state != PORT_FREE &&
		    bit_test(d->shared->evtchn_pending, n)) {
			p->pending = 1;
		}
	}
	return 0;
}

long evtchn_init_control(struct domain *d, void *arg)
{
	struct evtchn_init_control *c = arg;
	struct vcpu *v = domain_vcpu(d, c->vcpu);
	struct fifo_vcpu *f;
	int error;

	c->link_bits = EVTCHN_FIFO_LINK_BITS;
	if (!v) {
		return -ENOENT;
	}
	if (c->offset > PAGE_SIZE - sizeof(*f->control) || c->offset % 8 ||
	    v->fifo || READ_ONCE(d->dying)) {
		return -EINVAL;
	}
	f = heap_alloc_for(v->domain, sizeof(*f));
	if (!f) {
		return -ENOMEM;
	}
	error = share_create(d, MFN(c->control_gfn), &f->share);
	if (!error && !d->evtchns->fifo) {
		error = switch_over(d);
	}
	if (error) {
		share_destroy(f->share);
		heap_free(f);
		return error;
	}
	f->control = (void *)((char *)f->share->page + c->offset);
	__atomic_store_n(&v->fifo, f, __ATOMIC_RELEASE);
	return 0;
}

// Words for ports `first` and on exist now.
static void raise_waiting(struct domain *d, u32 first)
{
	u32 end = MIN(d->evtchns->unused, first + PAGE_WORDS);

	for (u32 n = MAX(first, 1u); n < end; n++) {
		struct port *p = port_find(d, n);

		if (p->state != PORT_FREE && READ_ONCE(p->pending) &&
		    __atomic_exchange_n(&p->pending, 0, __ATOMIC_SEQ_CST)) {
			fifo_raise(d, p);
		}
	}
}

long evtchn_expand_array(struct domain *d, void *arg)
{
	const struct evtchn_expand_array *x = arg;
	struct fifo_array *a = d->evtchns->fifo;
	u32 first = a ? a->words : 0;
	int error;

	if (!a) {
		return -EOPNOTSUPP;
	}
	if (first >= EVTCHN_FIFO_NR_CHANNELS) {
		return -ENOSPC;
	}
	error = READ_ONCE(d->dying)
		    ? -EINVAL
		    : share_create(d, MFN(x->array_gfn),
				   &a->page[first / PAGE_WORDS]);
	if (!error) {
		__atomic_store_n(&a->words, first + PAGE_WORDS,
				 __ATOMIC_SEQ_CST);
		raise_waiting(d, first);
	}
	return error;
}

// --- letting go -------------------------------------------------------------

// Control blocks first: while there is one, the port at a queue's tail has a
// word. Each share that goes flushes all CPUs, hence the slices.
int fifo_teardown(struct domain *d)
{
	struct fifo_array *a = d->evtchns->fifo;

	if (!a) {
		return 0;
	}
	domain_for_each_vcpu (v, d) {
		struct fifo_vcpu *f = v->fifo;

		if (f) {
			v->fifo = NULL;
			share_destroy(f->share);
			heap_free(f);
			if (work_spent(SHARE_UNITS)) {
				return -ERESTART;
			}
		}
	}
	while (a->words) {
		a->words -= PAGE_WORDS;
		share_destroy(a->page[a->words / PAGE_WORDS]);
		if (work_spent(SHARE_UNITS)) {
			return -ERESTART;
		}
	}
	d->evtchns->fifo = NULL;
	heap_free(a);
	return 0;
}
