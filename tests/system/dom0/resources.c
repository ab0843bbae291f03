// SPDX-License-Identifier: MIT
// For controls.c: what another domain has, as the toolstack reaches it: frames
// of its grant table, mappings of its memory, its tables' pins, its limits, its
// event channels.
#include "controls.h"

#include <sys/mman.h>
#include <xenforeignmemory.h>

static long memory(unsigned int command)
{
	return xencall2(calls, __HYPERVISOR_memory_op, command,
			(uint64_t)request);
}

// --- the grant table's frames ------------------------------------------------

static struct xen_mem_acquire_resource *resource(unsigned int id, uint64_t from,
						 uint32_t count)
{
	struct xen_mem_acquire_resource *r = request;

	request_begin();
	r->domid = (domid_t)id;
	r->type = XENMEM_resource_grant_table;
	r->frame = from;
	r->nr_frames = count;
	set_xen_guest_handle_raw(r->frame_list, data);
	return r;
}

// How many it then names, that are frames and different ones.
static void acquire(const char *what)
{
	const uint64_t *frames = data;
	unsigned int named = 0;
	long rc = memory(XENMEM_acquire_resource);

	while (named < 512 && frames[named] &&
	       (!named || frames[named] != frames[named - 1])) {
		named++;
	}
	say(what, rc);
	printf("  frames %u\n", named);
}

static void size(const char *what, uint32_t id)
{
	struct xen_mem_acquire_resource *r = resource(domain, 0, 0);

	r->id = id;
	set_xen_guest_handle_raw(r->frame_list, (xen_pfn_t *)0);
	say(what, memory(XENMEM_acquire_resource));
	printf("  size %u\n", r->nr_frames);
}

static void acquired(void)
{
	size("grant table", XENMEM_resource_grant_table_id_shared);
	resource(domain, 0, 1);
	acquire("its first frame");
	resource(domain, 2, 3);
	acquire("three more");
	resource(domain, 0, 33);
	acquire("33 frames");
	resource(domain, 0, 64);
	acquire("all frames");
	resource(domain, 63, 1);
	acquire("the last");
	resource(domain, 64, 1);
	acquire("one behind it");
	resource(domain, 60, 8);
	acquire("some behind it");
	resource(domain, 1ul << 32, 1);
	acquire("one at 2^32");
	resource(domain, ~0u, 1);
	acquire("one at 2^32 - 1");
	resource(domain, 0, 0);
	acquire("none, and where to");
	set_xen_guest_handle_raw(resource(domain, 0, 1)->frame_list,
				 (xen_pfn_t *)0);
	acquire("one, and nowhere to");
	resource(domain, 0, 1)->pad = 1;
	acquire("with a word in the padding");
	size("grant table, status", XENMEM_resource_grant_table_id_status);
	resource(domain, 0, 1)->id = XENMEM_resource_grant_table_id_status;
	acquire("status frames of version 1");
	size("grant table, part 7", 7);
	resource(domain, 0, 1)->type = XENMEM_resource_ioreq_server;
	acquire("I/O requests");
	resource(domain, 0, 1)->type = 77;
	acquire("a type that there is not");
	resource(NOBODY, 0, 1);
	acquire("of nobody");
	resource(DOMID_SELF, 0, 1);
	acquire("of itself");
}

// --- mappings ----------------------------------------------------------------

static xenforeignmemory_handle *maps;

// Map frame `mfn` of `id`; what it begins with, if a page comes.
static void map(const char *what, unsigned int id, uint64_t mfn, int prot)
{
	xen_pfn_t frame = mfn;
	int error = 0;
	char *page = xenforeignmemory_map(maps, id, prot, 1, &frame, &error);
	volatile char *byte = page;

	printf("map %s: %s", what, page ? "" : strerrorname_np(errno));
	if (page) {
		printf("error %s", error ? strerrorname_np(-error) : "0");
		if (!error) {
			printf(", %s", prot & PROT_WRITE ? "written" : "read");
			if (prot & PROT_WRITE) {
				*byte = *byte;
			} else {
				(void)*byte;
			}
		}
		munmap(page, 4096);
	}
	printf("\n");
}

