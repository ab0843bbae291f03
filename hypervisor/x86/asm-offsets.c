// SPDX-License-Identifier: MIT
// Makes build/include/asm-offsets.h: offsets of C structures for assembly.
// Compiled to assembly text only; the Makefile picks the @OFFSET lines.
#include <wabe/domain.h>
#include <wabe/page.h>

#define OFFSET(name, type, member) \
	asm volatile("# @OFFSET " #name " %0" ::"i"(offsetof(type, member)))

void asm_offsets(void);
void asm_offsets(void)
{
	OFFSET(CPU_WORK, struct cpu, work);
	OFFSET(CPU_CURRENT, struct cpu, current);
	OFFSET(CPU_REGS_TOP, struct cpu, regs_top);
	OFFSET(CPU_STACK_TOP, struct cpu, stack_top);
	OFFSET(CPU_SCRATCH, struct cpu, scratch);
	OFFSET(CPU_WORK_LEFT, struct cpu, work_left);
	OFFSET(VCPU_REGS, struct vcpu, regs);
	OFFSET(VCPU_INFO, struct vcpu, info);
	OFFSET(VCPU_KERNEL_MODE, struct vcpu, kernel_mode);
	OFFSET(VCPU_NMI_PENDING, struct vcpu, nmi_pending);
	OFFSET(REGS_RBX, struct cpu_user_regs, rbx);
	OFFSET(REGS_R11, struct cpu_user_regs, r11);
	OFFSET(REGS_RAX, struct cpu_user_regs, rax);
	OFFSET(REGS_RCX, struct cpu_user_regs, rcx);
	OFFSET(REGS_ERROR_CODE, struct cpu_user_regs, error_code);
	OFFSET(REGS_VECTOR, struct cpu_user_regs, entry_vector);
	OFFSET(REGS_RIP, struct cpu_user_regs, rip);
	OFFSET(REGS_CS, struct cpu_user_regs, cs);
	OFFSET(REGS_RFLAGS, struct cpu_user_regs, rflags);
	OFFSET(REGS_RSP, struct cpu_user_regs, rsp);
	OFFSET(REGS_SS, struct cpu_user_regs, ss);
	OFFSET(REGS_ES, struct cpu_user_regs, es);
	asm volatile("# @OFFSET WORK_UNITS %0" ::"i"(WORK_UNITS));
}
