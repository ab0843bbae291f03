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

int guest_main(void)
{
	fpu();
	others();
	memory();
	grants();
	exchanged();
	structures();
	say("its own memory, in the end",
	    look(image_start, image_end - image_start));
	return failed_count != 0;
}
