// SPDX-License-Identifier: MIT
// Event channels: numbers, states, the two ABIs, and a guest that lies.
#include "ipc_machine.h"

#include "../../hypervisor/ipc/evtchn.c"
#include "../../hypervisor/ipc/evtchn_abi.c"
#include "../../hypervisor/ipc/evtchn_bind.c"

static u32 pirq_bound;

int pirq_bind(struct domain *d, u32 pirq, u32 port)
{
	if (pirq > 15) {
		return -EINVAL;
	}
	pirq_bound = port;
	return 0;
}

void pirq_unbind(struct domain *d, u32 pirq)
{
	pirq_bound = 0;
}

void pirq_set_vcpu(struct domain *d, u32 pirq, struct vcpu *v)
{
}

// The operations, as call/event.c runs them.
static long locked(struct domain *d, subop_fn *fn, void *arg)
{
	long rc;

	lock(&d->evtchn_lock);
	rc = fn(d, arg);
	unlock(&d->evtchn_lock);
	return rc;
}

static long alloc_unbound_op(struct domain *d, domid_t remote, u32 *port)
{
	struct evtchn_alloc_unbound a = {.remote_dom = remote};
	long rc = locked(d, evtchn_alloc_unbound, &a);

	*port = rc ? *port : a.port;
	return rc;
}

static long bind_interdomain_op(struct domain *d, domid_t remote,
				u32 remote_port, u32 *port)
{
	struct evtchn_bind_interdomain b = {.remote_dom = remote,
					    .remote_port = remote_port};
	long rc = evtchn_bind_interdomain(d, &b);

	*port = rc ? *port : b.local_port;
	return rc;
}

static long bind_virq_op(struct domain *d, u32 virq, u32 vcpu, u32 *port)
{
	struct evtchn_bind_virq b = {.virq = virq, .vcpu = vcpu};
	long rc = locked(d, evtchn_bind_virq, &b);

	*port = rc ? *port : b.port;
	return rc;
}

static long bind_ipi_op(struct domain *d, u32 vcpu, u32 *port)
{
	struct evtchn_bind_ipi b = {.vcpu = vcpu};
	long rc = locked(d, evtchn_bind_ipi, &b);

	*port = rc ? *port : b.port;
	return rc;
}

static long bind_pirq_op(struct domain *d, u32 pirq, bool share, u32 *port)
{
	struct evtchn_bind_pirq b = {
	    .pirq = pirq, .flags = share ? BIND_PIRQ__WILL_SHARE : 0};
	long rc = locked(d, evtchn_bind_pirq, &b);

	*port = rc ? *port : b.port;
	return rc;
}

static long bind_vcpu_op(struct domain *d, u32 port, u32 vcpu)
{
	struct evtchn_bind_vcpu b = {.port = port, .vcpu = vcpu};

	return locked(d, evtchn_bind_vcpu, &b);
}

static long close_op(struct domain *d, u32 port)
{
	struct evtchn_close c = {port};

	return evtchn_close(d, &c);
}

static long send_op(struct domain *d, u32 port)
{
	struct evtchn_send s = {port};

	return evtchn_send(d, &s);
}

static long unmask_op(struct domain *d, u32 port)
{
	struct evtchn_unmask u = {port};

	return evtchn_unmask(d, &u);
}

static long status_op(struct domain *d, struct evtchn_status *s)
{
	return locked(d, evtchn_status, s);
}

static long set_priority_op(struct domain *d, u32 port, u32 priority)
{
	struct evtchn_set_priority s = {port, priority};

	return locked(d, evtchn_set_priority, &s);
}

static long init_control_op(struct domain *d, u32 vcpu, u64 mfn, u32 offset)
{
	struct evtchn_init_control c = {
	    .vcpu = vcpu, .control_gfn = mfn, .offset = offset};

	return locked(d, evtchn_init_control, &c);
}

static long expand_array_op(struct domain *d, u64 mfn)
{
	struct evtchn_expand_array a = {mfn};

	return locked(d, evtchn_expand_array, &a);
}

static int setup(void **state)
{
	machine_init();
	for (u32 i = 0; i < DOMAINS; i++) {
		assert_int_equal(evtchns_create(&domains[i], i == 2 ? 4 : 1023),
				 0);
	}
	return 0;
}

