// SPDX-License-Identifier: MIT
// The reference model: what frames, page tables, grants and event channels of
// PV domains must do, written down a second time, from the ABI and without the
// hypervisor's code. It knows frames by small numbers; who runs it knows which
// machine frames those are. README.md tells what it leaves out.
//
// A page-table entry here is as the machine's, with the number of a frame, plus
// one, in the place of its address.
#ifndef MODEL_H
#define MODEL_H

#include <stdbool.h>
#include <stdint.h>

#define M_DOMAINS 3
#define M_VCPUS 4
#define M_FRAMES 48
#define M_WORDS 8   // entries of a table that are ever used ...
#define M_SLOT0 8   // ... beginning with this one
#define M_WINDOW 16 // entries of each domain's own L1 table
#define M_REFS 16
#define M_HANDLES 24
#define M_PORTS 20
#define M_VIRQS 24
#define M_NUMBERS 1024 // of ports, as the machine has them: a page of words
#define M_GDT 2	       // frames of a descriptor table

#define M_NOBODY 0xff
#define M_NONE 0xffffu // no frame: a root that is the domain's first one
// Numbers that are no frames of domains: no memory; the hypervisor's.
#define M_HOLE 0x1000u
#define M_HYPERVISOR 0x1001u

#define M_P 1ull
#define M_RW 2ull
#define M_US 4ull
#define M_A 0x20ull
#define M_D 0x40ull
#define M_G 0x100ull
#define M_CACHE 0x98ull
#define M_KERNEL (1ull << 52) // Xen's own mark
#define M_NX (1ull << 63)

enum m_type { M_UNTYPED, M_L1, M_L2, M_L3, M_L4, M_SEG, M_WRITABLE };
// What is known of a table's entries. UP, FAILED, LETGO: part of them hold
// references, as validation, its undoing, or letting go was interrupted.
enum m_valid { M_NOT, M_VALID, M_UP, M_FAILED, M_LETGO };

struct m_frame {
	uint8_t owner;	 // domain, M_NOBODY
	bool allocated;	 // the domain has not given it back
	bool pinned;	 // one type reference
	bool home;	 // holds the two entries of the domain's own half
	bool hypervisor; // holds the hypervisor's entries (was an L4)
	uint8_t type, valid;
	uint16_t at; // partly valid: entries below this count
	uint32_t types, refs;
	uint64_t word[M_WORDS];
};

struct m_grant { // a shared entry, and what is in use of it
	uint16_t flags, grantee;
	uint32_t frame;
	uint32_t used_frame;
	uint16_t used_grantee;
	uint32_t readers, writers;
};

struct m_handle {
	bool used, read_only, pte;
	uint8_t granter;
	uint16_t ref;
};

struct m_port {
	uint8_t state; // EVTCHNSTAT_*
	uint8_t remote_domain, virq, vcpu, priority;
	uint16_t remote_port;
	uint32_t number; // the machine's
	bool pending, masked;
	bool waiting; // FIFO: was raised before its word existed
};

struct m_event { // a port's number, in a queue of the FIFO form
	uint8_t vcpu, priority;
	uint32_t order; // of linking, from 1; 0: it is in none
};

struct m_fifo {
	bool on; // else the 2-level form
	uint32_t pages;
	bool control[M_VCPUS];
	uint16_t ready[M_VCPUS]; // queues the guest is told of, by priority
	uint32_t linked;	 // ever
	struct m_event event[M_NUMBERS];
};

struct m_vcpu {
	uint32_t root, user_root; // frames; M_NONE
	uint32_t pending;	  // table whose letting go was interrupted
	uint32_t gdt[M_GDT], gdt_count;
	bool upcall;
	uint16_t virq_port[M_VIRQS]; // + 1
};

struct m_domain {
	bool privileged;
	uint64_t window[M_WINDOW];
	struct m_grant grant[M_REFS];
	struct m_handle handle[M_HANDLES];
	struct m_port port[M_PORTS];
	struct m_fifo fifo;
	struct m_vcpu vcpu[M_VCPUS];
};

struct model {
	struct m_frame frame[M_FRAMES];
	struct m_domain domain[M_DOMAINS];
	uint32_t vcpus;	  // of each domain
	uint32_t number;  // what the machine chose for the port that is opened
	uint32_t numbers; // those chosen so far are below it
	// A table was to be entered, read-only, in one of its own level: where
	// Xen is built with linear page tables it accepts that.
	bool linear;
	// This is Xen, in what it does otherwise. It notes in an L1 entry
	// whether the guest had said US (as G) or not (as bit 52), which stays
	// in the frame when that is a table no more. And a copy that is the
	// first to write to a granted frame, while others read it, writes to
	// the frame that the entry names by then.
	bool xen;
	// Where the code under test was interrupted, which it alone decides: of
	// frames that it left partly valid, how (M_UP and so on), as what and
	// at which entry; of others 0. Everything else is predicted.
	uint8_t stopped[M_FRAMES];
	uint8_t stopped_type[M_FRAMES];
	uint16_t stopped_at[M_FRAMES];
};

