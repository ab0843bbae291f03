// SPDX-License-Identifier: MIT
// The instructions under test. Registers (main.c sets them): rbx, rdi, r12,
// r13 = the entry's address; rbp = it - 16, r9 = it - 0x1000, r8 = the table,
// rsi = the entry's index, r14 = its offset; rax, r10, r15 = values, rcx = a
// mask, rdx = a bit number.
#include "forms.h"

u64 table[512] __attribute__((aligned(4096)));
struct form_state form_state;

#define MOVE_ALL(move)                                                      \
	move(rax, 0) move(rbx, 8) move(rcx, 16) move(rdx, 24) move(rsi, 32) \
	    move(rdi, 40) move(rbp, 48) move(r8, 56) move(r9, 64)           \
		move(r10, 72) move(r11, 80) move(r12, 88) move(r13, 96)     \
		    move(r14, 104) move(r15, 112)
#define LOAD(reg, at) "mov form_state + " #at "(%rip), %" #reg "\n"
#define STORE(reg, at) "mov %" #reg ", form_state + " #at "(%rip)\n"

asm(".pushsection .bss\n"
    "form_target: .skip 8\n"
    "form_rsp: .skip 8\n"
    ".popsection\n"
    ".globl form_run, form_done\n"
    "form_run:\n"
    "push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
    "mov %rdi, form_target(%rip)\n"
    "mov %rsp, form_rsp(%rip)\n"
    "pushq form_state + 120(%rip)\n"
    "popfq\n" MOVE_ALL(LOAD) "jmp *form_target(%rip)\n"
			     "form_done:\n" MOVE_ALL(
				 STORE) "mov form_rsp(%rip), %rsp\n"
					"pushfq\n"
					"popq form_state + 120(%rip)\n"
					"cld\n"
					"pop %r15; pop %r14; pop %r13; pop "
					"%r12; pop %rbp; pop %rbx\n"
					"ret\n");

#define FORM_AS(documented, kind, text)                      \
	asm("881: " text "\n"                                \
	    "jmp form_done\n"                                \
	    ".pushsection .rodata\n"                         \
	    "882: .asciz \"" text "\"\n"                     \
	    ".popsection\n"                                  \
	    ".pushsection forms, \"a\"\n"                    \
	    ".quad 882b, 881b, " #kind ", " #documented "\n" \
	    ".popsection\n")
#define FORM(kind, text) FORM_AS(1, kind, text)
#define OTHER(kind, text) FORM_AS(0, kind, text)

// The kinds, for the assembler.
asm(".set PLAIN, 0; .set LOGIC, 1; .set BITS, 2");

// mov, all sizes, registers and immediates
FORM(PLAIN, "movq %rax, (%rdi)");
FORM(PLAIN, "movl %eax, (%rdi)");
FORM(PLAIN, "movw %ax, (%rdi)");
FORM(PLAIN, "movb %al, (%rdi)");
FORM(PLAIN, "movb %ah, 1(%rdi)");
FORM(PLAIN, "movb %sil, 7(%rdi)");
FORM(PLAIN, "movb %r10b, 7(%rdi)");
FORM(PLAIN, "movl %r10d, 4(%rdi)");
FORM(PLAIN, "movw %r10w, 6(%rdi)");
FORM(PLAIN, "movq %r10, (%rdi)");
FORM(PLAIN, "movq $0, (%rdi)");
FORM(PLAIN, "movq $-2, (%rdi)");
FORM(PLAIN, "movl $0x12345670, (%rdi)");
FORM(PLAIN, "movw $0x7654, (%rdi)");
FORM(PLAIN, "movb $0x66, (%rdi)");
FORM(PLAIN, "movb $0x67, (%rdi)");

// addressing forms, prefixes
FORM(PLAIN, "movq %rax, (%rbx)");
FORM(PLAIN, "movq %rax, 16(%rbp)");
FORM(PLAIN, "movq %rax, 0x1000(%r9)");
FORM(PLAIN, "movq %rax, (%r12)");
FORM(PLAIN, "movq %rax, 0(%r13)");
FORM(PLAIN, "movq %rax, (%r8, %rsi, 8)");
FORM(PLAIN, "movq %rax, (%r8, %r14, 1)");
FORM(PLAIN, "movq %rax, 20(%r8, %rsi, 4)");
FORM(PLAIN, "movq %rax, 0x1000(%r9, %r11, 2)");
FORM(PLAIN, "movq %rax, table(, %rsi, 8)");
FORM(PLAIN, "movq %rax, table + 40");
FORM(PLAIN, "movq %rax, table + 40(%rip)");
FORM(PLAIN, "movq $0x66, table + 40(%rip)");
FORM(PLAIN, "movb $0x66, table + 40(%rip)");
FORM(PLAIN, "movq %r15, (%r12)");
FORM(PLAIN, "ds movq %rax, (%rdi)");
FORM(PLAIN, "movabsq %rax, table + 40");
FORM(PLAIN, "movabsb %al, table + 40");

