// SPDX-License-Identifier: MIT
// Claim: a PV64 kernel finds at its first instruction what the interface
// promises.
//
// Registers: rsi points to start_info, rsp to the top of a zeroed page, the
// selectors are the flat ones of the hypervisor's part of the GDT or 0, all
// else is 0, interrupts seem on.
//
// start_info: its fields name the right things: the number of pages, the
// machine address of shared_info, the root, the p2m list, the command line.
//
// Layout: from virt_base, pages are mapped one to one: image, p2m list,
// start_info, page tables, stack, at least 512 KiB of padding up to a 4 MiB
// boundary, and nothing behind it. Page tables are mapped read-only, the rest
// writable, everything user-accessible. p2m and m2p are inverse.
//
// shared_info: events are masked, none is pending, time has a version.
#include "ipc.h"

static void say_registers(void)
{
	const struct boot_regs *b = &boot_regs;
	const u64 *stack = (const u64 *)b->rsp;
	bool zeroes = true;

	ok(b->rsi == (u64)start_info, "rsi points to start_info");
	ok(!(b->rax | b->rbx | b->rcx | b->rdx | b->rdi | b->rbp | b->r8 |
	     b->r9 | b->r10 | b->r11 | b->r12 | b->r13 | b->r14 | b->r15),
	   "all other registers are 0");
	printf("cs %lx ss %lx ds %lx es %lx fs %lx gs %lx\n", b->cs, b->ss,
	       b->ds, b->es, b->fs, b->gs);
	printf("rflags %lx\n", b->rflags);
	ok(!(b->rsp & (PAGE_SIZE - 1)), "rsp is the end of a page");
	for (int i = 2; i <= 512; i++) { // the first held the flags
		zeroes &= !stack[-i];
	}
	ok(zeroes, "the stack's page is zeroed");
}

static void say_start_info(void)
{
	const struct start_info *s = start_info;
	const char *line = (const char *)s->cmd_line,
		   *unused = line + strlen(line);
	bool zeroes = true;

	printf("magic %s\n", s->magic);
	printf("nr_pages %lx flags %x\n", s->nr_pages, s->flags);
	printf("store %s %x\n", s->store_mfn ? "frame" : "none",
	       s->store_evtchn);
	if (is_dom0()) {
		printf("console info_off %x info_size %x\n",
		       s->console.dom0.info_off, s->console.dom0.info_size);
	} else {
		printf("console evtchn %x\n", s->console.domU.evtchn);
		ok(mfn_to_virt(s->store_mfn) == (char *)s + PAGE_SIZE,
		   "the store's ring is behind start_info");
		ok(mfn_to_virt(s->console.domU.mfn) ==
		       (char *)s + 2 * PAGE_SIZE,
		   "the console's ring is behind the store's");
	}
	printf("mod_start %lx mod_len %lx\n", s->mod_start, s->mod_len);
	printf("cmd_line %s\n", line);
	printf("first_p2m_pfn %lx nr_p2m_frames %lx\n", s->first_p2m_pfn,
	       s->nr_p2m_frames);
	ok(!(s->shared_info & (PAGE_SIZE - 1)) && s->shared_info,
	   "shared_info is a page's machine address");
	for (; unused < line + MAX_GUEST_CMDLINE; unused++) {
		zeroes &= !*unused;
	}
	ok(zeroes, "the command line is padded with zeroes");
}

static u64 offset(u64 va)
{
	return va - (u64)virt_base;
}

static void say_layout(void)
{
	const struct start_info *s = start_info;
	u64 p2m_end = s->mfn_list + s->nr_pages * 8;
	u64 tables_end = s->pt_base + s->nr_pt_frames * PAGE_SIZE, end;

	printf("image %lx, mfn_list %lx, start_info %lx, pt_base %lx\n",
	       offset((u64)image_start),
	       offset(s->mfn_list) - offset((u64)image_end),
	       offset((u64)s) - offset(s->mfn_list),
	       offset(s->pt_base) - offset((u64)s));
	printf("nr_pt_frames %lx, stack ends %lx behind\n", s->nr_pt_frames,
	       boot_regs.rsp - tables_end);
	ok(p2m_end <= (u64)s, "start_info is behind the p2m list");
	for (end = (u64)virt_base;; end += PAGE_SIZE) {
		u64 *entry = pte_find(end, 1);

		if (!entry || !(*entry & PTE_P)) {
			break;
		}
	}
	ok(!(offset(end) & 0x3fffff), "the mapping ends at 4 MiB");
	ok(end - boot_regs.rsp >= 0x80000, "512 KiB or more are padding");
	printf("mapped %lx\n", offset(end));
}

