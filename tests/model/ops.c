// SPDX-License-Identifier: MIT
// Bytes become operations: each is predicted by the model, done by the machine,
// and compared. Choices are such that most operations mean something: frames of
// a domain have a role, tables are filled with few entries.
#include "machine.h"

#include <xen/errno.h>
#include <xen/event_channel.h>
#include <xen/memory.h>

#define SCRATCH (M_WINDOW - 1) // window entry for the driver's own use
#define BATCH 4
#define ARRAY_COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define PORT_BAD 3000u
#define REF_BAD 100000u

struct model ops_model;
uint32_t ops_sum;

static struct model *const m = &ops_model;
static uint32_t me, cpu; // who calls
static uint32_t step_now;
static bool differs;
static uint32_t handles[M_DOMAINS][M_HANDLES];
static uint32_t ports[M_DOMAINS][M_PORTS];

uint32_t ops_handle(uint32_t d, uint32_t handle)
{
	return handles[d][handle];
}

uint32_t ops_port(uint32_t d, uint32_t port)
{
	return ports[d][port];
}

// --- the bytes ---------------------------------------------------------------

static const uint8_t *input, *input_end;
static uint64_t state;

static uint8_t next(void)
{
	if (input) {
		return input < input_end ? *input++ : 0;
	}
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint8_t)(state >> 24);
}

static uint32_t below(uint32_t n)
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

static uint32_t frame_for(uint32_t d, uint32_t role)
{
	uint8_t b = next();

	return b < 12 ? any_frame()
		      : d * 16 + role_first[role] + b % role_count[role];
}

static uint32_t role_of(uint32_t f)
{
	f %= 16;
	return f < 4 ? 0 : f < 8 ? 1 : f < 11 ? 2 : f < 13 ? 3 : 4;
}

static uint64_t word_for(uint32_t d, uint32_t role)
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

static uint32_t any_slot(void)
{
	return below(3) ? below(3) : below(M_WORDS);
}

static uint64_t mfn_of(uint32_t f)
{
	return f < M_FRAMES	   ? machine_mfn[f]
	       : f == M_HYPERVISOR ? machine_mfn_hypervisor
				   : machine_mfn_hole;
}

// A model's word as the machine's.
static uint64_t real(uint64_t word)
{
	return (word & ~0xffff000ull) |
	       (word & 0xffff000 ? mfn_of(m_index(word)) << 12 : 0);
}

// --- comparing ---------------------------------------------------------------