// xchg and cmpxchg (hit and miss)
FORM(PLAIN, "xchgq %rax, (%rdi)");
FORM(PLAIN, "xchgl %eax, (%rdi)");
FORM(PLAIN, "xchgw %ax, (%rdi)");
FORM(PLAIN, "xchgb %al, (%rdi)");
FORM(PLAIN, "xchgb %ah, 1(%rdi)");
FORM(PLAIN, "xchgq %r15, 0(%r13)");
FORM(PLAIN, "lock xchgq %r10, (%r8, %rsi, 8)");
FORM(PLAIN, "cmpxchgq %r10, (%rdi)");
FORM(PLAIN, "lock cmpxchgq %r10, (%rdi)");
FORM(PLAIN, "lock cmpxchgq %r10, (%r8, %rsi, 8)");
FORM(PLAIN, "lock cmpxchgl %r10d, (%rdi)");
FORM(PLAIN, "cmpxchgw %r10w, (%rdi)");
FORM(PLAIN, "cmpxchgb %r10b, (%rdi)");

// and, or, xor
FORM(LOGIC, "andq %rcx, (%rdi)");
FORM(LOGIC, "andl %ecx, (%rdi)");
FORM(LOGIC, "andw %cx, (%rdi)");
FORM(LOGIC, "andb %cl, (%rdi)");
FORM(LOGIC, "andq $-3, (%rdi)");
FORM(LOGIC, "andl $-3, (%rdi)");
FORM(LOGIC, "andw $-3, (%rdi)");
FORM(LOGIC, "andb $0xfd, (%rdi)");
FORM(LOGIC, "lock andb $0xfd, (%r8, %rsi, 8)");
FORM(LOGIC, "ds andb $0xfd, (%r8, %rsi, 8)");
FORM(LOGIC, "lock andq $0xffffffffffffff9f, 16(%rbp)");
FORM(LOGIC, "andq $-0x1000, (%rdi)");
FORM(LOGIC, "andl $0xfffff7fd, (%rdi)");
FORM(LOGIC, "orq %r15, (%rdi)");
FORM(LOGIC, "orb $0x60, (%rdi)");
FORM(LOGIC, "orq $0x60, (%rdi)");
FORM(LOGIC, "lock orl $0x860, (%rdi)");
FORM(LOGIC, "orw $0x860, (%r12)");
FORM(LOGIC, "xorq %rcx, (%rdi)");
FORM(LOGIC, "xorb $0x42, (%rdi)");
FORM(LOGIC, "xorq $0x42, (%rdi)");
FORM(LOGIC, "xorw $0x842, 0(%r13)");
FORM(LOGIC, "lock xorl $0x842, (%rdi)");

// bts, btr, btc
FORM(BITS, "btsq $6, (%rdi)");
FORM(BITS, "btsl $6, (%rdi)");
FORM(BITS, "btsw $6, (%rdi)");
FORM(BITS, "lock btsq $63, (%rdi)");
FORM(BITS, "lock btrq $1, (%r12)");
FORM(BITS, "btrl $5, (%rdi)");
FORM(BITS, "btrq $0, (%rdi)");
FORM(BITS, "btcq $6, (%rdi)");
FORM(BITS, "lock btcw $6, (%rdi)");
FORM(BITS, "btsq %rdx, (%rdi)");
FORM(BITS, "lock btrq %rdx, (%rdi)");
FORM(BITS, "btcl %edx, (%rdi)");
FORM(BITS, "btsw %dx, (%rdi)");
FORM(BITS, "btrq %r14, (%r8)"); // bit 40 of the table: not the slot

// what Linux does not use; Wabe does not promise any
OTHER(PLAIN, "addq $0x60, (%rdi)");
OTHER(PLAIN, "subb $1, (%rdi)");
OTHER(PLAIN, "incq (%rdi)");
OTHER(PLAIN, "notq (%rdi)");
OTHER(PLAIN, "xaddq %rdx, (%rdi)");
OTHER(PLAIN, "shlb $1, (%rdi)");
OTHER(PLAIN, "stosq");
OTHER(PLAIN, "pushq %rax; popq (%rdi)");
OTHER(PLAIN, "movntiq %rax, (%rdi)");
OTHER(PLAIN, "setc (%rdi)");
OTHER(PLAIN, "cmpxchg8b (%rdi)");
OTHER(PLAIN, "lock cmpxchg16b (%r8)");
OTHER(PLAIN, "movq %rax, 4(%rdi)");
OTHER(PLAIN, "movl %eax, 3(%rdi)");
OTHER(PLAIN, "movw %ax, 7(%rdi)");