static void say_entries(void)
{
	const struct start_info *s = start_info;
	u64 end = s->pt_base + s->nr_pt_frames * PAGE_SIZE;
	u64 mfn_errors = 0, table_errors = 0, data_errors = 0;
	u64 pages = 0;

	for (u64 va = (u64)virt_base;; va += PAGE_SIZE, pages++) {
		u64 *entry = pte_find(va, 1), flags;

		if (!entry || !(*entry & PTE_P)) {
			break;
		}
		flags = *entry & (PTE_NX | 0x1ff) & ~(PTE_A | PTE_D);
		if (va == ((u64)shared_info & -PAGE_SIZE)) {
			continue; // mapped by the library
		}
		mfn_errors +=
		    (*entry & PTE_FRAME) >> 12 != virt_to_mfn((void *)va);
		if (va >= s->pt_base && va < end) {
			table_errors += flags != (PTE_P | PTE_US);
		} else {
			data_errors += flags != (PTE_P | PTE_US | PTE_RW);
		}
	}
	ok(pages && !mfn_errors, "page n of the mapping is frame n");
	ok(!table_errors, "the page tables are mapped read-only");
	ok(!data_errors, "the rest is mapped writable");
	for (int level = 4; level > 1; level--) {
		u64 *entry = pte_find((u64)virt_base, level);

		printf("level %d flags %lx\n", level,
		       *entry & (PTE_NX | 0x1ff) & ~(PTE_A | PTE_D));
	}
}

static void say_frames(void)
{
	u64 wrong = 0, root = (u64)start_info->pt_base;
	u64 *l4 = (u64 *)root, user = 0;
	const u64 *p2m = (const u64 *)start_info->mfn_list;
	struct xen_machphys_mapping m = {0};

	for (u64 pfn = 0; pfn < start_info->nr_pages; pfn++) {
		wrong += machine_to_phys_mapping[p2m[pfn]] != pfn;
	}
	ok(!wrong, "m2p is the inverse of p2m");
	ok(!hv_memory_op(XENMEM_machphys_mapping, &m), "m2p has an extent");
	printf("m2p %lx %lx\n", m.v_start, m.v_end);
	ok(l4[256] & PTE_P && !(l4[256] & PTE_RW), "slot 256 is read-only");
	for (int slot = 257; slot < 272; slot++) {
		user += (l4[slot] & (PTE_P | PTE_US)) == (PTE_P | PTE_US);
	}
	printf("slots 257 to 271 that have the user bit: %lx\n", user);
	for (int slot = 0; slot < 512; slot++) {
		if ((slot < 256 || slot > 271) && l4[slot]) {
			printf("slot %d is in use\n", slot);
		}
	}
}

static void say_shared_info(void)
{
	const struct vcpu_info *v = vcpu_info();
	u64 pending = 0, masked = 0;

	for (u32 port = 0; port < 4096; port++) {
		pending += event_pending(port);
		masked += event_masked(port);
	}
	printf("upcall mask %x\n", v->evtchn_upcall_mask);
	// A domU's store and console daemons may have been quicker than it.
	if (is_dom0()) {
		printf("upcall pending %x sel %lx\n", v->evtchn_upcall_pending,
		       v->evtchn_pending_sel);
		printf("ports pending %lx masked %lx\n", pending, masked);
	}
	ok(v->time.version && !(v->time.version & 1), "time has a version");
	ok(v->time.tsc_to_system_mul, "time has a scale");
	ok(!(shared_info->wc_version & 1), "the wall clock is not in change");
	printf("max_pfn %lx p2m_generation %lx\n", shared_info->arch.max_pfn,
	       shared_info->arch.p2m_generation);
}

static void say_version(void)
{
	static char capabilities[1024];
	struct xen_platform_parameters platform;

	printf("version %lx\n", (u64)hv_version(XENVER_version, NULL));
	printf("pagesize %lx\n", (u64)hv_version(XENVER_pagesize, NULL));
	hv_version(XENVER_capabilities, capabilities);
	ok(!memcmp(capabilities, "xen-3.0-x86_64 ", 15),
	   "PV64 is among the capabilities");
	hv_version(XENVER_platform_parameters, &platform);
	printf("virt_start %lx\n", platform.virt_start);
	for (u32 i = 0; i < 3; i++) {
		struct xen_feature_info f = {.submap_idx = i};
		long rc = hv_version(XENVER_get_features, &f);

		printf("features %u: %s %x\n", i, error_name(rc), f.submap);
	}
}

int guest_main(void)
{
	say_registers();
	say_start_info();
	say_layout();
	say_entries();
	say_frames();
	say_shared_info();
	say_version();
	return failed_count != 0;
}
