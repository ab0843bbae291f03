// SPDX-License-Identifier: MIT
// Between x86/time.c, x86/calibrate.c and x86/wallclock.c.
#ifndef WABE_CALIBRATE_H
#define WABE_CALIBRATE_H

#include <wabe/types.h>

// Ticks of the TSC a second. Takes a few milliseconds at most.
u64 tsc_calibrate(void);
// Read the real-time clock; system time runs already.
void wallclock_init(void);

#endif
