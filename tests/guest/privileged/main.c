// SPDX-License-Identifier: MIT
// Claim: what only dom0 may do, a domU may not, and is told so as on Xen.
//
// Each control operation by number, with the right version and with a wrong
// one; each physdev, memory, event channel, grant and scheduler operation that
// steers another domain or the machine, aimed at dom0 and at a domain that is
// not there. As dom0 only what names a domain that is not there, or no
// operation, so that nothing happens.
#include "ipc.h"
#include <xen/domctl.h>
#include <xen/platform.h>
#include <xen/sysctl.h>

#define NOBODY 0x7000

static u8 page[4096] __attribute__((aligned(4096)));

// A request in the page, zero but for these words.
static void *request(u32 first, u32 second, u32 third)
{
	u32 *words = (u32 *)page;

	memset(page, 0, sizeof(page));
	words[0] = first;
	words[1] = second;
	words[2] = third;
	return page;
}

static void say(const char *what, long rc)
{
	printf("%s: %s\n", what, error_name(rc));
}

// What numbers from..to-1 answer: runs of the same answer are one word.
static long last;
static u32 run_from;

static void run_end(u32 to)
{
	if (to > run_from) {
		printf(" %u", run_from);
		if (to - 1 > run_from) {
			printf("-%u", to - 1);
		}
		printf(" %s", error_name(last));
	}
	run_from = to;
}

static void run_add(u32 n, long rc)
{
	if (n != run_from && rc != last) {
		run_end(n);
	}
	last = rc;
}

static void domctls(const char *what, u32 version, u32 domain, u32 from, u32 to)
{
	printf("domctl, %s:", what);
	run_from = from;
	for (u32 n = from; n < to; n++) {
		run_add(n,
			CALL(domctl, request(n, version, domain), 0, 0, 0, 0));
	}
	run_end(to);
	printf("\n");
}

static void sysctls(const char *what, u32 version)
{
	printf("sysctl, %s:", what);
	run_from = 0;
	for (u32 n = 0; n < 40; n++) {
		run_add(n, CALL(sysctl, request(n, version, 0), 0, 0, 0, 0));
	}
	run_end(40);
	printf("\n");
}

static void platform(const char *what, u32 version)
{
	printf("platform_op, %s:", what);
	run_from = 0;
	for (u32 n = 0; n < 70; n++) {
		run_add(n,
			CALL(platform_op, request(n, version, 0), 0, 0, 0, 0));
	}
	run_end(70);
	printf("\n");
}

static void control(void)
{
	u32 version = XEN_DOMCTL_INTERFACE_VERSION;

	domctls("older", version - 1, NOBODY, 0, 100);
	domctls("newer", version + 1, NOBODY, 0, 100);
	domctls("of nobody", version, NOBODY, is_dom0() ? 2 : 0, 100);
	if (is_dom0()) {
		domctls("that is none", version, 0, 88, 100);
	} else {
		domctls("of itself", version, DOMID_SELF, 0, 100);
		domctls("of dom0", version, 0, 0, 100);
	}
	sysctls("older", XEN_SYSCTL_INTERFACE_VERSION - 1);
	sysctls("newer", XEN_SYSCTL_INTERFACE_VERSION + 1);
	platform("older", XENPF_INTERFACE_VERSION - 1);
	platform("newer", XENPF_INTERFACE_VERSION + 1);
	if (!is_dom0()) {
		sysctls("the right version", XEN_SYSCTL_INTERFACE_VERSION);
		platform("the right version", XENPF_INTERFACE_VERSION);
	}
}

// The machine's devices and console.
static void machine(void)
{
	char text[4] = "x";

	for (u32 n = 0; n < 34 && !is_dom0(); n++) {
		printf("physdev_op %u: %s\n", n,
		       error_name(hv_physdev_op((int)n, request(0, 0, 0))));
	}
	say("console_io read", is_dom0() ? 0 : hv_console_io(1, 1, text));
	say("console_io 2", hv_console_io(2, 1, text));
}