static void expect(const char *what, uint32_t a, uint32_t b, long expected,
		   long found)
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
static void batch_compare(const char *what, uint32_t a, uint32_t n,
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

// --- memory ------------------------------------------------------------------

static struct {
	uint32_t f, slot, cmd;
	uint64_t word;
} update[BATCH];
static uint32_t table_owner, frame_owner; // of a batch

static int update_one(uint32_t i)
{
	uint32_t f = update[i].f;

	switch (update[i].cmd) {
	case MMU_NORMAL_PT_UPDATE:
	case MMU_PT_UPDATE_NO_TRANSLATE:
	case MMU_PT_UPDATE_PRESERVE_AD:
		return m_update(m, table_owner, frame_owner, f, update[i].slot,
				update[i].word,
				update[i].cmd == MMU_PT_UPDATE_PRESERVE_AD);
	case MMU_MACHPHYS_UPDATE:
		if (table_owner != me) {
			return -XEN_EPERM;
		}
		return f < M_FRAMES && m->frame[f].owner == frame_owner
			   ? 0
			   : -XEN_EINVAL;
	default:
		return -XEN_ENOSYS;
	}
}

static uint32_t command(void)
{
	uint8_t b = next();

	return b < 200 ? MMU_NORMAL_PT_UPDATE : b % 5;
}

// Who owns the tables and the frames of a request: dom0 may name others.
static uint32_t foreign(void)
{
	uint8_t b = next();

	table_owner = frame_owner = me;
	if (machine_domains == 1 || b > 60 || !m->domain[me].privileged) {
		return DOMID_SELF;
	}
	if (b & 1) {
		frame_owner = 1 + below(machine_domains - 1);
	}
	if (b & 2) {
		table_owner = 1 + below(machine_domains - 1);
	}
	return (frame_owner == me ? DOMID_SELF : frame_owner) |
	       (table_owner == me ? 0 : (table_owner + 1) << 16);
}

static void interrupt(void)
{
	uint8_t b = next();

	if (b < 60) {
		machine_limit(1 + b % 24, b % 3);
	}
}

static void op_update(void)
{
	struct mmu_update u[BATCH];
	uint32_t n = 1 + below(BATCH), done = ~0u, whose = foreign();

	for (uint32_t i = 0; i < n; i++) {
		uint32_t role = 1 + below(4);

		update[i].f = frame_for(table_owner, role);
		role = update[i].f < M_FRAMES ? role_of(update[i].f) : role;
		update[i].slot = any_slot();
		update[i].cmd = command();
		update[i].word = word_for(role == 1 ? frame_owner : table_owner,
					  role ? role : 1);
		u[i].ptr = mfn_of(update[i].f) << 12 |
			   (M_SLOT0 + update[i].slot) * 8 | update[i].cmd;
		u[i].val = update[i].cmd == MMU_MACHPHYS_UPDATE
			       ? 77
			       : real(update[i].word);
		machine_said(step_now, me, "  request", update[i].f,
			     update[i].slot, (long)update[i].word);
	}
	interrupt();
	batch_compare("mmu_update", update[0].f, n, update_one,
		      machine_call(__HYPERVISOR_mmu_update, (uint64_t)u, n,
				   (uint64_t)&done, whose),
		      &done);
}

static struct {
	uint32_t cmd, f, from;
} ext[BATCH];

static int ext_one(uint32_t i)
{
	uint32_t f = ext[i].f, cmd = ext[i].cmd;

	switch (cmd) {
	case MMUEXT_UNPIN_TABLE:
		return m_unpin(m, frame_owner, f);
	case MMUEXT_NEW_BASEPTR:
	case MMUEXT_NEW_USER_BASEPTR:
		return m_root(m, me, cpu, f, cmd == MMUEXT_NEW_USER_BASEPTR);
	case MMUEXT_CLEAR_PAGE:
		return m_clear(m, frame_owner, f);
	case MMUEXT_COPY_PAGE:
		return m_copy(m, frame_owner, f, ext[i].from);
	default:
		return m_pin(m, frame_owner, f, M_L1 + cmd);
	}
}

// A root without the caller's own half would be the end of a real guest.
static bool may_be_root(uint32_t f)
{
	return f >= M_FRAMES || m->frame[f].home || m->frame[f].owner != me ||
	       (m->frame[f].types && m->frame[f].type != M_L4);
}

static void ext_choose(uint32_t i)
{
	static const uint8_t cmds[] = {
	    MMUEXT_PIN_L1_TABLE, MMUEXT_PIN_L2_TABLE, MMUEXT_PIN_L3_TABLE,
	    MMUEXT_PIN_L4_TABLE, MMUEXT_PIN_L4_TABLE, MMUEXT_UNPIN_TABLE,
	    MMUEXT_UNPIN_TABLE,	 MMUEXT_NEW_BASEPTR,  MMUEXT_NEW_USER_BASEPTR,
	    MMUEXT_NEW_BASEPTR,	 MMUEXT_CLEAR_PAGE,   MMUEXT_COPY_PAGE,
	};
	uint32_t cmd = cmds[below(ARRAY_COUNT(cmds))], role = below(5);

	if (cmd <= MMUEXT_PIN_L4_TABLE && next() > 20) {
		role = cmd + 1;
	} else if (cmd == MMUEXT_UNPIN_TABLE) {
		role = 1 + below(4);
	} else if (cmd == MMUEXT_NEW_BASEPTR ||
		   cmd == MMUEXT_NEW_USER_BASEPTR) {
		role = 4;
	}
	ext[i].f = frame_for(frame_owner, role);
	ext[i].from = frame_for(frame_owner, below(5));
	if (cmd == MMUEXT_NEW_BASEPTR &&
	    (next() < 60 || i || !may_be_root(ext[i].f))) {
		ext[i].f = M_NONE; // back to the first one
	}
	if (cmd == MMUEXT_NEW_USER_BASEPTR && next() < 40) {
		ext[i].f = M_NONE;
	}
	ext[i].cmd = cmd;
}

static uint64_t root_mfn(uint32_t i)
{
	if (ext[i].f != M_NONE) {
		return mfn_of(ext[i].f);
	}
	return ext[i].cmd == MMUEXT_NEW_BASEPTR ? machine_first_root(me) : 0;
}

static void op_extended(void)
{
	struct mmuext_op o[BATCH];
	uint32_t n = 1 + below(2), done = ~0u, whose = DOMID_SELF;

	table_owner = frame_owner = me;
	if (m->domain[me].privileged && machine_domains > 1 && next() < 30) {
		whose = frame_owner = 1 + below(machine_domains - 1);
	}
	for (uint32_t i = 0; i < n; i++) {
		ext_choose(i);
		if (frame_owner != me &&
		    (ext[i].cmd == MMUEXT_NEW_BASEPTR ||
		     ext[i].cmd == MMUEXT_NEW_USER_BASEPTR)) {
			ext[i].cmd = MMUEXT_UNPIN_TABLE;
			ext[i].f %= M_FRAMES;
		}
		o[i] = (struct mmuext_op){.cmd = ext[i].cmd};
		o[i].arg1.mfn = root_mfn(i);
		o[i].arg2.src_mfn = mfn_of(ext[i].from);
	}
	interrupt();
	batch_compare("mmuext", ext[0].cmd, n, ext_one,
		      machine_call(__HYPERVISOR_mmuext_op, (uint64_t)o, n,
				   (uint64_t)&done, whose),
		      &done);
}

// It ends first what was interrupted before.
static long va_call(uint64_t va, uint64_t word)
{
	long rc = machine_call(__HYPERVISOR_update_va_mapping, va, real(word),
			       UVMF_INVLPG, 0)
		      .rc;

	machine_look(m);
	(void)m_pending_finish(m, me, cpu);
	return rc;
}

static void op_window(void)
{
	uint32_t w = below(SCRATCH);
	uint64_t word = word_for(me, 1);
	long found = va_call(machine_window_va(me, w), word);

	expect("window entry", w, m_index(word), m_window_set(m, me, w, word),
	       found);
}

static void op_va(void)
{
	uint8_t at[4];
	uint64_t va = 0, word = word_for(me, 1);
	long found;

	for (uint32_t i = 0; i < 4; i++) {
		at[i] = (uint8_t)any_slot();
		va |= (uint64_t)(M_SLOT0 + at[i]) << (12 + 9 * i);
	}
	found = va_call(va, word);
	expect("update_va_mapping", at[3], at[0],
	       m_va_set(m, me, cpu, at, word), found);
}

// The guest writes to its frame, through a mapping that it has for the moment.
static void op_store(void)
{
	uint32_t role = 1 + below(4), f = frame_for(me, role), n = 1 + below(4);
	uint64_t map = m_word(f) | M_P | M_RW | M_US;
	long found = va_call(machine_window_va(me, SCRATCH), map);
	long expected = m_window_set(m, me, SCRATCH, map);

	expect("mapping writable", f, 0, expected, found);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t slot = any_slot();
		uint64_t word =
		    word_for(me, f < M_FRAMES && role_of(f) ? role_of(f) : 1);

		if (!found && !expected && f < M_FRAMES) {
			machine_mapped(SCRATCH, f)[M_SLOT0 + slot] = real(word);
			m->frame[f].word[slot] = word;
		}
	}
	(void)va_call(machine_window_va(me, SCRATCH), 0);
	(void)m_window_set(m, me, SCRATCH, 0);
}

