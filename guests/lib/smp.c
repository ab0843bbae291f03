// SPDX-License-Identifier: MIT
// Starting vCPUs, and the time that they share.
#include "smp.h"

static u8 stacks[VCPUS][VCPU_STACK] __attribute__((aligned(4096)));

extern char callback_event[], callback_failsafe[], callback_syscall[],
    trap_stack_top[];

static void vcpu_stop(void)
{
	u32 id = vcpu_of_stack((u64)__builtin_frame_address(0));

	for (;;) {
		hv_vcpu_op(VCPUOP_down, id, NULL);
	}
}

u32 vcpu_of_stack(u64 rsp)
{
	u64 offset = rsp - (u64)stacks;

	return offset < sizeof(stacks) ? offset / VCPU_STACK : 0;
}

struct vcpu_guest_context *vcpu_context(u32 vcpu, void (*fn)(u64), u64 arg)
{
	static struct vcpu_guest_context c;
	u64 *top = (u64 *)(stacks[vcpu] + VCPU_STACK) - 1;

	memset(&c, 0, sizeof(c));
	*top = (u64)vcpu_stop;
	c.flags = VGCF_in_kernel;
	for (u32 v = 0; v < 32; v++) {
		c.trap_ctxt[v] =
		    (struct trap_info){.vector = v,
				       .flags = 4,
				       .cs = FLAT_KERNEL_CS,
				       .address = (u64)trap_stubs[v]};
	}
	c.user_regs.rip = (u64)fn;
	c.user_regs.rdi = arg;
	c.user_regs.rsp = (u64)top;
	c.user_regs.cs = FLAT_KERNEL_CS;
	c.user_regs.ss = FLAT_KERNEL_SS;
	c.user_regs.rflags = RFLAGS_IF;
	c.kernel_ss = FLAT_KERNEL_SS;
	c.kernel_sp = (u64)top;
	c.ctrlreg[3] = virt_to_mfn((void *)start_info->pt_base) << PAGE_SHIFT;
	c.event_callback_eip = (u64)callback_event;
	c.failsafe_callback_eip = (u64)callback_failsafe;
	c.syscall_callback_eip = (u64)callback_syscall;
	shared_info->vcpu_info[vcpu].evtchn_upcall_mask = 1;
	return &c;
}

long vcpu_start(u32 vcpu, void (*fn)(u64 arg), u64 arg)
{
	long rc =
	    hv_vcpu_op(VCPUOP_initialise, vcpu, vcpu_context(vcpu, fn, arg));

	return rc ? rc : hv_vcpu_op(VCPUOP_up, vcpu, NULL);
}

u64 time_told(u32 vcpu)
{
	const struct vcpu_time_info *t = &shared_info->vcpu_info[vcpu].time;
	u32 version;
	u64 ns;

	do {
		version = __atomic_load_n(&t->version, __ATOMIC_ACQUIRE);
		ns = rdtsc() - t->tsc_timestamp;
		ns =
		    t->tsc_shift < 0 ? ns >> -t->tsc_shift : ns << t->tsc_shift;
		ns = (u64)((unsigned __int128)ns * t->tsc_to_system_mul >> 32);
		ns += t->system_time;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (version & 1 || version != *(volatile u32 *)&t->version);
	return ns;
}

u64 time_now(void)
{
	return time_told(0);
}