static int teardown(void **state)
{
	for (u32 i = 0; i < DOMAINS; i++) {
		assert_int_equal(evtchns_close_all(&domains[i]), 0);
		evtchns_destroy(&domains[i]);
	}
	machine_fini();
	return 0;
}

static bool level2_pending(struct domain *d, u32 port)
{
	return bit_test(d->shared->evtchn_pending, port);
}

static void numbers_start_at_one_and_end_at_the_limit(void **state)
{
	struct domain *d = &domains[2];
	u32 port;

	for (u32 i = 1; i <= 4; i++) {
		assert_int_equal(alloc_unbound_op(d, 0, &port), 0);
		assert_int_equal(port, i);
	}
	assert_int_equal(alloc_unbound_op(d, 0, &port), -ENOSPC);
	assert_int_equal(close_op(d, 2), 0);
	assert_int_equal(close_op(d, 2), -EINVAL);
	assert_int_equal(close_op(d, 0), -EINVAL);
	assert_int_equal(close_op(d, 1u << 20), -EINVAL);
	assert_int_equal(alloc_unbound_op(d, 0, &port), 0);
	assert_int_equal(port, 2);
	assert_int_equal(evtchns_close_all(d), 0);
	assert_int_equal(alloc_unbound_op(d, 0, &port), 0);
	assert_int_equal(port, 1);
	d->dying = DOMAIN_DYING;
	assert_int_equal(alloc_unbound_op(d, 0, &port), -EINVAL);
}

static void interdomain_carries_both_ways_until_closed(void **state)
{
	struct domain *a = &domains[0], *b = &domains[1];
	struct evtchn_status s = {0};
	u32 pa, pb;

	assert_int_equal(alloc_unbound_op(b, 0, &pb), 0);
	assert_int_equal(send_op(b, pb), 0);
	assert_int_equal(bind_interdomain_op(&domains[2], b->id, pb, &pa),
			 -EINVAL);
	assert_int_equal(bind_interdomain_op(a, b->id, pb, &pa), 0);
	assert_true(level2_pending(a, pa));
	assert_int_equal(bind_interdomain_op(a, b->id, pb, &pa), -EINVAL);
	assert_false(level2_pending(b, pb));
	assert_int_equal(send_op(a, pa), 0);
	assert_true(level2_pending(b, pb));
	assert_true(b->vcpu[0]->info->evtchn_upcall_pending);
	assert_int_equal(b->vcpu[0]->info->evtchn_pending_sel, 1);
	assert_int_equal(kicks, 1);
	s.port = pb;
	assert_int_equal(status_op(b, &s), 0);
	assert_int_equal(s.status, EVTCHNSTAT_interdomain);
	assert_int_equal(s.u.interdomain.dom, 0);
	assert_int_equal(s.u.interdomain.port, pa);
	assert_int_equal(close_op(a, pa), 0);
	assert_false(level2_pending(a, pa));
	assert_int_equal(status_op(b, &s), 0);
	assert_int_equal(s.status, EVTCHNSTAT_unbound);
	assert_int_equal(s.u.unbound.dom, 0);
	assert_int_equal(bind_interdomain_op(a, b->id, pb, &pa), 0);
	// The higher id closes: the locks are taken in the other order.
	assert_int_equal(close_op(b, pb), 0);
	assert_int_equal(send_op(a, pa), 0);
}

static void loopback_binds_to_itself(void **state)
{
	struct domain *a = &domains[0];
	u32 one, two;

	assert_int_equal(alloc_unbound_op(a, 0, &one), 0);
	assert_int_equal(bind_interdomain_op(a, a->id, one, &two), 0);
	assert_int_equal(send_op(a, two), 0);
	assert_true(level2_pending(a, one));
	assert_int_equal(close_op(a, one), 0);
	assert_int_equal(close_op(a, two), 0);
}

