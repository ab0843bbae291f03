// SPDX-License-Identifier: MIT
// Guest frames that stay mapped in the hypervisor beyond a call: vcpu_info,
// runstate areas, FIFO control blocks and arrays. No others exist (shared_info
// and grant frames are heap pages). Each is a counted writable reference.
// (mm/share.c)
#ifndef WABE_SHARE_H
#define WABE_SHARE_H

#include <wabe/addr.h>
#include <wabe/lib.h>
#include <wabe/types.h>

struct domain;

struct share {
	struct list all; // shares_lock
	mfn_t mfn;
	void *page; // hypervisor address of the frame
};

// Take the frame `m` of `d` writable and map it. -EINVAL not d's or not
// writable, -ENOMEM (or it has had too many); then *out is left alone.
int share_create(struct domain *d, mfn_t m, struct share **out) MUST_CHECK;
void share_destroy(struct share *s); // NULL is harmless
// For the audit.
void share_for_each(void (*fn)(mfn_t m));

#endif