static uint64_t root_mfn(void)
{
	request_begin();
	control()->u.vcpucontext.vcpu = 0;
	set_xen_guest_handle_raw(control()->u.vcpucontext.ctxt, data);
	domctl(domain, XEN_DOMCTL_getvcpucontext);
	return ((struct vcpu_guest_context *)data)->ctrlreg[3] >> 12;
}

static void mapped(void)
{
	uint64_t shared = domain_info(domain).shared_info_frame;
	uint64_t own = domain_info(0).shared_info_frame;

	maps = xenforeignmemory_open(NULL, 0);
	map("shared_info to write", domain, shared, PROT_READ | PROT_WRITE);
	map("the root to read", domain, root_mfn(), PROT_READ);
	map("the root to write", domain, root_mfn(), PROT_READ | PROT_WRITE);
	map("dom0's as another's", domain, own, PROT_READ);
	map("another's as dom0's", 0, shared, PROT_READ);
	map("no frame", domain, 1ul << 35, PROT_READ);
	map("of nobody", NOBODY, shared, PROT_READ);
	xenforeignmemory_close(maps);
}

// --- tables ------------------------------------------------------------------

static void table(const char *what, unsigned int id, uint32_t command,
		  uint64_t mfn)
{
	struct mmuext_op *op = request;
	long rc;

	request_begin();
	op->cmd = command;
	op->arg1.mfn = mfn;
	rc = xencall4(calls, __HYPERVISOR_mmuext_op, (uint64_t)request, 1, 0,
		      id);
	say(what, rc);
}

// Pins on its behalf. The builder pinned its root.
static void pinned(void)
{
	uint64_t root = root_mfn();
	uint64_t shared = domain_info(domain).shared_info_frame;

	table("pin the root again", domain, MMUEXT_PIN_L4_TABLE, root);
	table("unpin it", domain, MMUEXT_UNPIN_TABLE, root);
	table("unpin it again", domain, MMUEXT_UNPIN_TABLE, root);
	table("pin it as what it is not", domain, MMUEXT_PIN_L1_TABLE, root);
	table("pin it", domain, MMUEXT_PIN_L4_TABLE, root);
	table("pin shared_info", domain, MMUEXT_PIN_L1_TABLE, shared);
	table("pin no frame", domain, MMUEXT_PIN_L1_TABLE, 1ul << 35);
	table("pin dom0's", domain, MMUEXT_PIN_L1_TABLE,
	      domain_info(0).shared_info_frame);
	table("pin for nobody", NOBODY, MMUEXT_PIN_L4_TABLE, root);
	table("flush for another", domain, MMUEXT_TLB_FLUSH_LOCAL, 0);
	table("clear for another", domain, MMUEXT_CLEAR_PAGE, shared);
	table("another's root for itself", domain, MMUEXT_NEW_USER_BASEPTR,
	      root);
}

// What its frames are; the array's own end.
static void types(void)
{
	struct xen_domctl_getpageframeinfo3 *q =
	    &control()->u.getpageframeinfo3;
	uint64_t frames[] = {root_mfn(), domain_info(domain).shared_info_frame,
			     domain_info(0).shared_info_frame, 1ul << 35};
	long rc;

	request_begin();
	memcpy(data, frames, sizeof(frames));
	q->num = 4;
	set_xen_guest_handle_raw(q->array, data);
	rc = domctl(domain, XEN_DOMCTL_getpageframeinfo3);
	say("types", rc);
	memcpy(frames, data, sizeof(frames));
	printf("  %lx %lx %lx %lx\n", frames[0], frames[1], frames[2],
	       frames[3]);
	q->num = 1025;
	say("types of 1025", domctl(domain, XEN_DOMCTL_getpageframeinfo3));
	q->num = 0;
	say("types of none", domctl(domain, XEN_DOMCTL_getpageframeinfo3));
}

// --- limits ------------------------------------------------------------------

static long reservation(unsigned int id, unsigned int command, uint64_t count)
{
	struct xen_memory_reservation *r = request;

	request_begin();
	r->domid = (domid_t)id;
	r->nr_extents = count;
	for (uint64_t i = 0; i < count && i < 512; i++) {
		((uint64_t *)data)[i] = (1ul << 35) + i;
	}
	if (command != XENMEM_claim_pages) {
		set_xen_guest_handle_raw(r->extent_start, data);
	}
	return memory(command);
}

