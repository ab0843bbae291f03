// SPDX-License-Identifier: MIT
// Grant tables, version 1 (ipc/grant.c, ipc/grant_copy.c).
#ifndef WABE_GRANT_H
#define WABE_GRANT_H

#include <wabe/addr.h>
#include <wabe/domain.h>
#include <wabe/types.h>

#include <xen/grant_table.h>

int grants_create(struct domain *d, u32 frames_max, u32 maptrack_max);
// Undo all mappings this domain holds of others; -ERESTART until done.
int grants_unmap_all(struct domain *d);
// The domain is dead: heap_page_unshare() the table's frames (as long as they
// are shared they hold a reference to the domain). What others still map of
// its grants stays counted; their unmaps no longer write to the table.
void grants_release_frames(struct domain *d);
// No reference to the domain is left: free the rest. Tolerates a domain whose
// grants_create() failed or never ran.
void grants_destroy(struct domain *d);
// Frame `i` of the table, made if within the limit (acquire_resource,
// setup_table). 0 or -errno.
int grants_frame(struct domain *d, u32 i, mfn_t *out);
u32 grants_frame_count(struct domain *d);
u32 grants_frame_max(struct domain *d);
// How many grants of others it has mapped.
u32 grants_maps(const struct domain *d);

// The operations of GNTTABOP_* by the current domain. Each returns its status,
// GNTST_*, and fills in what else the ABI says.
s16 grant_map(struct gnttab_map_grant_ref *op);
// What one copy had claimed stays claimed for the next one of a batch, which
// mostly names the same; grant_copy_end() lets go.
struct grant_operand {
	bool held; // false at the start
	bool write;
	bool granted;
	struct gnttab_copy_ptr named; // by the request
	struct domain
	    *granter; // whose grant it is, referenced; NULL: own frame
	u64 mfn;
	char *va; // mapped while held
};

struct grant_copier {
	struct grant_operand from, to;
};

s16 grant_copy(struct grant_copier *c, const struct gnttab_copy *op);
void grant_copy_end(struct grant_copier *c);
s16 grant_swap(u32 a, u32 b);

// Unmapping goes in batches: each op is prepared (the entry is gone, nobody
// can make it again), then one TLB flush, then each is finished, which is when
// the granter may have its frame back.
#define UNMAP_BATCH 16
struct grant_unmapping {
	struct gnttab_unmap_grant_ref op; // with its status
	bool replace; // unmap_and_replace: dev_bus_addr is the new address
	u16 flags;    // of the handle; 0: nothing is to be finished
};
void grant_unmap_prepare(struct grant_unmapping *u);
void grant_unmap_finish(struct grant_unmapping *batch, u32 count);

#endif
