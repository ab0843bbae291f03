// SPDX-License-Identifier: MIT
// set_timer_op: the old way to set the vCPU's one-shot timer.
#include <wabe/domain.h>
#include <wabe/hypercall.h>
#include <wabe/time.h>

// Times this far ahead, or negative, are a guest whose clock overflowed: it is
// given a tick soon, as Xen does, so that it can correct itself.
#define FAR_AHEAD_NS (1ull << 50)
#define SOON_NS 100000000ull

long call_set_timer_op(u64 expires, u64 a1, u64 a2, u64 a3, u64 a4)
{
	struct vcpu *v = current_vcpu();

	if (!expires) {
		timer_stop(&v->singleshot);
		return 0;
	}
	if (unlikely(expires > time_now() + FAR_AHEAD_NS)) {
		expires = time_now() + SOON_NS;
	}
	timer_set(&v->singleshot, expires);
	return 0;
}
