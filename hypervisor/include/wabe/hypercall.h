// SPDX-License-Identifier: MIT
// Hypercalls: the table, continuation, the handlers (call/).
#ifndef WABE_HYPERCALL_H
#define WABE_HYPERCALL_H

#include <wabe/types.h>

// A handler takes the six argument registers and returns what the guest finds
// in rax, or hypercall_continue()'s value. It runs on the vCPU that called,
// in guest kernel mode, interrupts off, no lock held. It copies what it reads
// from the guest once, checks all, then acts.
typedef long hypercall_fn(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4);

// One operation of a hypercall that has many (call/subop.h): `arg` is the
// hypervisor's copy of its argument, `d` the domain it is about.
struct domain;
typedef long subop_fn(struct domain *d, void *arg);

// Arrange that hypercall `nr` is issued again with these arguments when the
// vCPU runs next (rip goes back to its `syscall`, or the multicall entry is
// rewritten). Return its value from the handler at once.
long hypercall_continue(u32 nr, u64 a0, u64 a1, u64 a2, u64 a3, u64 a4);

// Handlers by number; entry.S calls through it, with the arguments in the
// guest's registers. None is NULL: numbers without a handler answer -ENOSYS.
#define HYPERCALLS 64
extern hypercall_fn *const hypercall_table[HYPERCALLS];
// Set up a hypercall page (4 KiB at `page`): entry n at n * 32.
void hypercall_page_fill(void *page);

// In order of number; a file each in call/.
hypercall_fn call_set_trap_table, call_mmu_update, call_set_gdt,
    call_stack_switch, call_set_callbacks, call_fpu_taskswitch,
    call_sched_op_compat, call_platform_op, call_set_debugreg,
    call_get_debugreg, call_update_descriptor, call_memory_op, call_multicall,
    call_update_va_mapping, call_set_timer_op, call_event_channel_op_compat,
    call_xen_version, call_console_io, call_physdev_op_compat,
    call_grant_table_op, call_vm_assist, call_update_va_mapping_otherdomain,
    call_iret, call_vcpu_op, call_set_segment_base, call_mmuext_op,
    call_sched_op, call_callback_op, call_nmi_op, call_event_channel_op,
    call_physdev_op, call_sysctl, call_domctl, call_wabe;

#endif
