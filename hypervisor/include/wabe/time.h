// SPDX-License-Identifier: MIT
// Time (x86/time.c): nanoseconds since boot from the TSC, the deadline timer,
// the wall clock, and what is published to guests.
#ifndef WABE_TIME_H
#define WABE_TIME_H

#include <wabe/types.h>

struct vcpu;
struct domain;

u64 time_now(void); // ns since boot, never backwards
extern u32 tsc_khz;
extern u32 tsc_to_ns_mul; // ns = (tsc << shift) * mul >> 32
extern s8 tsc_to_ns_shift;

void time_init(void);	  // boot CPU: calibrate, wall clock
void time_init_cpu(void); // each CPU, own timer on
// One interrupt at `expires` (ns) on this CPU -> WORK_TIMERS; ~0: none.
void deadline_set(u64 expires);

// Bring a vCPU's published time up to date (when it starts to run on a CPU).
void vcpu_time_publish(struct vcpu *v);
// Wall clock of shared_info: at creation and at settime.
void wallclock_publish(struct domain *d);
// XENPF_settime64: secs + nsecs of UTC at system time `system_ns`.
void wallclock_set(u64 secs, u32 nsecs, u64 system_ns);

// Between x86/time.c, calibrate.c and wallclock.c.
// Ticks of the TSC a second. Takes a few milliseconds at most.
u64 tsc_calibrate(void);
// Ticks a ns of a 32-bit counter that counts up, times 2^32; by system time.
u64 counter_calibrate(u64 (*read)(void));
// Read the real-time clock; system time runs already.
void wallclock_init(void);

#endif
