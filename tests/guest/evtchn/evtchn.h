// SPDX-License-Identifier: MIT
// What the parts of this guest share.
#ifndef EVTCHN_H
#define EVTCHN_H

#include "ipc.h"

void say(const char *name, long rc);
void fifo(void);

#endif