static void virqs_and_ipis_keep_their_vcpu(void **state)
{
	struct domain *d = &domains[0];
	u32 timer, ipi, global;

	assert_int_equal(bind_virq_op(d, VIRQ_TIMER, 1, &timer), 0);
	assert_int_equal(bind_virq_op(d, VIRQ_TIMER, 1, &ipi), -EEXIST);
	assert_int_equal(bind_virq_op(d, VIRQ_TIMER, 2, &ipi), -ENOENT);
	assert_int_equal(bind_virq_op(d, NR_VIRQS, 0, &ipi), -EINVAL);
	assert_int_equal(bind_virq_op(d, VIRQ_DOM_EXC, 1, &ipi), -EINVAL);
	assert_int_equal(bind_virq_op(d, VIRQ_DOM_EXC, 0, &global), 0);
	assert_int_equal(bind_ipi_op(d, 1, &ipi), 0);
	assert_int_equal(bind_vcpu_op(d, timer, 0), -EINVAL);
	assert_int_equal(bind_vcpu_op(d, ipi, 0), -EINVAL);
	assert_int_equal(bind_vcpu_op(d, global, 1), 0);
	assert_int_equal(send_op(d, timer), -EINVAL);
	virq_raise_vcpu(d->vcpu[1], VIRQ_TIMER);
	virq_raise_vcpu(d->vcpu[0], VIRQ_TIMER);
	assert_true(level2_pending(d, timer));
	virq_raise_domain(d, VIRQ_DOM_EXC);
	assert_true(level2_pending(d, global));
	assert_false(d->vcpu[0]->info->evtchn_upcall_pending);
	assert_true(d->vcpu[1]->info->evtchn_upcall_pending);
	assert_int_equal(close_op(d, global), 0);
	virq_raise_domain(d, VIRQ_DOM_EXC);
	assert_int_equal(bind_virq_op(d, VIRQ_DOM_EXC, 0, &global), 0);
}

static void a_failed_pirq_leaves_no_port(void **state)
{
	struct domain *d = &domains[0];
	u32 port;

	d->privileged = true;
	assert_int_equal(bind_pirq_op(d, 99, false, &port), -EINVAL);
	assert_int_equal(d->evtchns->open, 0);
	assert_int_equal(bind_pirq_op(d, 4, false, &port), 0);
	assert_int_equal(pirq_bound, port);
	assert_int_equal(close_op(d, port), 0);
	assert_int_equal(pirq_bound, 0);
}

static void a_masked_port_waits_for_unmask(void **state)
{
	struct domain *d = &domains[0];
	struct vcpu_info *info = d->vcpu[0]->info;
	u32 port;

	assert_int_equal(bind_ipi_op(d, 0, &port), 0);
	bit_set(d->shared->evtchn_mask, port);
	assert_int_equal(send_op(d, port), 0);
	assert_true(evtchn_is_pending(d, port));
	assert_false(info->evtchn_upcall_pending);
	assert_int_equal(unmask_op(d, port), 0);
	assert_true(info->evtchn_upcall_pending);
	assert_false(bit_test(d->shared->evtchn_mask, port));
}

static void closing_all_goes_in_slices(void **state)
{
	struct domain *d = &domains[0];
	struct evtchn_status s = {.port = 900};
	u32 port, slices = 0;

	for (u32 i = 1; i < 1000; i++) {
		assert_int_equal(alloc_unbound_op(d, 1, &port), 0);
		assert_int_equal(port, i);
	}
	do {
		work_left = 100;
		slices++;
	} while (evtchns_close_all(d) == -ERESTART);
	work_left = 1 << 30;
	assert_true(slices > 50 && slices < 200);
	assert_int_equal(d->evtchns->open, 0);
	// What was a port once, stays one: others may be looking (XSA-338).
	assert_int_equal(status_op(d, &s), 0);
	assert_int_equal(s.status, EVTCHNSTAT_closed);
}

// --- FIFO: a guest's side, as the ABI has it --------------------------------

#define CONTROL(vcpu) \
	((struct evtchn_fifo_control_block *)(frames[1 + (vcpu)].bytes + 64))

static u32 *word_of(u32 port)
{
	return (u32 *)frames[8 + port / 1024].bytes + port % 1024;
}

