// SPDX-License-Identifier: MIT
// The instruction decoder: one table a map, 64-bit code only, and only what
// the emulations want. It looks at bytes and registers and at nothing else.
#include <wabe/emul.h>

// What an opcode is made of. 0: not one of ours.
#define OK BIT(0)
#define MODRM BIT(1)
#define BYTE BIT(2)  // 1-byte operand
#define IMM8 BIT(3)  // sign-extended
#define IMMZ BIT(4)  // as long as the operand, 4 bytes at most
#define MOFFS BIT(5) // an address as immediate (mov rax, [addr])
#define PREFIX BIT(6)
#define REGISTER BIT(7) // rm names a register whatever mod says

// In this map the lowest bit says whether the operand is more than one byte.
static const u8 one_byte[256] = {
    [0x26] = PREFIX,
    [0x2e] = PREFIX,
    [0x36] = PREFIX,
    [0x3e] = PREFIX,
    [0x64 ... 0x67] = PREFIX,
    [0xf0] = PREFIX,
    [0xf2 ... 0xf3] = PREFIX,
    // or, and, xor with a register; with an immediate
    [0x08 ... 0x09] = OK | MODRM,
    [0x20 ... 0x21] = OK | MODRM,
    [0x30 ... 0x31] = OK | MODRM,
    [0x80 ... 0x81] = OK | MODRM | IMMZ,
    [0x83] = OK | MODRM | IMM8,
    // xchg, mov
    [0x86 ... 0x89] = OK | MODRM,
    [0xa2 ... 0xa3] = OK | MOFFS,
    [0xc6 ... 0xc7] = OK | MODRM | IMMZ,
    // ins, outs, in, out
    [0x6c ... 0x6f] = OK,
    [0xe4 ... 0xe7] = OK | IMM8,
    [0xec ... 0xef] = OK,
    // hlt, cli, sti
    [0xf4] = OK,
    [0xfa ... 0xfb] = OK,
};

static const u8 two_byte[256] = {
    [0x01] = OK | MODRM, // xsetbv and others
    [0x06] = OK,
    [0x09] = OK,			     // clts, wbinvd
    [0x20 ... 0x23] = OK | MODRM | REGISTER, // mov cr, mov dr
    [0x30] = OK,
    [0x32] = OK, // wrmsr, rdmsr
    [0xab] = OK | MODRM,
    [0xb3] = OK | MODRM, // bts, btr
    [0xba] = OK | MODRM | IMM8,
    [0xbb] = OK | MODRM, // bt? imm, btc
    [0xb0] = OK | MODRM | BYTE,
    [0xb1] = OK | MODRM, // cmpxchg
};

static u64 signed_at(const u8 *p, u32 bytes)
{
	s32 four;
	s16 two;

	switch (bytes) {
	case 1:
		return (s64)(s8)*p;
	case 2:
		__builtin_memcpy(&two, p, 2);
		return (s64)two;
	default:
		__builtin_memcpy(&four, p, 4);
		return (s64)four;
	}
}

static void prefix_note(struct insn *i, u8 byte, bool *short_operand)
{
	switch (byte) {
	case 0x64:
		i->segment = SEG_FS;
		break;
	case 0x65:
		i->segment = SEG_GS;
		break;
	case 0x66:
		*short_operand = true;
		break;
	case 0x67:
		i->address32 = true;
		break;
	case 0xf0:
		i->lock = true;
		break;
	case 0xf2:
	case 0xf3:
		i->rep = byte;
		break;
	default: // es, cs, ss, ds: their base is 0
		break;
	}
}

// ModRM's memory forms, from the byte after ModRM; returns what follows.
//   mod 0: no displacement; 1: one byte; 2: four bytes
//   rm 4: a SIB byte follows; mod 0, rm 5: rip + 4 bytes
static const u8 *memory_decode(struct insn *i, const u8 *p)
{
	u8 mod = i->modrm >> 6, rm = i->modrm & 7;
	u32 disp_bytes = mod == 2 ? 4 : mod;

	i->memory = true;
	i->index = GPR_NONE;
	i->base = i->rm;
	if (rm == 4) {
		u8 sib = *p++;
		u8 index = (sib >> 3 & 7) | (i->rex & 2) << 2;

		i->base = (sib & 7) | (i->rex & 1) << 3;
		i->shift = sib >> 6;
		if (index != 4) {
			i->index = index;
		}
		if (mod == 0 && (sib & 7) == 5) {
			i->base = GPR_NONE;
			disp_bytes = 4;
		}
	} else if (mod == 0 && rm == 5) {
		i->base = GPR_RIP;
		disp_bytes = 4;
	}
	if (disp_bytes) {
		i->disp = signed_at(p, disp_bytes);
	}
	return p + disp_bytes;
}

