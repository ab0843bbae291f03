// SPDX-License-Identifier: MIT
// Emulated instructions: the decoder (x86/decode.c) and the rooms behind
// emul_privileged() and emul_pt_write() of wabe/trap.h.
#ifndef WABE_EMUL_H
#define WABE_EMUL_H

#include <wabe/domain.h>
#include <wabe/errno.h>
#include <wabe/layout.h>
#include <wabe/types.h>

#define RFLAGS_CF BIT(0)
#define RFLAGS_PF BIT(2)
#define RFLAGS_AF BIT(4)
#define RFLAGS_ZF BIT(6)
#define RFLAGS_SF BIT(7)
#define RFLAGS_DF BIT(10)
#define RFLAGS_OF BIT(11)

#define INSN_BYTES_MAX 15
// Room for a decoder that looks past the end before it checks the length.
#define INSN_BUFFER 32

// Register numbers are the processor's (0 rax, 1 rcx, 2 rdx, 3 rbx, 4 rsp...).
#define GPR_NONE 16
#define GPR_RIP 17

enum { SEG_FLAT, SEG_FS, SEG_GS };

struct insn {
	u16 opcode; // 0x00NN, or 0x0fNN for the second map
	u8 length;
	u8 op_bytes; // operand: 1, 2, 4, 8
	u8 rex;	     // the REX byte, 0 = none
	u8 rep;	     // 0xf2, 0xf3, 0 = none
	u8 segment;  // SEG_*: which base the address wants
	bool lock, address32;
	// With ModRM:
	bool memory;	       // its rm names memory
	u8 modrm;	       // the byte itself
	u8 reg, rm;	       // register numbers, REX included
	u8 base, index, shift; // memory: base + (index << shift) + disp
	s64 disp;
	u64 imm; // sign-extended
};

// Decode the instruction in buf[0..available). Only 64-bit code, only the
// opcodes some emulation here wants. False: another one, or cut off.
bool insn_decode(struct insn *i, const u8 buf[INSN_BUFFER], u32 available)
    MUST_CHECK;
// The effective address, without segment base. `next` is the address of the
// following instruction.
u64 insn_address(const struct insn *i, const struct cpu_user_regs *regs,
		 u64 next);
// The instruction at regs.rip of the current vCPU, decoded; false also where
// the code segment is not a 64-bit one.
bool insn_fetch_decode(struct insn *i, const struct cpu_user_regs *regs)
    MUST_CHECK;

// Where register `number` (0 to 15) is kept.
extern const u8 gpr_offset[16];

static inline u64 *gpr(struct cpu_user_regs *regs, u32 number)
{
	return (u64 *)((char *)regs + gpr_offset[number & 15]);
}

static inline u64 gpr_get(const struct cpu_user_regs *regs, u32 number)
{
	return *(const u64 *)((const char *)regs + gpr_offset[number & 15]);
}

// A register's `bytes` low bytes (without REX, 4 to 7 are ah, ch, dh, bh).
u64 gpr_get_sized(const struct cpu_user_regs *regs, u32 number, u32 bytes,
		  bool rex);
void gpr_set_sized(struct cpu_user_regs *regs, u32 number, u32 bytes, bool rex,
		   u64 value);

static inline u64 bytes_mask(u32 bytes)
{
	return ~0ull >> (64 - 8 * bytes);
}

// Step over an emulated instruction; a guest that single-steps gets its #DB.
void insn_retire(struct cpu_user_regs *regs, u32 length);

// Base to add to an effective address of segment `segment`.
u64 insn_segment_base(struct vcpu *v, u32 segment);

// Outcomes of the emulations below.
enum emul_outcome {
	EMUL_DONE,    // step over the instruction
	EMUL_REFUSED, // deliver the #GP
	EMUL_STAY,    // rip stays (or has been set by an injection)
};

typedef enum emul_outcome emul_fn(struct vcpu *v, struct cpu_user_regs *regs,
				  const struct insn *i);
emul_fn emul_in_out, emul_string_io, emul_cr_read, emul_cr_write, emul_dr;
emul_fn emul_xsetbv, emul_rdmsr, emul_wrmsr; // `i` is not looked at
// Does the kernel's bitmap (PHYSDEVOP_set_iobitmap) grant the ports it names?
bool emul_ports_granted(const struct vcpu *v, const struct cpu_user_regs *regs,
			const struct insn *i);

// This CPU does as guest `v`, which comes to run here, chose in its CR4.
void cr4_load(const struct vcpu *v);

#endif
