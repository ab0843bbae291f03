// SPDX-License-Identifier: MIT
// Memory of the glue: what a guest can make us hold is bounded before it is
// asked for, so running out means the host is out, and ends the process (its
// supervisor starts it again).
#ifndef GLUE_MEMORY_H
#define GLUE_MEMORY_H

#include <stdlib.h>
#include <string.h>

static inline void *memory_grow(void *old, size_t bytes)
{
	void *p = realloc(old, bytes ? bytes : 1);

	if (!p) {
		abort();
	}
	return p;
}

static inline void *memory_zeroed(size_t bytes)
{
	return memset(memory_grow(NULL, bytes), 0, bytes);
}

static inline char *memory_copy(const void *from, size_t bytes)
{
	char *p = memory_grow(NULL, bytes + 1);

	memcpy(p, from, bytes);
	p[bytes] = 0;
	return p;
}

#endif
