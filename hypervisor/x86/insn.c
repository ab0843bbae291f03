// SPDX-License-Identifier: MIT
// The instruction that the current vCPU stands at: fetching it, the bases its
// addresses want, stepping over it. (decode.c takes it apart.)
#include <wabe/context.h>
#include <wabe/emul.h>
#include <wabe/guest.h>
#include <wabe/trap.h>

// Is `cs`, which the guest runs on, a 64-bit code segment? LAR shows the L bit.
static bool cs_is_64bit(u16 cs)
{
	u32 rights = 0;

	if (likely(cs == SEL_GUEST_CS64)) {
		return true;
	}
	asm("lar %1, %0" : "+r"(rights) : "r"((u32)cs) : "cc");
	return rights & BIT(21);
}

// Bytes of the instruction at `rip` into `buf`, which is clear: how many there
// are. 16 are read, which takes no longer than one less.
static u32 insn_fetch(u8 buf[INSN_BUFFER], u64 rip)
{
	u32 here = MIN(PAGE_SIZE - (rip & PAGE_OFFSET_MASK), 16);
	u32 beyond = 16 - here;

	if (copy_from_guest(buf, GVA(rip), here)) {
		return 0;
	}
	if (beyond && copy_from_guest(buf + here, GVA(rip + here), beyond)) {
		memset(buf + here, 0, beyond);
		return here;
	}
	return INSN_BYTES_MAX;
}

bool insn_fetch_decode(struct insn *i, const struct cpu_user_regs *regs)
{
	u8 buf[INSN_BUFFER] = {0};

	return cs_is_64bit(regs->cs) &&
	       insn_decode(i, buf, insn_fetch(buf, regs->rip));
}

void insn_retire(struct cpu_user_regs *regs, u32 length)
{
	regs->rip += length;
	regs->rflags &= ~RFLAGS_RF;
	if (unlikely(regs->rflags & RFLAGS_TF)) {
		current_vcpu()->dr[6] |= BIT(14); // single step
		trap_inject(TRAP_DB, 0);
	}
}

u64 insn_segment_base(struct vcpu *v, u32 segment)
{
	switch (segment) {
	case SEG_FS:
		return segment_base_get(v, SEGBASE_FS);
	case SEG_GS:
		return segment_base_get(v, v->kernel_mode ? SEGBASE_GS_KERNEL
							  : SEGBASE_GS_USER);
	default:
		return 0;
	}
}
