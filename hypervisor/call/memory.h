// SPDX-License-Identifier: MIT
// The rooms of memory_op: one function per kind of request.
#ifndef WABE_CALL_MEMORY_H
#define WABE_CALL_MEMORY_H

#include <xen/memory.h>

#include "subop.h"

// Largest extent a domain may ask for: 2 MiB; dom0 1 GiB.
#define EXTENT_ORDER_GUEST 9
#define EXTENT_ORDER_DOM0 18

// increase, decrease, populate: `start` extents are done already. Return the
// number of extents done, or hypercall_continue()'s value.
long memory_reservation(u32 op, u64 start, gva_t arg);
long memory_exchange(gva_t arg);
// Maps: memory_map, set_memory_map, machine_memory_map, machphys_*.
subop_fn memory_map_get, memory_map_set, memory_map_machine,
    memory_machphys_list, memory_machphys_mapping, memory_acquire_resource;

#endif
