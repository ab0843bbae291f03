// SPDX-License-Identifier: MIT
// Grants of the domain to itself, and its reservation.
#include "bench.h"

static u64 map_va = REGION_KERNEL + 0x600000;

static struct gnttab_map_grant_ref map_op(u32 flags)
{
	return (struct gnttab_map_grant_ref){
	    .host_addr = map_va, .flags = flags, .ref = 8, .dom = 0};
}

static void maps(const char *map_name, const char *unmap_name, u32 flags)
{
	struct gnttab_map_grant_ref m = map_op(flags);
	struct gnttab_unmap_grant_ref u = {.host_addr = map_va};

	MEASURE_AFTER(map_name, 256, ({
			      u.handle = m.handle;
			      if (i) {
				      hv_grant_op(GNTTABOP_unmap_grant_ref, &u,
						  1);
			      }
		      }),
		      hv_grant_op(GNTTABOP_map_grant_ref, &m, 1));
	u.handle = m.handle;
	MEASURE_AFTER(unmap_name, 256, ({
			      if (i) {
				      hv_grant_op(GNTTABOP_map_grant_ref, &m,
						  1);
			      }
			      u.handle = m.handle;
		      }),
		      hv_grant_op(GNTTABOP_unmap_grant_ref, &u, 1));
	if (m.status || u.status) {
		PANIC("grants: %d %d", m.status, u.status);
	}
}

static void copy(const char *name, u16 bytes, bool gref, bool both,
		 unsigned int count)
{
	static struct gnttab_copy c[8];

	for (unsigned int i = 0; i < count; i++) {
		c[i] = (struct gnttab_copy){.len = bytes};
		c[i].source.domid = c[i].dest.domid = DOMID_SELF;
		// A PV guest's frame numbers are machine ones.
		c[i].source.u.gmfn = grant_table[8].frame;
		c[i].dest.u.gmfn = grant_table[9].frame;
		if (gref) {
			c[i].source.u.ref = 8;
			c[i].flags |= GNTCOPY_source_gref;
		}
		if (both) {
			c[i].dest.u.ref = 9;
			c[i].flags |= GNTCOPY_dest_gref;
		}
	}
	MEASURE(name, hv_grant_op(GNTTABOP_copy, c, count));
	if (c[0].status) {
		PANIC("%s: %d", name, c[0].status);
	}
}

void bench_grants(void)
{
	grant_init();
	grant_give(8, 0, virt_to_mfn(page_alloc()), false);
	grant_give(9, 0, virt_to_mfn(page_alloc()), false);
	pte_make(map_va, 1);
	maps("grant-map", "grant-unmap", GNTMAP_host_map);
	maps("grant-map-read-only", "grant-unmap-read-only",
	     GNTMAP_host_map | GNTMAP_readonly);
	copy("grant-copy-64-frames", 64, false, false, 1);
	copy("grant-copy-4096-frames", 4096, false, false, 1);
	copy("grant-copy-64", 64, true, false, 1);
	copy("grant-copy-64-8", 64, true, false, 8);
	copy("grant-copy-1500", 1500, true, false, 1);
	copy("grant-copy-4096", 4096, true, false, 1);
	copy("grant-copy-64-both", 64, true, true, 1);
}

void bench_memory(void)
{
	void *page = page_alloc();
	xen_pfn_t give = virt_to_mfn(page), take;
	u64 pfn = machine_to_phys_mapping[give];
	struct xen_memory_reservation out = {.nr_extents = 1,
					     .domid = DOMID_SELF};
	struct xen_memory_reservation in = out;

	hv_update_va_mapping((u64)page, 0, UVMF_INVLPG);
	set_xen_guest_handle(out.extent_start, &give);
	set_xen_guest_handle(in.extent_start, &take);
	MEASURE_AFTER(
	    "decrease-reservation", 256, ({
		    take = pfn;
		    if (i && hv_memory_op(XENMEM_populate_physmap, &in) != 1) {
			    PANIC("populate");
		    }
		    give = i ? take : give;
	    }),
	    hv_memory_op(XENMEM_decrease_reservation, &out));
	MEASURE_AFTER("populate-physmap", 256, ({
			      give = take;
			      if (i) {
				      hv_memory_op(XENMEM_decrease_reservation,
						   &out);
			      }
			      take = pfn;
		      }),
		      hv_memory_op(XENMEM_populate_physmap, &in));
}
