// SPDX-License-Identifier: MIT
// Breakpoints of guests. They are in the CPU only while a vCPU that has one
// enabled runs. None may lie in the hypervisor.
#include <wabe/context.h>
#include <wabe/guest.h>

#include "entry.h"

#define DR6_VALID 0xe00full // B0 to B3, BD, BS, BT
#define DR7_GENERAL_DETECT BIT(13)
#define DR7_RESERVED 0xdc00ull // bits 10 to 12, 14, 15

#define DR_WRITE(n, value) asm volatile("mov %0, %%db" #n ::"r"((u64)(value)))

void debugregs_init(struct vcpu *v)
{
	v->dr[6] = DR6_RESET;
	v->dr[7] = DR7_RESET;
}

void debugregs_load_slow(struct cpu *c, struct vcpu *v)
{
	c->debugging = v->dr[7] & DR7_ACTIVE;
	DR_WRITE(7, DR7_RESET);
	if (!c->debugging) {
		return;
	}
	DR_WRITE(0, v->dr[0]);
	DR_WRITE(1, v->dr[1]);
	DR_WRITE(2, v->dr[2]);
	DR_WRITE(3, v->dr[3]);
	DR_WRITE(6, DR6_RESET);
	DR_WRITE(7, v->dr[7]);
}

u64 debugreg_status_take(void)
{
	u64 status;

	asm volatile("mov %%db6, %0" : "=r"(status));
	DR_WRITE(6, DR6_RESET);
	return status & DR6_VALID;
}

// Breakpoints on I/O want CR4.DE, which guests do not have; general detect
// would trap the hypervisor's own accesses.
static int control_check(u64 *value)
{
	u64 dr7 = (u32)*value;

	if (dr7 & DR7_GENERAL_DETECT) {
		return -EPERM;
	}
	for (u32 i = 0; i < 4; i++) {
		if ((dr7 >> 2 * i & 3) && (dr7 >> (16 + 4 * i) & 3) == 2) {
			return -EPERM;
		}
	}
	*value = (dr7 & ~DR7_RESERVED) | DR7_RESET;
	return 0;
}

int debugreg_set(struct vcpu *v, u32 reg, u64 value)
{
	if (reg >= 8) {
		return -ENODEV;
	}
	if (reg < 4) {
		if (!guest_addr_ok(value)) {
			return -EPERM;
		}
	} else {
		reg |= 2; // 4 and 5 are 6 and 7
		if (reg == 6) {
			value = (value & DR6_VALID) | DR6_RESET;
		} else if (control_check(&value)) {
			return -EPERM;
		}
	}
	v->dr[index_clamp(reg, 8)] = value;
	if (v == current_vcpu()) {
		debugregs_load(this_cpu(), v);
	}
	return 0;
}
