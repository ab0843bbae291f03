// SPDX-License-Identifier: MIT
// The global state of domains, vCPUs and the scheduler, all of it. (Memory's
// stands in mm/, the machine's in x86/ and boot/.)
#include <wabe/sched.h>

#include "dom.h"

// --- processors -------------------------------------------------------------

// Entry n: CPU n, or NULL.
struct cpu *cpus[NR_CPUS];
// Processors online: 0 .. cpu_count - 1.
u32 cpu_count;

// --- domains ----------------------------------------------------------------

// Serialises control operations.
lock_t control_lock;
// Guards the ids, the lists below, and publication of domains.
lock_t domlist_lock;
// The control domain; NULL until the builder has made it.
struct domain *dom0;
// Owner of the idle vCPUs; never runs a guest.
struct domain idle_domain = {.id = DOMID_IDLE, .refs = 1};
// Owner of frames that are not RAM.
struct domain dom_io = {.id = DOMID_IO, .refs = 1};
// Owner of the hypervisor's own frames.
struct domain dom_xen = {.id = DOMID_XEN, .refs = 1};
// Domains by id, and ids in use.
struct domain *domain_table[DOMAIN_IDS];
u64 domain_ids[DOMAIN_IDS / 64];
// Where the search for a free id starts: ids are handed out in turn.
u32 domain_id_next = 1;
// Structures of domains that are gone. They stay struct domain for ever, so
// that domain_get() may look at one without a lock.
struct domain *domains_unused;
// Domains without a reference, to be freed by domain_reaper (domain.c).
struct domain *domains_dead;
// The reaper is to raise VIRQ_DOM_EXC, WABE_VIRQ_CHANGED in dom0.
bool domain_exception, domain_change;
// domlist_lock: ids noted for WABE_NEXT_CHANGED, and where to look first.
u64 domains_changed[DOMAIN_IDS / 64];
u32 domain_told;
// The last serial number given to a domain, and to a vCPU.
u32 domain_serial;
u32 vcpu_serial;
// Stands for the shared_info of a dead domain, and holds the vcpu_info of vCPUs
// that must register one before they run. No guest sees it.
struct shared_info shared_info_dummy;

// --- scheduler --------------------------------------------------------------

// CPUs that idle and have not been given anything to do since.
struct cpumask sched_idlers;
// The furthest global virtual time of all run queues.
u64 sched_front = 1ull << 40;