static long limit(uint64_t kib)
{
	request_begin();
	control()->u.max_mem.max_memkb = kib;
	return domctl(domain, XEN_DOMCTL_max_mem);
}

static void limits(void)
{
	uint64_t pages = domain_info(domain).tot_pages;
	uint64_t most = domain_info(domain).max_pages;

	say("limit to what it has", limit(pages * 4));
	say("a page more", reservation(domain, XENMEM_populate_physmap, 1));
	say("limit to half", limit(pages * 2));
	printf("  it keeps all %d\n", domain_info(domain).tot_pages == pages);
	say("a page more", reservation(domain, XENMEM_populate_physmap, 1));
	say("limit to two more", limit(pages * 4 + 8));
	say("three pages more",
	    reservation(domain, XENMEM_increase_reservation, 3));
	printf("  has more: %ld\n",
	       (long)(domain_info(domain).tot_pages - pages));
	say("give frames that it has not",
	    reservation(domain, XENMEM_decrease_reservation, 2));
	say("claim all there is and more",
	    reservation(domain, XENMEM_claim_pages, 1ul << 40));
	say("claim none", reservation(domain, XENMEM_claim_pages, 0));
	say("claim for nobody", reservation(NOBODY, XENMEM_claim_pages, 1));
	say("pages for nobody",
	    reservation(NOBODY, XENMEM_populate_physmap, 1));
	say("the limit as it was", limit(most * 4));
}

static void map_of_memory(const char *what, uint32_t entries)
{
	struct xen_foreign_memory_map *m = request;

	request_begin();
	m->domid = (domid_t)domain;
	m->map.nr_entries = entries;
	set_xen_guest_handle_raw(m->map.buffer, data);
	say(what, memory(XENMEM_set_memory_map));
}

// --- grants and events -------------------------------------------------------

static void grants(const char *what, unsigned int id)
{
	struct gnttab_query_size *q = request;

	request_begin();
	q->dom = (domid_t)id;
	say(what, xencall3(calls, __HYPERVISOR_grant_table_op,
			   GNTTABOP_query_size, (uint64_t)request, 1));
	printf("  status %d, %u of %u\n", q->status, q->nr_frames,
	       q->max_nr_frames);
}

static long event(unsigned int command)
{
	return xencall2(calls, __HYPERVISOR_event_channel_op, command,
			(uint64_t)request);
}

static long event_new(unsigned int id, unsigned int remote, uint32_t *port)
{
	struct evtchn_alloc_unbound *a = request;
	long rc;

	request_begin();
	a->dom = (domid_t)id;
	a->remote_dom = (domid_t)remote;
	rc = event(EVTCHNOP_alloc_unbound);
	*port = a->port;
	return rc;
}

static void event_state(const char *what, unsigned int id, uint32_t port)
{
	struct evtchn_status *s = request;

	request_begin();
	s->dom = (domid_t)id;
	s->port = port;
	say(what, event(EVTCHNOP_status));
	printf("  status %u\n", s->status);
}

static void events(void)
{
	struct evtchn_reset *r = request;
	uint32_t port = 0, first;

	say("a port for dom0", event_new(domain, 0, &first));
	event_state("it waits", domain, first);
	say("a port for nobody", event_new(domain, NOBODY, &port));
	say("a port of nobody", event_new(NOBODY, 0, &port));
	event_state("port 0", domain, 0);
	event_state("port 5000", domain, 5000);
	event_state("of nobody", NOBODY, 1);
	request_begin();
	r->dom = (domid_t)domain;
	say("all its ports closed", event(EVTCHNOP_reset));
	event_state("it is free", domain, first);
	request_begin();
	r->dom = NOBODY;
	say("those of nobody", event(EVTCHNOP_reset));
}

void resources(void)
{
	acquired();
	mapped();
	pinned();
	types();
	limits();
	map_of_memory("a memory map", 1);
	map_of_memory("a memory map of 1000", 1000);
	grants("grant table of another", domain);
	grants("grant table of nobody", NOBODY);
	events();
}
