// SPDX-License-Identifier: MIT
// Names for what a hypercall returns.
#include "console.h"
#include "guest.h"

static const char *const names[] = {
#define XEN_ERRNO(name, value) [value] = #name,
#include <xen/errno.h>
};

const char *error_name(long rc)
{
	static char number[24];
	char *p = number + sizeof(number) - 1;
	u64 n = rc < 0 ? -rc : rc;

	if (rc < 0 && -rc < (long)ARRAY_COUNT(names) && names[-rc]) {
		return names[-rc];
	}
	do {
		*--p = '0' + n % 10;
		n /= 10;
	} while (n);
	if (rc < 0) {
		*--p = '-';
	}
	return p;
}
