// SPDX-License-Identifier: MIT
// Claim: nothing of a dead guest reaches the next one. tests/guest/plant ran
// before and left one number wherever it could; this looks for it in all that a
// new guest gets: memory, the builder's pages, shared_info, grant frames, pages
// that it exchanges, registers, and each structure that a hypercall fills, its
// padding included. A structure holds zeroes before the call, so whatever else
// stands in it afterwards, the hypervisor wrote.
#include "ipc.h"

#define WINDOW (REGION_KERNEL + 0x1000)
#define GRANT_WINDOW (REGION_KERNEL + 0x200000)
#define GRANT_FRAMES 32

// The number's low word, inverted: so that it is nowhere in this guest.
static volatile u32 inverse = ~0xfacec0d8u;

static u32 look(const void *at, size_t bytes)
{
	const u32 *word = at;
	u32 other = inverse, found = 0;

	for (size_t i = 0; i < bytes / 4; i++) {
		found += ~word[i] == other;
	}
	return found;
}

static void say(const char *where, u32 found)
{
	ok(!found, "%s: nothing of another", where);
	if (found) {
		printf("found %u times\n", found);
	}
}

static u32 frame_look(u64 mfn)
{
	page_map(WINDOW, mfn, PTE_RO);
	return look((void *)WINDOW, PAGE_SIZE);
}

static void memory(void)
{
	const u64 *p2m = (const u64 *)start_info->mfn_list;
	u32 found = 0;

	for (u64 pfn = 0; pfn < start_info->nr_pages; pfn++) {
		found += frame_look(p2m[pfn]);
	}
	printf("%lu pages\n", start_info->nr_pages);
	say("memory", found);
	say("shared_info", look(shared_info, PAGE_SIZE));
}

static void grants(void)
{
	static xen_pfn_t frames[GRANT_FRAMES];
	struct gnttab_setup_table op = {.dom = DOMID_SELF,
					.nr_frames = GRANT_FRAMES};
	u32 found = 0;

	set_xen_guest_handle(op.frame_list, frames);
	printf("grant frames %s ",
	       error_name(hv_grant_op(GNTTABOP_setup_table, &op, 1)));
	printf("%d\n", op.status);
	for (unsigned int i = 0; i < GRANT_FRAMES; i++) {
		found += frame_look(frames[i]);
	}
	say("grant frames", found);
}

// Frames given back, others taken for them.
static void exchanged(void)
{
	u64 *p2m = (u64 *)start_info->mfn_list;
	u64 first = start_info->nr_pages - 64;
	xen_pfn_t frames[64];
	struct xen_memory_reservation r = {.nr_extents = 64,
					   .domid = DOMID_SELF};
	u32 found = 0;

	if (is_dom0()) {
		return;
	}
	memcpy(frames, &p2m[first], sizeof(frames));
	set_xen_guest_handle(r.extent_start, frames);
	printf("%s pages given",
	       error_name(hv_memory_op(XENMEM_decrease_reservation, &r)));
	printf(", %s taken\n",
	       error_name(hv_memory_op(XENMEM_increase_reservation, &r)));
	for (unsigned int i = 0; i < 64; i++) {
		found += frame_look(frames[i]);
	}
	say("pages for others", found);
}

// --- registers ---------------------------------------------------------------

// As they are at the first look.
static void fpu(void)
{
	static u8 area[512] __attribute__((aligned(64)));
	static u8 high[256];
	u32 other = 0;

	asm volatile("fxsave64 %0" : "=m"(area));
	for (unsigned int i = 32; i < 416; i++) {
		other += area[i];
	}
	ok(!other, "x87 and SSE registers are 0");
	printf("control %x, MXCSR %x\n", *(u16 *)area, *(u32 *)(area + 24));
	TRY("mov %%cr4, %%rax; bts $18, %%rax; mov %%rax, %%cr4", : : : "rax");
	TRY("xsetbv", : : "a"(7), "d"(0), "c"(0));
	printf("AVX: %s\n", trap_name(trap_last.vector));
#define HIGH(n) "vextractf128 $1, %%ymm" #n ", " #n "*16(%%rdi)\n\t"
	asm volatile(HIGH(0) HIGH(1) HIGH(2) HIGH(3) HIGH(4) HIGH(5) HIGH(6)
			 HIGH(7)
		     :
		     : "D"(high)
		     : "memory");
	asm volatile(HIGH(8) HIGH(9) HIGH(10) HIGH(11) HIGH(12) HIGH(13)
			 HIGH(14) HIGH(15)
		     :
		     : "D"(high)
		     : "memory");
	other = 0;
	for (unsigned int i = 0; i < sizeof(high); i++) {
		other += high[i];
	}
	ok(!other, "AVX registers are 0");
}

static void others(void)
{
	u32 low, high, found = 0;

	for (u64 i = 0; i < 8; i += i == 3 ? 3 : 1) {
		u64 value = (u64)CALL(get_debugreg, i, 0, 0, 0, 0);

		printf("dr%lu %lx%s", i, value, i == 7 ? "\n" : ", ");
	}
	for (u32 msr = 0xc0000100; msr <= 0xc0000102; msr++) {
		TRY("rdmsr", : "=a"(low), "=d"(high) : "c"(msr));
		found += look(&low, 4) + look(&high, 4);
	}
	say("segment bases", found);
}

