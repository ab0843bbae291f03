// SPDX-License-Identifier: MIT
// What the operations (ops_*.c) share: choices read from the bytes, and the
// comparison of what is found with what the model says.
#ifndef MODEL_OPS_H
#define MODEL_OPS_H

#include "machine.h"

#define SCRATCH (M_WINDOW - 1) // window entry for the driver's own use
#define ARRAY_COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct model *const m = &ops_model;
extern uint32_t me, cpu, step_now; // who calls

// --- choosing: each takes from the bytes -------------------------------------

uint8_t next(void);
uint32_t below(uint32_t n);
// A frame of `d` by role (0 data, 1 to 4 a table), now and then another one.
uint32_t frame_for(uint32_t d, uint32_t role);
uint32_t role_of(uint32_t f);
uint64_t word_for(uint32_t d, uint32_t role); // an entry of a table
uint32_t any_slot(void);

// The machine's number of a frame; a model's word as the machine's.
uint64_t mfn_of(uint32_t f);
uint64_t real(uint64_t word);

// --- comparing ---------------------------------------------------------------

void expect(const char *what, uint32_t a, uint32_t b, long expected,
	    long found);
// An operation that may be interrupted: how far the machine came is known, the
// model follows. `one` is request `i` of `n`.
void batch_compare(const char *what, uint32_t a, uint32_t n,
		   int (*one)(uint32_t i), struct machine_result r,
		   const uint32_t *done);
// update_va_mapping; and what was interrupted before has ended.
long va_call(uint64_t va, uint64_t word);
void frame_compare(uint32_t f);
// event_channel_op; the machine's number of a port, one that is none where it
// is closed.
long event(uint32_t cmd, void *arg);
uint32_t port_real(uint32_t d, uint32_t port);
// ops_fifo.c: a fresh sequence; the words and queues of all; the guest masks.
void fifo_begin(void);
void fifo_compare(void);
bool fifo_mask(uint32_t number, bool to);

// --- the operations ----------------------------------------------------------

void op_update(void);
void op_extended(void);
void op_window(void);
void op_va(void);
void op_store(void);
void op_read(void);
void op_decrease(void);
void op_populate(void);
void op_grant(void);
void op_grant_map(void);
void op_grant_unmap(void);
void op_grant_copy(void);
void op_port_open(void);
void op_port_use(void);
void op_port_status(void);
void op_events(void);
void op_fifo(void);
void op_fifo_take(void);
void op_descriptors(void);

#endif
