// SPDX-License-Identifier: MIT
// Claim: event channels connect, carry and drop as they should, 2-level and
// FIFO.
//
// The domain talks to itself. bind.c's part: what each operation returns, for
// good and bad arguments; which port numbers are handed out. deliver: a send
// sets the pending bits, which become one upcall, or none while masked, and
// those of a masked port come with unmask. poll: returns at once for what is
// pending, and after its timeout for what is not. VIRQs: one binding each;
// the timer's comes. FIFO: the control block is taken, events are linked into
// the right queue by priority, and the 2-level bits are no longer used.
#include "evtchn.h"

void say(const char *name, long rc)
{
	printf("%s: %s\n", name, error_name(rc));
}

static void status(const char *name, u32 port)
{
	struct evtchn_status op = {.dom = DOMID_SELF, .port = port};
	long rc = hv_event_op(EVTCHNOP_status, &op);

	printf("%s: %s state %u vcpu %u", name, error_name(rc), op.status,
	       op.vcpu);
	if (op.status == EVTCHNSTAT_interdomain) {
		printf(" remote %u %u", op.u.interdomain.dom,
		       op.u.interdomain.port);
	}
	if (op.status == EVTCHNSTAT_unbound) {
		printf(" remote %u", op.u.unbound.dom);
	}
	if (op.status == EVTCHNSTAT_virq) {
		printf(" virq %u", op.u.virq);
	}
	printf("\n");
}

static void binding(void)
{
	long a = event_alloc_unbound(DOMID_SELF, DOMID_SELF);
	long b = event_bind_interdomain(DOMID_SELF, a);

	say("alloc_unbound", a);
	say("bind_interdomain", b);
	status("the first", a);
	status("the second", b);
	say("bind_interdomain again", event_bind_interdomain(DOMID_SELF, a));
	say("bind_interdomain of port 0",
	    event_bind_interdomain(DOMID_SELF, 0));
	say("bind_interdomain of port 5000",
	    event_bind_interdomain(DOMID_SELF, 5000));
	say("bind_interdomain with domain 77", event_bind_interdomain(77, 1));
	say("bind_interdomain by number 0",
	    event_bind_interdomain(0, event_alloc_unbound(DOMID_SELF, 0)));
	say("alloc_unbound for domain 77", event_alloc_unbound(DOMID_SELF, 77));
	say("alloc_unbound of domain 77", event_alloc_unbound(77, DOMID_SELF));
	say("alloc_unbound of DOMID_IO", event_alloc_unbound(DOMID_IO, 0));
	say("bind_ipi", event_bind_ipi(0));
	say("bind_ipi again", event_bind_ipi(0));
	say("bind_ipi of vcpu 1", event_bind_ipi(1));
	say("bind_ipi of vcpu 99", event_bind_ipi(99));
	say("close the first", event_close(a));
	status("the first", a);
	status("the second", b);
	say("send by the second", event_send(b));
	say("close the second", event_close(b));
	say("close it again", event_close(b));
	say("close port 0", event_close(0));
	say("close port 4096", event_close(4096));
	say("alloc_unbound takes the lowest",
	    event_alloc_unbound(DOMID_SELF, DOMID_SELF));
	say("send by an unbound port", event_send(a));
	say("send by a closed port", event_send(b));
	say("send by port 0", event_send(0));
	say("send by port 4096", event_send(4096));
	say("send by port 200000", event_send(200000));
}

static void vcpu_binding(u32 port)
{
	struct evtchn_bind_vcpu op = {.port = port};

	say("bind_vcpu 0", hv_event_op(EVTCHNOP_bind_vcpu, &op));
	op.vcpu = 1;
	say("bind_vcpu 1", hv_event_op(EVTCHNOP_bind_vcpu, &op));
	op.vcpu = 0;
	op.port = 4000;
	say("bind_vcpu of a closed port", hv_event_op(EVTCHNOP_bind_vcpu, &op));
}

static void virqs(void)
{
	for (u32 virq = 0; virq < 26; virq++) {
		long port = event_bind_virq(virq, 0);

		printf("virq %u: %s", virq,
		       port > 0 ? "port" : error_name(port));
		if (port > 0) {
			printf(", again %s",
			       error_name(event_bind_virq(virq, 0)));
			printf(", on vcpu 1 %s",
			       error_name(event_bind_virq(virq, 1)));
			printf(", send %s\n", error_name(event_send(port)));
			vcpu_binding(port);
			event_close(port);
		} else {
			printf("\n");
		}
	}
}

static void bits(const char *name, u32 port)
{
	printf("%s: pending %d, selector %lx, upcall pending %d, upcalls %u\n",
	       name, event_pending(port), vcpu_info()->evtchn_pending_sel,
	       vcpu_info()->evtchn_upcall_pending, event_upcalls);
}

static void forget(u32 port)
{
	event_clear(port);
	vcpu_info()->evtchn_pending_sel = 0;
	vcpu_info()->evtchn_upcall_pending = 0;
	event_upcalls = 0;
	memset(event_count, 0, sizeof(event_count));
}