// --- structures --------------------------------------------------------------

static u64 page[1024] __attribute__((aligned(4096)));

static u32 filled(unsigned int nr, u64 op, u64 second, bool second_is_page)
{
	memset(page, 0, sizeof(page));
	hypercall(nr, op, second_is_page ? (u64)page : second,
		  second_is_page ? 1 : (u64)page, 0, 0);
	return look(page, sizeof(page));
}

static void structures(void)
{
	static const u8 vcpu_ops[] = {VCPUOP_get_runstate_info,
				      VCPUOP_get_physid, VCPUOP_is_up};
	u32 found = 0;

	for (u64 op = 0; op < 14; op++) {
		found += filled(__HYPERVISOR_xen_version, op, 0, true);
	}
	say("versions", found);
	found = 0;
	for (unsigned int i = 0; i < sizeof(vcpu_ops); i++) {
		found += filled(__HYPERVISOR_vcpu_op, vcpu_ops[i], 0, false);
	}
	say("vCPU structures", found);
	found = 0;
	for (u64 op = 0; op < 30; op++) {
		if (op != XENMEM_exchange) {
			found += filled(__HYPERVISOR_memory_op, op, 0, true);
		}
		if (op != EVTCHNOP_close && op != EVTCHNOP_reset) {
			found +=
			    filled(__HYPERVISOR_event_channel_op, op, 0, true);
		}
		found += filled(__HYPERVISOR_physdev_op, op, 0, true);
		found += filled(__HYPERVISOR_grant_table_op, op, 0, true);
	}
	say("structures of memory, events, devices, grants", found);
}

// --- paddings ----------------------------------------------------------------

// The bytes of a structure from..to-1 before the call; what then is otherwise.
static u8 poison;

static void *poisoned(size_t bytes)
{
	memset(page, poison, bytes);
	return page;
}

static void untouched(const char *what, long rc, size_t from, size_t to)
{
	const u8 *bytes = (u8 *)page;
	u32 other = 0;

	for (size_t i = from; i < to; i++) {
		other += bytes[i] != poison && bytes[i] != 0;
	}
	printf("%s: %s, padding and what is behind: %u bytes of something\n",
	       what, rc > 0 ? "0" : error_name(rc), other);
}

static void port_status(const char *what, long port, size_t used)
{
	struct evtchn_status *s = poisoned(256);

	s->dom = DOMID_SELF;
	s->port = (u32)port;
	untouched(what, hv_event_op(EVTCHNOP_status, s),
		  offsetof(struct evtchn_status, u) + used, 256);
	event_close((u32)port);
}

#define BEHIND(type, field) \
	(offsetof(struct type, field) + sizeof(((struct type *)0)->field)), 256

static void paddings(void)
{
	struct vcpu_runstate_info *r = poisoned(256);
	struct gnttab_query_size *q;
	struct xen_memory_map *m;
	struct evtchn_alloc_unbound *a;

	untouched("runstate", hv_vcpu_op(VCPUOP_get_runstate_info, 0, r),
		  sizeof(r->state), offsetof(__typeof__(*r), state_entry_time));
	untouched("behind it", hv_vcpu_op(VCPUOP_get_runstate_info, 0, r),
		  BEHIND(vcpu_runstate_info, time));
	q = poisoned(256);
	q->dom = DOMID_SELF;
	untouched("grant table's size", hv_grant_op(GNTTABOP_query_size, q, 1),
		  BEHIND(gnttab_query_size, status));
	port_status("an unbound port", event_alloc_unbound(DOMID_SELF, 0), 2);
	port_status("a port for IPIs", event_bind_ipi(0), 0);
	port_status("a VIRQ's port", event_bind_virq(VIRQ_DEBUG, 0), 4);
	a = poisoned(256);
	a->dom = a->remote_dom = DOMID_SELF;
	untouched("a new port", hv_event_op(EVTCHNOP_alloc_unbound, a),
		  BEHIND(evtchn_alloc_unbound, port));
	event_close(a->port);
	untouched("machphys_mapping",
		  hv_memory_op(XENMEM_machphys_mapping, poisoned(256)),
		  BEHIND(xen_machphys_mapping, max_mfn));
	m = poisoned(4096);
	m->nr_entries = 1;
	set_xen_guest_handle(m->buffer, (void *)&page[64]);
	untouched("memory map", hv_memory_op(XENMEM_memory_map, m), 64 * 8 + 20,
		  4096);
	untouched("changeset", hv_version(XENVER_changeset, poisoned(1024)),
		  sizeof(xen_changeset_info_t), 1024);
	untouched("features", hv_version(XENVER_get_features, poisoned(256)),
		  sizeof(struct xen_feature_info), 256);
}

int guest_main(void)
{
	fpu();
	others();
	memory();
	grants();
	exchanged();
	structures();
	poison = 0xa5;
	paddings();
	poison = 0;
	paddings();
	say("its own memory, in the end",
	    look(image_start, image_end - image_start));
	return failed_count != 0;
}
