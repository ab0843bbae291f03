// SPDX-License-Identifier: MIT
// More vCPUs. They have vCPU 0's root, traps and callbacks, and events masked;
// what the library keeps of the last trap is one for all, so they had better
// not have any, or a trap_hook of their own.
#ifndef GUEST_SMP_H
#define GUEST_SMP_H

#include "ipc.h"

#define VCPUS 8 // with stacks, vCPU 0 among them
#define VCPU_STACK 16384

// fn(arg) on a stack of its own; when it returns the vCPU goes down. The errno
// of what failed first.
long vcpu_start(u32 vcpu, void (*fn)(u64 arg), u64 arg);
// The context it would get, to be spoilt.
struct vcpu_guest_context *vcpu_context(u32 vcpu, void (*fn)(u64), u64 arg);
// Which vCPU has this address in its stack (0: none of the others).
u32 vcpu_of_stack(u64 rsp);

// Nanoseconds since boot, by what that vCPU, the caller's, is told; by what the
// first is told, which should be the same.
u64 time_told(u32 vcpu);
u64 time_now(void);

#endif