static void fifo_setup(struct domain *d)
{
	for (u32 v = 0; v < VCPUS; v++) {
		assert_int_equal(init_control_op(d, v, (1 + v), 64), 0);
	}
	assert_int_equal(expand_array_op(d, (8)), 0);
}

static u32 queue_head[VCPUS][16];

// Take the first port from a queue, or 0.
static u32 guest_take(u32 vcpu, u32 priority)
{
	struct evtchn_fifo_control_block *c = CONTROL(vcpu);
	u32 port = queue_head[vcpu][priority];
	u32 *word, old;

	if (!port) {
		port = c->head[priority];
	}
	if (!port) {
		return 0;
	}
	word = word_of(port);
	old = *word;
	*word = old & ~(LINKED | EVTCHN_FIFO_LINK_MASK);
	queue_head[vcpu][priority] = old & EVTCHN_FIFO_LINK_MASK;
	if (!queue_head[vcpu][priority]) {
		c->ready &= ~(1u << priority);
	}
	return port;
}

static void fifo_needs_good_arguments(void **state)
{
	struct domain *d = &domains[0];

	assert_int_equal(expand_array_op(d, (8)), -EOPNOTSUPP);
	assert_int_equal(set_priority_op(d, 1, 3), -ENOSYS);
	assert_int_equal(init_control_op(d, 9, (1), 0), -ENOENT);
	assert_int_equal(init_control_op(d, 0, (1), 4), -EINVAL);
	assert_int_equal(init_control_op(d, 0, (1), 4096 - 64), -EINVAL);
	assert_int_equal(init_control_op(d, 0, (17), 0), -EINVAL);
	assert_int_equal(init_control_op(d, 0, (1ull << 50), 0), -EINVAL);
	// A frame that was refused leaves nothing behind (XSA-188).
	assert_int_equal(expand_array_op(d, (8)), -EOPNOTSUPP);
	assert_int_equal(init_control_op(d, 0, (1), 0), 0);
	assert_int_equal(init_control_op(d, 0, (2), 0), -EINVAL);
	assert_int_equal(expand_array_op(d, (17)), -EINVAL);
	assert_int_equal(set_priority_op(d, 1, 16), -EINVAL);
}

static void fifo_takes_over_what_is_pending(void **state)
{
	struct domain *d = &domains[0];
	u32 port;

	memset(queue_head, 0, sizeof(queue_head));
	assert_int_equal(bind_ipi_op(d, 0, &port), 0);
	assert_int_equal(send_op(d, port), 0);
	fifo_setup(d);
	assert_true(evtchn_is_pending(d, port));
	assert_int_equal(CONTROL(0)->ready, 1u << 7);
	assert_int_equal(guest_take(0, 7), port);
	assert_true(*word_of(port) & PENDING);
	assert_int_equal(evtchns_close_all(d), 0);
	assert_null(d->evtchns->fifo);
	assert_null(d->vcpu[0]->fifo);
}

static void fifo_keeps_order_within_a_priority(void **state)
{
	struct domain *d = &domains[0];
	u32 port[4];

	memset(queue_head, 0, sizeof(queue_head));
	fifo_setup(d);
	for (u32 i = 0; i < 4; i++) {
		assert_int_equal(bind_ipi_op(d, 0, &port[i]), 0);
	}
	assert_int_equal(set_priority_op(d, port[3], 0), 0);
	send_op(d, port[2]);
	send_op(d, port[0]);
	send_op(d, port[3]);
	send_op(d, port[1]);
	send_op(d, port[2]);
	assert_int_equal(CONTROL(0)->ready, 1u << 7 | 1);
	assert_int_equal(guest_take(0, 0), port[3]);
	assert_int_equal(guest_take(0, 7), port[2]);
	assert_int_equal(guest_take(0, 7), port[0]);
	assert_int_equal(guest_take(0, 7), port[1]);
	assert_int_equal(CONTROL(0)->ready, 0);
	// Closed while linked: not opened anew before it is taken out.
	*word_of(port[1]) &= ~PENDING;
	send_op(d, port[1]);
	assert_int_equal(close_op(d, port[1]), 0);
	assert_int_equal(bind_ipi_op(d, 0, &port[0]), 0);
	assert_int_not_equal(port[0], port[1]);
}

