// SPDX-License-Identifier: MIT
// Bytes become operations: each is predicted by the model, done by the machine,
// and compared. Choices are such that most operations mean something: frames of
// a domain have a role, tables are filled with few entries.
#include "ops.h"

#include <xen/errno.h>

struct model ops_model;
uint32_t ops_sum;

uint32_t me, cpu, step_now;
static bool differs;

// --- the bytes ---------------------------------------------------------------

static const uint8_t *input, *input_end;
static uint64_t state;

uint8_t next(void)
{
	if (input) {
		return input < input_end ? *input++ : 0;
	}
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint8_t)(state >> 24);
}

uint32_t below(uint32_t n)
{
	return next() % n;
}

// --- choosing ----------------------------------------------------------------

// Frames of a domain by role: data, L1 to L4.
static const uint8_t role_first[] = {0, 4, 8, 11, 13},
		     role_count[] = {4, 4, 3, 2, 3};

static uint32_t any_frame(void)
{
	uint32_t i = below(machine_domains * 16 + 2);

	return i < machine_domains * 16	   ? i
	       : i == machine_domains * 16 ? M_HOLE
					   : M_HYPERVISOR;
}

uint32_t frame_for(uint32_t d, uint32_t role)
{
	uint8_t b = next();

	return b < 12 ? any_frame()
		      : d * 16 + role_first[role] + b % role_count[role];
}

uint32_t role_of(uint32_t f)
{
	f %= 16;
	return f < 4 ? 0 : f < 8 ? 1 : f < 11 ? 2 : f < 13 ? 3 : 4;
}

uint64_t word_for(uint32_t d, uint32_t role)
{
	uint8_t b = next();
	uint64_t word = M_P | M_US;
	uint32_t target = role ? role - 1 : 0;

	if (b < 40) {
		return 0;
	}
	if (role == 1 && b < 90) {
		target = below(5); // tables, read-only for the most part
	}
	word |= m_word(frame_for(d, target));
	word |= (role == 1 ? target == 0 && b & 1 : b & 7) ? M_RW : 0;
	b = next();
	if (b < 16) {
		word &= ~(b & 1 ? M_P : M_US);
	} else if (b < 24) {
		word ^= M_RW;
	}
	return word | (b & 0x60) | (b & 0x80 ? M_NX : 0) |
	       (uint64_t)(b & 3) << 9;
}

uint32_t any_slot(void)
{
	return below(3) ? below(3) : below(M_WORDS);
}

uint64_t mfn_of(uint32_t f)
{
	return f < M_FRAMES	   ? machine_mfn[f]
	       : f == M_HYPERVISOR ? machine_mfn_hypervisor
				   : machine_mfn_hole;
}

// A model's word as the machine's.
uint64_t real(uint64_t word)
{
	return (word & ~0xffff000ull) |
	       (word & 0xffff000 ? mfn_of(m_index(word)) << 12 : 0);
}

// --- comparing ---------------------------------------------------------------

void expect(const char *what, uint32_t a, uint32_t b, long expected, long found)
{
	ops_sum = ops_sum * 31 + (uint32_t)found;
	machine_said(step_now, me, what, a, b, found);
	if (expected != found && !differs && !m->linear) {
		machine_differs(step_now, what, a, b, expected, found);
		differs = true;
	}
}

// An operation that may be interrupted: how far the machine came is known, the
// model follows. `one` is request `i` of `n`.
void batch_compare(const char *what, uint32_t a, uint32_t n,
		   int (*one)(uint32_t i), struct machine_result r,
		   const uint32_t *done)
{
	uint32_t i = 0, finished = n - r.left;
	long rc = 0;

	machine_look(m);
	if (m_pending_finish(m, me, cpu)) {
		rc = M_RESTART;
	}
	while (!rc && i < n) {
		if (r.again && i == finished && machine_agrees(m)) {
			rc = M_RESTART;
			break;
		}
		rc = one(i);
		i += !rc;
	}
	// What was wrong is forgotten when undoing it is interrupted.
	if (r.sliced && rc < 0 && rc != M_RESTART && r.rc == -XEN_EINVAL) {
		rc = r.rc;
	}
	expect(what, a, n, rc, r.again && r.left ? M_RESTART : r.rc);
	// Interrupted before the first one the count is not written yet.
	expect("requests done", a, n, i, r.again && r.left == n ? 0 : *done);
}

// -----------------------------------------------------------------------------

#define FIFO_OPS 3 // the last ones

static void step(void)
{
	static void (*const ops[])(void) = {
	    op_store,	  op_store,	  op_store,	  op_update,
	    op_update,	  op_update,	  op_update,	  op_update,
	    op_extended,  op_extended,	  op_extended,	  op_extended,
	    op_extended,  op_extended,	  op_window,	  op_va,
	    op_va,	  op_read,	  op_decrease,	  op_populate,
	    op_grant,	  op_grant,	  op_grant_map,	  op_grant_map,
	    op_grant_map, op_grant_unmap, op_grant_unmap, op_grant_copy,
	    op_port_open, op_port_open,	  op_port_use,	  op_port_use,
	    op_port_use,  op_port_status, op_events,	  op_fifo,
	    op_fifo,	  op_fifo_take,
	};

	if (next() < 60) {
		me = below(machine_domains);
		cpu = below(machine_vcpus);
		machine_switch(me, cpu);
		m_vcpu_now(m, me, cpu);
	}
	ops[below(ARRAY_COUNT(ops) - (machine_fifo ? 0 : FIFO_OPS))]();
	fifo_compare();
	machine_look(m);
	if (!m->linear && !differs && !machine_agrees(m)) {
		machine_differs(step_now, "counts", 0, 0, 0, 0);
		differs = true;
	}
	if (!differs && !machine_sound()) {
		machine_differs(step_now, "audit", 0, 0, 0, 0);
		differs = true;
	}
}

// What is still there is read once more.
static void compare_all(void)
{
	for (me = 0; me < machine_domains && !differs; me++) {
		cpu = 0;
		machine_switch(me, 0);
		m_vcpu_now(m, me, 0);
		for (uint32_t f = 0; f < machine_domains * 16; f++) {
			frame_compare(f);
		}
		op_events();
	}
}

uint32_t ops_run(const uint8_t *data, size_t bytes, uint64_t seed,
		 uint32_t steps)
{
	input = data;
	input_end = data ? data + bytes : NULL;
	state = (seed + 1) * 0x9e3779b97f4a7c15ull;
	me = cpu = 0;
	differs = false;
	m_init(m, machine_domains, machine_vcpus);
	for (uint32_t f = 0; f < machine_domains * 16; f++) {
		m_frame_add(m, f, f / 16);
		m->frame[f].home = m_is_root_frame(f);
	}
	machine_begin();
	if (machine_fifo) {
		fifo_begin();
	}
	machine_switch(0, 0);
	m_vcpu_now(m, 0, 0);
	step_now = 0;
	while (!differs && !m->linear &&
	       (data ? input < input_end : step_now < steps)) {
		step();
		step_now++;
	}
	if (!m->linear) {
		compare_all();
	}
	machine_end();
	return step_now;
}
