// SPDX-License-Identifier: MIT
// Between x86/time.c, x86/calibrate.c and x86/wallclock.c.
#ifndef WABE_CALIBRATE_H
#define WABE_CALIBRATE_H

#include <wabe/types.h>

// Ticks of the TSC a second. Takes a few milliseconds at most.
u64 tsc_calibrate(void);
// Ticks a ns of a 32-bit counter that counts up, times 2^32; by system time.
u64 counter_calibrate(u64 (*read)(void));
// Read the real-time clock; system time runs already.
void wallclock_init(void);

#endif