static void delivery(void)
{
	long a = event_alloc_unbound(DOMID_SELF, DOMID_SELF);
	long b = event_bind_interdomain(DOMID_SELF, a);
	struct evtchn_unmask op = {.port = a};

	printf("bind_interdomain leaves pending %d %d\n", event_pending(a),
	       event_pending(b));
	forget(b);
	forget(a);
	say("send, upcalls masked", event_send(b));
	bits("then", a);
	say("again", event_send(b));
	bits("then", a);
	events_unmask();
	bits("unmasked", a);
	printf("the handler saw it %u times\n", event_count[a]);
	say("send, upcalls not masked", event_send(b));
	bits("then", a);
	events_mask();
	forget(a);
	event_set_mask(a, true);
	say("send, port masked", event_send(b));
	bits("then", a);
	say("unmask", hv_event_op(EVTCHNOP_unmask, &op));
	bits("then", a);
	printf("masked %d\n", event_masked(a));
	forget(a);
	say("unmask of what is not pending", hv_event_op(EVTCHNOP_unmask, &op));
	bits("then", a);
	op.port = 4096;
	say("unmask of port 4096", hv_event_op(EVTCHNOP_unmask, &op));
	op.port = 4000;
	say("unmask of a closed port", hv_event_op(EVTCHNOP_unmask, &op));
	vcpu_info()->evtchn_upcall_pending = 1;
	events_unmask();
	bits("an upcall of the guest's own making", a);
	events_mask();
	event_send(b);
	event_close(a);
	bits("closed while pending", a);
	forget(a);
}

static void ipi(void)
{
	u32 port = event_bind_ipi(0);

	forget(port);
	say("send by the ipi", event_send(port));
	bits("then", port);
	events_unmask();
	events_mask();
	printf("the handler saw it %u times\n", event_count[port]);
	event_close(port);
}

static u64 now(void)
{
	struct vcpu_time_info *t = &vcpu_info()->time;
	u64 delta = rdtsc() - t->tsc_timestamp;

	delta =
	    t->tsc_shift < 0 ? delta >> -t->tsc_shift : delta << t->tsc_shift;
	return t->system_time +
	       (u64)((unsigned __int128)delta * t->tsc_to_system_mul >> 32);
}

static void polls(void)
{
	u32 port = event_bind_ipi(0);
	evtchn_port_t list[2] = {port, 4096};
	struct sched_poll op = {.nr_ports = 1, .timeout = now() + 2000000};
	u64 from = now();

	set_xen_guest_handle(op.ports, list);
	forget(port);
	event_set_mask(port, true);
	say("poll until the timeout", hv_sched_op(SCHEDOP_poll, &op));
	ok(now() - from >= 1900000, "it waited");
	event_send(port);
	from = now();
	op.timeout = from + 1000000000;
	say("poll of what is pending", hv_sched_op(SCHEDOP_poll, &op));
	ok(now() - from < 500000000, "it did not wait");
	op.nr_ports = 2;
	say("poll of port 4096", hv_sched_op(SCHEDOP_poll, &op));
	op.nr_ports = 129;
	say("poll of 129 ports", hv_sched_op(SCHEDOP_poll, &op));
	op.nr_ports = 0;
	op.timeout = now() + 2000000;
	say("poll of none", hv_sched_op(SCHEDOP_poll, &op));
	event_set_mask(port, false);
	forget(port);
	event_close(port);
}

static void timers(void)
{
	u32 port = event_bind_virq(VIRQ_TIMER, 0);
	struct vcpu_set_singleshot_timer op = {.timeout_abs_ns =
						   now() + 2000000};

	forget(port);
	events_unmask();
	// It ticks every 10 ms; a loaded host takes some of them.
	for (u64 until = now() + 2000000000;
	     now() < until && event_count[port] < 4;) {
		cpu_relax();
	}
	events_mask();
	ok(event_count[port] >= 4, "a new vCPU has a periodic timer");
	say("stop_periodic_timer",
	    hv_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL));
	forget(port);
	say("set_timer_op", hv_set_timer(now() + 2000000));
	hv_sched_op(SCHEDOP_block, NULL);
	ok(event_count[port] == 1, "the timer ends a block");
	events_mask();
	say("set_singleshot_timer",
	    hv_vcpu_op(VCPUOP_set_singleshot_timer, 0, &op));
	hv_sched_op(SCHEDOP_block, NULL);
	ok(event_count[port] == 2, "so does the other");
	events_mask();
	op.timeout_abs_ns = now() - 1000;
	say("set_singleshot_timer in the past",
	    hv_vcpu_op(VCPUOP_set_singleshot_timer, 0, &op));
	op.flags = VCPU_SSHOTTMR_future;
	say("that must be in the future",
	    hv_vcpu_op(VCPUOP_set_singleshot_timer, 0, &op));
	events_unmask();
	events_mask();
	printf("events %u\n", event_count[port]);
	event_close(port);
}

static void limits(void)
{
	u32 count = 0;
	long port;

	while ((port = event_alloc_unbound(DOMID_SELF, DOMID_SELF)) > 0) {
		count++;
	}
	printf("%s after the last port, highest reached: %d\n",
	       error_name(port), count > 4000);
	// A domU's console and store have the first two.
	for (u32 p = is_dom0() ? 1 : 3; p < 4096; p++) {
		event_close(p);
	}
	port = event_alloc_unbound(DOMID_SELF, DOMID_SELF);
	say("after closing all", port);
	event_close(port);
	if (is_dom0()) {
		struct evtchn_reset op = {.dom = DOMID_SELF};

		say("reset", hv_event_op(EVTCHNOP_reset, &op));
	}
}

int guest_main(void)
{
	if (!is_dom0()) { // their events are not what this is about
		event_set_mask(start_info->store_evtchn, true);
		event_set_mask(start_info->console.domU.evtchn, true);
	}
	binding();
	virqs();
	delivery();
	ipi();
	polls();
	timers();
	limits();
	fifo();
	return failed_count != 0;
}
