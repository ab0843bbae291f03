// SPDX-License-Identifier: MIT
// The decoder and the page-table write emulation, against the assembler and
// against the processor: each instruction below is assembled into a table, its
// length compared with the assembler's, and then executed twice on the same
// registers and memory: natively, and by emul_pt_write().
//
// Links x86/decode.c, x86/insn.c, x86/emul_pt.c by including them; the page
// table layer behind them is a page of this program.
#define WABE_ARCH_H // this file's own fake of wabe/arch.h
#include <wabe/types.h>

struct cpu;
static struct cpu *the_cpu;

static inline struct cpu *this_cpu(void)
{
	return the_cpu;
}

static inline u32 cpu_id(void)
{
	return 0;
}

#include "../../hypervisor/x86/decode.c"
#include "../../hypervisor/x86/emul_pt.c"
#include "../../hypervisor/x86/insn.c"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <cmocka.h>

// --- the fake machine
// ---------------------------------------------------------

static struct vcpu the_vcpu;
static struct domain the_domain;
static u32 opened; // tables, not closed yet
static u64 *table; // the L1 table, mapped "read-only" for the guest
static u64 fs_base;
static u32 refuse;  // pt_cmpxchg_l1 fails with this
static u32 disturb; // so many times someone else changes the entry
static u32 injected;
static u64 unmapped; // no byte from here on can be read
static u32 lines;    // in the log

int copy_from_guest(void *dst, gva_t src, u64 bytes)
{
	if (unmapped && src.a + bytes > unmapped) {
		return -EFAULT;
	}
	memcpy(dst, (void *)src.a, bytes);
	return 0;
}

int read_guest_u64(u64 *dst, gva_t src)
{
	return copy_from_guest(dst, src, 8);
}

u64 segment_base_get(struct vcpu *v, u32 which)
{
	return which == SEGBASE_FS ? fs_base : which;
}

void trap_inject(u8 vector, u32 error_code)
{
	injected = vector;
}

void log_guest(const char *fmt, ...)
{
	lines++;
}

int pt_walk(u64 root, u64 va, struct pt_walk *out)
{
	if ((va & ~PAGE_OFFSET_MASK) != (u64)table) {
		return -ENOENT;
	}
	*out = (struct pt_walk){.entry = PTE_P | 5 << PAGE_SHIFT};
	return 0;
}

bool pt_open_l1(struct pt_table *t, struct domain *d, mfn_t m)
{
	opened += m.n == 5;
	return m.n == 5;
}

void pt_close(struct pt_table *t)
{
	opened--;
}

int pt_cmpxchg_l1(struct pt_table *t, u32 index, u64 old, u64 value, u64 *now)
{
	if (refuse) {
		return -(int)refuse;
	}
	if (disturb) {
		disturb--;
		table[index] ^= PTE_A;
	}
	*now = table[index];
	if (*now != old) {
		return -EAGAIN;
	}
	table[index] = value;
	return 0;
}

// --- instructions, assembled
// --------------------------------------------------

#define RECORD 33

struct record {
	u8 length;
	u8 code[RECORD - 1];
};

