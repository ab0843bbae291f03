// SPDX-License-Identifier: MIT
// QEMU 7 reads the frame of an `iretq` at CPL 3 as the supervisor would. With
// SMAP on, that is a #PF with U clear, which no real CPU raises there. Linux
// uses that return to itself (sync_core). A test at boot finds out; where the
// quirk is, and only there, the return is done here. SMAP stays on.
//
// The test: a page with `iretq; int3` and a stack, in an address space of its
// own, run at CPL 3 with an IDT of its own (iretq_quirk_run.S): does it come
// back by #BP or by #PF?
#include <wabe/alloc.h>
#include <wabe/cpu.h>
#include <wabe/guest.h>
#include <wabe/mmu.h>

#include "entry.h"

#define IRETQ 0xcf48 // bytes 48 cf
#define INT3 0xcc
#define TABLE_FLAGS (PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D)
#define TEST_VA 0x10000ull
#define TEST_STACK 0x800 // offset of the frame in the page
#define TEST_PAGES 4	 // L4, L3, L2, L1

static bool quirk_found;

// iretq_quirk_run.S: go to rip, rsp at CPL 3. 0: #BP; else 1 + error code of
// the #PF; ~0 something else.
u64 iretq_quirk_run(u64 rip, u64 rsp);

struct iretq_frame {
	u64 rip, cs, rflags, rsp, ss;
};

bool iretq_quirk_fault(struct cpu_user_regs *regs)
{
	struct iretq_frame f;
	u16 opcode;

	if (likely(!quirk_found) || regs->error_code != PFEC_P ||
	    copy_from_guest(&opcode, GVA(regs->rip), sizeof(opcode)) ||
	    opcode != IRETQ || copy_from_guest(&f, GVA(regs->rsp), sizeof(f))) {
		return false;
	}
	regs->rip = f.rip;
	regs->cs = (u16)f.cs | 3;
	regs->rflags = rflags_for_guest(f.rflags);
	regs->rsp = f.rsp;
	regs->ss = (u16)f.ss | 3;
	return true;
}

static void INIT_TEXT page_fill(u8 *page)
{
	struct iretq_frame f = {
	    TEST_VA + 2, SEL_GUEST_CS64, 2, TEST_VA + PAGE_SIZE, SEL_GUEST_DS,
	};

	page[0] = IRETQ & 0xff;
	page[1] = IRETQ >> 8;
	page[2] = INT3;
	memcpy(page + TEST_STACK, &f, sizeof(f));
}

// Tables that map `page` at TEST_VA, and the hypervisor. The machine address
// of the root.
static u64 INIT_TEXT space_build(u64 *const table[TEST_PAGES], const void *page)
{
	for (u32 i = 0; i < 16; i++) {
		table[0][HV_SLOT_FIRST + i] = hv_slots[i];
	}
	for (u32 i = 0; i < TEST_PAGES; i++) {
		const void *next = i + 1 < TEST_PAGES ? table[i + 1] : page;

		table[i][pt_index(TEST_VA, TEST_PAGES - i)] =
		    mfn_to_maddr(heap_mfn(next)) | TABLE_FLAGS;
	}
	return mfn_to_maddr(heap_mfn(table[0]));
}

static u64 INIT_TEXT space_run(u64 root)
{
	u64 old = X86_READ_CR(3), outcome;

	wrmsr(MSR_KERNEL_GS_BASE, (u64)this_cpu()); // for an NMI meanwhile
	X86_WRITE_CR(3, root);
	outcome = iretq_quirk_run(TEST_VA, TEST_VA + TEST_STACK);
	X86_WRITE_CR(3, old);
	wrmsr(MSR_KERNEL_GS_BASE, 0);
	return outcome;
}

void INIT_TEXT iretq_quirk_test(void)
{
	u64 *table[TEST_PAGES], outcome;
	u8 *page = heap_page();
	bool memory = page;

	for (u32 i = 0; i < TEST_PAGES; i++) {
		table[i] = heap_page();
		memory &= table[i] != NULL;
	}
	if (!memory) {
		panic("no memory for the iretq test");
	}
	page_fill(page);
	outcome = space_run(space_build(table, page));
	quirk_found = outcome == 1 + PFEC_P;
	if (quirk_found) {
		printk(
		    "CPU: iretq at CPL 3 faults under SMAP: done for guests");
	} else if (outcome) {
		log_at(LOG_WARNING, "CPU: iretq test ended with %lx", outcome);
	}
	for (u32 i = 0; i < TEST_PAGES; i++) {
		heap_free(table[i]);
	}
	heap_free(page);
}