// In memory_op's structures the domain stands after other fields.
static void memory(domid_t who)
{
	struct xen_memory_reservation r = {.nr_extents = 1, .domid = who};
	struct xen_add_to_physmap a = {.domid = who, .space = 1};
	struct xen_foreign_memory_map map = {.domid = who};
	struct xen_remove_from_physmap gone = {.domid = who};
	struct xen_mem_acquire_resource get = {.domid = who, .type = 1};
	struct xen_memory_map whole = {.nr_entries = 1};
	xen_pfn_t frame = 0x100;
	domid_t id = who;

	set_xen_guest_handle(r.extent_start, &frame);
	printf("memory of %x: %s", who,
	       error_name(hv_memory_op(XENMEM_increase_reservation, &r)));
	printf(" %s",
	       error_name(hv_memory_op(XENMEM_decrease_reservation, &r)));
	printf(" %s", error_name(hv_memory_op(XENMEM_populate_physmap, &r)));
	printf(" %s",
	       error_name(hv_memory_op(XENMEM_current_reservation, &id)));
	printf(" %s",
	       error_name(hv_memory_op(XENMEM_maximum_reservation, &id)));
	printf(" %s", error_name(hv_memory_op(XENMEM_maximum_gpfn, &id)));
	printf(" %s", error_name(hv_memory_op(XENMEM_add_to_physmap, &a)));
	printf(" %s",
	       error_name(hv_memory_op(XENMEM_remove_from_physmap, &gone)));
	printf(" %s", error_name(hv_memory_op(XENMEM_set_memory_map, &map)));
	set_xen_guest_handle(r.extent_start, (xen_pfn_t *)0);
	printf(" %s", error_name(hv_memory_op(XENMEM_claim_pages, &r)));
	printf(" %s\n",
	       error_name(hv_memory_op(XENMEM_acquire_resource, &get)));
	if (!is_dom0()) {
		set_xen_guest_handle(whole.buffer, (void *)page);
		say("machine_memory_map",
		    hv_memory_op(XENMEM_machine_memory_map, &whole));
	}
}

static void tables(domid_t who)
{
	struct mmuext_op op = {.cmd = MMUEXT_TLB_FLUSH_LOCAL};
	struct mmu_update u = {.ptr = maddr_of(page)};
	u64 va = (u64)page;

	printf("tables of %x: %s", who,
	       error_name(hv_mmuext_op(&op, 1, NULL, who)));
	printf(" %s", error_name(hv_mmu_update(&u, 1, NULL, who)));
	printf(" %s", error_name(hv_mmu_update(&u, 1, NULL, who << 16)));
	printf(" %s\n", error_name(CALL(update_va_mapping_otherdomain, va,
					pte_of(0x100, PTE_RO), 0, who, 0)));
}

static void events(domid_t who)
{
	struct evtchn_alloc_unbound a = {.dom = who, .remote_dom = who};
	struct evtchn_bind_interdomain b = {.remote_dom = who,
					    .remote_port = 1000};
	struct evtchn_status s = {.dom = who, .port = 1};
	struct evtchn_reset r = {.dom = who};
	struct sched_remote_shutdown end = {.domain_id = who};

	printf("events of %x: %s", who,
	       error_name(hv_event_op(EVTCHNOP_alloc_unbound, &a)));
	printf(" %s", error_name(hv_event_op(EVTCHNOP_bind_interdomain, &b)));
	printf(" %s", error_name(hv_event_op(EVTCHNOP_status, &s)));
	printf(" %s", error_name(hv_event_op(EVTCHNOP_reset, &r)));
	printf(", shutdown %s\n",
	       error_name(hv_sched_op(SCHEDOP_remote_shutdown, &end)));
}

static void grants(domid_t who)
{
	struct gnttab_setup_table setup = {.dom = who, .nr_frames = 1};
	struct gnttab_query_size size = {.dom = who};
	struct gnttab_get_version version = {.dom = who};
	struct gnttab_map_grant_ref map = {
	    .dom = who, .ref = 5, .host_addr = REGION_KERNEL};
	struct gnttab_copy copy = {.source.domid = who,
				   .dest.domid = DOMID_SELF,
				   .dest.u.gmfn = virt_to_mfn(page),
				   .len = 8,
				   .flags = GNTCOPY_source_gref};

	printf("grants of %x: %s", who,
	       error_name(hv_grant_op(GNTTABOP_setup_table, &setup, 1)));
	printf(" %d", setup.status);
	printf(" %s", error_name(hv_grant_op(GNTTABOP_query_size, &size, 1)));
	printf(" %d", size.status);
	printf(" %s",
	       error_name(hv_grant_op(GNTTABOP_get_version, &version, 1)));
	printf(" %s", error_name(hv_grant_op(GNTTABOP_map_grant_ref, &map, 1)));
	printf(" %d", map.status);
	printf(" %s", error_name(hv_grant_op(GNTTABOP_copy, &copy, 1)));
	printf(" %d\n", copy.status);
}

int guest_main(void)
{
	control();
	machine();
	if (!is_dom0()) {
		memory(0);
		tables(0);
		events(0);
		grants(0);
	}
	memory(NOBODY);
	tables(NOBODY);
	events(NOBODY);
	grants(NOBODY);
	return 0;
}