// What the guest reads is what it wrote, but A and D; and G and bit 52, by
// which Xen tells L1 entries that said US from those that did not; and how
// devices are cached.
static void frame_compare(uint32_t f)
{
	uint64_t map = m_word(f) | M_P | M_US;

	if (m->frame[f].owner != me ||
	    va_call(machine_window_va(me, SCRATCH), map)) {
		return;
	}
	for (uint32_t i = 0; i < M_WORDS; i++) {
		uint64_t found = machine_mapped(SCRATCH, f)[M_SLOT0 + i];
		uint64_t right = real(m->frame[f].word[i]);

		uint64_t ours = M_A | M_D | M_G | M_KERNEL;

		if (m_index(m->frame[f].word[i]) == M_HOLE) {
			ours |= M_CACHE;
		}
		if ((found ^ right) & ~ours) {
			expect("content", f, i, (long)right, (long)found);
		}
	}
	(void)va_call(machine_window_va(me, SCRATCH), 0);
}

static void op_read(void)
{
	frame_compare(me * 16 + below(16));
}

static bool is_granted(uint32_t f)
{
	for (uint32_t d = 0; d < machine_domains; d++) {
		for (uint32_t i = 0; i < M_REFS; i++) {
			const struct m_grant *g = &m->domain[d].grant[i];

			if ((g->readers || g->writers) && g->used_frame == f) {
				return true;
			}
		}
	}
	return false;
}

