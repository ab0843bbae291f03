// SPDX-License-Identifier: MIT
// Exceptions, system calls, emulated instructions. The handlers are the
// shortest that can be.
#include "bench.h"

extern char plain_return[], fault_return_2[], ud2_return[];
// No error code; go on where it was.
asm("plain_return:\n"
    "pop %rcx; pop %r11\n"
    "pushq $0; push %rcx; push %r11; push %rax\n"
    "jmp hypercall_iret\n");
// An error code; skip an instruction of two bytes.
asm("fault_return_2:\n"
    "pop %rcx; pop %r11\n"
    "movq $0, (%rsp); addq $2, 8(%rsp)\n"
    "push %rcx; push %r11; push %rax\n"
    "jmp hypercall_iret\n");
asm("ud2_return:\n"
    "pop %rcx; pop %r11\n"
    "addq $2, (%rsp); pushq $0; push %rcx; push %r11; push %rax\n"
    "jmp hypercall_iret\n");

static void handlers_install(void)
{
	struct callback_register c = {.type = CALLBACKTYPE_syscall,
				      .flags = CALLBACKF_mask_events,
				      .address = (u64)plain_return};

	trap_install(3, 7, plain_return);
	trap_install(6, 4, ud2_return);
	trap_install(13, 4, fault_return_2);
	trap_install(14, 4, fault_return_2);
	trap_install(VECTOR_USER, 7, plain_return);
	hv_callback_op(CALLBACKOP_register, &c);
}

static void iret_call(void)
{
	asm volatile("mov %%rsp, %%rax\n"
		     "pushq %0; push %%rax; pushq $2; pushq %1; pushq $1f\n"
		     "pushq $0; pushq $0; pushq $0; pushq $0\n"
		     "jmp hypercall_iret\n"
		     "1:"
		     :
		     : "i"(FLAT_KERNEL_SS), "i"(KERNEL_CS)
		     : "rax", "rcx", "r11", "memory");
}

void bench_traps(void)
{
	u8 *absent = page_alloc(), *read_only = page_alloc();

	hv_update_va_mapping((u64)absent, 0, UVMF_INVLPG);
	page_protect(read_only);
	handlers_install();
	MEASURE("iret", iret_call());
	MEASURE("kernel-int3", asm volatile("int3" ::: "memory"));
	MEASURE("kernel-int80", asm volatile("int $0x80" ::: "memory"));
	MEASURE("kernel-page-fault-read", asm volatile("movb (%0), %%al"
						       :
						       : "a"(absent)
						       : "memory"));
	MEASURE("kernel-page-fault-write", asm volatile("movb %%al, (%0)"
							:
							: "a"(read_only)
							: "memory"));
	MEASURE("kernel-ud2", asm volatile("ud2" ::: "memory"));
	MEASURE("rdmsr-refused", asm volatile("rdmsr"
					      :
					      : "c"(0x12345678)
					      : "rax", "rdx"));
	trap_init();
}

// Measured by itself, samples at USER_DATA; ends by a division by zero, whose
// handler is the library's.
#define USER_LOOP(name, insn)                                          \
	USER_SNIPPET(name, "mov $256, %ebx\n"                          \
			   "1: nopl 0x57414201(%rax)\n"                \
			   "rdtsc; mov %eax, %esi\n" insn "\n"         \
			   "rdtsc; sub %esi, %eax; mov %eax, (%rdi)\n" \
			   "nopl 0x57414202(%rax)\n"                   \
			   "add $4, %rdi; dec %ebx; jnz 1b\n"          \
			   "xor %ecx, %ecx; div %ecx")

USER_LOOP(user_empty, "");
USER_LOOP(user_syscall, "syscall");
USER_LOOP(user_int3, "int3");
USER_LOOP(user_int80, "int $0x80");
USER_LOOP(user_fault, "xor %eax, %eax; movb (%rax), %al");

static void user_measure(const char *name, const void *start, const void *end)
{
	struct regs r = {.rdi = USER_DATA, .rflags = 0x2};

	user_run_code(&r, start, end);
	if (r.vector != 0) {
		PANIC("%s ends with %s", name, trap_name(r.vector));
	}
	memcpy(samples,
	       mfn_to_virt((*pte_find(USER_DATA, 1) & PTE_FRAME) >> PAGE_SHIFT),
	       256 * 4);
	report(name, 256);
	events_mask();
}

void bench_user(void)
{
	user_init();
	handlers_install();
	user_measure("user-empty", user_empty_start, user_empty_end);
	user_measure("user-syscall", user_syscall_start, user_syscall_end);
	user_measure("user-int3", user_int3_start, user_int3_end);
	user_measure("user-int80", user_int80_start, user_int80_end);
	user_measure("user-page-fault", user_fault_start, user_fault_end);
	trap_init();
}

static void cpuid_forced(u32 leaf)
{
	u32 a = leaf, c = 0;

	asm volatile("ud2; .ascii \"xen\"; cpuid"
		     : "+a"(a), "+c"(c)
		     :
		     : "rbx", "rdx");
}

#define INSN(name, ...) MEASURE(name, asm volatile(__VA_ARGS__))

static void with_iopl(void)
{
	struct physdev_set_iopl op = {.iopl = 1};

	hv_physdev_op(PHYSDEVOP_set_iopl, &op);
	INSN("cli", "cli" :);
	INSN("sti", "sti" :);
	INSN("in-pit", "in $0x42, %%al" : : : "rax");
	INSN("in-80", "in $0x80, %%al" : : : "rax");
	INSN("out-80", "out %%al, $0x80" : : : "rax");
	op.iopl = 0;
	hv_physdev_op(PHYSDEVOP_set_iopl, &op);
}

void bench_privileged(void)
{
	INSN("rdmsr-kernel-gs", "rdmsr" : : "c"(0xc0000102) : "rax", "rdx");
	INSN("rdmsr-fs", "rdmsr" : : "c"(0xc0000100) : "rax", "rdx");
	INSN("rdmsr-efer", "rdmsr" : : "c"(0xc0000080) : "rax", "rdx");
	INSN("wrmsr-kernel-gs", "wrmsr" : : "c"(0xc0000102), "a"(0), "d"(0));
	INSN("wrmsr-fs", "wrmsr" : : "c"(0xc0000100), "a"(0), "d"(0));
	MEASURE("cpuid-0", cpuid_forced(0));
	MEASURE("cpuid-1", cpuid_forced(1));
	MEASURE("cpuid-40000000", cpuid_forced(0x40000000));
	INSN("read-cr0", "mov %%cr0, %%rax" : : : "rax");
	INSN("read-cr2", "mov %%cr2, %%rax" : : : "rax");
	INSN("read-cr3", "mov %%cr3, %%rax" : : : "rax");
	INSN("read-cr4", "mov %%cr4, %%rax" : : : "rax");
	INSN("write-cr2", "mov %0, %%cr2" : : "r"(0UL));
	INSN("clts", "clts" :);
	INSN("wbinvd", "wbinvd" :);
	with_iopl();
}
