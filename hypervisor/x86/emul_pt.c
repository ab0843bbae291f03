// SPDX-License-Identifier: MIT
// Writes of guest kernels to their own L1 tables. Those are mapped read-only,
// so a write faults; here it is done on the guest's behalf, through the checks
// every entry passes (mm/pgtable.c). Linux unmaps and forks this way, so the
// path is kept short.
//
// The instruction is computed on a copy of the entry; then the whole entry is
// compared and exchanged, so the guest's atomic operations stay atomic against
// other vCPUs and against the processor setting A and D.
#include <wabe/emul.h>
#include <wabe/guest.h>
#include <wabe/mmu.h>
#include <wabe/page.h>
#include <wabe/trap.h>

// How often to try when others keep changing the entry; then the guest tries
// again itself.
#define TRIES 8

// What an instruction does to its memory operand, and what else it changes.
struct effect {
	u64 result;	       // new operand
	u64 flags, flags_mask; // rflags bits it sets
	bool write;	       // the memory is written
	bool load;	       // `loaded` goes into register `load_to`
	u8 load_to;
	u64 loaded;
};

#define LOGIC_FLAGS \
	(RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)

// ZF, SF, PF of a result.
static u64 result_flags(u64 result, u32 bytes)
{
	u64 flags = result & bytes_mask(bytes) ? 0 : RFLAGS_ZF;

	if (result >> (8 * bytes - 1) & 1) {
		flags |= RFLAGS_SF;
	}
	if (!__builtin_parity((u8)result)) {
		flags |= RFLAGS_PF;
	}
	return flags;
}

// The second operand of and, or, xor: opcodes 80 to 83 carry it.
static u64 second_operand(const struct insn *i,
			  const struct cpu_user_regs *regs)
{
	return i->opcode & 0x80
		   ? i->imm
		   : gpr_get_sized(regs, i->reg, i->op_bytes, i->rex);
}

// Arithmetic's number in the opcode (bits 3 to 5), or in ModRM's reg field.
static bool logic_insn(struct effect *e, const struct insn *i,
		       const struct cpu_user_regs *regs, u64 old)
{
	u64 other = second_operand(i, regs);
	u32 operation = (i->opcode & 0x80 ? i->modrm : i->opcode) >> 3 & 7;

	e->result = operation == 1   ? old | other
		    : operation == 4 ? old & other
				     : old ^ other;
	e->flags = result_flags(e->result, i->op_bytes);
	e->flags_mask = LOGIC_FLAGS;
	return operation == 1 || operation == 4 || operation == 6;
}

// bts, btr, btc. 0F BA: operation in reg (5, 6, 7), bit in the immediate;
// else the operation in the opcode (ab, b3, bb) and the bit in a register,
// whose upper part has gone into the address already.
static bool bit_insn(struct effect *e, const struct insn *i,
		     const struct cpu_user_regs *regs, u64 old)
{
	bool immediate = i->opcode == 0x0fba;
	u32 operation = (immediate ? i->modrm : i->opcode) >> 3 & 7;
	u64 number = immediate ? i->imm : gpr_get(regs, i->reg);
	u64 bit = BIT(number & (8 * i->op_bytes - 1));

	if (operation < 5) {
		return false;
	}
	e->result = operation == 5   ? old | bit
		    : operation == 6 ? old & ~bit
				     : old ^ bit;
	e->flags = old & bit ? RFLAGS_CF : 0;
	e->flags_mask = RFLAGS_CF;
	return true;
}

// Flags are those of comparing rax with the operand.
static bool cmpxchg_insn(struct effect *e, const struct insn *i,
			 const struct cpu_user_regs *regs, u64 old)
{
	u64 expected = gpr_get_sized(regs, 0, i->op_bytes, true);
	u64 difference = expected - old;
	u32 sign = 8 * i->op_bytes - 1;

	e->flags = result_flags(difference, i->op_bytes);
	e->flags |= expected < old ? RFLAGS_CF : 0;
	e->flags |= (expected ^ old ^ difference) & RFLAGS_AF;
	e->flags |= ((expected ^ old) & (expected ^ difference)) >> sign & 1
			? RFLAGS_OF
			: 0;
	e->flags_mask = LOGIC_FLAGS;
	e->write = expected == old;
	e->load = !e->write;
	e->load_to = 0;
	e->loaded = old;
	e->result = gpr_get_sized(regs, i->reg, i->op_bytes, i->rex);
	return true;
}

// mov, xchg: the register, or the immediate of c6, c7.
static bool move_insn(struct effect *e, const struct insn *i,
		      const struct cpu_user_regs *regs, u64 old)
{
	e->result = gpr_get_sized(regs, i->reg, i->op_bytes, i->rex);
	if ((i->opcode & ~1) == 0x86) {
		e->load = true;
		e->load_to = i->reg;
		e->loaded = old;
	}
	return true;
}

// Compute the instruction's effect on its operand `old`. False: not one that
// is emulated here.
static bool effect_of(struct effect *e, const struct insn *i,
		      const struct cpu_user_regs *regs, u64 old)
{
	*e = (struct effect){.write = true};
	switch (i->opcode) {
	case 0x86 ... 0x89:
		return move_insn(e, i, regs, old);
	case 0xa2 ... 0xa3: // mov from rax to an absolute address
		e->result = gpr_get(regs, 0);
		return true;
	case 0xc6 ... 0xc7:
		e->result = i->imm;
		return !(i->modrm >> 3 & 7);
	case 0x08 ... 0x09:
	case 0x20 ... 0x21:
	case 0x30 ... 0x31:
	case 0x80 ... 0x83:
		return logic_insn(e, i, regs, old);
	case 0x0fab:
	case 0x0fb3:
	case 0x0fba ... 0x0fbb:
		return bit_insn(e, i, regs, old);
	case 0x0fb0 ... 0x0fb1:
		return cmpxchg_insn(e, i, regs, old);
	default:
		return false;
	}
}

