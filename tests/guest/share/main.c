// SPDX-License-Identifier: MIT
// Claim: a vCPU gets its share, and wakes in time. Measured from inside.
//
// As a domU it obeys lines typed at its console, with times in ms of system
// time, which all domains share:
//   s FROM TO   use the processor all the time: how long it ran
//   w FROM TO   sleep 1 ms again and again: how late it woke
//   d SECONDS N set a watchdog, feed it N times at half the time, then forget
//   it e REASON    end, with that reason
// and sleeps when it has nothing to do. tests/system/sched.sh has the figures.
// As dom0 it does both once, only to show that it can: real time is no measure.
#include "console.h"
#include "smp.h"
#include <xen/io/console.h>

static u32 timer_port;

static u64 time_in(u32 state)
{
	struct vcpu_runstate_info info;

	if (hv_vcpu_op(VCPUOP_get_runstate_info, 0, &info)) {
		PANIC("get_runstate_info");
	}
	return info.time[state];
}

static void wait_port(evtchn_port_t port, u64 until)
{
	struct sched_poll poll = {.nr_ports = 1, .timeout = until};

	set_xen_guest_handle(poll.ports, &port);
	hv_sched_op(SCHEDOP_poll, &poll);
	event_clear(port);
}

static void sleep_until(u64 when)
{
	hv_set_timer(when);
	while (time_now() < when) {
		wait_port(timer_port, 0);
	}
}

static u64 spin(u64 from, u64 to)
{
	u64 before;

	sleep_until(from);
	while (time_now() < from) {
	}
	before = time_in(RUNSTATE_running);
	while (time_now() < to) {
	}
	return time_in(RUNSTATE_running) - before;
}

#define BUCKET_NS 10000 // lateness is counted in steps of that

static u32 late[1000];

// Lateness in us that `percent` of `count` wakes did not exceed.
static u32 percentile(u32 count, u32 percent)
{
	u64 seen = 0;

	for (u32 i = 0; i < ARRAY_COUNT(late); i++) {
		seen += late[i];
		if (seen * 100 >= (u64)count * percent) {
			return (i + 1) * (BUCKET_NS / 1000);
		}
	}
	return ~0u;
}

static u32 sleeps(u64 from, u64 to)
{
	u32 count = 0;

	memset(late, 0, sizeof(late));
	sleep_until(from);
	for (u64 when = time_now() + 1000000; when < to;
	     when = time_now() + 1000000) {
		u64 step;

		sleep_until(when);
		step = (time_now() - when) / BUCKET_NS;
		if (step >= ARRAY_COUNT(late)) {
			step = ARRAY_COUNT(late) - 1;
		}
		late[step]++;
		count++;
	}
	return count;
}

// --- the console's lines ----------------------------------------------------

static char line[80];

static void line_read(void)
{
	struct xencons_interface *ring =
	    mfn_to_virt(start_info->console.domU.mfn);
	u32 used = 0;

	for (;;) {
		char c;

		while (__atomic_load_n(&ring->in_prod, __ATOMIC_ACQUIRE) ==
		       ring->in_cons) {
			wait_port(start_info->console.domU.evtchn, 0);
		}
		c = ring->in[MASK_XENCONS_IDX(ring->in_cons, ring->in)];
		__atomic_store_n(&ring->in_cons, ring->in_cons + 1,
				 __ATOMIC_RELEASE);
		if (c == '\n' || c == '\r' || used == sizeof(line) - 1) {
			line[used] = 0;
			return;
		}
		line[used++] = c;
	}
}

// What tools read to dump a domain's memory: a list of the frames that list the
// frames of its p2m.
static void frames_tell(void)
{
	static u64 lists[512] __attribute__((aligned(PAGE_SIZE)));
	static u64 list[512] __attribute__((aligned(PAGE_SIZE)));
	struct arch_shared_info *arch = &shared_info->arch;

	for (u64 i = 0; i < ARRAY_COUNT(list) && i * 512 < start_info->nr_pages;
	     i++) {
		list[i] = virt_to_mfn((u64 *)start_info->mfn_list + i * 512);
	}
	lists[0] = virt_to_mfn(list);
	arch->max_pfn = start_info->nr_pages;
	arch->pfn_to_mfn_frame_list_list = virt_to_mfn(lists);
}

static void watchdog_feed(u32 seconds, u64 times)
{
	struct sched_watchdog w = {.timeout = seconds};
	long id = hv_sched_op(SCHEDOP_watchdog, &w);

	printf("watchdog %ld\n", id);
	w.id = (u32)id;
	for (u64 i = 0; i < times; i++) {
		sleep_until(time_now() + seconds * 500000000ul);
		if (hv_sched_op(SCHEDOP_watchdog, &w)) {
			printf("not fed\n");
		}
	}
	printf("fed %lu times\n", times);
}

static void end(u32 reason)
{
	struct sched_shutdown s = {.reason = reason};

	hv_sched_op(SCHEDOP_shutdown, &s);
}

// d and e: their numbers are no times.
static void obey_ends(const char *text)
{
	u64 first = number_take(&text), second = number_take(&text);

	if (line[0] == 'd') {
		watchdog_feed((u32)first, second);
	}
	if (line[0] == 'e') {
		end((u32)first);
	}
}

static void obey(void)
{
	const char *text = line + 1;
	u64 from = number_take(&text) * 1000000,
	    to = number_take(&text) * 1000000;
	u64 before = time_in(RUNSTATE_running);
	u64 waited = time_in(RUNSTATE_runnable);
	u32 count;

	if (line[0] == 's') {
		bool in_time = time_now() < from;
		u64 ran = spin(from, to);

		printf("%s ran %lu of 10000\n",
		       in_time ? "spin:" : "late:", ran * 10000 / (to - from));
	}
	if (line[0] == 'w') {
		count = sleeps(from, to);
		printf("woke %u times, late 50%%: %u us, 99%%: %u us, "
		       "took %lu of 10000, waited %lu of 10000\n",
		       count, percentile(count, 50), percentile(count, 99),
		       (time_in(RUNSTATE_running) - before) * 10000 /
			   (to - from),
		       (time_in(RUNSTATE_runnable) - waited) * 10000 /
			   (to - from));
	}
}

int guest_main(void)
{
	long port = event_bind_virq(VIRQ_TIMER, 0);
	u64 start;
	u32 count;

	if (!ok(port > 0, "the timer's port")) {
		return 1;
	}
	timer_port = (u32)port;
	if (!is_dom0()) {
		frames_tell();
		printf("obeys\n");
		for (;;) {
			line_read();
			obey();
			obey_ends(line + 1);
		}
	}
	start = time_now() + 20000000;
	ok(spin(start, start + 100000000) > 10000000, "it runs");
	start = time_now();
	count = sleeps(start, start + 200000000);
	ok(count > 5, "it sleeps 1 ms again and again");
	return failed_count > 0;
}
