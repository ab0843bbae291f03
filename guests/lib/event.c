// SPDX-License-Identifier: MIT
// Event channels, 2-level.
#include "ipc.h"

unsigned int event_upcalls;
unsigned int event_count[4096];

static bool bit_test(const u64 *bits, u32 n)
{
	return __atomic_load_n(&bits[n / 64], __ATOMIC_SEQ_CST) >> n % 64 & 1;
}

bool event_pending(u32 port)
{
	return bit_test((u64 *)shared_info->evtchn_pending, port);
}

bool event_masked(u32 port)
{
	return bit_test((u64 *)shared_info->evtchn_mask, port);
}

void event_set_mask(u32 port, bool masked)
{
	u64 *word = (u64 *)&shared_info->evtchn_mask[port / 64];

	if (masked) {
		__atomic_fetch_or(word, 1UL << port % 64, __ATOMIC_SEQ_CST);
	} else {
		__atomic_fetch_and(word, ~(1UL << port % 64), __ATOMIC_SEQ_CST);
	}
}

void event_clear(u32 port)
{
	__atomic_fetch_and((u64 *)&shared_info->evtchn_pending[port / 64],
			   ~(1UL << port % 64), __ATOMIC_SEQ_CST);
}

bool event_handle(struct regs *regs)
{
	u64 words;

	event_upcalls++;
	vcpu_info()->evtchn_upcall_pending = 0;
	words = __atomic_exchange_n((u64 *)&vcpu_info()->evtchn_pending_sel, 0,
				    __ATOMIC_SEQ_CST);
	for (; words; words &= words - 1) {
		u32 w = __builtin_ctzl(words);
		u64 bits = shared_info->evtchn_pending[w] &
			   ~shared_info->evtchn_mask[w];

		for (; bits; bits &= bits - 1) {
			u32 port = w * 64 + __builtin_ctzl(bits);

			event_clear(port);
			event_count[port]++;
		}
	}
	return true;
}

void events_unmask(void)
{
	__atomic_store_n(&vcpu_info()->evtchn_upcall_mask, 0, __ATOMIC_SEQ_CST);
	if (vcpu_info()->evtchn_upcall_pending) {
		hv_version(XENVER_version, NULL); // delivered on its way back
	}
}

long event_send(u32 port)
{
	struct evtchn_send op = {.port = port};

	return hv_event_op(EVTCHNOP_send, &op);
}

long event_close(u32 port)
{
	struct evtchn_close op = {.port = port};

	return hv_event_op(EVTCHNOP_close, &op);
}

long event_bind_ipi(u32 vcpu)
{
	struct evtchn_bind_ipi op = {.vcpu = vcpu};
	long rc = hv_event_op(EVTCHNOP_bind_ipi, &op);

	return rc ? rc : (long)op.port;
}

long event_bind_virq(u32 virq, u32 vcpu)
{
	struct evtchn_bind_virq op = {.virq = virq, .vcpu = vcpu};
	long rc = hv_event_op(EVTCHNOP_bind_virq, &op);

	return rc ? rc : (long)op.port;
}

long event_alloc_unbound(u32 dom, u32 remote)
{
	struct evtchn_alloc_unbound op = {.dom = dom, .remote_dom = remote};
	long rc = hv_event_op(EVTCHNOP_alloc_unbound, &op);

	return rc ? rc : (long)op.port;
}

long event_bind_interdomain(u32 remote, u32 remote_port)
{
	struct evtchn_bind_interdomain op = {.remote_dom = remote,
					     .remote_port = remote_port};
	long rc = hv_event_op(EVTCHNOP_bind_interdomain, &op);

	return rc ? rc : (long)op.local_port;
}
