/* SPDX-License-Identifier: MIT */
/*
 * Wabe's addition to Xen's interface: one hypercall, for dom0's kernel mode
 * (from a process: privcmd, as libxencall does). Guests and Xen's tools do
 * without. This file is its manual, and needs nothing but C.
 *
 * Is it there? CPUID leaf WABE_CPUID_LEAF (forced emulation, as Xen's leaves)
 * has the signature "WabeWabeWabe" in ebx, ecx, edx and the highest leaf in
 * eax; the next leaf has WABE_VERSION in eax, WABE_HYPERCALL in ebx. Or issue
 * the hypercall: Xen answers -ENOSYS.
 *
 *	long hypercall(WABE_HYPERCALL, struct wabe_op *op)
 *
 * `op` is copied in, and out again where the answer is 0. For all operations:
 *	-EPERM	the caller is not dom0
 *	-EFAULT	`op` cannot be read or written
 *	-EACCES	op->version is not WABE_VERSION
 *	-ENOSYS	no such operation
 */
#ifndef WABE_PUBLIC_H
#define WABE_PUBLIC_H

#include <stdint.h>

#define WABE_HYPERCALL 51 /* __HYPERVISOR_arch_3 */
#define WABE_VERSION 1
#define WABE_CPUID_LEAF 0x40000100u
#define WABE_CPUID_EBX 0x65626157u /* "Wabe" */

/*
 * --- Which domain changed? ---
 *
 * A domain that is created, shuts down (or crashes), begins to die, is dead, or
 * is gone raises WABE_VIRQ_CHANGED (bind it as any VIRQ, for vCPU 0; one binder
 * in dom0) and is noted. WABE_NEXT_CHANGED takes one note: a domain id, and how
 * that domain is now, however often it changed since the last note; so ask
 * until -ENOENT after each event, and once after binding (notes from before are
 * kept). An id may be noted once more than it changed. The order is not
 * that of the changes, but no note waits for ever. Constant work.
 *	-ENOENT	no note left
 */
#define WABE_VIRQ_CHANGED 17 /* VIRQ_ARCH_1 */
#define WABE_NEXT_CHANGED 1

#define WABE_DOMAIN_EXISTS 1   /* clear: no such domain (any more) */
#define WABE_DOMAIN_SHUTDOWN 2 /* shutdown_code says why (SHUTDOWN_*) */
#define WABE_DOMAIN_DYING 4    /* destroydomain has begun */
#define WABE_DOMAIN_DEAD 8     /* it ended; others may still map its frames */

struct wabe_changed {
	uint16_t domain; /* out, as all */
	uint8_t state;	 /* WABE_DOMAIN_*, 0: gone */
	uint8_t shutdown_code;
	uint32_t serial; /* of the domain, never used again, unlike its id */
};

/*
 * --- Partitions ---
 *
 * A partition is a share of the machine: frames and processors. Number 0,
 * "default", has at first everything, and all that no other has. A domain is
 * made in a partition (createdomain's cpupool_id is its number; -ESRCH: none;
 * getdomaininfo tells it as cpupool) and stays there. Its frames come from
 * there alone, and so does what the hypervisor keeps for it: vCPUs with their
 * registers, event channels, grant tables with their frames and mapping
 * records, shared pages, CPU policy, memory map. Not charged: the domain's own
 * structure (2 KiB, kept for the next one), 8 bytes for its id, and kernel
 * address space to map shared pages. Memory for the hypervisor is taken from a
 * partition by 2 MiB and stays with it (heap_frames). vCPUs run on the
 * partition's processors only: affinity is cut down to them.
 */
#define WABE_PARTITIONS_MAX 64
#define WABE_CPUS_WORDS 4 /* bit n of cpus[]: processor n */

/*
 * A new partition without memory. In: name, cpus. Out: id.
 *	-EINVAL	no name or one that does not end; none of the processors is
 *		there
 *	-EEXIST	the name is taken
 *	-ENOSPC	WABE_PARTITIONS_MAX there already
 *	-ENOMEM
 */
#define WABE_PARTITION_CREATE 2
/*
 * The partition with the lowest number at or above `id`: fills everything in.
 *	-ENOENT	none
 */
#define WABE_PARTITION_INFO 3
/*
 * Make it `frames` large, with the default partition's memory (heap_frames
 * count). In: id, frames. Sliced; an error in mid-way, where others take the
 * same memory at the same time, leaves what was reached.
 *	-ENOENT	no such partition
 *	-EINVAL	the default partition
 *	-ENOMEM	the default partition has not that much free
 *	-EBUSY	smaller than what is used or promised (claims)
 */
#define WABE_PARTITION_RESIZE 4
/*
 * Give it other processors; its vCPUs may from now on run on all of these (a
 * narrower hard affinity is forgotten). In: id, cpus; domain must be 0.
 *	-ENOENT	no such partition
 *	-EINVAL	none of the processors is there
 */
#define WABE_PARTITION_CPUS 5
/*
 * Give its memory back and forget it. In: id. Sliced.
 *	-ENOENT	no such partition
 *	-EINVAL	the default partition
 *	-EBUSY	a domain is in it, or one that is dead and still mapped by
 *others
 */
#define WABE_PARTITION_REMOVE 6

struct wabe_partition {
	uint32_t id;
	uint32_t domain; /* cpus: where to go on; callers write 0 */
	char name[16];	 /* ends with 0 */
	uint64_t cpus[WABE_CPUS_WORDS];
	uint64_t frames;      /* of 4 KiB; all it has */
	uint64_t free_frames; /* out: what domains can still get */
	uint64_t heap_frames; /* out: what the hypervisor has of them */
	uint64_t heap_bytes;  /* out: what it uses of these */
	uint32_t domains;     /* out */
	uint32_t reserved;
};

struct wabe_op {
	uint32_t cmd;
	uint32_t version; /* WABE_VERSION */
	union {
		struct wabe_changed changed;
		struct wabe_partition partition;
		uint64_t size[16];
	} u;
};

#endif
