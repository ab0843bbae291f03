// SPDX-License-Identifier: MIT
// What of a vCPU is in the CPU: saved and loaded when another one comes to
// run, changed when a guest goes between its kernel and its user mode.
// General registers are not here: they are in struct vcpu all the time.
//
// An idle CPU keeps what it has (root, tables, FPU registers): most often the
// same vCPU comes back. Its state was saved all the same, so another CPU can
// take it at any time. Only the root must not stay when its frames are to be
// freed; that asks for a TLB flush, and context_flush_root() lets go.
#include <wabe/context.h>
#include <wabe/cpu.h>
#include <wabe/emul.h>
#include <wabe/mapcache.h>
#include <wabe/paging.h>
#include <wabe/tlb.h>
#include <wabe/trap.h>

#include "entry.h"
#include "mode.h"
#include "segment.h"

void context_load_root(struct vcpu *v)
{
	u64 root = v->kernel_mode ? v->kernel_root : v->user_root;

	BUG_ON(!root);
	root_load(this_cpu(), root);
}

u64 context_flush_root(void)
{
	struct cpu *c = this_cpu();

	if (c->current && vcpu_is_idle(c->current)) {
		c->root = hv_root;
	}
	return c->root;
}

static void state_save(struct vcpu *v)
{
	segments_save(v);
	fpu_save(v);
}

// Tables first, then CR3, which makes them visible, then the selectors that
// are looked up in them.
static void state_load(struct cpu *c, struct vcpu *v)
{
	if (c->loaded_domain != v->domain->serial) {
		mapcache_flush();
		if (cpu_features.ibpb) { // or it runs what the last one taught
			wrmsr(MSR_PRED_CMD, 1);
		}
		c->loaded_domain = v->domain->serial;
	}
	gdt_window_set(c, v);
	if (unlikely(c->ldt_ents | v->ldt_ents)) {
		ldt_window_set(c, v);
	}
	context_load_root(v);
	debugregs_load(c, v);
	fpu_load(v);
	cr4_load(v);
	if (unlikely(!segments_load(v))) {
		bounce_failsafe(
		    v, (u16[]){v->regs.ds, v->regs.es, v->regs.fs, v->regs.gs});
	}
}

void context_switch(struct vcpu *prev, struct vcpu *next)
{
	struct cpu *c = this_cpu();

	if (!vcpu_is_idle(prev)) {
		state_save(prev);
	}
	c->current = next;
	c->regs_top = (u64)&next->regs.es;
	c->tss->rsp[0] = c->regs_top;
	if (!vcpu_is_idle(next)) {
		state_load(c, next);
	}
}

int context_init_vcpu(struct vcpu *v)
{
	// The processor would align the stack it pushes registers to.
	BUG_ON((u64)&v->regs.es & 15);
	v->regs.cs = SEL_GUEST_CS64;
	v->regs.ss = SEL_GUEST_DS;
	v->regs.rflags = rflags_for_guest(0);
	v->kernel_mode = 1;
	debugregs_init(v);
	return fpu_init_vcpu(v);
}
