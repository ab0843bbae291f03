// SPDX-License-Identifier: MIT
// A guest goes between its kernel and its user mode: the root of the other
// one, the GS base of the other one. Inline, as each system call does it twice.
#ifndef WABE_MODE_H
#define WABE_MODE_H

#include <wabe/domain.h>
#include <wabe/tlb.h>

#include "segment.h"

static inline void root_load(struct cpu *c, u64 root)
{
	c->root = root;
	tlb_note_flush();
	X86_WRITE_CR(3, root);
}

static inline void mode_to_user(struct vcpu *v)
{
	v->gs_kernel = gs_base_exchange(v->gs_user);
	v->kernel_mode = 0;
	if (likely(v->kernel_root != v->user_root)) {
		root_load(this_cpu(), v->user_root);
	}
}

static inline void mode_to_kernel(struct vcpu *v)
{
	v->gs_user = gs_base_exchange(v->gs_kernel);
	v->kernel_mode = 1;
	if (likely(v->kernel_root != v->user_root)) {
		root_load(this_cpu(), v->kernel_root);
	}
}

#endif
