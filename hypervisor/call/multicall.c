// SPDX-License-Identifier: MIT
// multicall: a list of hypercalls in one. Each entry is copied in once, run,
// and gets its result. It is preempted between entries, and within one by
// writing back that entry as it is to be issued again.
#include <wabe/arch.h>
#include <wabe/domain.h>
#include <wabe/guest.h>
#include <wabe/hypercall.h>
#include <wabe/page.h>

#include <xen/xen.h>

#define ENTRY_UNITS 8 // work of an entry, beside its own
#define ENTRY_BYTES sizeof(struct multicall_entry)

static long entry_run(const struct multicall_entry *e)
{
	if (unlikely(e->op >= HYPERCALLS)) {
		return -ENOSYS;
	}
	if (unlikely(e->op == __HYPERVISOR_multicall)) {
		return -EINVAL;
	}
	return hypercall_table[index_clamp(e->op, HYPERCALLS)](
	    e->args[0], e->args[1], e->args[2], e->args[3], e->args[4]);
}

static long multicall_again(gva_t list, u64 left)
{
	return hypercall_continue(__HYPERVISOR_multicall, list.a, left, 0, 0,
				  0);
}

// ENTRY_GONE: an iret, the caller of multicall is no longer there; rax is set.
enum { ENTRY_DONE, ENTRY_AGAIN, ENTRY_GONE };

// One of those, or -EFAULT.
static int entry_do(struct vcpu *v, gva_t at)
{
	struct multicall_entry e;
	u64 result;

	if (unlikely(copy_from_guest(&e, at, sizeof(e)))) {
		return -EFAULT;
	}
	v->multicall = &e;
	result = (u64)entry_run(&e);
	v->multicall = NULL;
	if (unlikely(e.op == __HYPERVISOR_iret)) {
		v->regs.rax = result;
		return ENTRY_GONE;
	}
	if (unlikely(v->multicall_again)) {
		v->multicall_again = false;
		return copy_to_guest(at, &e, sizeof(e)) ? -EFAULT : ENTRY_AGAIN;
	}
	return write_guest_u64(
	    gva_add(at, offsetof(struct multicall_entry, result)), result);
}

long call_multicall(u64 list, u64 count, u64 a2, u64 a3, u64 a4)
{
	struct vcpu *v = current_vcpu();
	gva_t at = GVA(list);
	int outcome = ENTRY_DONE;

	count = (u32)count;
	if (unlikely(!guest_range_ok(list, count * ENTRY_BYTES))) {
		return -EFAULT;
	}
	while (count && outcome == ENTRY_DONE) {
		if (work_spent(ENTRY_UNITS)) {
			return multicall_again(at, count);
		}
		outcome = entry_do(v, at);
		if (outcome == ENTRY_AGAIN) {
			return multicall_again(at, count);
		}
		at = gva_add(at, ENTRY_BYTES);
		count--;
	}
	return outcome == ENTRY_GONE ? (long)v->regs.rax : outcome;
}