static void reservation(struct xen_memory_reservation *r, xen_pfn_t *list)
{
	*r = (struct xen_memory_reservation){.nr_extents = 1,
					     .domid = DOMID_SELF};
	set_xen_guest_handle(r->extent_start, list);
}

static void op_decrease(void)
{
	struct xen_memory_reservation r;
	uint32_t f = frame_for(me, below(5));
	xen_pfn_t mfn = mfn_of(f);
	int expected;

	if (f < M_FRAMES && (is_granted(f) || (m->frame[f].owner == me &&
					       !m->frame[f].allocated))) {
		return;
	}
	reservation(&r, &mfn);
	expected = m_decrease(m, me, f);
	expect("decrease", f, 0, !expected,
	       machine_call(__HYPERVISOR_memory_op, XENMEM_decrease_reservation,
			    (uint64_t)&r, 0, 0)
		   .rc);
}

// Frames that are gone come back, whichever the machine has.
static void op_populate(void)
{
	struct xen_memory_reservation r;
	struct mmuext_op clear = {.cmd = MMUEXT_CLEAR_PAGE};
	xen_pfn_t mfn = 0;
	uint32_t f = 0;
	long found;

	while (f < machine_domains * 16 && m->frame[f].owner != M_NOBODY) {
		f++;
	}
	if (f == machine_domains * 16 || !machine_populates) {
		return;
	}
	reservation(&r, &mfn);
	found = machine_call(__HYPERVISOR_memory_op,
			     XENMEM_increase_reservation, (uint64_t)&r, 0, 0)
		    .rc;
	expect("increase", 0, 0, 1, found);
	f = machine_frame_of(mfn);
	if (found != 1 || f == M_FRAMES) {
		return;
	}
	expect("a frame that was free", f, 0, M_NOBODY, m->frame[f].owner);
	m_populated(m, me, f);
	clear.arg1.mfn = mfn;
	found = machine_call(__HYPERVISOR_mmuext_op, (uint64_t)&clear, 1, 0,
			     DOMID_SELF)
		    .rc;
	machine_look(m);
	(void)m_pending_finish(m, me, cpu);
	expect("clear", f, 0, m_clear(m, me, f), found);
}

// --- grants ------------------------------------------------------------------