#define SECTION(name, ...)                                            \
	extern const struct record __start_##name[], __stop_##name[]; \
	asm(".pushsection " #name ",\"a\"\n" __VA_ARGS__ ".popsection\n")

#define I(text)                                 \
	".byte 2f - 1f\n1: " text "\n2: .skip " \
	"32 - (2b - 1b), 0x90\n"

// Registers on entry: rbx, rbp, rsi, r8, r12, r13 point into the table (mod
// rm 4 and 5 forms want the last two); rcx, r9 are small; r10 is a bit number.
SECTION(
    pt_insns,
    I("xchg %rax, (%rbx)") I("xchg %rax, (%rdx, %rcx)") I(
	"xchg %rdx, (%rdx)") I("xchg %rdi, (%rsi, %rcx, 8)") I("xchg %eax, "
							       "8(%r12)")
	I("xchg %ax, 4(%r13)") I("xchg %al, 1(%rbp)") I("xchg %ah, 7(%rbx)") I(
	    "xchg %dil, (%r8)") I("xchg %bh, (%rbp)") I("xchg %r15, 0x18(%r13, "
							"%r9, 4)") I("xchg "
								     "%rsi, "
								     "(%rbp, "
								     "%rcx, 2)")
	    I("mov %rbp, (%rbx)") I("mov %rbp, (%r12)") I("mov %eax, (%r13)") I(
		"mov %ax, 2(%rsi)") I("mov %ch, 3(%rsi)") I("mov %r9b, 3(%rsi)")
		I("movq $-2, 0x40(%rbx)") I("movl $0x12345678, 4(%rbx)") I(
		    "movw $0x1234, 6(%rbx)") I("movb $0x12, 5(%rbx)")
		    I("lock andb $0xfd, (%r8)") I(
			"ds andb $0xfd, 8(%r8, %r9, "
			"8)") I("lock andq $-3, "
				"(%r8)") I("andl $0x7fffffff, 4(%r8)")
			I("lock and %rax, (%rbx)") I("and %dl, 1(%rbx)") I(
			    "and %dx, 2(%rbx)") I("lock orq $0x20, (%rbx)")
			    I("orb $0x80, 7(%rbx)") I("or %edi, (%rbx)") I(
				"orw $0x8001, 2(%rbx)") I("lock xorq $-1, "
							  "(%rbx)") I("xor "
								      "%rdx, "
								      "(%rbx)")
				I("xorb $0xff, (%r12)") I("xor %r11, (%r12)") I(
				    "lock cmpxchg %rdx, "
				    "(%rbx)") I("lock "
						"cmpxchg "
						"%rdi, "
						"0x10(%"
						"rbx)") I("cmpxchg %edi, "
							  "(%rbx)") I("cmpxchg "
								      "%edi, "
								      "4(%rsi)")
				    I("cmpxchg %di, 2(%rsi)") I(
					"cmpxchg "
					"%dl, "
					"1(%rsi)") I("cmpxchg %dh, 6(%rsi)")
					I("lock btrq "
					  "$5, "
					  "(%rbx)") I("lock btsq $63, "
						      "(%rbx)") I("lock "
								  "btcq "
								  "$33, "
								  "(%rbx)")
					    I("btrl $31, 4(%rbx)") I("btsw "
								     "$77, "
								     "2(%"
								     "rbx)")
						I("lock btr %r10, "
						  "(%rbx)") I("lock bts %r10, "
							      "0x100(%r13)")
						    I("btc "
						      "%r10d, "
						      "(%rbx)") I("bts %r10w, "
								  "0x40(%rsi)")
							I("lock btr %rcx, "
							  "(%rbx)") I("xchg "
								      "%rax, "
								      "0x1234"
								      "5(%"
								      "r11)")
							    I("xchg %rax, "
							      "-0x12345(, "
							      "%r14, 4)")
								I("mov %eax, "
								  "-0x80(%rbx)")
								    I("addr32 "
								      "mov "
								      "%rax, "
								      "(%"
								      "edi)"));

// Not to be emulated: other instructions, or operands that are registers.
SECTION(other_insns,
	I("add %rax, (%rbx)") I("stosq") I("push (%rbx)") I("xchg %rax, %rbx")
	    I("btq $5, (%rbx)") I("bt %rax, (%rbx)") I("lock cmpxchg8b (%rbx)")
		I("subq $1, (%rbx)") I("addb $1, (%rbx)")
		    I("movaps %xmm0, (%rbx)") I("mov %cr2, %rax")
			I("vmovdqu %ymm0, (%rbx)") I("incq (%rbx)"));

// The others that the decoder knows: lengths only.
SECTION(priv_insns,
	I("in (%dx), %al") I("in (%dx), %ax") I("in (%dx), %eax")
	    I("in $0x42, %al") I("in $0x42, %eax") I("out %al, (%dx)")
		I("out %ax, $0x80") I("out %eax, (%dx)") I("rep insw")
		    I("rep outsl") I("insb") I("fs outsb") I("cli") I("sti")
			I("hlt") I("rdmsr") I("wrmsr") I("clts") I("wbinvd")
			    I("xsetbv") I("mov %cr0, %rax") I("mov %cr3, %r9")
				I("mov %rbx, %cr4") I("mov %db7, %rdx")
				    I("mov %r8, %db3") I("invlpg (%rax)")
					I("movabs %rax, 0x1122334455667788") I(
					    "movabs %al, 0x1122334455667788"));

// --- running natively
// ---------------------------------------------------------

u64 saved_rsp, saved_regs, saved_code;
void run_native(struct cpu_user_regs *regs, const void *code);
void native_back(void);

#define EACH_REGISTER(op)                                                     \
	op("r15", "0") op("r14", "8") op("r13", "16") op("r12", "24")         \
	    op("rbp", "32") op("rbx", "40") op("r11", "48") op("r10", "56")   \
		op("r9", "64") op("r8", "72") op("rax", "80") op("rcx", "88") \
		    op("rdx", "96") op("rsi", "104")
#define LOAD(r, at) "mov " at "(%rdi), %" r "\n"
#define STORE(r, at) "mov %" r ", " at "(%rdi)\n"

asm("run_native:\n"
    "push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
    "mov %rsp, saved_rsp(%rip); mov %rdi, saved_regs(%rip)\n"
    "mov %rsi, saved_code(%rip)\n"
    "pushq 144(%rdi); popfq\n" EACH_REGISTER(
	LOAD) "mov 112(%rdi), %rdi\n"
	      "jmp *saved_code(%rip)\n"
	      "native_back:\n"
	      "pushfq; push %rdi; mov saved_regs(%rip), %rdi\n" EACH_REGISTER(
		  STORE) "pop 112(%rdi); pop 144(%rdi)\n"
			 "pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; "
			 "pop %rbx; ret\n");

// The instruction, then a jump back.
static u8 *code_place(const struct record *r, u8 *page)
{
	static const u8 jump[] = {0xff, 0x25, 0, 0, 0, 0};
	void (*back)(void) = native_back;

	memcpy(page, r->code, r->length);
	memcpy(page + r->length, jump, sizeof(jump));
	memcpy(page + r->length + sizeof(jump), &back, sizeof(back));
	return page;
}

// --- tests
// --------------------------------------------------------------------

static u8 *code_page;

static int setup(void **state)
{
	table = mmap((void *)0x40000000, 3 * PAGE_SIZE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	code_page =
	    mmap(NULL, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_equal(table, (void *)0x40000000);
	assert_ptr_not_equal(code_page, MAP_FAILED);
	table += 512; // the page in the middle
	the_cpu = calloc(1, sizeof(*the_cpu));
	the_cpu->current = &the_vcpu;
	the_vcpu.domain = &the_domain;
	the_domain.vm_assist = BIT(VMASST_TYPE_writable_pagetables);
	the_vcpu.kernel_mode = true;
	return 0;
}

static u64 random64(void)
{
	return (u64)random() << 42 ^ (u64)random() << 21 ^ random();
}

static void registers_fill(struct cpu_user_regs *r)
{
	u64 t = (u64)table;

	for (u32 n = 0; n < 15; n++) {
		((u64 *)r)[n] = random64();
	}
	r->rbx = t + 0x100;
	r->rbp = t + 0x200;
	r->rsi = t + 0x300;
	r->r8 = t + 0x400;
	r->r12 = t + 0x500;
	r->r13 = t + 0x600;
	r->rdx = t + 0x700 - 16;
	r->rcx = random() % 4 * 8;
	r->r9 = random() % 4 * 8;
	r->r10 = random() % 2000 - 1000;
	r->r11 = t + 0x800 - 0x12345;
	r->r14 = (t + 0x900 + 0x12345 - 1) / 4;
	r->rdi = random() & 1 ? t + 0xa00 : random64() << 32 | (t + 0xa00);
	r->rflags = 0x202 | (random() & (LOGIC_FLAGS & ~RFLAGS_TF));
	r->cs = SEL_GUEST_CS64;
}

// Bits of rflags that the instruction leaves defined.
static u64 defined_flags(const struct insn *i)
{
	if (i->opcode >= 0x0fab && i->opcode <= 0x0fbb &&
	    (i->opcode & ~1) != 0x0fb0) {
		return RFLAGS_CF;
	}
	if ((i->opcode & ~1) == 0x0fb0) {
		return LOGIC_FLAGS;
	}
	return LOGIC_FLAGS & ~RFLAGS_AF;
}

static void both_ways(const struct record *rec)
{
	static u64 before[3 * 512], after[3 * 512];
	struct cpu_user_regs native, emulated;
	u64 *memory = table - 512, va;
	struct insn i;
	bool fits;

	registers_fill(&native);
	for (u32 n = 0; n < ARRAY_SIZE(before); n++) {
		before[n] = random64();
	}
	memcpy(memory, before, sizeof(before));
	native.rip = (u64)code_place(rec, code_page + PAGE_SIZE - 64);
	if (random() & 1) { // let cmpxchg succeed at times
		native.rax = *(u64 *)native.rbx;
	}
	emulated = native;
	assert_true(insn_fetch_decode(&i, &emulated));
	va = operand_address(&i, &emulated);
	fits = !(va & (i.op_bytes - 1));

	run_native(&native, (void *)native.rip);
	native.rip += rec->length;
	memcpy(after, memory, sizeof(after));
	memcpy(memory, before, sizeof(before));
	// Others set and clear A meanwhile; in the end it is as it was. (Not
	// for cmpxchg, which may rightly take the change for a difference.)
	disturb = (i.opcode & ~1) == 0x0fb0 ? 0 : random() % 3;
	if (disturb & 1) {
		table[(va & PAGE_OFFSET_MASK) / 8] ^= PTE_A;
	}
	lines = 0;
	assert_int_equal(emul_pt_write(&emulated, va), fits);
	assert_int_equal(lines, !fits);
	if (!fits) {
		return;
	}
	disturb = 0;
	assert_memory_equal(memory, after, sizeof(after));
	assert_int_equal(native.rflags & defined_flags(&i),
			 emulated.rflags & defined_flags(&i));
	native.rflags = emulated.rflags;
	assert_memory_equal(&native, &emulated, sizeof(native));
}

static void pt_writes_do_what_the_processor_does(void **state)
{
	for (const struct record *r = __start_pt_insns; r < __stop_pt_insns;
	     r++) {
		for (u32 n = 0; n < 500; n++) {
			both_ways(r);
		}
	}
	assert_int_equal(opened, 0);
}

static void lengths_are_the_assemblers(void **state)
{
	const struct record *first[] = {__start_pt_insns, __start_priv_insns};
	const struct record *last[] = {__stop_pt_insns, __stop_priv_insns};
	struct insn i;

	for (u32 k = 0; k < 2; k++) {
		for (const struct record *r = first[k]; r < last[k]; r++) {
			assert_true(insn_decode(&i, r->code, INSN_BYTES_MAX));
			assert_int_equal(i.length, r->length);
			// One byte less than it takes: cut off.
			assert_false(insn_decode(&i, r->code, r->length - 1));
		}
	}
}

static void other_instructions_are_refused(void **state)
{
	for (const struct record *r = __start_other_insns;
	     r < __stop_other_insns; r++) {
		struct cpu_user_regs regs, before;

		registers_fill(&regs);
		regs.rip = (u64)code_place(r, code_page);
		before = regs;
		table[0x100 / 8] = 0x1234;
		lines = 0;
		assert_false(emul_pt_write(&regs, (u64)table + 0x100));
		assert_int_equal(lines, 1);
		assert_int_equal(table[0x100 / 8], 0x1234);
		assert_memory_equal(&regs, &before, sizeof(regs));
	}
}

// Operand: {bytes, address}. rax 0x1000, rcx 8, rsp 0x2000, rbp 0x3000,
// r12 0x4000, r13 0x5000; the instruction's end is at 0x100.
struct address_case {
	u8 code[16];
	u32 bytes;
	u64 address;
};

static const struct address_case address_cases[] = {
    {{0x48, 0x89, 0x00}, 3, 0x1000},			   // (%rax)
    {{0x48, 0x89, 0x40, 0xf8}, 4, 0xff8},		   // -8(%rax)
    {{0x48, 0x89, 0x80, 0, 1, 0, 0}, 7, 0x1100},	   // 0x100(%rax)
    {{0x48, 0x89, 0x05, 0x10, 0, 0, 0}, 7, 0x110},	   // 0x10(%rip)
    {{0x49, 0x89, 0x05, 0xf0, 0xff, 0xff, 0xff}, 7, 0xf0}, // with REX.B too
    {{0x48, 0x89, 0x04, 0x24}, 4, 0x2000},		   // (%rsp)
    {{0x48, 0x89, 0x45, 0x00}, 4, 0x3000},		   // 0(%rbp)
    {{0x49, 0x89, 0x04, 0x24}, 4, 0x4000},		   // (%r12)
    {{0x49, 0x89, 0x45, 0x08}, 4, 0x5008},		   // 8(%r13)
    {{0x48, 0x89, 0x04, 0x48}, 4, 0x1010},		   // (%rax,%rcx,2)
    {{0x48, 0x89, 0x04, 0xcc}, 4, 0x2040},		   // (%rsp,%rcx,8)
    {{0x4a, 0x89, 0x04, 0x60}, 4, 0x9000},		   // (%rax,%r12,2)
    {{0x48, 0x89, 0x04, 0x25, 0, 2, 0, 0}, 8, 0x200},	   // 0x200
    {{0x49, 0x89, 0x04, 0x0d, 0, 2, 0, 0}, 8, 0x208}, // 0x200(,%rcx), REX.B
    {{0x48, 0x89, 0x44, 0x0d, 0x10}, 5, 0x3018},      // 0x10(%rbp,%rcx)
    {{0x67, 0x48, 0x89, 0x40, 0x80}, 5, 0xf80},	      // -0x80(%eax)
    {{0x67, 0x89, 0x04, 0x25, 0xff, 0xff, 0xff, 0xff}, 8, 0xffffffff},
    {{0x89, 0x04, 0x25, 0xff, 0xff, 0xff, 0xff}, 7, ~0ull},
    {{0xa3, 8, 7, 6, 5, 4, 3, 2, 1}, 9, 0x0102030405060708},
    {{0x67, 0xa2, 4, 3, 2, 1}, 6, 0x01020304},
};

static void addresses_of_every_form(void **state)
{
	struct cpu_user_regs r = {.rax = 0x1000,
				  .rcx = 8,
				  .rsp = 0x2000,
				  .rbp = 0x3000,
				  .r12 = 0x4000,
				  .r13 = 0x5000};

	for (u32 n = 0; n < ARRAY_SIZE(address_cases); n++) {
		const struct address_case *c = &address_cases[n];
		u8 buf[INSN_BUFFER] = {0};
		struct insn i;

		memcpy(buf, c->code, sizeof(c->code));
		assert_true(insn_decode(&i, buf, INSN_BYTES_MAX));
		assert_int_equal(i.length, c->bytes);
		assert_true(i.memory);
		assert_int_equal(insn_address(&i, &r, 0x100), c->address);
	}
}

static void any_bytes_stay_within_15(void **state)
{
	u8 buf[INSN_BUFFER];
	struct insn i;

	for (u32 n = 0; n < 2000000; n++) {
		for (u32 k = 0; k < INSN_BUFFER; k++) {
			buf[k] = random();
		}
		// Prefixes are rare in random bytes.
		for (u32 k = random() % 16; k > 0; k--) {
			buf[k - 1] =
			    "\x66\x67\xf0\xf2\xf3\x64\x3e\x48"[random() % 8];
		}
		if (insn_decode(&i, buf, INSN_BYTES_MAX)) {
			assert_in_range(i.length, 1, INSN_BYTES_MAX);
		}
	}
	memset(buf, 0x66, sizeof(buf));
	assert_false(insn_decode(&i, buf, INSN_BYTES_MAX));
}

static void segment_bases_count(void **state)
{
	static const struct record fs_store = {4, {0x64, 0x48, 0x89, 0x03}};
	struct cpu_user_regs regs;

	registers_fill(&regs);
	regs.rip = (u64)code_place(&fs_store, code_page);
	regs.rbx = 0x1000;
	fs_base = (u64)table - 0x1000 + 0x80;
	assert_true(emul_pt_write(&regs, (u64)table + 0x80));
	assert_int_equal(table[0x10], regs.rax);
	// An operand that is elsewhere than the fault.
	lines = 0;
	assert_false(emul_pt_write(&regs, (u64)table + 0x88));
	assert_int_equal(lines, 1);
}

static void code_may_end_at_a_page(void **state)
{
	static const struct record store = {3, {0x48, 0x89, 0x03}};
	struct cpu_user_regs regs;
	struct insn i;

	registers_fill(&regs);
	for (u32 left = 1; left < 20; left++) {
		regs.rip = (u64)code_page + PAGE_SIZE - left;
		memcpy((void *)regs.rip, store.code, 3);
		unmapped = (u64)code_page + PAGE_SIZE;
		assert_int_equal(insn_fetch_decode(&i, &regs), left >= 3);
		unmapped = 0;
		assert_true(insn_fetch_decode(&i, &regs));
		assert_int_equal(i.length, 3);
	}
}

static void refusals_change_nothing(void **state)
{
	static const struct record exchange = {3, {0x48, 0x87, 0x03}};
	struct cpu_user_regs regs, before;

	registers_fill(&regs);
	regs.rip = (u64)code_place(&exchange, code_page);
	before = regs;
	refuse = EINVAL;
	lines = 0;
	assert_false(emul_pt_write(&regs, regs.rbx));
	assert_int_equal(lines, 1);
	refuse = 0;
	assert_memory_equal(&regs, &before, sizeof(regs));
	// Others win for ever: the guest tries again.
	disturb = 1000;
	assert_true(emul_pt_write(&regs, regs.rbx));
	disturb = 0;
	assert_memory_equal(&regs, &before, sizeof(regs));
	// Not a table.
	assert_false(emul_pt_write(&regs, regs.rbx + PAGE_SIZE));
	assert_int_equal(opened, 0);
}

static void single_step_is_told(void **state)
{
	static const struct record exchange = {3, {0x48, 0x87, 0x03}};
	struct cpu_user_regs regs;

	registers_fill(&regs);
	regs.rip = (u64)code_place(&exchange, code_page);
	regs.rflags |= RFLAGS_TF | RFLAGS_RF;
	assert_true(emul_pt_write(&regs, regs.rbx));
	assert_int_equal(injected, TRAP_DB);
	assert_int_equal(regs.rflags & RFLAGS_RF, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lengths_are_the_assemblers),
	    cmocka_unit_test(addresses_of_every_form),
	    cmocka_unit_test(any_bytes_stay_within_15),
	    cmocka_unit_test(pt_writes_do_what_the_processor_does),
	    cmocka_unit_test(other_instructions_are_refused),
	    cmocka_unit_test(segment_bases_count),
	    cmocka_unit_test(code_may_end_at_a_page),
	    cmocka_unit_test(refusals_change_nothing),
	    cmocka_unit_test(single_step_is_told),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
