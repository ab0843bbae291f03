// SPDX-License-Identifier: MIT
// Frames: owner, references, type (mm/page.c). The heart of isolation.
//
// Each machine frame of RAM has a struct page. Its state is one 64-bit word,
// changed by compare-and-swap only:
//
//    63     62     61    60..59  58..56  55....28  27....0
//   heap  alloc  pinned  valid.   type     refs     types
//
// refs   references of any kind: 1 for being allocated (`alloc`), 1 for each
//        pin, 1 for each type reference, 1 for each plain reference
//        (page_get). The frame is freed when it reaches 0, never before.
//        A frame with refs 0 has no meaningful owner.
// types  references as `type`; types <= refs. Type `none` has 0.
// type   none, L1..L4 table, descriptor page (seg), writable. It can change
//        only while types == 0. So a frame never has writable mappings and
//        is a table at once.
// valid. not: types == 0, or type needs no validation
//        busy: a CPU is validating or letting go, or flushes TLBs before a new
//        type; others that want the same type wait for it (bounded: a slice
//        of work_spent()) serving TLB flushes. Who holds a table busy waits
//        only for tables of lower levels, so there is no cycle.
//        partial: see below
//        valid: every present entry holds a reference of the right kind
// heap   a frame of the hypervisor. With an owner that is a guest, the owner
//        may map it (shared_info, grant frames). RAM that is neither free nor
//        a domain's is the hypervisor's: heap, allocated, owner DOMID_XEN. At
//        refs 0 frame_release() gives it back to the heap.
//
// Entries hold: L1 entry, present: a reference, which with RW is a writable
// type reference, on RAM frames of the permitted owner, whoever put the entry
// there (grants too: see grant_pte_map()); nothing on frames that are not RAM
// (dom0 only). L2..L4 entry, present: a type reference L1..L3 on the table it
// names. CR3, a pin: a type reference L4 (L1..L4).
//
// Partial. Validation of L2..L4 can descend into tables not yet valid, so it
// is sliced. A table whose validation or letting go was preempted is `partial`
// with page->partial entries counted: exactly entries [0, partial) hold their
// references; types == 1, refs includes 1 for it; that one type reference
// belongs to the partial state itself and keeps the frame from changing role.
// Three kinds of partial, told apart by flags that only who made the frame busy
// reads or writes:
//   going up     (no flag) validation was preempted. Who asks for the same type
//                goes on from `partial`; when done, the state's reference
//                becomes the asker's.
//   LETGO        letting go was preempted. The reference is that of its last
//                holder: an entry still counted in a partial table above, or
//                vcpu->put_pending, with which every mmu call first goes on.
//                Who asks for the type gets -EINVAL.
//   FAILED       an entry was bad, and letting go of those before it was
//                preempted. Who asks for the same type goes on downwards, and
//                gets -EINVAL when nothing is counted any more.
// Who asks for another type gets -EINVAL: a guest that gives up half way hurts
// itself. Destroying a domain finishes what goes up or failed, downwards. A
// pinned frame is never partial: the pin's reference keeps it valid, and unpin
// clears the bit before it lets go.
//
// A present entry in a table is what the guest wrote, save accessed, dirty,
// and US which is always set, G which is always clear.
#ifndef WABE_PAGE_H
#define WABE_PAGE_H

#include <wabe/addr.h>
#include <wabe/errno.h>
#include <wabe/layout.h>
#include <wabe/types.h>

struct domain;

// The state word's parts. Only mm/ touches them.
#define PAGE_TYPES_MASK (BIT(28) - 1)
#define PAGE_REF_ONE BIT(28)
#define PAGE_REFS_MASK ((BIT(28) - 1) << 28)
#define PAGE_TYPE_SHIFT 56
#define PAGE_TYPE_MASK (7ull << PAGE_TYPE_SHIFT)
#define PAGE_VALID_SHIFT 59
#define PAGE_VALID_MASK (3ull << PAGE_VALID_SHIFT)
#define PAGE_PINNED BIT(61)
#define PAGE_ALLOCATED BIT(62)
#define PAGE_HEAP BIT(63)