// Raises, moves, masks and deliveries in random order: whatever was raised and
// is not masked is delivered once the guest has emptied its queues.
static void fifo_loses_nothing(void **state)
{
	enum { PORTS = 12 };
	struct domain *d = &domains[0], *far = &domains[1];
	u32 near_port[PORTS], far_port[PORTS];
	bool due[PORTS] = {false};

	memset(queue_head, 0, sizeof(queue_head));
	fifo_setup(d);
	for (u32 i = 0; i < PORTS; i++) {
		assert_int_equal(alloc_unbound_op(d, 1, &near_port[i]), 0);
		assert_int_equal(
		    bind_interdomain_op(far, d->id, near_port[i], &far_port[i]),
		    0);
	}
	for (u32 step = 0; step < 200000; step++) {
		u32 i = random_below(PORTS), v = random_below(VCPUS);

		switch (random_below(6)) {
		case 0:
		case 1:
			send_op(far, far_port[i]);
			due[i] = true;
			break;
		case 2:
			bind_vcpu_op(d, near_port[i], v);
			set_priority_op(d, near_port[i], random_below(16));
			break;
		case 3:
			*word_of(near_port[i]) |= MASKED;
			break;
		case 4:
			unmask_op(d, near_port[i]);
			break;
		case 5:
			for (u32 n = random_below(20); n; n--) {
				u32 priority = random_below(16), port;

				v = random_below(VCPUS);
				if (!(CONTROL(v)->ready & 1u << priority)) {
					continue;
				}
				port = guest_take(v, priority);
				for (i = 0; i < PORTS; i++) {
					if (near_port[i] == port &&
					    !(*word_of(port) & MASKED)) {
						*word_of(port) &= ~PENDING;
						due[i] = false;
					}
				}
			}
			break;
		}
	}
	for (u32 i = 0; i < PORTS; i++) {
		unmask_op(d, near_port[i]);
	}
	for (u32 v = 0; v < VCPUS; v++) {
		for (u32 priority = 0; priority < 16; priority++) {
			while (CONTROL(v)->ready & 1u << priority) {
				u32 port = guest_take(v, priority);

				assert_int_not_equal(port, 0);
				*word_of(port) &= ~PENDING;
				for (u32 i = 0; i < PORTS; i++) {
					due[i] &= near_port[i] != port;
				}
			}
		}
	}
	for (u32 i = 0; i < PORTS; i++) {
		assert_false(due[i]);
	}
}

// The guest writes rubbish all the time: every call returns, nothing is
// touched beyond its pages (run this with a sanitizer).
static void fifo_survives_a_liar(void **state)
{
	struct domain *d = &domains[0];
	u32 port[8];

	fifo_setup(d);
	for (u32 i = 0; i < 8; i++) {
		assert_int_equal(bind_ipi_op(d, i % 2, &port[i]), 0);
	}
	for (u32 step = 0; step < 100000; step++) {
		u32 i = random_below(8);

		*word_of(random_below(1024)) = random_below(~0u);
		*word_of(port[i]) ^= 1u << random_below(32);
		((u32 *)CONTROL(i % 2))[random_below(18)] = random_below(~0u);
		send_op(d, port[i]);
		unmask_op(d, port[random_below(8)]);
		if (random_below(10) == 0) {
			close_op(d, port[i]);
			while (bind_ipi_op(d, i % 2, &port[i])) {
				*word_of(random_below(1024)) = 0;
			}
		}
		set_priority_op(d, port[i], random_below(20));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	    TEST(numbers_start_at_one_and_end_at_the_limit),
	    TEST(interdomain_carries_both_ways_until_closed),
	    TEST(loopback_binds_to_itself),
	    TEST(virqs_and_ipis_keep_their_vcpu),
	    TEST(a_failed_pirq_leaves_no_port),
	    TEST(a_masked_port_waits_for_unmask),
	    TEST(closing_all_goes_in_slices),
	    TEST(fifo_needs_good_arguments),
	    TEST(fifo_takes_over_what_is_pending),
	    TEST(fifo_keeps_order_within_a_priority),
	    TEST(fifo_loses_nothing),
	    TEST(fifo_survives_a_liar),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
