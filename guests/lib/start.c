// SPDX-License-Identifier: MIT
// From the first C function to the last.
#include "console.h"
#include "ipc.h"

struct start_info *start_info;
unsigned int failed_count;

void guest_exit(int status)
{
	struct sched_shutdown poweroff = {.reason = SHUTDOWN_poweroff};

	printf("\nGUEST-EXIT %d\n", status);
	console_drain();
	for (;;) {
		hv_sched_op(SCHEDOP_shutdown, &poweroff);
	}
}

_Noreturn void guest_start(struct start_info *info); // for head.S

void guest_start(struct start_info *info)
{
	start_info = info;
	printf("\nGUEST-START\n");
	mmu_init();
	trap_init();
	guest_exit(guest_main());
}

bool ok(bool holds, const char *claim, ...)
{
	va_list args;

	va_start(args, claim);
	printf(holds ? "ok - " : "not ok - ");
	vprint(claim, args);
	printf("\n");
	va_end(args);
	failed_count += !holds;
	return holds;
}
