// SPDX-License-Identifier: MIT
// The table of hypercalls, continuation, the hypercall page.
#include <wabe/domain.h>
#include <wabe/errno.h>
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

static void continue_multicall(struct vcpu *v, u32 nr, const u64 args[5])
{
	v->multicall->op = nr;
	for (u32 i = 0; i < 5; i++) {
		v->multicall->args[i] = args[i];
	}
	v->multicall_again = true;
}

// rax gets the number by being the handler's result.
static void continue_alone(struct vcpu *v, const u64 args[5])
{
	v->regs.rip -= SYSCALL_BYTES;
	v->regs.rdi = args[0];
	v->regs.rsi = args[1];
	v->regs.rdx = args[2];
	v->regs.r10 = args[3];
	v->regs.r8 = args[4];
}

long hypercall_continue(u32 nr, u64 a0, u64 a1, u64 a2, u64 a3, u64 a4)
{
	const u64 args[5] = {a0, a1, a2, a3, a4};
	struct vcpu *v = current_vcpu();

	if (v->multicall) {
		continue_multicall(v, nr, args);
	} else {
		continue_alone(v, args);
	}
	return nr;
}

static u8 *code_put(u8 *at, const void *code, u64 bytes)
{
	memcpy(at, code, bytes);
	return at + bytes;
}

// rcx and r11, which SYSCALL loses, are kept on the stack. iret finds them
// there, and rax, as part of its frame; it does not come back.
void hypercall_page_fill(void *page)
{
	static const u8 push_rcx_r11[] = {0x51, 0x41, 0x53},
			push_rax[] = {0x50}, mov_eax[] = {0xb8},
			syscall[] = {0x0f, 0x05},
			pop_r11_rcx_ret[] = {0x41, 0x5b, 0x59, 0xc3};

	memset(page, 0xcc, PAGE_SIZE); // int3
	for (u32 nr = 0; nr < PAGE_SIZE / PAGE_ENTRY_BYTES; nr++) {
		u8 *at = (u8 *)page + nr * PAGE_ENTRY_BYTES;

		at = code_put(at, push_rcx_r11, sizeof(push_rcx_r11));
		if (nr == __HYPERVISOR_iret) {
			at = code_put(at, push_rax, sizeof(push_rax));
		}
		at = code_put(at, mov_eax, sizeof(mov_eax));
		at = code_put(at, &nr, sizeof(nr));
		at = code_put(at, syscall, sizeof(syscall));
		if (nr != __HYPERVISOR_iret) {
			code_put(at, pop_r11_rcx_ret, sizeof(pop_r11_rcx_ret));
		}
	}
}
