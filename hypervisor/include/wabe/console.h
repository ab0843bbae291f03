// SPDX-License-Identifier: MIT
// The hypervisor's console: a ring that `xl dmesg` reads, the serial port,
// input for dom0 (ipc/console.c).
#ifndef WABE_CONSOLE_H
#define WABE_CONSOLE_H

#include <wabe/lib.h>
#include <wabe/types.h>

// dom0's own output: serial only, so that the ring keeps what the hypervisor
// said (as Xen without console_to_ring).
void console_write_dom0(const char *text, size_t bytes);
// Copy what the ring has from `*index` on, or from its start where that is not
// within it (~0). Returns the bytes put in buf; *index follows.
size_t console_ring_read(char *buf, size_t bytes, u32 *index);
void console_ring_clear(void);
// A character came in (serial interrupt). Ctrl-A three times switches
// between dom0 and the hypervisor's debug keys, as Xen.
void console_input(char c);
// CONSOLEIO_read: move up to `bytes` waiting characters. Returns the count.
size_t console_input_take(char *buf, size_t bytes);
// Debug keys: r registers/run queues, e event channels, m memory, q domains,
// d registers, i interrupts, A audit, h help (dom/debugkeys.c).
void debug_key(char key);
// In a panic: no locks.
void console_force(void);

extern enum log_level console_level, console_guest_level;

#endif
