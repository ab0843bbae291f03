// SPDX-License-Identifier: MIT
// The first half of a claim (tests/guest/search has the other): nothing of a
// dead guest reaches the next one.
//
// Puts one number everywhere it can: memory, page tables, grant table, FPU, SSE
// and AVX registers, debug registers, segment bases, trap handlers, callbacks,
// timers, structures that hypercalls copy. Then it dies, as a crash.
#include "console.h"
#include "ipc.h"

#define PATTERN 0x00005eedfacec0d8UL // canonical; as an entry not present
#define WINDOW (REGION_KERNEL + 0x1000)
#define GRANT_WINDOW (REGION_KERNEL + 0x200000)
#define GRANT_FRAMES 32

static void fill(u64 *page)
{
	for (unsigned int i = 0; i < 512; i++) {
		page[i] = PATTERN;
	}
}

static bool is_mapped(u64 pfn)
{
	u64 *e = pte_find((u64)virt_base + (pfn << PAGE_SHIFT), 1);

	return e && (*e & PTE_P);
}

// All that the builder did not map, which is most.
static void memory(void)
{
	const u64 *p2m = (const u64 *)start_info->mfn_list;
	u64 pages = 0;

	for (u64 pfn = 0; pfn < start_info->nr_pages; pfn++) {
		if (!is_mapped(pfn)) {
			page_map(WINDOW, p2m[pfn], PTE_DATA);
			fill((u64 *)WINDOW);
			pages++;
		}
	}
	printf("planted in most of the memory: %d\n",
	       pages > start_info->nr_pages / 2);
}

// Tables of not-present entries, pinned while the guest dies.
static void tables(void)
{
	for (unsigned int i = 0; i < 8; i++) {
		void *page = page_alloc();

		fill(page);
		page_protect(page);
		printf("%s ", error_name(mmuext(MMUEXT_PIN_L1_TABLE,
						virt_to_mfn(page), 0)));
	}
	printf("tables\n");
}

static void grants(void)
{
	static xen_pfn_t frames[GRANT_FRAMES];
	struct gnttab_setup_table op = {.dom = DOMID_SELF,
					.nr_frames = GRANT_FRAMES};

	set_xen_guest_handle(op.frame_list, frames);
	printf("grant frames %s ",
	       error_name(hv_grant_op(GNTTABOP_setup_table, &op, 1)));
	printf("%d\n", op.status);
	for (unsigned int i = 0; i < GRANT_FRAMES; i++) {
		page_map(GRANT_WINDOW + i * PAGE_SIZE, frames[i], PTE_DATA);
		fill((u64 *)(GRANT_WINDOW + i * PAGE_SIZE));
	}
}

#define EACH_XMM(x)                                                         \
	x(0) x(1) x(2) x(3) x(4) x(5) x(6) x(7) x(8) x(9) x(10) x(11) x(12) \
	    x(13) x(14) x(15)
#define LOAD(n) "vbroadcastsd (%%rdi), %%ymm" #n "\n\t"
#define PUSH_X87 "fldl (%%rdi)\n\t"

static void registers(void)
{
	static const u64 number = PATTERN;
	static const u32 mxcsr = 0x1f80 | 0x2000;

	TRY("mov %%cr4, %%rax; bts $18, %%rax; mov %%rax, %%cr4", : : : "rax");
	TRY("xsetbv", : : "a"(7), "d"(0), "c"(0));
	printf("AVX: %s\n", trap_name(trap_last.vector));
	asm volatile(PUSH_X87 PUSH_X87 PUSH_X87 PUSH_X87 : : "D"(&number));
	asm volatile(PUSH_X87 PUSH_X87 PUSH_X87 PUSH_X87 : : "D"(&number));
	asm volatile("ldmxcsr %0" : : "m"(mxcsr));
	asm volatile(EACH_XMM(LOAD) : : "D"(&number));
	for (u64 i = 0; i < 4; i++) {
		CALL(set_debugreg, i, PATTERN + i * 0x1000, 0, 0, 0);
	}
	printf("debug registers: %s\n",
	       error_name(CALL(set_debugreg, 7, 0x400 | 0xff, 0, 0, 0)));
	printf("bases: %s",
	       error_name(hv_set_segment_base(SEGBASE_FS, PATTERN)));
	printf(" %s",
	       error_name(hv_set_segment_base(SEGBASE_GS_KERNEL, PATTERN)));
	printf(" %s\n",
	       error_name(hv_set_segment_base(SEGBASE_GS_USER, PATTERN)));
}

// What the hypervisor keeps of a vCPU, and what passes over its stacks.
static void structures(void)
{
	static u64 page[512] __attribute__((aligned(4096)));
	static struct trap_info table[200];
	struct vcpu_set_singleshot_timer timer = {.timeout_abs_ns = PATTERN};

	fill(page);
	for (unsigned int i = 0; i < ARRAY_COUNT(table) - 1; i++) {
		table[i].vector = 32 + i;
		table[i].cs = 0xe033;
		table[i].address = PATTERN;
	}
	printf("traps %s", error_name(hv_set_trap_table(table)));
	printf(" %s\n",
	       error_name(hv_vcpu_op(VCPUOP_set_singleshot_timer, 0, &timer)));
	for (unsigned int op = 0; op < 32; op++) {
		hv_memory_op((int)op, page);
		if (op != EVTCHNOP_close && op != EVTCHNOP_reset) {
			hv_event_op((int)op, page);
		}
		hv_physdev_op((int)op, page);
		hv_grant_op((int)op, page, 4);
	}
}

int guest_main(void)
{
	struct sched_shutdown crash = {.reason = SHUTDOWN_crash};

	memory();
	tables();
	grants();
	structures();
	trap_init();
	registers();
	if (!is_dom0()) {
		printf("\nGUEST-EXIT 0\n");
		console_drain();
		hv_sched_op(SCHEDOP_shutdown, &crash);
	}
	return 0;
}
