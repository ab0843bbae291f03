// SPDX-License-Identifier: MIT
// Calls about what native kernels set by privileged instructions: descriptor
// tables, segment bases, the kernel's stack, debug registers, CR0.TS.
#include <wabe/context.h>
#include <wabe/guest.h>
#include <wabe/hypercall.h>
#include <wabe/mapcache.h>
#include <wabe/page.h>

#include <xen/xen.h>

#define GDT_PAGE_ENTS 512

long call_set_gdt(u64 list, u64 ents, u64 a2, u64 a3, u64 a4)
{
	u64 frames[FIRST_RESERVED_GDT_PAGE];
	u64 count;

	ents = (u32)ents;
	if (ents > FIRST_RESERVED_GDT_ENTRY) {
		return -EINVAL;
	}
	count = DIV_ROUND_UP(ents, GDT_PAGE_ENTS);
	if (copy_from_guest(frames, GVA(list), count * sizeof(*frames))) {
		return -EFAULT;
	}
	return gdt_set(current_vcpu(), frames, (u32)ents);
}

static void descriptor_write(mfn_t m, u64 offset, u64 desc)
{
	char *page = page_map(m);

	WRITE_ONCE(*(u64 *)(page + offset), desc);
	page_unmap(page);
}

// The frame holds descriptors, or is the guest's to write.
long call_update_descriptor(u64 maddr, u64 desc, u64 a2, u64 a3, u64 a4)
{
	mfn_t m = maddr_to_mfn(maddr);
	struct page *p = page_lookup(m);
	enum page_type type;

	if ((maddr & 7) || !p || !descriptor_check(&desc)) {
		return -EINVAL;
	}
	type = page_type_now(p) == PAGE_SEG ? PAGE_SEG : PAGE_WRITABLE;
	if (page_get_type(p, current_domain(), type)) {
		return -EINVAL;
	}
	descriptor_write(m, maddr & PAGE_OFFSET_MASK, desc);
	page_put_type(p);
	return 0;
}

long call_set_segment_base(u64 which, u64 base, u64 a2, u64 a3, u64 a4)
{
	return segment_base_set((u32)which, base);
}

long call_stack_switch(u64 ss, u64 rsp, u64 a2, u64 a3, u64 a4)
{
	struct vcpu *v = current_vcpu();

	v->kernel_ss = (u16)ss | 3;
	v->kernel_rsp = rsp;
	return 0;
}

long call_fpu_taskswitch(u64 set, u64 a1, u64 a2, u64 a3, u64 a4)
{
	fpu_taskswitch((u32)set != 0);
	return 0;
}

long call_set_debugreg(u64 reg, u64 value, u64 a2, u64 a3, u64 a4)
{
	return debugreg_set(current_vcpu(), (u32)reg, value);
}

// 4 and 5 are other names of 6 and 7.
long call_get_debugreg(u64 reg, u64 a1, u64 a2, u64 a3, u64 a4)
{
	if (reg >= 8) {
		return -ENODEV;
	}
	if (reg == 4 || reg == 5) {
		reg += 2;
	}
	return (long)current_vcpu()->dr[index_clamp(reg, 8)];
}
