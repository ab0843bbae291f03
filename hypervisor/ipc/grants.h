// SPDX-License-Identifier: MIT
// Grants inside ipc/: the table of a domain, what of it is in use, what the
// domain itself has mapped of others.
//
// Who holds what:
//   - an L1 entry made by a map holds the references on the frame (a plain one,
//     or with RW a writable one), like any other L1 entry. If the guest
//     overwrites the entry itself, or its tables are torn down, mm/ lets them
//     go, and the handle can never be unmapped again;
//   - a handle holds a pin of the grant (active.readers, writers) and a
//     reference to the granting domain.
// The shared entries are the guest's to write at any time. A grant is read
// once, when it gets its first pin; while it is pinned, `active` is the truth.
#ifndef WABE_IPC_GRANTS_H
#define WABE_IPC_GRANTS_H

#include <wabe/domain.h>
#include <wabe/grant.h>
#include <wabe/lib.h>
#include <wabe/lock.h>

#include <xen/grant_table.h>

#define FRAME_GRANTS ((u32)(PAGE_SIZE / sizeof(struct grant_entry_v1)))
#define CHUNK_HANDLES ((u32)(PAGE_SIZE / sizeof(struct maptrack)))

// A grant in use. Not in use: both counts 0, the rest means nothing.
struct active {
	u32 mfn;
	u32 readers, writers;
	u16 grantee; // the one domain that has it in use
	u16 reserved;
};

// A handle. Free: granter NULL, ref is the next free handle.
struct maptrack {
	struct domain *granter;
	u32 ref;
	u16 flags; // GNTMAP_*, low bits; 0 while being unmapped
	u16 reserved;
};

struct grant_table {
	lock_t lock; // everything below
	bool closed; // the domain is dead: no frames any more
	u32 frames, frames_max;
	struct grant_entry_v1 **shared; // [frames_max], heap pages
	struct active *
	    *active; // [frames_max], FRAME_GRANTS each; stay when closed
	// As a mapper of others' grants.
	u32 handles; // in chunks that exist
	u32 handles_max;
	u32 free_handle;	 // handle + 1, 0 none
	u32 maps;		 // handles in use
	u32 cursor;		 // grants_unmap_all: handles before it are free
	struct maptrack **track; // chunks; made with the first handle
};

// Pin grant `ref` of `d` for `grantee` (lock of d's table held). GNTST_*; then
// *out has the frame. Pairs with grant_unpin().
s16 grant_pin(struct domain *d, u32 ref, domid_t grantee, bool write, bool map,
	      struct active **out);
void grant_unpin(struct grant_table *t, u32 ref, bool write);
// The active entry of a grant whose frame exists, or existed.
static inline struct active *grant_active(const struct grant_table *t, u32 ref)
{
	return &t->active[ref / FRAME_GRANTS][ref % FRAME_GRANTS];
}

// References on a granted frame, as its L1 entry or a copy needs them:
// GNTST_bad_page it is not the owner's, _general_error it may not be written.
s16 grant_frame_get(struct domain *owner, u64 mfn, bool write);
void grant_frame_put(u64 mfn, bool write);

#endif