static void op_grant(void)
{
	uint32_t ref = below(M_REFS), to = below(machine_domains);
	struct m_grant *g = &m->domain[me].grant[ref];
	struct grant_entry_v1 *e = &machine_grants(me)[ref];
	uint8_t b = next();
	uint16_t flags = b < 180   ? GTF_permit_access
			 : b < 200 ? GTF_accept_transfer
				   : GTF_invalid;

	flags |= b & 1 ? GTF_readonly : 0;
	expect("flags of a grant", ref, 0, g->flags, e->flags);
	g->flags = (uint16_t)((g->flags & (GTF_reading | GTF_writing)) | flags);
	g->grantee = (uint16_t)to;
	g->frame = frame_for(me, below(3) ? 0 : below(5));
	e->domid = g->grantee;
	e->frame = (uint32_t)mfn_of(g->frame);
	e->flags = g->flags;
}

static struct m_place any_place(void)
{
	if (next() < 160) {
		return (struct m_place){.slot = below(SCRATCH)};
	}
	return (struct m_place){true, (me * 16 + 4 + below(5)), below(M_WORDS)};
}

static uint64_t place_addr(struct m_place at)
{
	return at.in_frame ? mfn_of(at.frame) << 12 | (M_SLOT0 + at.slot) * 8
			   : machine_window_va(me, at.slot);
}

static void op_grant_map(void)
{
	uint32_t ref = next() < 8 ? M_REFS : below(M_REFS), handle = 0;
	uint32_t granter = below(machine_domains);
	struct m_place at = any_place();
	bool read_only = next() & 1;
	struct gnttab_map_grant_ref op = {
	    .host_addr = place_addr(at),
	    .flags = GNTMAP_host_map | (read_only ? GNTMAP_readonly : 0) |
		     (at.in_frame ? GNTMAP_contains_pte : 0),
	    .ref = ref < M_REFS ? machine_ref_first() + ref : REF_BAD,
	    .dom = (domid_t)granter,
	};
	int expected;

	// Where the use could not be ended again: a frame that may go.
	if (!machine_populates && ref < M_REFS) {
		const struct m_grant *g = &m->domain[granter].grant[ref];

		if (g->frame < M_FRAMES && !m->frame[g->frame].allocated) {
			return;
		}
	}
	while (handle < M_HANDLES && m->domain[me].handle[handle].used) {
		handle++;
	}
	if (handle == M_HANDLES) {
		return;
	}
	expect("grant_table_op", 0, 0, 0,
	       machine_call(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref,
			    (uint64_t)&op, 1, 0)
		   .rc);
	expected = m_grant_map(m, me, granter, ref, read_only, at, handle);
	expect("grant map", ref, at.in_frame, expected, op.status);
	handles[me][handle] = op.handle;
}

static void op_grant_unmap(void)
{
	uint32_t handle = below(M_HANDLES);
	struct m_handle *h = &m->domain[me].handle[handle];
	struct m_place at = any_place();
	struct gnttab_unmap_grant_ref op;

	// Mostly the window entry that has the frame.
	for (uint32_t w = 0; h->used && !h->pte && w < SCRATCH; w++) {
		uint64_t word = m->domain[me].window[w];
		const struct m_grant *g = &m->domain[h->granter].grant[h->ref];

		if ((word & M_P) && m_index(word) == g->used_frame &&
		    next() & 15) {
			at = (struct m_place){.slot = w};
			break;
		}
	}
	if (h->used && h->pte != at.in_frame) {
		return; // the address means what it meant at the map
	}
	op = (struct gnttab_unmap_grant_ref){
	    .host_addr = place_addr(at),
	    .handle = h->used ? handles[me][handle] : 0xfffffu,
	};
	expect("grant_table_op", 1, 0, 0,
	       machine_call(__HYPERVISOR_grant_table_op,
			    GNTTABOP_unmap_grant_ref, (uint64_t)&op, 1, 0)
		   .rc);
	expect("grant unmap", handle, at.slot, m_grant_unmap(m, me, handle, at),
	       op.status);
}

