// SPDX-License-Identifier: MIT
// What the parts of this guest share.
#ifndef TRAPS_H
#define TRAPS_H

#include "ipc.h"

// A line about the last trap; arithmetic flags are left out.
void say(const char *name);
void say_record(const char *name, const struct trap_record *t, u64 start);
#define ARITHMETIC 0x8d5UL

void kernel_traps(void);
void kernel_frames(void);
void masks(void);
void selectors(void);
void irets(void);
void user_traps(void);
void user_modes(void);
void registers(void);
void privileged(void);
void msrs(void);
void ports(void);
void cpuids(void);
void halt(void);

extern u8 *page_np, *page_ro, *page_nx; // not present, read-only, no execute

#endif