static const u8 *modrm_decode(struct insn *i, const u8 *p, u8 flags)
{
	i->modrm = *p++;
	i->reg = (i->modrm >> 3 & 7) | (i->rex & 4) << 1;
	i->rm = (i->modrm & 7) | (i->rex & 1) << 3;
	if ((i->modrm >> 6) != 3 && !(flags & REGISTER)) {
		p = memory_decode(i, p);
	}
	return p;
}

static const u8 *immediate_decode(struct insn *i, const u8 *p, u8 flags)
{
	u32 bytes = 1;

	if (flags & MOFFS) {
		bytes = i->address32 ? 4 : 8;
		i->memory = true;
		i->base = i->index = GPR_NONE;
		__builtin_memcpy(&i->disp, p, bytes);
		return p + bytes;
	}
	if (flags & IMMZ) {
		bytes = MIN(i->op_bytes, 4);
	}
	i->imm = signed_at(p, bytes);
	return p + bytes;
}

bool insn_decode(struct insn *i, const u8 buf[INSN_BUFFER], u32 available)
{
	const u8 *p = buf;
	bool short_operand = false;
	u8 flags;

	*i = (struct insn){0};
	while (one_byte[*p] == PREFIX) {
		if (p - buf == INSN_BYTES_MAX - 1) {
			return false;
		}
		prefix_note(i, *p++, &short_operand);
	}
	if ((*p & 0xf0) == 0x40) {
		i->rex = *p++;
	}
	if (*p == 0x0f) {
		flags = two_byte[p[1]];
		i->opcode = 0x0f00 | p[1];
		p += 2;
	} else {
		flags = one_byte[*p] | (*p & 1 ? 0 : BYTE);
		i->opcode = *p++;
	}
	if (!(flags & OK)) {
		return false;
	}
	i->op_bytes = (flags & BYTE)  ? 1
		      : (i->rex & 8)  ? 8
		      : short_operand ? 2
				      : 4;
	if (flags & MODRM) {
		p = modrm_decode(i, p, flags);
	}
	if (flags & (IMM8 | IMMZ | MOFFS)) {
		p = immediate_decode(i, p, flags);
	}
	i->length = p - buf;
	return i->length <= available;
}

u64 insn_address(const struct insn *i, const struct cpu_user_regs *regs,
		 u64 next)
{
	u64 a = i->disp;

	if (i->base < GPR_NONE) {
		a += gpr_get(regs, i->base);
	} else if (i->base == GPR_RIP) {
		a += next;
	}
	if (i->index != GPR_NONE) {
		a += gpr_get(regs, i->index) << i->shift;
	}
	return i->address32 ? (u32)a : a;
}

#define AT(r) offsetof(struct cpu_user_regs, r)
const u8 gpr_offset[16] = {
    AT(rax), AT(rcx), AT(rdx), AT(rbx), AT(rsp), AT(rbp), AT(rsi), AT(rdi),
    AT(r8),  AT(r9),  AT(r10), AT(r11), AT(r12), AT(r13), AT(r14), AT(r15),
};

u64 gpr_get_sized(const struct cpu_user_regs *regs, u32 number, u32 bytes,
		  bool rex)
{
	if (bytes == 1 && !rex && (number & ~3u) == 4) {
		return gpr_get(regs, number - 4) >> 8 & 0xff;
	}
	return gpr_get(regs, number) & bytes_mask(bytes);
}

// As the processor: 4 bytes clear the upper half, 1 and 2 leave the rest.
void gpr_set_sized(struct cpu_user_regs *regs, u32 number, u32 bytes, bool rex,
		   u64 value)
{
	u64 *r, mask = bytes_mask(bytes);

	if (bytes == 1 && !rex && (number & ~3u) == 4) {
		r = gpr(regs, number - 4);
		*r = (*r & ~0xff00ull) | (value & 0xff) << 8;
		return;
	}
	r = gpr(regs, number);
	*r = bytes >= 4 ? value & mask : (*r & ~mask) | (value & mask);
}
