// SPDX-License-Identifier: MIT
// Partitions: the named shares that the machine's memory is divided into.
// Without a description of others there is one, and the hypervisor's heap.
#include <wabe/alloc.h>

#include "frames.h"

struct partition partition_first = {.name = "default", .cursor = 1};
// The hypervisor's own memory. Its number is never in partitions[]: no domain
// can be created in it.
struct partition heap_partition = {.id = PARTITIONS_MAX, .name = "heap"};

struct partition *partitions[PARTITIONS_MAX];
u32 partition_count;
struct partition *partition_default;