// Where the instruction's operand lies. A bit number in a register reaches
// beyond the operand it is relative to.
static u64 operand_address(const struct insn *i,
			   const struct cpu_user_regs *regs)
{
	u64 a = insn_address(i, regs, regs->rip + i->length);

	if (i->opcode == 0x0fab || i->opcode == 0x0fb3 || i->opcode == 0x0fbb) {
		u32 bits = 8 * i->op_bytes;
		s64 number = gpr_get(regs, i->reg);

		// As wide as the operand, signed.
		number = (s64)((u64)number << (64 - bits)) >> (64 - bits);
		a += (number & ~(s64)(bits - 1)) >> 3;
	}
	return a;
}

// Registers and flags of an instruction that has been done.
static void effect_apply(struct cpu_user_regs *regs, const struct insn *i,
			 const struct effect *e)
{
	if (e->load) {
		gpr_set_sized(regs, e->load_to, i->op_bytes, i->rex, e->loaded);
	}
	regs->rflags = (regs->rflags & ~e->flags_mask) | e->flags;
	insn_retire(regs, i->length);
}

// Do the write to the entry at `va`, which is in `table`.
static bool entry_write(struct cpu_user_regs *regs, const struct insn *i,
			struct pt_table *table, u64 va)
{
	u32 shift = (va & 7) * 8;
	u64 mask = bytes_mask(i->op_bytes);
	u64 entry;

	if (read_guest_u64(&entry, GVA(va & ~7ull))) {
		return false;
	}
	for (u32 n = 0; n < TRIES; n++) {
		struct effect e;
		u64 value;
		int error = 0;

		if (!effect_of(&e, i, regs, entry >> shift & mask)) {
			log_guest("page table write by opcode %x", i->opcode);
			return false;
		}
		if (e.write) {
			value = (entry & ~(mask << shift)) | (e.result & mask)
								 << shift;
			error =
			    pt_cmpxchg_l1(table, (va & PAGE_OFFSET_MASK) / 8,
					  entry, value, &entry);
		}
		if (!error) {
			effect_apply(regs, i, &e);
			return true;
		}
		if (error != -EAGAIN) {
			log_guest("page table entry %lx refused: %d", value,
				  error);
			return false;
		}
	}
	return true; // nothing done: the instruction faults again
}

// `xchg %reg, (%reg)` and `mov %reg, (%reg)` of 8 bytes are nearly all there
// is, so they do without decoder and effect. False: nothing done, go the long
// way (another instruction, or the entry changed, or is refused).
//
//   byte 0: 0100 1R.B   REX.W   byte 1: 87 xchg, 89 mov
//   byte 2: 00 reg base         (base 4 and 5 mean other forms)
static bool simple_write(struct cpu_user_regs *regs, struct pt_table *table,
			 u64 va)
{
	u32 base, reg, opcode;
	u64 head, entry;

	if (regs->cs != SEL_GUEST_CS64 ||
	    (regs->rip & PAGE_OFFSET_MASK) > PAGE_SIZE - sizeof(head) ||
	    read_guest_u64(&head, GVA(regs->rip))) {
		return false;
	}
	opcode = head >> 8 & 0xff;
	if ((head & 0xc000f8) != 0x48 || (head >> 16 & 6) == 4 ||
	    (opcode != 0x87 && opcode != 0x89)) {
		return false;
	}
	base = (head >> 16 & 7) | (head & 1) << 3;
	reg = (head >> 19 & 7) | (head & 4) << 1;
	if (gpr_get(regs, base) != va || (va & 7) ||
	    read_guest_u64(&entry, GVA(va)) ||
	    pt_cmpxchg_l1(table, (va & PAGE_OFFSET_MASK) / 8, entry,
			  gpr_get(regs, reg), &head)) {
		return false;
	}
	if (opcode == 0x87) {
		*gpr(regs, reg) = entry;
	}
	insn_retire(regs, 3);
	return true;
}

// Any instruction, with the table at `va` held.
static bool decoded_write(struct cpu_user_regs *regs, struct vcpu *v,
			  struct pt_table *table, u64 va)
{
	struct insn i;

	if (!insn_fetch_decode(&i, regs) || !i.memory ||
	    (va & (i.op_bytes - 1)) ||
	    operand_address(&i, regs) + insn_segment_base(v, i.segment) != va) {
		log_guest("page table write at %lx by an unknown instruction",
			  regs->rip);
		return false;
	}
	return entry_write(regs, &i, table, va);
}

bool emul_pt_write(struct cpu_user_regs *regs, u64 va)
{
	struct vcpu *v = current_vcpu();
	struct pt_table table;
	struct pt_walk walk;
	bool done;

	if (!(v->domain->vm_assist & BIT(VMASST_TYPE_writable_pagetables)) ||
	    pt_walk(v->kernel_root, va, &walk) || !(walk.entry & PTE_P) ||
	    !pt_open_l1(&table, v->domain, pte_mfn(walk.entry))) {
		return false;
	}
	done = simple_write(regs, &table, va) ||
	       decoded_write(regs, v, &table, va);
	pt_close(&table);
	return done;
}