static struct m_operand any_operand(struct gnttab_copy_ptr *p, uint32_t slot,
				    uint16_t *flags, uint16_t flag)
{
	struct m_operand o = {.granted = next() & 1, .slot = slot};

	p->offset = (uint16_t)((M_SLOT0 + o.slot) * 8);
	if (o.granted) {
		o.domain = below(machine_domains);
		o.ref = below(M_REFS);
		p->domid = (domid_t)o.domain;
		p->u.ref = machine_ref_first() + o.ref;
		*flags |= flag;
	} else {
		o.frame = frame_for(me, below(5));
		p->domid = DOMID_SELF;
		p->u.gmfn = mfn_of(o.frame);
	}
	return o;
}

// From the first half of the entries to the second: what a copy onto itself
// does where both overlap is nobody's promise.
static void op_grant_copy(void)
{
	struct gnttab_copy op = {.len = 0};
	uint32_t first = below(M_WORDS / 2);
	uint32_t words = 1 + below(M_WORDS / 2 - first);
	struct m_operand from, to;

	from = any_operand(&op.source, first, &op.flags, GNTCOPY_source_gref);
	to = any_operand(&op.dest, M_WORDS - words, &op.flags,
			 GNTCOPY_dest_gref);
	op.len = (uint16_t)(words * 8);
	machine_said(step_now, me, "  from", from.granted,
		     from.granted ? from.ref : from.frame, first);
	machine_said(step_now, me, "  to", to.granted,
		     to.granted ? to.ref : to.frame, words);
	expect("grant_table_op", 2, 0, 0,
	       machine_call(__HYPERVISOR_grant_table_op, GNTTABOP_copy,
			    (uint64_t)&op, 1, 0)
		   .rc);
	expect("grant copy", from.granted, to.granted,
	       m_grant_copy(m, me, from, to, words), op.status);
}

// --- event channels ----------------------------------------------------------

static long event(uint32_t cmd, void *arg)
{
	return machine_call(__HYPERVISOR_event_channel_op, cmd, (uint64_t)arg,
			    0, 0)
	    .rc;
}

// The machine's number of a port; one that cannot be, where it is closed.
static uint32_t port_real(uint32_t d, uint32_t port)
{
	return m->domain[d].port[port].state ? ports[d][port] : PORT_BAD;
}

// A port was to be opened.
static void opened(const char *what, uint32_t a, int expected, long rc,
		   uint32_t port)
{
	expect(what, a, 0, expected < 0 ? expected : 0, rc);
	if (expected >= 0 && !rc) {
		ports[me][expected] = port;
	}
}

// Not those that the hypervisor itself raises for dom0.
static uint32_t any_virq(void)
{
	uint32_t virq = below(VIRQ_ARCH_0 + 1);

	return virq < VIRQ_ARCH_0 ? virq : NR_VIRQS;
}

static void op_port_open(void)
{
	uint32_t remote = below(machine_domains), port = below(M_PORTS);
	uint32_t vcpu = next() < 20 ? 7 : below(m->vcpus);
	struct evtchn_alloc_unbound alloc = {.dom = DOMID_SELF,
					     .remote_dom = (domid_t)remote};
	struct evtchn_bind_interdomain bind = {.remote_dom = (domid_t)remote,
					       .remote_port =
						   port_real(remote, port)};
	struct evtchn_bind_ipi ipi = {.vcpu = vcpu};
	struct evtchn_bind_virq virq = {.virq = any_virq(), .vcpu = vcpu};
	long rc;

	if (m_port_free(m, me) < 0) {
		return;
	}
	switch (below(5)) {
	case 0:
	case 1:
		rc = event(EVTCHNOP_alloc_unbound, &alloc);
		opened("alloc_unbound", remote, m_alloc_unbound(m, me, remote),
		       rc, alloc.port);
		break;
	case 2:
		rc = event(EVTCHNOP_bind_interdomain, &bind);
		opened("bind_interdomain", port,
		       m_bind_interdomain(m, me, remote, port), rc,
		       bind.local_port);
		break;
	case 3:
		rc = event(EVTCHNOP_bind_ipi, &ipi);
		opened("bind_ipi", vcpu, m_bind_ipi(m, me, vcpu), rc, ipi.port);
		break;
	default:
		rc = event(EVTCHNOP_bind_virq, &virq);
		opened("bind_virq", virq.virq,
		       m_bind_virq(m, me, virq.virq, vcpu), rc, virq.port);
	}
}

