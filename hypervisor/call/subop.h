// SPDX-License-Identifier: MIT
// Hypercalls of many operations: a table says what each is given and who may
// ask, so that copying in, finding the domain and copying out stand once.
#ifndef WABE_CALL_SUBOP_H
#define WABE_CALL_SUBOP_H

#include <wabe/domain.h>
#include <wabe/guest.h>
#include <wabe/hypercall.h>

#define SUBOP_BYTES_MAX 64

struct subop {
	subop_fn *fn; // NULL: -ENOSYS
	u8 bytes;     // of its argument, which is copied in
	u8 flags;
};

#define SUBOP_OUT 1    // copied back as well, after success
#define SUBOP_DOM0 2   // -EPERM for others, before anything is read
#define SUBOP_TARGET 4 // the argument's first 16 bits name the domain
#define SUBOP_PORTS 8  // the domain's evtchn_lock is held meanwhile

// Run operation `cmd` of a table. The function gets the domain: the caller's
// own, or the one named, referenced.
long subop_run(const struct subop *ops, u32 count, u32 cmd, gva_t arg);

// The domain a request names, referenced: the caller's own, or any for a
// privileged caller. -ESRCH, -EPERM.
int target_get(domid_t id, struct domain **out) MUST_CHECK;

#endif
