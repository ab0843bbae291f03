// SPDX-License-Identifier: MIT
// The end of starting: what only boot needed goes to the frame allocator. Of
// boot/, only this and paging.c stay.
#include "start.h"

#include <wabe/alloc.h>
#include <wabe/paging.h>
#include <wabe/tlb.h>
#include <wabe/trap.h>

// What is in dom0's files is of no concern to the next owner of these frames:
// the allocator clears them, as all that boot leaves, before a domain gets
// them. A module's last page is all ours; its first may be the end of the one
// before. What of it lies outside of RAM is left.
static void module_free(const struct boot_module *m)
{
	u64 end = DIV_ROUND_UP(m->maddr + m->bytes, PAGE_SIZE);

	for (u64 n = DIV_ROUND_UP(m->maddr, PAGE_SIZE); n < end; n++) {
		u64 first = n;

		while (n < end && page_lookup(MFN(n))) {
			n++;
		}
		alloc_add_range(MFN(first), MFN(n));
	}
}

void boot_finish(void)
{
	u64 before = frames_free();

	for (u32 i = 0; i < boot_info.module_count; i++) {
		module_free(&boot_info.modules[i]);
	}
	// That was the last use of .init code. The trampoline's page is kept: a
	// processor that starts far too late must not run a guest's bytes.
	paging_drop_identity();
	paging_image_unmap(init_start, init_end);
	tlb_flush_global();
	alloc_add_range(maddr_to_mfn(image_maddr(init_start)),
			maddr_to_mfn(image_maddr(init_end)));
	printk("Freed %lu KiB of boot memory", (frames_free() - before)
						   << (PAGE_SHIFT - 10));
	frames_low = MIN(frames_free() / 2, 64ull << (20 - PAGE_SHIFT));
	cpu_raise(this_cpu(), WORK_SCHED);
	exit_to_guest();
}
