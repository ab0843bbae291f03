// SPDX-License-Identifier: MIT
// Domains and their vCPUs: the structures everything else hangs on.
// Fields stand in groups, by what guards them.
#ifndef WABE_DOMAIN_H
#define WABE_DOMAIN_H

#include <wabe/addr.h>
#include <wabe/errno.h>
#include <wabe/lock.h>
#include <wabe/percpu.h>
#include <wabe/timer.h>
#include <wabe/types.h>

#include <xen/xen.h>
#include <xen/vcpu.h>

struct evtchns;
struct grant_table;
struct partition;
struct cpu_policy;
struct fpu_state;
struct share;

#define DOMAIN_VCPUS_MAX 256
#define TRAPS 256

// The scheduler's part of a vCPU (dom/runq.h). runq.lock of its processor.
struct sched_vcpu {
	struct pheap_node node; // key: virtual time; in runq.heap if waiting
	struct list link;	// in runq.waiting
	u64 vtime;
	s64 quota;    // ns it may still run, of a capped domain
	u32 time_cpu; // CPU + 1 where its time was last published
	u8 parked;    // waits for the budget to be filled
};

// A domain's shares (dom/sched_cap.c). control_lock writes, but the budget.
struct sched_domain {
	u16 weight, cap; // cap in percent of a CPU, 0: none
	u64 inverse;	 // virtual ns per real ns, << 24
	s64 budget;	 // atomic: ns left in this period, if capped
	s64 full;	 // ns for a period, 0: no cap
	struct timer refill;
};

enum {
	CALLBACK_EVENT,
	CALLBACK_FAILSAFE,
	CALLBACK_SYSCALL,
	CALLBACK_SYSCALL32,
	CALLBACK_SYSENTER,
	CALLBACK_NMI,
	CALLBACKS
};

struct callback {
	u64 address;
	bool mask_events;
};

enum vcpu_state { VCPU_OFFLINE, VCPU_BLOCKED, VCPU_RUNNABLE, VCPU_RUNNING };

struct vcpu {
	// The processor aligns the stack to 16 before it pushes, and it pushes
	// from &regs.es down: so regs begins at 8 and a vcpu at 16.
	u64 regs_align;
	// Registers at the last entry into the hypervisor (entry.S pushes into
	// it; ds, es, fs, gs are saved on switches only).
	struct cpu_user_regs regs;

	// Known to assembly. Owned by the CPU that runs it.
	struct vcpu_info *info; // never NULL; hypervisor-writable
	u8 kernel_mode;		// guest kernel or guest user (both CPL 3)
	u8 nmi_pending;		// deliver an NMI at the next exit; atomic
	u8 nmi_masked;		// until the guest's next iret
	u8 ts;			// guest's CR0.TS

	// Constant after creation.
	struct domain *domain;
	u32 id;
	u32 serial; // unique among all vCPUs alive

	// Owned by the CPU that runs it, or the caller of vcpu_pause().
	u64 kernel_root, user_root; // machine addresses of L4 tables, or 0
	u64 kernel_rsp;		    // stack_switch
	u16 kernel_ss;
	u8 iopl;			 // 0 to 3, set_iopl
	u64 io_bitmap;			 // set_iobitmap: where, and for how
	u32 io_ports;			 // many ports it has bits
	u64 fs_base, gs_kernel, gs_user; // live ones are in the CPU
	u64 dr[8];	    // debug registers as the guest set them
	u64 cr4;	    // guest's CR4, the bits it may choose
	u64 gdt_frames[16]; // mfns, 0 = none; seg-typed references
	u32 gdt_ents;
	u64 ldt_base;
	u32 ldt_ents;
	u64 ldt_frames[16];	       // mfns mapped so far, 0 = none
	struct trap_info traps[TRAPS]; // flags: bits 0-1 DPL, 2 mask events
	struct callback callbacks[CALLBACKS];
	struct fpu_state *fpu; // x86/fpu.c
	u64 xcr0;
	u32 fpu_cpu;		  // CPU + 1 whose registers hold it, or 0
	struct page *put_pending; // tables whose release was preempted (mm)
	bool initialised;	  // has a context to run

	// Multicall and continuation, of the hypercall now running.
	struct multicall_entry *multicall; // entry being run, or NULL
	bool multicall_again;		   // that entry asked to be continued

