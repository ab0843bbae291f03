// SPDX-License-Identifier: MIT
// The instructions that may fault (uaccess.S), and what must be checked before
// them. Each returns 0 or -EFAULT.
#ifndef WABE_UACCESS_H
#define WABE_UACCESS_H

#include <wabe/errno.h>
#include <wabe/layout.h>
#include <wabe/types.h>

struct cpu_user_regs;
struct iret_context;

int uaccess_copy(void *dst, const void *src, u64 bytes) MUST_CHECK;
int uaccess_read(u64 *dst, u64 src) MUST_CHECK;
int uaccess_write(u64 dst, u64 value) MUST_CHECK;
int uaccess_read_iret(struct iret_context *dst, u64 src) MUST_CHECK;
int uaccess_frame(u64 bottom, const struct cpu_user_regs *regs, u64 cs,
		  u64 rflags, u64 top, u64 error_code) MUST_CHECK;
int segment_load_ds(u32 selector) MUST_CHECK;
int segment_load_es(u32 selector) MUST_CHECK;
int segment_load_fs(u32 selector) MUST_CHECK;
int segment_load_gs(u32 selector) MUST_CHECK;
int fpu_xrstor(const void *area, u64 mask) MUST_CHECK;
int fpu_fxrstor(const void *area) MUST_CHECK;

// Where to go on after a fault at `rip`, or 0.
u64 extable_find(u64 rip);

// Speculation: `a`, or 0 where it lies in the hypervisor's range, without a
// branch. Goes between the check above and the access.
static inline u64 addr_clamp(u64 a)
{
	u64 inside;

	asm volatile("cmp %2, %1; sbb %0, %0"
		     : "=r"(inside)
		     : "r"(a - HV_START), "r"(HV_END - HV_START)
		     : "cc");
	return a & ~inside;
}

// A frame of at most FRAME_BYTES that ends at `end`: may part of it lie in the
// hypervisor's range? All ones or 0, without a branch: it serves as the mask
// against speculation too. What is not canonical needs no check: it faults.
#define FRAME_BYTES 96

static inline u64 frame_inside(u64 end)
{
	u64 inside;

	asm volatile("cmp %2, %1; sbb %0, %0"
		     : "=r"(inside)
		     : "r"(end - HV_START), "r"(HV_END - HV_START + FRAME_BYTES)
		     : "cc");
	return inside;
}

#endif