static void bit_set_to(xen_ulong_t *map, uint32_t n, bool to)
{
	if (to) {
		map[n / 64] |= 1ul << n % 64;
	} else {
		map[n / 64] &= ~(1ul << n % 64);
	}
}

static void op_port_use(void)
{
	uint32_t port = below(M_PORTS), number = port_real(me, port);
	struct shared_info *s = machine_shared(me);
	struct m_port *p = &m->domain[me].port[port];
	struct evtchn_close close = {.port = number};
	struct evtchn_bind_vcpu bind = {.port = number, .vcpu = below(6)};

	switch (below(8)) {
	case 0:
		if (p->state) {
			bit_set_to(s->evtchn_mask, number, false);
		}
		expect("close", port, 0, m_close(m, me, port),
		       event(EVTCHNOP_close, &close));
		break;
	case 1:
		expect("unmask", port, 0, m_unmask(m, me, port),
		       event(EVTCHNOP_unmask, &close));
		break;
	case 2:
		expect("bind_vcpu", port, bind.vcpu,
		       m_bind_vcpu(m, me, port, bind.vcpu),
		       event(EVTCHNOP_bind_vcpu, &bind));
		break;
	case 3: // the guest masks it
		if (p->state) {
			bit_set_to(s->evtchn_mask, number, true);
			p->masked = true;
		}
		break;
	default:
		expect("send", port, 0, m_send(m, me, port),
		       event(EVTCHNOP_send, &close));
	}
}

static void op_port_status(void)
{
	uint32_t port = below(M_PORTS);
	const struct m_port *p = &m->domain[me].port[port];
	struct evtchn_status s = {.dom = DOMID_SELF,
				  .port = port_real(me, port)};
	long rc = event(EVTCHNOP_status, &s);

	expect("status", port, 0, p->state ? 0 : -XEN_EINVAL, rc);
	if (rc || !p->state) {
		return;
	}
	expect("state", port, 0, p->state, s.status);
	expect("vCPU", port, p->state, p->vcpu, s.vcpu);
	if (p->state == EVTCHNSTAT_unbound) {
		expect("for whom", port, 0, p->remote_domain, s.u.unbound.dom);
	} else if (p->state == EVTCHNSTAT_interdomain) {
		expect("to whom", port, 0, p->remote_domain,
		       s.u.interdomain.dom);
		expect("to where", port, 0, 1,
		       s.u.interdomain.port ==
			   ports[p->remote_domain][p->remote_port]);
	}
}

// The guest takes its events: what is pending is what should be.
static void op_events(void)
{
	struct shared_info *s = machine_shared(me);

	for (uint32_t v = 0; v < m->vcpus; v++) {
		struct vcpu_info *info = &s->vcpu_info[v];

		expect("upcall", v, 0, m->domain[me].vcpu[v].upcall,
		       info->evtchn_upcall_pending);
		m->domain[me].vcpu[v].upcall = false;
		info->evtchn_upcall_pending = 0;
		info->evtchn_pending_sel = 0;
	}
	for (uint32_t i = 0; i < M_PORTS; i++) {
		struct m_port *p = &m->domain[me].port[i];
		uint32_t n = ports[me][i];

		if (p->state) {
			expect("pending", i, p->state, p->pending,
			       s->evtchn_pending[n / 64] >> n % 64 & 1);
			expect("masked", i, p->state, p->masked,
			       s->evtchn_mask[n / 64] >> n % 64 & 1);
			p->pending = false;
			bit_set_to(s->evtchn_pending, n, false);
		}
	}
}

// -----------------------------------------------------------------------------

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
	    op_port_use,  op_port_status, op_events,
	};

	if (next() < 60) {
		me = below(machine_domains);
		cpu = below(machine_vcpus);
		machine_switch(me, cpu);
		m_vcpu_now(m, me, cpu);
	}
	ops[below(ARRAY_COUNT(ops))]();
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
