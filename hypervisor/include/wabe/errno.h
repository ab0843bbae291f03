// SPDX-License-Identifier: MIT
// Error numbers of the Xen ABI under their plain names. A function that can
// fail returns 0 or a value >= 0 for success and the negated number otherwise.
#ifndef WABE_ERRNO_H
#define WABE_ERRNO_H

#define XEN_ERRNO(name, value) name = value,
enum errno_value {
#include <xen/errno.h>
	// Never seen by a guest: the work is not finished; the caller arranges
	// that the hypercall is issued again (hypercall_continue()).
	ERESTART = 1024,
};

#endif
