// SPDX-License-Identifier: MIT
// The fake machine: what mm/, ipc/, dom/ and call/ need below them, as an
// ordinary program. Frames are an arena of host memory, processors are threads
// (the test's own is CPU 0), guest addresses are host addresses, time stands
// still until a test moves it. Included first in every file (-include), and by
// tests.
#ifndef FAKE_H
#define FAKE_H

struct page;
extern struct page *fake_pages;
#define PAGE_TABLE fake_pages

#include <wabe/alloc.h>
#include <wabe/boot.h>
#include <wabe/cpu.h>
#include <wabe/domain.h>
#include <wabe/layout.h>
#include <wabe/mapcache.h>
#include <wabe/mmu.h>
#include <wabe/tlb.h>

// The machine-to-physical table is an array.
extern u64 fake_m2p_table[];
#undef M2P_BASE
#define M2P_BASE ((u64)fake_m2p_table)

#define FAKE_FRAMES 768 // machine frames 0 .. 767
#define FAKE_HOLE 736	// from here on they are not RAM
#define FAKE_HEAP 608	// from here on they are heap pages
#define FAKE_CPUS 4
#define FAKE_DOMAINS 4 // ids 0 (privileged) .. 3
#define FAKE_VCPUS 4

// --- domains.c: the whole of it, and its domains -----------------------------

// A fresh machine with dom0 and `domains` - 1 others, each with FAKE_VCPUS
// vCPUs, paused; the caller is CPU 0 and runs dom0's vCPU 0, which the
// scheduler does not know of.
void fake_init(u32 domains);
void fake_fini(void);		    // forget all, whatever its state
struct domain *fake_domain(u32 id); // NULL: there is none
struct domain *fake_domain_create(u32 id);
// To the end, however often that takes.
void fake_domain_destroy(struct domain *d);

// --- machine.c: processors ---------------------------------------------------

// This thread becomes CPU `cpu` running `v`.
void fake_run(u32 cpu, struct vcpu *v);
void fake_settle(void); // timers that are due, dead domains freed
void fake_machine_init(void);
void fake_machine_fini(void);
// Work units before work_spent(), of the CPU that this thread is.
#define fake_work (this_cpu()->work_left)
#define FAKE_ENDLESS (1ll << 60)
extern bool fake_verbose; // printk() is heard
extern u64 fake_now;	  // time_now(); atomic
// What CPU's timer was last set to, and how often others were told to look.
extern u64 fake_deadline[FAKE_CPUS];
extern u32 fake_ipis;
extern u32 fake_switches; // context_switch() to a guest

// --- memory.c: frames and their contents; heap.c: the hypervisor's own -------

u64 *fake_frame(u64 mfn);	  // its contents
u64 fake_m2p(u64 mfn);		  // what the M2P says of it
u64 fake_alloc(struct domain *d); // a frame for `d`: its mfn, 0 none
// A heap page shared with `d`: its mfn.
u64 fake_heap_frame(struct domain *d);
extern __thread s32 fake_mapped; // page_map() without page_unmap()
void fake_memory_init(void);
void fake_heap_init(void);
// The allocation (heap, vmap; with --wrap also frames) after this many more
// ones fails, and that alone. ~0: none does.
extern u64 fake_fail_after;
extern u64 fake_allocations; // in all
u64 fake_heap_blocks(void);  // not given back
bool fake_allocation_fails(void);

// --- tlb.c: what processors may know -----------------------------------------

// CPU `cpu` walks its root for `va`, as a guest's access does, and remembers
// what it finds. false: not mapped, or not writable for a write.
bool fake_touch(u32 cpu, u64 va, bool write);
// How many translations in TLBs give access to a frame in a role or to an owner
// that they were not made for; each printed.
u32 fake_tlb_wrong(void);
extern u32 fake_flushes; // CPUs flushed, in all
// Threads: leave the hypervisor / enter it, as a CPU that serves flushes does.
void fake_leave(void);
void fake_enter(void);
void fake_tlb_init(void);

// --- calls.c: hypercalls -----------------------------------------------------

// Did the last handler ask to be continued, and how.
extern __thread struct fake_continued {
	bool again;
	u32 nr;
	u64 args[5];
} fake_continued;
extern __thread u32 fake_slices; // of the last call
// The call, continued up to `times` times with `work` units each. ~0: no limit.
long fake_call(u32 nr, u64 a0, u64 a1, u64 a2, u64 a3, u64 work, u64 times);
// The same, without limits.
long fake_hypercall(u32 nr, u64 a0, u64 a1, u64 a2, u64 a3);

#endif
