// SPDX-License-Identifier: MIT
// What memory there is: the machine's map for dom0, a guest's own map, the
// machine-to-physical table, and frames of the hypervisor for the toolstack.
#include <wabe/acpi.h>
#include <wabe/alloc.h>
#include <wabe/boot.h>
#include <wabe/grant.h>
#include <wabe/guest.h>
#include <wabe/paging.h>

#include "memory.h"

#define RESOURCE_FRAMES_MAX 32 // a call; more: -E2BIG as the ABI allows

// Write up to map->nr_entries entries and the count.
static long map_answer(gva_t arg, struct xen_memory_map *q,
		       const struct e820_map *map)
{
	u32 n = MIN(q->nr_entries, map->count);

	if (copy_to_guest(HANDLE_GVA(q->buffer), map->entries,
			  n * sizeof(map->entries[0]))) {
		return -EFAULT;
	}
	q->nr_entries = n;
	return copy_to_guest(arg, q, sizeof(*q));
}

long memory_map_get(gva_t arg)
{
	struct domain *d = current_domain();
	struct xen_memory_map q;
	struct e820_map *map;
	long error = -ENOSYS;

	if (copy_from_guest(&q, arg, sizeof(q))) {
		return -EFAULT;
	}
	lock(&d->pages_lock);
	map = d->memory_map;
	unlock(&d->pages_lock);
	if (map) {
		error = map_answer(arg, &q, map);
	}
	return error;
}

long memory_map_set(gva_t arg)
{
	struct xen_foreign_memory_map q;
	struct e820_map *map;
	struct domain *d;
	long error = -ENOMEM;

	if (copy_from_guest(&q, arg, sizeof(q))) {
		return -EFAULT;
	}
	if (q.map.nr_entries > E820_MAX) {
		return -EINVAL;
	}
	if (!current_domain()->privileged) {
		return -EPERM;
	}
	d = domain_get(q.domid);
	if (!d) {
		return -ESRCH;
	}
	// Kept in one place for the domain's life: a guest that reads it at
	// the same time sees old or new entries, never freed memory.
	lock(&d->pages_lock);
	if (!d->memory_map) {
		d->memory_map = heap_alloc_for(d, sizeof(*map));
	}
	map = d->memory_map;
	unlock(&d->pages_lock);
	if (map) {
		error =
		    copy_from_guest(map->entries, HANDLE_GVA(q.map.buffer),
				    q.map.nr_entries * sizeof(map->entries[0]));
		map->count = error ? 0 : q.map.nr_entries;
	}
	domain_put(d);
	return error;
}

// Insert a reserved range where it does not touch what is there already.
static void map_reserve(struct e820_map *map, u64 start, u64 bytes)
{
	u32 at = 0;

	while (at < map->count && map->entries[at].start < start) {
		at++;
	}
	if (map->count == E820_MAX ||
	    (at &&
	     map->entries[at - 1].start + map->entries[at - 1].bytes > start) ||
	    (at < map->count && map->entries[at].start < start + bytes)) {
		return;
	}
	memmove(&map->entries[at + 1], &map->entries[at],
		(map->count - at) * sizeof(map->entries[0]));
	map->entries[at] = (struct e820_entry){start, bytes, E820_RESERVED};
	map->count++;
}

// The host's map, with the interrupt controllers that the hypervisor keeps.
long memory_map_machine(gva_t arg)
{
	struct xen_memory_map q;
	struct e820_map *map;
	long error;

	if (!current_domain()->privileged) {
		return -EPERM;
	}
	if (copy_from_guest(&q, arg, sizeof(q))) {
		return -EFAULT;
	}
	map = heap_alloc(sizeof(*map));
	if (!map) {
		return -ENOMEM;
	}
	*map = boot_info.memory;
	for (u32 i = 0; i < acpi_info.ioapic_count; i++) {
		map_reserve(map, acpi_info.ioapics[i].maddr, PAGE_SIZE);
	}
	if (acpi_info.lapic) {
		map_reserve(map, acpi_info.lapic, 0x100000);
	}
	error = map_answer(arg, &q, map);
	heap_free(map);
	return error;
}

long memory_machphys_mapping(gva_t arg)
{
	struct xen_machphys_mapping m = {
	    .v_start = M2P_GUEST_BASE,
	    .v_end = M2P_GUEST_END,
	    // A guest may come to a machine with more memory: the window.
	    .max_mfn = current_domain()->privileged
			   ? frames_end - 1
			   : (M2P_GUEST_END - M2P_GUEST_BASE) / 8 - 1,
	};

	return copy_to_guest(arg, &m, sizeof(m));
}

// First frame of each 2 MiB of the table, for the toolstack to map.
long memory_machphys_list(gva_t arg)
{
	struct xen_machphys_mfn_list q;
	u64 chunks = m2p_extent_count();

	if (copy_from_guest(&q, arg, sizeof(q))) {
		return -EFAULT;
	}
	for (u32 i = 0; i < MIN(q.max_extents, chunks); i++) {
		u64 mfn = m2p_extent(i).n;

		if (copy_to_guest_at(HANDLE_GVA(q.extent_start), i, &mfn,
				     sizeof(mfn))) {
			return -EFAULT;
		}
	}
	q.nr_extents = (u32)MIN((u64)q.max_extents, chunks);
	return copy_to_guest(arg, &q, sizeof(q));
}

static long resource_frames(struct domain *d,
			    const struct xen_mem_acquire_resource *q)
{
	u64 mfns[RESOURCE_FRAMES_MAX];

	if (q->nr_frames > RESOURCE_FRAMES_MAX ||
	    q->frame + q->nr_frames < q->frame ||
	    q->frame + q->nr_frames > ~0u) {
		return q->nr_frames > RESOURCE_FRAMES_MAX ? -E2BIG : -EINVAL;
	}
	for (u32 i = 0; i < q->nr_frames; i++) {
		mfn_t m;
		int error = grants_frame(d, (u32)q->frame + i, &m);

		if (error) {
			return error;
		}
		mfns[i] = m.n;
	}
	return copy_to_guest(HANDLE_GVA(q->frame_list), mfns,
			     q->nr_frames * sizeof(mfns[0]));
}

long memory_acquire_resource(gva_t arg)
{
	struct xen_mem_acquire_resource q;
	struct domain *d;
	long error;

	if (copy_from_guest(&q, arg, sizeof(q))) {
		return -EFAULT;
	}
	if (q.pad) {
		return -EINVAL;
	}
	if (!current_domain()->privileged) {
		return -EPERM;
	}
	d = domain_get(q.domid);
	if (!d) {
		return -ESRCH;
	}
	if (q.type != XENMEM_resource_grant_table) {
		error = -EOPNOTSUPP;
	} else if (q.id != XENMEM_resource_grant_table_id_shared) {
		error = -EINVAL;
	} else if (!q.nr_frames && !HANDLE_GVA(q.frame_list).a) {
		q.nr_frames = grants_frame_count(d);
		error = copy_to_guest(arg, &q, sizeof(q));
	} else {
		error = resource_frames(d, &q);
	}
	domain_put(d);
	return error;
}