	// dom/sched.c: runq.lock of cpus[processor].
	u32 processor;
	enum vcpu_state state;
	u32 pause_count; // atomic: not runnable while nonzero
	u8 blocked;	 // SCHEDOP_block, until an event; atomic
	u8 offline;	 // VCPUOP_down or not yet up
	u8 running;	 // its registers are live on a CPU; atomic
	struct sched_vcpu sched;
	struct cpumask hard, soft; // affinity
	struct vcpu_runstate_info runstate;
	struct share *runstate_share; // where the guest wants it copied
	u16 runstate_offset;	      // within the share's frame
	u64 runstate_gva;	      // or by guest address, 0 = none
	u32 poll_port;		      // SCHEDOP_poll: one port; ~0 several
	u8 polling;		      // atomic; see pollers_wake()

	// Timers of the vCPU (dom/vcpu.c).
	struct timer singleshot, periodic, poll_timer;
	u64 period_ns;

	// vcpu_info placement (x86/shared.c).
	struct share *info_share;
	u32 virq_port[NR_VIRQS]; // domain.evtchn_lock; 0 = unbound
	struct fifo_vcpu *fifo;	 // FIFO event control block, or NULL
};

struct domain {
	// Constant after creation.
	domid_t id;
	u32 serial; // never used again, unlike the id
	struct partition *partition;
	bool privileged; // dom0: may do everything
	u8 handle[16];
	u32 flags;     // XEN_DOMCTL_CDF_*
	u32 vcpus_max; // room in vcpu[]
	struct vcpu **vcpu;
	struct shared_info *shared; // a heap page; its frame is shared_mfn
	mfn_t shared_mfn;

	// Atomic.
	u32 refs;	 // domain_get(), domain_put()
	u32 pause_count; // vCPUs do not run while nonzero
	u32 dying;	 // DOMAIN_ALIVE, _DYING, _DEAD
	u32 pollers;	 // vCPUs in SCHEDOP_poll (pollers_wake())
	u32 shares;	 // frames it has had mapped here (mm/share.c)
	u32 pci_address; // privileged: what it wrote to port 0xcf8
	bool published;	 // domain_get() finds it

	// domain.lifecycle_lock
	lock_t lifecycle_lock;
	u32 control_pauses; // pausedomain by the toolstack (0 or 1)
	bool shutting_down, shut_down;
	u32 shutdown_code;
	bool crashed;
	u32 destroy_stage; // dom/destroy.c: where to go on
	bool log_dirty;	   // control_lock: XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY

	// domain.pages_lock
	lock_t pages_lock;
	u32 pages_head;	 // list of frames by mfn (struct page), 0 none
	u64 pages;	 // frames owned and allocated
	u64 pages_max;	 // limit for allocations
	u64 heap_frames; // hypervisor frames this domain may map

	// Who destroys it, one at a time (mm/relinquish.c).
	struct page *relinquish_at; // referenced; where to go on
	bool relinquish_again;	    // this pass found something: one more

	// domain.evtchn_lock
	lock_t evtchn_lock;
	struct evtchns *evtchns; // ipc/evtchn.c

	struct grant_table *grants; // ipc/grant.c; has its own lock
	struct cpu_policy *policy;  // x86/cpuid.c; constant while it runs
	u64 vm_assist;
	u32 tsc_mode;
	u64 claim;		     // XENMEM_claim_pages outstanding
	struct e820_map *memory_map; // XENMEM_set_memory_map, or NULL
	struct sched_domain sched;
	struct domain *next_unused; // domlist_lock: unused or dead structures
	struct timer watchdog[2];
	u8 watchdog_used;
};

enum { DOMAIN_ALIVE, DOMAIN_DYING, DOMAIN_DEAD };

// Serialises domctl, sysctl and platform operations (first in the lock order).
// Who pauses and waits may hold this lock and no other.
extern lock_t control_lock;

extern struct domain *dom0;	  // constant once booted
extern struct domain idle_domain; // id DOMID_IDLE; owner of idle vCPUs
extern struct domain dom_io;	  // owner of frames that are not RAM
extern struct domain dom_xen;	  // owner of frames the hypervisor shares (M2P)

static inline struct vcpu *current_vcpu(void)
{
	return this_cpu()->current;
}

static inline struct domain *current_domain(void)
{
	return this_cpu()->current->domain;
}

static inline bool vcpu_is_idle(const struct vcpu *v)
{
	return v->domain == &idle_domain;
}

