// SPDX-License-Identifier: MIT
// How much long work a CPU may do before it must let others in. A unit is
// about an entry looked at and counted: 4096 of them are a quarter of a
// million instructions.
#include <wabe/arch.h>
#include <wabe/page.h>
#include <wabe/percpu.h>

void work_add(u32 units)
{
	this_cpu()->work_left -= units;
}

bool work_spent(u32 units)
{
	work_add(units);
	return this_cpu()->work_left <= 0;
}

// entry.S does the same at each hypercall.
void work_reset(void)
{
	this_cpu()->work_left = WORK_UNITS;
}
