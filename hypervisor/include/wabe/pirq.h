// SPDX-License-Identifier: MIT
// pirqs: the numbers by which dom0 names the machine's interrupts
// (x86/pirq.c). A line (GSI) has its own number; MSIs count down from the top.
// All are guarded by irq_lock, taken inside.
#ifndef WABE_PIRQ_H
#define WABE_PIRQ_H

#include <wabe/domain.h>
#include <wabe/types.h>

#define PIRQS 1024

// Make `pirq` (< 0: any) the name of `gsi`; returns the pirq or -errno. Twice
// the same is fine.
int pirq_map_gsi(struct domain *d, s32 gsi, s32 pirq);
// A message interrupt of PCI function (segment, bdf): `entry` of its MSI-X
// table, or its MSI.
int pirq_map_msi(struct domain *d, s32 pirq, u16 segment, u16 bdf, bool msix,
		 u16 entry);
int pirq_unmap(struct domain *d, s32 pirq);
// A number that nothing uses, kept for the caller.
int pirq_reserve(struct domain *d);
// Trigger mode of a line. -EEXIST if it was set before, or is the console's.
int pirq_setup_gsi(s32 gsi, bool level, bool low);
// Must dom0 say PHYSDEVOP_eoi for it? -EINVAL: no such pirq.
int pirq_needs_eoi(struct domain *d, u32 pirq);
int pirq_eoi(struct domain *d, u32 pirq);
// Program all message interrupts of a function again (after its reset).
int pirq_restore_msi(struct domain *d, u16 segment, u16 bdf);

#endif