// Look up a living or dying domain and take a reference: O(1). DOMID_SELF is
// the caller's. NULL where there is none.
struct domain *domain_get(domid_t id);
// The domain with this exact id (DOMID_SELF not resolved; DOMID_IO and
// DOMID_XEN are), no reference taken: for page_owner(), where the frame's own
// reference keeps the domain. NULL: none.
struct domain *domain_by_id(domid_t id);
void domain_hold(struct domain *d);
// Let it go; the last one frees the structure.
void domain_put(struct domain *d);
// The next domain with an id >= `from`, referenced, or NULL (listing).
struct domain *domain_next(domid_t from);

// The vCPU `id` of `d`, or NULL. Bounds-checked and clamped.
struct vcpu *domain_vcpu(struct domain *d, u32 id);
#define domain_for_each_vcpu(v, d)                           \
	for (u32 v##_i = 0; v##_i < (d)->vcpus_max; v##_i++) \
		for (struct vcpu *v = (d)->vcpu[v##_i]; v; v = NULL)

// Everything a domain needs to exist: structures, shared_info, event channels,
// grant table. `id` DOMID_INVALID: choose a free one in O(1). Paused once.
struct domain_config {
	domid_t id;
	struct partition *partition;
	bool privileged;
	u32 flags, vcpus_max;
	u32 evtchn_max; // highest port number allowed
	u32 grant_frames, maptrack_frames;
	u8 handle[16];
};
int domain_create(const struct domain_config *config, struct domain **out);
// vCPU structure, offline, on processor `cpu`.
int vcpu_create(struct domain *d, u32 id, u32 cpu, struct vcpu **out);
// A bounded slice of tearing down; -ERESTART until done, then 0.
int domain_destroy(struct domain *d);
// Stop the vCPUs for ever and tell dom0 (VIRQ_DOM_EXC). Any context.
void domain_shutdown(struct domain *d, u32 reason);
// The same with a reason for the log and the registers of its current vCPU.
void domain_crash(struct domain *d, const char *fmt, ...) FORMAT(2, 3);
int domain_resume(struct domain *d);

// XEN_DOMCTL_pausedomain and unpausedomain: one more pause, that the toolstack
// owns. -EINVAL: unpaused more often than paused. control_lock held.
int domain_pause_control(struct domain *d);
int domain_unpause_control(struct domain *d);

// Nesting. pause waits until no CPU runs the vCPU and all its state is in its
// structures; never on the current one, nor with a lock but control_lock held.
void domain_pause(struct domain *d);
void domain_unpause(struct domain *d);
void vcpu_pause(struct vcpu *v);
void vcpu_unpause(struct vcpu *v);

// Set a vCPU's whole state from the ABI's structure, which the caller has
// copied; checks it all, takes references on roots and GDT frames. The vCPU
// must be paused or never have run. -EBUSY etc. as Xen; may be -ERESTART.
int vcpu_set_context(struct vcpu *v, const struct vcpu_guest_context *c);
void vcpu_get_context(struct vcpu *v, struct vcpu_guest_context *c);
// Let go of what vcpu_set_context and later calls took; may be -ERESTART.
int vcpu_release_context(struct vcpu *v);

// An NMI for the guest. 0.
int vcpu_send_nmi(struct vcpu *v);

// VCPUOP_register_vcpu_info: move v->info into the guest's frame. The current
// vCPU or one that is offline.
int vcpu_info_register(struct vcpu *v, u64 mfn, u32 offset);
// Where a domain's vCPU finds its vcpu_info before it registers one.
void vcpu_info_reset(struct vcpu *v);

// ns that it ran.
u64 vcpu_cpu_time(struct vcpu *v);

// Take the note of a domain that changed (WABE_NEXT_CHANGED). -ENOENT: none.
int domain_next_changed(domid_t *out);

// SCHEDOP_watchdog. id 0: a new one; else change it, stop it with seconds 0.
// The id or -EINVAL, -ENOSPC.
int watchdog_set(struct domain *d, u32 id, u32 seconds);

// Raise a virtual interrupt of the domain's vCPU 0, of one vCPU, or of dom0.
void virq_raise_domain(struct domain *d, u32 virq);
void virq_raise_vcpu(struct vcpu *v, u32 virq);
static inline void virq_raise_dom0(u32 virq)
{
	if (dom0) {
		virq_raise_domain(dom0, virq);
	}
}

#endif
