// SPDX-License-Identifier: MIT
// Grant tables, version 1 (ipc/grant.c, ipc/grant_copy.c).
#ifndef WABE_GRANT_H
#define WABE_GRANT_H

#include <wabe/addr.h>
#include <wabe/domain.h>
#include <wabe/types.h>

int grants_create(struct domain *d, u32 frames_max, u32 maptrack_max);
// Undo all mappings this domain holds of others; -ERESTART until done.
int grants_unmap_all(struct domain *d);
void grants_destroy(struct domain *d);
// Frame `i` of the table, made if within the limit (acquire_resource,
// setup_table). 0 or -errno.
int grants_frame(struct domain *d, u32 i, mfn_t *out);
u32 grants_frame_count(struct domain *d);
void grants_dump(struct domain *d);

#endif
