// SPDX-License-Identifier: MIT
// The 2-level event ABI: a bit for each port in shared_info, a selector word
// in each vcpu_info. The guest writes both as it likes; they are only ever
// changed bit by bit here, and no index is taken from them.
#include "ports.h"

static void port_select(struct domain *d, const struct port *p)
{
	struct vcpu *v = port_vcpu(d, p);

	if (v && !bit_test_set(&v->info->evtchn_pending_sel, p->number / 64)) {
		upcall_raise(v);
	}
}

void level2_raise(struct domain *d, struct port *p)
{
	if (bit_test_set(d->shared->evtchn_pending, p->number)) {
		return;
	}
	if (!bit_test(d->shared->evtchn_mask, p->number)) {
		port_select(d, p);
	}
	pollers_wake(d, p->number);
}

void level2_unmask(struct domain *d, const struct port *p)
{
	if (bit_test_clear(d->shared->evtchn_mask, p->number) &&
	    bit_test(d->shared->evtchn_pending, p->number)) {
		port_select(d, p);
	}
}

bool level2_test(const struct domain *d, u32 number, bool mask)
{
	return bit_test(
	    mask ? d->shared->evtchn_mask : d->shared->evtchn_pending, number);
}

void level2_clear(struct domain *d, u32 number)
{
	bit_test_clear(d->shared->evtchn_pending, number);
}
