// SPDX-License-Identifier: MIT
// What memory there is: the machine's map for dom0, a guest's own map, the
// machine-to-physical table, and frames of the hypervisor for the toolstack.
#include <wabe/alloc.h>
#include <wabe/boot.h>
#include <wabe/grant.h>
#include <wabe/paging.h>

#include "memory.h"

// Write up to map->nr_entries entries and the count.
static long map_answer(struct xen_memory_map *q, const struct e820_map *map)
{
	q->nr_entries = MIN(q->nr_entries, map->count);
	return copy_to_guest(HANDLE_GVA(q->buffer), map->entries,
			     q->nr_entries * sizeof(map->entries[0]));
}

long memory_map_get(struct domain *d, void *arg)
{
	struct e820_map *map =
	    __atomic_load_n(&d->memory_map, __ATOMIC_ACQUIRE);

	return map && map->count ? map_answer(arg, map) : -ENOSYS;
}

// Kept in one place for the domain's life: a guest that reads it at the same
// time sees old or new entries, never freed memory.
long memory_map_set(struct domain *d, void *arg)
{
	const struct xen_memory_map *q =
	    &((struct xen_foreign_memory_map *)arg)->map;
	struct e820_map *map;
	long error = -ENOMEM;

	if (!current_domain()->privileged) {
		return -EPERM;
	}
	if (q->nr_entries > E820_MAX) {
		return -EINVAL;
	}
	lock(&d->pages_lock);
	if (!d->memory_map) {
		d->memory_map = heap_alloc_for(d, sizeof(*map));
	}
	map = d->memory_map;
	unlock(&d->pages_lock);
	if (map) {
		error =
		    copy_from_guest(map->entries, HANDLE_GVA(q->buffer),
				    q->nr_entries * sizeof(map->entries[0]));
		map->count = error ? 0 : q->nr_entries;
	}
	return error;
}

// The host's map, with the interrupt controllers that the hypervisor keeps.
long memory_map_machine(struct domain *d, void *arg)
{
	return map_answer(arg, &boot_info.memory);
}

// A guest may come to a machine with more memory: it is told the window.
long memory_machphys_mapping(struct domain *d, void *arg)
{
	*(struct xen_machphys_mapping *)arg = (struct xen_machphys_mapping){
	    .v_start = M2P_GUEST_BASE,
	    .v_end = M2P_GUEST_END,
	    .max_mfn = d->privileged ? frames_end - 1
				     : (M2P_GUEST_END - M2P_GUEST_BASE) / 8 - 1,
	};
	return 0;
}

// First frame of each 2 MiB of the table, for the toolstack to map.
long memory_machphys_list(struct domain *d, void *arg)
{
	struct xen_machphys_mfn_list *q = arg;

	q->nr_extents = MIN(q->max_extents, m2p_extent_count());
	for (u32 i = 0; i < q->nr_extents; i++) {
		u64 mfn = m2p_extent(i).n;

		if (copy_to_guest_at(HANDLE_GVA(q->extent_start), i, &mfn,
				     sizeof(mfn))) {
			return -EFAULT;
		}
	}
	return 0;
}

static long resource_frames(struct domain *d,
			    const struct xen_mem_acquire_resource *q)
{
	long error = 0;

	if (!HANDLE_GVA(q->frame_list).a || !q->nr_frames ||
	    q->frame + q->nr_frames > grants_frame_max(d) ||
	    q->frame > grants_frame_max(d)) {
		return -EINVAL;
	}
	for (u32 i = 0; i < q->nr_frames && !error; i++) {
		mfn_t m;

		error = grants_frame(d, (u32)q->frame + i, &m);
		if (!error) {
			error = copy_to_guest_at(HANDLE_GVA(q->frame_list), i,
						 &m.n, sizeof(m.n));
		}
	}
	return error;
}

long memory_acquire_resource(struct domain *d, void *arg)
{
	struct xen_mem_acquire_resource *q = arg;

	if (q->pad) {
		return -EINVAL;
	}
	if (!current_domain()->privileged) {
		return -EPERM;
	}
	if (d == current_domain()) {
		return -ESRCH; // as Xen answers to DOMID_SELF
	}
	// The other two are there on Xen, and empty for PV guests.
	if (q->type != XENMEM_resource_grant_table) {
		return q->type <= XENMEM_resource_vmtrace_buf ? -EINVAL
							      : -EOPNOTSUPP;
	}
	if (q->id != XENMEM_resource_grant_table_id_shared) {
		return -EINVAL;
	}
	if (q->nr_frames || HANDLE_GVA(q->frame_list).a) {
		return resource_frames(d, q);
	}
	q->nr_frames = grants_frame_max(d);
	return 0;
}
