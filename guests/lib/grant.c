// SPDX-License-Identifier: MIT
// The grant table: version 1, its first frame.
#include "ipc.h"

#define GRANT_VA (REGION_KERNEL + 0x7f000000UL)

struct grant_entry_v1 *grant_table;

void grant_init(void)
{
	xen_pfn_t frame = 0;
	struct gnttab_setup_table op = {.dom = DOMID_SELF, .nr_frames = 1};
	long rc;

	set_xen_guest_handle(op.frame_list, &frame);
	rc = hv_grant_op(GNTTABOP_setup_table, &op, 1);
	if (rc || op.status) {
		PANIC("setup_table: %ld %d", rc, op.status);
	}
	page_map(GRANT_VA, frame, PTE_DATA);
	grant_table = (void *)GRANT_VA;
}

void grant_give(u32 ref, u32 dom, u64 mfn, bool read_only)
{
	struct grant_entry_v1 *e = &grant_table[ref];

	e->domid = dom;
	e->frame = mfn;
	__atomic_store_n(&e->flags,
			 GTF_permit_access | (read_only ? GTF_readonly : 0),
			 __ATOMIC_SEQ_CST);
}
