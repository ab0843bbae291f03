// SPDX-License-Identifier: MIT
// Addresses as types that cannot be mixed up. Casts live only here.
#ifndef WABE_ADDR_H
#define WABE_ADDR_H

#include <wabe/types.h>

// Machine frame number. A 4 KiB frame of the real machine's address space.
typedef struct {
	u64 n;
} mfn_t;

// An address in a guest's address space. It cannot be dereferenced: only
// copy_from_guest() and copy_to_guest() (wabe/guest.h) take it.
typedef struct {
	u64 a;
} gva_t;

#define MFN(x) ((mfn_t){(x)})
#define GVA(x) ((gva_t){(x)})

// The guest address that a XEN_GUEST_HANDLE carries.
#define HANDLE_GVA(h) GVA((u64)(uintptr_t)(h).p)

static inline u64 mfn_to_maddr(mfn_t m)
{
	return m.n << PAGE_SHIFT;
}

static inline mfn_t maddr_to_mfn(u64 maddr)
{
	return MFN(maddr >> PAGE_SHIFT);
}

static inline gva_t gva_add(gva_t g, u64 bytes)
{
	return GVA(g.a + bytes);
}

#endif
