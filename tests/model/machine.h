// SPDX-License-Identifier: MIT
// What ops.c needs of the machine under test: the fake one (host.c), or the one
// that a guest runs on (tests/guest/replay). And what it offers them.
#ifndef MODEL_MACHINE_H
#define MODEL_MACHINE_H

#include "model.h"

#include <stddef.h>
#include <xen/xen.h>
#include <xen/grant_table.h>

// --- the machine -------------------------------------------------------------

extern uint32_t machine_domains, machine_vcpus;
// Frames that were given back can be had again: the same ones.
extern const bool machine_populates;
extern const bool machine_fifo; // event channels in the FIFO form, too
extern uint64_t machine_mfn[M_FRAMES];
extern uint64_t machine_mfn_hole, machine_mfn_hypervisor;

// A fresh machine: frames 16 * d to 16 * d + 15 belong to domain d and are zero
// but for the entries of their domain's own half in those that may be roots
// (m_is_root_frame()); no port open, no grant, the window empty.
void machine_begin(void);
void machine_end(void); // and nothing of it stays
void machine_switch(uint32_t d, uint32_t vcpu);
// Where window entry `w` of the domain that runs is, and maps.
uint64_t machine_window_maddr(uint32_t d, uint32_t w);
uint64_t machine_window_va(uint32_t d, uint32_t w);
uint64_t machine_first_root(uint32_t d); // mfn
// A frame that the domain that runs has mapped in window entry `w`.
uint64_t *machine_mapped(uint32_t w, uint32_t f);
struct shared_info *machine_shared(uint32_t d);
// For the FIFO form three frames of the domain's that the model does not know:
// control blocks, the first page of words, and another.
uint64_t machine_fifo_mfn(uint32_t d, uint32_t i);
void *machine_fifo_page(uint32_t d, uint32_t i);
// The entries of the model's grants, and the number of the first.
struct grant_entry_v1 *machine_grants(uint32_t d);
uint32_t machine_ref_first(void);

struct machine_result {
	long rc;
	bool again;    // interrupted; the rest was not done
	bool sliced;   // interrupted on the way
	uint32_t left; // requests of a batch that were not finished
};
struct machine_result machine_call(uint32_t nr, uint64_t a0, uint64_t a1,
				   uint64_t a2, uint64_t a3);
// The next call's slices and how many of them; only where it can be done.
void machine_limit(uint32_t work, uint32_t slices);
// Fill in model.stopped; compare what can be seen of counts and states.
void machine_look(struct model *m);
bool machine_agrees(const struct model *m);
bool machine_sound(void);		 // by its own audit, where there is one
uint32_t machine_frame_of(uint64_t mfn); // M_FRAMES: none
// Each result, as it was found.
void machine_said(uint32_t step, uint32_t d, const char *what, uint32_t a,
		  uint32_t b, long found);
// A difference: said once for a sequence, which ends with it.
void machine_differs(uint32_t step, const char *what, uint32_t a, uint32_t b,
		     long expected, long found);

// --- the driver --------------------------------------------------------------

static inline bool m_is_root_frame(uint32_t f)
{
	return f % 16 >= 13;
}

// Run operations read from `data`, or if that is NULL, `steps` random ones of
// `seed`. The number that ran; a difference was told to machine_differs().
uint32_t ops_run(const uint8_t *data, size_t bytes, uint64_t seed,
		 uint32_t steps);
extern uint32_t ops_sum; // of all results so far, to compare two machines
extern struct model ops_model;
// The machine's numbers of a handle, a port of the model.
uint32_t ops_handle(uint32_t d, uint32_t handle);
uint32_t ops_port(uint32_t d, uint32_t port);

#endif
