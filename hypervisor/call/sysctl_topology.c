// SPDX-License-Identifier: MIT
// sysctl: what the machine is made of. Processors by socket, core and thread;
// memory as one node.
#include <wabe/alloc.h>
#include <wabe/boot.h>
#include <wabe/cpu.h>
#include <wabe/cpuid.h>
#include <wabe/irq.h>

#include "control.h"

#define LEVEL_SMT 1	  // leaf 0xb: level types
#define DISTANCE_LOCAL 10 // ACPI's SLIT: to itself
#define NODES 1
#define DEVICES_SLICE 64u

// How an APIC id divides: thread in the low bits, core, socket above.
struct apic_bits {
	u32 thread, package;
};

static struct apic_bits bits_by_level(void)
{
	struct apic_bits b = {0, 0};

	for (u32 i = 0; i < 8; i++) {
		struct cpuid_regs r = cpuid(0xb, i);
		u32 type = r.c >> 8 & 0xff;

		if (!type) {
			break;
		}
		if (type == LEVEL_SMT) {
			b.thread = r.a & 31;
		}
		b.package = r.a & 31;
	}
	return b;
}

// Processors too old to say how their ids divide are told as cores, as many to
// a socket as leaf 1 counts.
static struct apic_bits apic_bits(void)
{
	struct cpuid_regs one = cpuid(1, 0);
	u32 logical = one.d & BIT(28) ? one.b >> 16 & 0xff : 1;

	if (cpu_features.max_leaf >= 0xb && cpuid(0xb, 0).b) {
		return bits_by_level();
	}
	return (struct apic_bits){
	    0, logical > 1 ? 32 - (u32)__builtin_clz(logical - 1) : 0};
}

static struct xen_sysctl_cputopo cpu_place(u32 cpu, struct apic_bits b)
{
	u32 id = cpus[cpu]->apic_id;
	struct xen_sysctl_cputopo t = {
	    .core = (id & (u32)(BIT(b.package) - 1)) >> b.thread,
	    .socket = id >> b.package,
	    .node = 0,
	};

	return t;
}

// Counted from those like CPU 0.
static void count_threads(struct xen_sysctl_physinfo *pi)
{
	struct apic_bits b = apic_bits();
	struct xen_sysctl_cputopo first = cpu_place(0, b);
	u32 in_core = 0, in_socket = 0;

	for (u32 i = 0; i < cpu_count; i++) {
		struct xen_sysctl_cputopo t = cpu_place(i, b);

		in_socket += t.socket == first.socket;
		in_core += t.socket == first.socket && t.core == first.core;
	}
	pi->threads_per_core = in_core;
	pi->cores_per_socket = DIV_ROUND_UP(in_socket, in_core);
}

// All of the machine's RAM, what the hypervisor took for itself included.
static u64 ram_frames(void)
{
	u64 bytes = 0;

	for (u32 i = 0; i < boot_info.memory.count; i++) {
		const struct e820_entry *e = &boot_info.memory.entries[i];

		bytes += e->type == E820_RAM ? e->bytes : 0;
	}
	return bytes >> PAGE_SHIFT;
}

static void count_memory(struct xen_sysctl_physinfo *pi)
{
	pi->total_pages = ram_frames();
	pi->free_pages = frames_free();
	pi->max_mfn = frames_end - 1;
	for (u32 i = 0; i < partition_count; i++) {
		pi->scrub_pages += READ_ONCE(partitions[i]->dirty);
		pi->outstanding_pages += READ_ONCE(partitions[i]->claimed);
	}
}

long sysctl_physinfo(struct xen_sysctl *op)
{
	struct xen_sysctl_physinfo *pi = &op->u.physinfo;
	u32 words[CPU_FEATURE_WORDS];

	memset(pi, 0, sizeof(*pi));
	count_threads(pi);
	count_memory(pi);
	pi->nr_cpus = cpu_count;
	pi->max_cpu_id = cpu_count - 1;
	pi->nr_nodes = NODES;
	pi->max_node_id = NODES - 1;
	pi->cpu_khz = tsc_khz;
	pi->capabilities = XEN_SYSCTL_PHYSCAP_pv | XEN_SYSCTL_PHYSCAP_gnttab_v1;
	cpu_policy_words(cpu_policy_featureset(XEN_SYSCTL_cpu_featureset_host),
			 words);
	memcpy(pi->hw_cap, words, sizeof(pi->hw_cap));
	return 0;
}

long sysctl_cputopoinfo(struct xen_sysctl *op)
{
	struct xen_sysctl_cputopoinfo *ti = &op->u.cputopoinfo;
	u32 room = MIN(ti->num_cpus, cpu_count);
	struct apic_bits b = apic_bits();

	ti->num_cpus = cpu_count;
	if (!HANDLE_GVA(ti->cputopo).a) {
		return 0;
	}
	for (u32 i = 0; i < room; i++) {
		struct xen_sysctl_cputopo t = cpu_place(i, b);

		if (copy_to_guest_at(HANDLE_GVA(ti->cputopo), i, &t,
				     sizeof(t))) {
			return -EFAULT;
		}
	}
	return 0;
}

long sysctl_numainfo(struct xen_sysctl *op)
{
	struct xen_sysctl_numainfo *ni = &op->u.numainfo;
	u32 room = ni->num_nodes;
	u32 distance = DISTANCE_LOCAL;
	struct xen_sysctl_meminfo memory = {
	    .memsize = ram_frames() << PAGE_SHIFT,
	    .memfree = frames_free() << PAGE_SHIFT,
	};

	ni->num_nodes = NODES;
	if (!room) {
		return 0;
	}
	if (HANDLE_GVA(ni->meminfo).a &&
	    copy_to_guest(HANDLE_GVA(ni->meminfo), &memory, sizeof(memory))) {
		return -EFAULT;
	}
	if (HANDLE_GVA(ni->distance).a &&
	    copy_to_guest(HANDLE_GVA(ni->distance), &distance,
			  sizeof(distance))) {
		return -EFAULT;
	}
	return 0;
}

// A bounded number of devices at a time: callers go on after num_devs.
long sysctl_pcitopoinfo(struct xen_sysctl *op)
{
	struct xen_sysctl_pcitopoinfo *ti = &op->u.pcitopoinfo;
	u32 count = MIN(ti->num_devs, DEVICES_SLICE);

	if (!HANDLE_GVA(ti->devs).a || !HANDLE_GVA(ti->nodes).a) {
		return -EINVAL;
	}
	for (u32 i = 0; i < count; i++) {
		struct physdev_pci_device device;
		u32 node = 0;

		if (copy_from_guest_at(&device, HANDLE_GVA(ti->devs), i,
				       sizeof(device))) {
			return -EFAULT;
		}
		if (device.seg ||
		    pci_read(PCI_ADDRESS(device.bus << 8 | device.devfn, 0),
			     4) == ~0u) {
			node = XEN_INVALID_DEV;
		}
		if (copy_to_guest_at(HANDLE_GVA(ti->nodes), i, &node,
				     sizeof(node))) {
			return -EFAULT;
		}
	}
	ti->num_devs = count;
	return 0;
}
