// SPDX-License-Identifier: MIT
// The table of hypercalls, continuation, the hypercall page.
#include <wabe/domain.h>
#include <wabe/hypercall.h>

#include <public/wabe.h>
#include <xen/xen.h>

#define SYSCALL_BYTES 2 // 0f 05
#define PAGE_ENTRY_BYTES 32

static long call_unknown(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4)
{
	return -ENOSYS;
}

// What Xen knows and this hypervisor does not have.
static long call_unsupported(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4)
{
	return -EOPNOTSUPP;
}

hypercall_fn *const hypercall_table[HYPERCALLS] = {
    [__HYPERVISOR_set_trap_table] = call_set_trap_table,
    [__HYPERVISOR_mmu_update] = call_mmu_update,
    [__HYPERVISOR_set_gdt] = call_set_gdt,
    [__HYPERVISOR_stack_switch] = call_stack_switch,
    [__HYPERVISOR_set_callbacks] = call_set_callbacks,
    [__HYPERVISOR_fpu_taskswitch] = call_fpu_taskswitch,
    [__HYPERVISOR_sched_op_compat] = call_sched_op_compat,
    [__HYPERVISOR_platform_op] = call_platform_op,
    [__HYPERVISOR_set_debugreg] = call_set_debugreg,
    [__HYPERVISOR_get_debugreg] = call_get_debugreg,
    [__HYPERVISOR_update_descriptor] = call_update_descriptor,
    [11] = call_unknown,
    [__HYPERVISOR_memory_op] = call_memory_op,
    [__HYPERVISOR_multicall] = call_multicall,
    [__HYPERVISOR_update_va_mapping] = call_update_va_mapping,
    [__HYPERVISOR_set_timer_op] = call_set_timer_op,
    [__HYPERVISOR_event_channel_op_compat] = call_event_channel_op_compat,
    [__HYPERVISOR_xen_version] = call_xen_version,
    [__HYPERVISOR_console_io] = call_console_io,
    [__HYPERVISOR_physdev_op_compat] = call_physdev_op_compat,
    [__HYPERVISOR_grant_table_op] = call_grant_table_op,
    [__HYPERVISOR_vm_assist] = call_vm_assist,
    [__HYPERVISOR_update_va_mapping_otherdomain] =
	call_update_va_mapping_otherdomain,
    [__HYPERVISOR_iret] = call_iret,
    [__HYPERVISOR_vcpu_op] = call_vcpu_op,
    [__HYPERVISOR_set_segment_base] = call_set_segment_base,
    [__HYPERVISOR_mmuext_op] = call_mmuext_op,
    [__HYPERVISOR_xsm_op] = call_unknown,
    [__HYPERVISOR_nmi_op] = call_nmi_op,
    [__HYPERVISOR_sched_op] = call_sched_op,
    [__HYPERVISOR_callback_op] = call_callback_op,
    [__HYPERVISOR_xenoprof_op] = call_unknown,
    [__HYPERVISOR_event_channel_op] = call_event_channel_op,
    [__HYPERVISOR_physdev_op] = call_physdev_op,
    [__HYPERVISOR_hvm_op] = call_unknown,
    [__HYPERVISOR_sysctl] = call_sysctl,
    [__HYPERVISOR_domctl] = call_domctl,
    [__HYPERVISOR_kexec_op... __HYPERVISOR_argo_op] = call_unknown,
    [__HYPERVISOR_xenpmu_op] = call_unsupported,
    [__HYPERVISOR_dm_op... WABE_HYPERCALL - 1] = call_unknown,
    [WABE_HYPERCALL] = call_wabe,
    [WABE_HYPERCALL + 1 ... HYPERCALLS - 1] = call_unknown,
};

// rax gets the number by being the handler's result.
long hypercall_continue(u32 nr, u64 a0, u64 a1, u64 a2, u64 a3, u64 a4)
{
	struct vcpu *v = current_vcpu();
	struct multicall_entry *e = v->multicall;
	struct cpu_user_regs *r = &v->regs;

	if (e) {
		*e = (struct multicall_entry){nr, 0, {a0, a1, a2, a3, a4}};
		v->multicall_again = true;
		return nr;
	}
	r->rip -= SYSCALL_BYTES;
	r->rdi = a0;
	r->rsi = a1;
	r->rdx = a2;
	r->r10 = a3;
	r->r8 = a4;
	return nr;
}

// rcx and r11, which SYSCALL loses, are kept on the stack. iret finds them
// there, and rax, as part of its frame; it does not come back.
void hypercall_page_fill(void *page)
{
	static const char call[] = "\x51\x41\x53"      // push %rcx; push %r11
				   "\xb8\0\0\0\0"      // mov $nr, %eax
				   "\x0f\x05"	       // syscall
				   "\x41\x5b\x59\xc3"; // pop them; ret
	static const char iret[] = "\x51\x41\x53\x50"  // and push %rax
				   "\xb8\0\0\0\0"
				   "\x0f\x05";

	memset(page, 0xcc, PAGE_SIZE); // int3
	for (u32 nr = 0; nr < PAGE_SIZE / PAGE_ENTRY_BYTES; nr++) {
		char *at = (char *)page + nr * PAGE_ENTRY_BYTES;

		if (nr == __HYPERVISOR_iret) {
			memcpy(at, iret, sizeof(iret) - 1);
			at[5] = (char)nr;
		} else {
			memcpy(at, call, sizeof(call) - 1);
			at[4] = (char)nr;
		}
	}
}
