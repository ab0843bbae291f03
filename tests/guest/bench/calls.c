// SPDX-License-Identifier: MIT
// Plain hypercalls, events, timers.
#include "bench.h"

static u64 gdt[512] __attribute__((aligned(4096)));

static void multicalls(void)
{
	static struct multicall_entry m[32];

	for (int i = 0; i < 32; i++) {
		m[i].op = __HYPERVISOR_xen_version;
	}
	MEASURE("multicall-1", hv_multicall(m, 1));
	MEASURE("multicall-8", hv_multicall(m, 8));
	MEASURE("multicall-32", hv_multicall(m, 32));
}

static void descriptors(void)
{
	u64 frame, at;

	page_protect(gdt);
	frame = virt_to_mfn(gdt);
	at = maddr_of(&gdt[4]);
	CALL(set_gdt, &frame, 512, 0, 0, 0);
	MEASURE("update-descriptor",
		CALL(update_descriptor, at, i & 1 ? 0x00cff3000000ffff : 0, 0,
		     0, 0));
}

void bench_calls(void)
{
	struct vcpu_runstate_info runstate;
	struct physdev_set_iopl iopl = {0};

	MEASURE("hypercall", hv_version(XENVER_version, NULL));
	MEASURE("hypercall-unknown", hypercall(63, 0, 0, 0, 0, 0));
	multicalls();
	MEASURE("yield", hv_sched_op(SCHEDOP_yield, NULL));
	MEASURE("vcpu-is-up", hv_vcpu_op(VCPUOP_is_up, 0, NULL));
	MEASURE("runstate", hv_vcpu_op(VCPUOP_get_runstate_info, 0, &runstate));
	MEASURE("fpu-taskswitch-1", CALL(fpu_taskswitch, 1, 0, 0, 0, 0));
	MEASURE("fpu-taskswitch-0", CALL(fpu_taskswitch, 0, 0, 0, 0, 0));
	MEASURE("stack-switch",
		hv_stack_switch(FLAT_KERNEL_SS, (u64)stack_top));
	MEASURE("segment-base-fs", hv_set_segment_base(SEGBASE_FS, 0));
	MEASURE("segment-base-gs-user",
		hv_set_segment_base(SEGBASE_GS_USER, 0));
	MEASURE("set-iopl", hv_physdev_op(PHYSDEVOP_set_iopl, &iopl));
	descriptors();
	trap_init(); // the stack again
}

// The shortest upcall: the ports below 64 are not pending any more.
extern char bench_upcall[];
asm("bench_upcall:\n"
    "pop %rcx\n"
    "pop %r11\n"
    "pushq $0\n"
    "push %rcx\n"
    "push %r11\n"
    "push %rax\n"
    "mov shared_info(%rip), %rax\n"
    "movb $0, (%rax)\n"
    "movq $0, 8(%rax)\n"
    "movq $0, 2048(%rax)\n"
    "jmp hypercall_iret\n");

static void quiet(u32 port)
{
	event_clear(port);
	vcpu_info()->evtchn_upcall_pending = 0;
	vcpu_info()->evtchn_pending_sel = 0;
	events_mask();
}

static void upcalls(u32 loop, u32 port)
{
	struct callback_register c = {.type = CALLBACKTYPE_event,
				      .flags = CALLBACKF_mask_events,
				      .address = (u64)bench_upcall};
	struct evtchn_unmask unmask = {.port = port};

	hv_callback_op(CALLBACKOP_register, &c);
	MEASURE_AFTER("event-send-upcall", 256,
		      vcpu_info()->evtchn_upcall_mask = 0, event_send(loop));
	MEASURE_AFTER("event-unmask-upcall", 256, ({
			      event_set_mask(port, true);
			      event_send(loop);
			      vcpu_info()->evtchn_upcall_mask = 0;
		      }),
		      hv_event_op(EVTCHNOP_unmask, &unmask));
	events_mask();
	trap_init();
}

static void timers(void)
{
	struct vcpu_set_singleshot_timer far = {.timeout_abs_ns = 1UL << 50};

	MEASURE("timer-far", hv_set_timer(1UL << 50));
	MEASURE("timer-stop", hv_set_timer(0));
	MEASURE("singleshot-far",
		hv_vcpu_op(VCPUOP_set_singleshot_timer, 0, &far));
	MEASURE("singleshot-stop",
		hv_vcpu_op(VCPUOP_stop_singleshot_timer, 0, NULL));
}

void bench_events(void)
{
	u32 port = event_alloc_unbound(DOMID_SELF, DOMID_SELF);
	u32 loop = event_bind_interdomain(DOMID_SELF, port);
	u32 other = event_alloc_unbound(DOMID_SELF, DOMID_SELF);
	u32 last = 0;

	MEASURE_AFTER("event-send", 256, quiet(port), event_send(loop));
	MEASURE("event-send-pending", event_send(loop));
	quiet(port);
	MEASURE_AFTER("event-send-masked-port", 256, ({
			      quiet(port);
			      event_set_mask(port, true);
		      }),
		      event_send(loop));
	event_set_mask(port, false);
	quiet(port);
	upcalls(loop, port);
	MEASURE_AFTER("event-alloc-unbound", 256, if (last) event_close(last),
		      last = event_alloc_unbound(DOMID_SELF, DOMID_SELF));
	MEASURE_AFTER("event-close", 256,
		      last = event_alloc_unbound(DOMID_SELF, DOMID_SELF),
		      event_close(last));
	last = 0;
	MEASURE_AFTER("event-bind-interdomain", 256,
		      if (last) event_close(last),
		      last = event_bind_interdomain(DOMID_SELF, other));
	event_close(last);
	event_close(other);
	timers();
}
