// SPDX-License-Identifier: MIT
// Copies from and to the address space of the vCPU now running
// (x86/uaccess.c): faults are caught, SMAP is lifted only for the copy, an
// address in the hypervisor's range is refused.
#ifndef WABE_GUEST_H
#define WABE_GUEST_H

#include <wabe/addr.h>
#include <wabe/errno.h>
#include <wabe/types.h>

// 0, or -EFAULT; then the destination may be partly written.
int copy_from_guest(void *dst, gva_t src, u64 bytes) MUST_CHECK;
int copy_to_guest(gva_t dst, const void *src, u64 bytes) MUST_CHECK;
// 8-byte reads and writes: page-table walks and bounce frames.
int read_guest_u64(u64 *dst, gva_t src) MUST_CHECK;
int write_guest_u64(gva_t dst, u64 value) MUST_CHECK;

// Element `i` of an array of `size`-byte elements, -EFAULT on overflow.
int copy_from_guest_at(void *dst, gva_t array, u64 i, u64 size) MUST_CHECK;
int copy_to_guest_at(gva_t array, u64 i, const void *src, u64 size) MUST_CHECK;

// Is [a, a + bytes) canonical and outside the hypervisor's range?
bool guest_range_ok(u64 a, u64 bytes);
bool addr_is_canonical(u64 a);
// Canonical and outside the hypervisor's range (handlers, stacks, bases).
bool guest_addr_ok(u64 a);

#endif
