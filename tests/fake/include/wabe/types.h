// SPDX-License-Identifier: MIT
// wabe/types.h, with what the hypervisor reads and writes once said in a way
// that ThreadSanitizer knows.
#ifndef FAKE_TYPES_H
#define FAKE_TYPES_H

#include_next <wabe/types.h>

#undef READ_ONCE
#undef WRITE_ONCE
#define READ_ONCE(x) __atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, v) __atomic_store_n(&(x), (v), __ATOMIC_RELAXED)

#endif
