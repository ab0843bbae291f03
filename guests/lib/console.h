// SPDX-License-Identifier: MIT
// Where text goes: the hypervisor's console for dom0, the ring for a domU.
#ifndef GUEST_CONSOLE_H
#define GUEST_CONSOLE_H

#include <stdarg.h>
#include "guest.h"

void console_write(const char *text, size_t bytes);
void console_drain(void); // waits until the other side has read it
void vprint(const char *format, va_list args);

#endif
