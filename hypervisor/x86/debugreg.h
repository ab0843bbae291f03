// SPDX-License-Identifier: MIT
// Debug registers of the vCPU that runs.
#ifndef WABE_DEBUGREG_H
#define WABE_DEBUGREG_H

#include <wabe/domain.h>

#define DR6_RESET 0xffff0ff0ull
#define DR7_RESET 0x400ull
#define DR7_ACTIVE 0xffull // any breakpoint enabled

void debugregs_init(struct vcpu *v);
void debugregs_load_slow(struct cpu *c, struct vcpu *v);

static inline void debugregs_load(struct cpu *c, struct vcpu *v)
{
	if (unlikely(c->debugging || (v->dr[7] & DR7_ACTIVE))) {
		debugregs_load_slow(c, v);
	}
}

// DR6 of the #DB that came: read and reset.
u64 debugreg_status_take(void);

#endif
