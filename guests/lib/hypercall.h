// SPDX-License-Identifier: MIT
// The hypercalls, typed. How the hypervisor is entered (`syscall`, or the page
// it fills in) is in notes.S or notes-page.S, whichever the guest links.
#ifndef GUEST_HYPERCALL_H
#define GUEST_HYPERCALL_H

#include "guest.h"
#include <xen/callback.h>
#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xen/physdev.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>

static inline long hypercall(unsigned int nr, u64 a1, u64 a2, u64 a3, u64 a4,
			     u64 a5)
{
	register u64 r10 asm("r10") = a4;
	register u64 r8 asm("r8") = a5;
	long rc = nr;

	asm volatile("call hypercall_entry"
		     : "+a"(rc), "+D"(a1), "+S"(a2), "+d"(a3), "+r"(r10),
		       "+r"(r8)
		     :
		     : "rcx", "r11", "r9", "memory", "cc");
	return rc;
}

#define CALL(nr, a1, a2, a3, a4, a5)                                  \
	hypercall(__HYPERVISOR_##nr, (u64)(a1), (u64)(a2), (u64)(a3), \
		  (u64)(a4), (u64)(a5))

static inline long hv_version(int command, void *arg)
{
	return CALL(xen_version, command, arg, 0, 0, 0);
}

static inline long hv_console_io(int command, int count, char *text)
{
	return CALL(console_io, command, count, text, 0, 0);
}

static inline long hv_sched_op(int command, void *arg)
{
	return CALL(sched_op, command, arg, 0, 0, 0);
}

static inline long hv_callback_op(int command, void *arg)
{
	return CALL(callback_op, command, arg, 0, 0, 0);
}

static inline long hv_event_op(int command, void *arg)
{
	return CALL(event_channel_op, command, arg, 0, 0, 0);
}

static inline long hv_physdev_op(int command, void *arg)
{
	return CALL(physdev_op, command, arg, 0, 0, 0);
}

static inline long hv_memory_op(int command, void *arg)
{
	return CALL(memory_op, command, arg, 0, 0, 0);
}

static inline long hv_vcpu_op(int command, unsigned int vcpu, void *arg)
{
	return CALL(vcpu_op, command, vcpu, arg, 0, 0);
}

static inline long hv_grant_op(int command, void *ops, unsigned int count)
{
	return CALL(grant_table_op, command, ops, count, 0, 0);
}

static inline long hv_multicall(struct multicall_entry *calls,
				unsigned int count)
{
	return CALL(multicall, calls, count, 0, 0, 0);
}

static inline long hv_set_trap_table(struct trap_info *table)
{
	return CALL(set_trap_table, table, 0, 0, 0, 0);
}

static inline long hv_stack_switch(u64 ss, u64 sp)
{
	return CALL(stack_switch, ss, sp, 0, 0, 0);
}

static inline long hv_set_segment_base(int which, u64 base)
{
	return CALL(set_segment_base, which, base, 0, 0, 0);
}

static inline long hv_vm_assist(unsigned int command, unsigned int type)
{
	return CALL(vm_assist, command, type, 0, 0, 0);
}

static inline long hv_set_timer(u64 when)
{
	return CALL(set_timer_op, when, 0, 0, 0, 0);
}

static inline long hv_update_va_mapping(u64 va, u64 pte, u64 flags)
{
	return CALL(update_va_mapping, va, pte, flags, 0, 0);
}

static inline long hv_mmu_update(struct mmu_update *updates, unsigned int count,
				 unsigned int *done, unsigned int domid)
{
	return CALL(mmu_update, updates, count, done, domid, 0);
}

static inline long hv_mmuext_op(struct mmuext_op *ops, unsigned int count,
				unsigned int *done, unsigned int domid)
{
	return CALL(mmuext_op, ops, count, done, domid, 0);
}

#endif