enum page_type {
	PAGE_NONE,
	PAGE_L1,
	PAGE_L2,
	PAGE_L3,
	PAGE_L4,
	PAGE_SEG,
	PAGE_WRITABLE,
};

struct page {
	u64 state;	// as above; free frames: 0
	u32 next, prev; // owner's list, or free list (mfns; 0 none)
	u16 owner;	// domain id, while refs > 0
	u8 partition;	// it belongs to; PARTITIONS_MAX more: to its heap
	u8 order;	// free block: its order + 1; 0 inside a block
	u32 stamp;	// TLB clock when last typed use or owner ended; of a
			// frame in a chain of put_pending: the next one
	u16 partial;	// entries counted, while partial
	u16 flags;	// PAGE_F_*
	u32 serial;	// serial of the last owner (scrubbing)
};

#define PAGE_F_DIRTY BIT(0) // holds data of domain `serial`: scrub
#define PAGE_F_RAM BIT(1)   // RAM at all; clear: MMIO or hole
#define PAGE_F_FREE BIT(2)  // in a partition's free block
#define PAGE_F_LETGO BIT(3) // partial, see above
#define PAGE_F_FAILED BIT(4)
#define PAGE_F_M2P BIT(5) // L4: was a kernel root, and shows the M2P

// One past the highest mfn with a struct page. Constant once booted.
extern u64 frames_end;

static inline bool mfn_in_table(mfn_t m)
{
	return m.n < frames_end;
}

#ifndef PAGE_TABLE
#define PAGE_TABLE ((struct page *)FRAMES_BASE)
#endif

// The caller checked mfn_in_table().
static inline struct page *mfn_page(mfn_t m)
{
	return &PAGE_TABLE[m.n];
}

static inline mfn_t page_mfn(const struct page *p)
{
	return MFN((u64)(p - PAGE_TABLE));
}

// Frame of RAM that may belong to a domain? NULL if not; clamps the index.
struct page *page_lookup(mfn_t m);
enum page_type page_type_now(const struct page *p);
struct domain *page_owner(const struct page *p); // no reference taken

// Take a plain reference if `d` owns the frame; false if not (or it is free).
bool page_get(struct page *p, struct domain *d) MUST_CHECK;
void page_put(struct page *p);

// Take a plain and a type reference, with validation for tables.
//   -EINVAL wrong owner, other type in use, or an entry that may not be;
//   -ERESTART preempted (tables L2..L4 only): issue again.
// A frame that was another type and may still be in some TLB is flushed first.
int page_get_type(struct page *p, struct domain *d, enum page_type type)
    MUST_CHECK;
// Let go. Only for types that cannot be preempted (L1, seg, writable).
void page_put_type(struct page *p);
// Let go of any; -ERESTART: preempted, the frame is partial and its reference
// remains the caller's (see vcpu->put_pending).
int page_put_type_sliced(struct page *p) MUST_CHECK;
// The same; what is preempted joins the current vCPU's put_pending. (Calls
// begin with put_pending_finish(), and return after an operation that set it.)
void page_drop_type(struct page *p);

// Pin as a table of `type` / unpin, for the owner `d`. -EINVAL; pin: -ERESTART
// as page_get_type(). What is preempted of an unpin: vcpu->put_pending.
int page_pin(struct page *p, struct domain *d, enum page_type type) MUST_CHECK;
int page_unpin(struct page *p, struct domain *d) MUST_CHECK;

// Destroying `d`, whose vCPUs run no more and hold no roots: unpin, finish what
// is partial, give the allocations back, in bounded slices; -ERESTART until no
// frame of the domain is left but what others still map.
int pages_relinquish(struct domain *d) MUST_CHECK;

// Long work counts in units (entries looked at), a slice's worth of which is
// given at each hypercall. work_spent: some more were done; true: stop here and
// come again (-ERESTART). work_add: the same where it is not the place to stop.
#define WORK_UNITS 4096
bool work_spent(u32 units) MUST_CHECK;
void work_add(u32 units);
void work_reset(void);

// Recount everything from nothing and compare (mm/audit.c): the number of
// frames that do not agree, each printed. All CPUs must be quiet.
u64 page_audit(void);

#endif
