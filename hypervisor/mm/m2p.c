// SPDX-License-Identifier: MIT
// The machine-to-physical table: one u64 per frame, read by guests.
#include <wabe/alloc.h>

#define M2P ((u64 *)M2P_BASE)

void m2p_set(mfn_t m, u64 pfn)
{
	ASSERT(mfn_in_table(m));
	WRITE_ONCE(M2P[m.n], pfn);
}
