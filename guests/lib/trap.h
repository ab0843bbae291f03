// SPDX-License-Identifier: MIT
// Exceptions, callbacks and user mode.
//
// The hypervisor delivers an exception on the stack, lowest address first:
//   rcx r11 [error code] rip cs rflags rsp ss
// head.S makes a struct regs of it and calls trap_handle(). The upper half of
// cs's quadword is the event mask of that moment, and goes back with it.
#ifndef GUEST_TRAP_H
#define GUEST_TRAP_H

#include "mmu.h"

struct regs {
	u64 r15, r14, r13, r12, rbp, rbx, r10, r9, r8, rdx, rsi, rdi;
	u64 rax, r11, rcx;
	u32 error, vector; // here the iret hypercall wants its flags
	u64 rip;
	u32 cs, mask;
	u64 rflags, rsp, ss;
};

// Vectors above the processor's.
#define TRAP_NONE 0xffffffffu
#define TRAP_EVENT 0x100u
#define TRAP_FAILSAFE 0x101u
#define TRAP_SYSCALL 0x102u
#define TRAP_SYSCALL32 0x103u
// Trap-table vectors that the library installs beside 0..31, gate DPL 3 and 0.
#define VECTOR_USER 0x80u
#define VECTOR_KERNEL 0x81u

#define KERNEL_CS 0xe030UL // as a kernel-mode frame names FLAT_KERNEL_CS
#define USER_CS ((u64)FLAT_USER_CS64)
#define USER_SS ((u64)FLAT_USER_SS64)
#define RFLAGS_IF 0x200UL

// The last trap taken while one was expected.
struct trap_record {
	u32 vector, error;
	u64 cr2;
	u64 entry_rsp;	  // where the hypervisor's frame was
	u64 entry_rflags; // at the handler's first instruction
	u64 entry_cs, entry_ss;
	u16 selectors[4]; // failsafe: ds es fs gs
	u32 entry_mask;
	struct regs regs;
};
extern struct trap_record trap_last;
extern u64 trap_resume; // where to go on after an expected trap
extern u64 trap_start;	// where what is expected to trap begins

// TRY("text", : outputs : inputs : clobbers): runs the instructions; the first
// trap skips the rest. trap_last.vector is that trap's, or TRAP_NONE.
#define TRY(text, ...)                                                 \
	do {                                                           \
		trap_expect();                                         \
		asm volatile(                                          \
		    "movq $771f, trap_resume(%%rip)\n\t"               \
		    "movq $770f, trap_start(%%rip)\n\t"                \
		    "770:\n\t" text                                    \
		    "\n771: movq $0, trap_resume(%%rip)" __VA_ARGS__); \
		asm volatile("" ::: "memory");                         \
	} while (0)
void trap_expect(void); // forget the last one

// Called first for each trap or event, if set; true: dealt with.
extern bool (*trap_hook)(struct regs *regs);

void trap_init(
    void); // installs table and callbacks; again if a test spoilt them
void trap_install(u32 vector, u32 flags, void *address);
void trap_print(const char *name, const struct trap_record *record);
const char *trap_name(u32 vector);
bool trap_is(u32 vector, u32 error); // the last one was this
extern char *trap_stubs[];	     // of vectors 0..31, then 0x80, 0x81

// iret to `regs`, which are not changed; returns when a trap or system call
// comes back from user mode, with it in *regs. Never returns for kernel mode.
void user_run(struct regs *regs);
// A user root with REGION_USER in it, code at USER_CODE, stack below
// USER_STACK.
#define USER_CODE (REGION_USER + 0x1000)
#define USER_DATA (REGION_USER + 0x2000)
#define USER_STACK (REGION_USER + 0x4000)
void user_init(void);
extern u64 *user_root;
// Copies code there and runs it; *regs gives and gets the registers, the
// selectors, rip, rsp and flags are set here.
void user_run_code(struct regs *regs, const void *start, const void *end);
// `asm` code from label to label for it.
#define USER_SNIPPET(name, text)                                         \
	extern const char name##_start[], name##_end[];                  \
	asm(".pushsection .rodata\n" #name "_start:\n\t" text "\n" #name \
	    "_end:\n.popsection")

#endif