#define M_RESTART (-1024) // interrupted

// A word without flags that names frame `f`; and back. A word that names none
// has no index that is a frame's.
static inline uint64_t m_word(uint32_t f)
{
	return (uint64_t)(f + 1) << 12;
}

static inline uint32_t m_index(uint64_t word)
{
	return ((uint32_t)(word >> 12) & 0xffff) - 1;
}

void m_init(struct model *m, uint32_t domains, uint32_t vcpus);
void m_frame_add(struct model *m, uint32_t f, uint32_t d);

// Each returns 0 or a negative errno of the ABI (or M_RESTART); `d` calls.
// memory.c, and types.c below it
int m_update(struct model *m, uint32_t d, uint32_t pg_owner, uint32_t f,
	     uint32_t slot, uint64_t word, bool keep_ad);
int m_window_set(struct model *m, uint32_t d, uint32_t w, uint64_t word);
int m_va_set(struct model *m, uint32_t d, uint32_t vcpu, const uint8_t at[4],
	     uint64_t word);
int m_pin(struct model *m, uint32_t owner, uint32_t f, uint32_t level);
int m_unpin(struct model *m, uint32_t owner, uint32_t f);
int m_root(struct model *m, uint32_t d, uint32_t vcpu, uint32_t f, bool user);
int m_clear(struct model *m, uint32_t owner, uint32_t f);
int m_copy(struct model *m, uint32_t owner, uint32_t to, uint32_t from);
int m_decrease(struct model *m, uint32_t d, uint32_t f);
void m_populated(struct model *m, uint32_t d, uint32_t f);
int m_pending_finish(struct model *m, uint32_t d, uint32_t vcpu);
void m_vcpu_now(struct model *m, uint32_t d, uint32_t vcpu);
// References by what an L1 entry needs; for grants.
int m_l1_take(struct model *m, uint32_t d, uint32_t pg_owner, uint64_t word);
void m_l1_drop(struct model *m, uint64_t word);
int m_take(struct model *m, uint32_t f, uint32_t d, uint32_t type);
void m_put_plain(struct model *m, uint32_t f);
void m_put_writable(struct model *m, uint32_t f);
// The same that m_take() took, of what is never interrupted.
void m_put_type(struct model *m, uint32_t f);

// descriptors.c
int m_gdt(struct model *m, uint32_t d, uint32_t vcpu, const uint32_t *frames,
	  uint32_t count);
int m_descriptor(struct model *m, uint32_t d, uint32_t f, uint32_t slot,
		 uint64_t word);
bool m_descriptors_ok(const struct m_frame *p);

// grants.c: GNTST_*. A place is an entry: of the window, or of a frame.
struct m_place {
	bool in_frame;
	uint32_t frame, slot; // slot of the window or of the frame
};
int m_grant_map(struct model *m, uint32_t d, uint32_t granter, uint32_t ref,
		bool read_only, struct m_place at, uint32_t handle);
int m_grant_unmap(struct model *m, uint32_t d, uint32_t handle,
		  struct m_place at);
struct m_operand {
	bool granted;
	uint32_t domain, ref; // granted
	uint32_t frame;	      // the caller's own
	uint32_t slot;
};
int m_grant_copy(struct model *m, uint32_t d, struct m_operand from,
		 struct m_operand to, uint32_t words);

// events.c: the new port or a negative errno; 0 or a negative errno.
int m_alloc_unbound(struct model *m, uint32_t d, uint32_t remote);
int m_bind_interdomain(struct model *m, uint32_t d, uint32_t remote,
		       uint32_t port);
int m_bind_ipi(struct model *m, uint32_t d, uint32_t vcpu);
int m_bind_virq(struct model *m, uint32_t d, uint32_t virq, uint32_t vcpu);
int m_close(struct model *m, uint32_t d, uint32_t port);
int m_send(struct model *m, uint32_t d, uint32_t port);
int m_unmask(struct model *m, uint32_t d, uint32_t port);
int m_bind_vcpu(struct model *m, uint32_t d, uint32_t port, uint32_t vcpu);
int m_port_free(const struct model *m, uint32_t d); // -1: none in the model
void m_reset(struct model *m, uint32_t d); // closes all, 2-level from now on

// fifo.c. `writable`: the domain has the frame, as one that may be written.
int m_fifo_control(struct model *m, uint32_t d, uint32_t vcpu, uint32_t offset,
		   bool writable);
int m_fifo_expand(struct model *m, uint32_t d, bool writable);
int m_fifo_priority(struct model *m, uint32_t d, uint32_t port,
		    uint32_t priority);
void m_fifo_raise(struct model *m, uint32_t d, struct m_port *p);
uint32_t m_fifo_take(struct model *m, uint32_t d, uint32_t vcpu,
		     uint32_t priority);
// The number that was linked next after `after` (an order) in a queue; 0: none.
uint32_t m_fifo_next(const struct model *m, uint32_t d, uint32_t vcpu,
		     uint32_t priority, uint32_t after);

#endif
