// SPDX-License-Identifier: MIT
// The instructions under test, and a way to run one with all registers given.
#ifndef FORMS_H
#define FORMS_H

#include "ipc.h"

#define SLOT 5 // the entry of `table` that every form writes to

// Which flags an instruction leaves undefined.
enum form_kind { PLAIN, LOGIC, BITS };

struct form {
	const char *text;
	void (*code)(void);
	u64 kind, documented;
};
extern const struct form forms_start[], forms_end[];

struct form_state {
	u64 rax, rbx, rcx, rdx, rsi, rdi, rbp;
	u64 r8, r9, r10, r11, r12, r13, r14, r15, rflags;
};
extern struct form_state form_state;
extern u64 table[512];		   // the page the forms write to
void form_run(void (*code)(void)); // from form_state, and back to it
extern char form_done[];

#endif
