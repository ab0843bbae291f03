// SPDX-License-Identifier: MIT
// The descriptor tables of the vCPU that runs, in its CPU's window.
#ifndef WABE_DESCRIPTOR_H
#define WABE_DESCRIPTOR_H

struct cpu;
struct vcpu;

// Show these tables. The caller flushes the TLB (loads CR3).
void gdt_window_set(struct cpu *c, const struct vcpu *v);
void ldt_window_set(struct cpu *c, const struct vcpu *v);

#endif
