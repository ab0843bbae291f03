// SPDX-License-Identifier: MIT
// User mode: exceptions, int n, system calls.
#include "traps.h"

#define LOW_CODE 0x10000000UL // where 32-bit code can run
#define LOW_STACK (LOW_CODE + 0x2000)

static void say_regs(const char *name, const struct regs *r, u64 start)
{
	struct trap_record t = {.vector = r->vector,
				.error = r->error,
				.cr2 = vcpu_info()->arch.cr2,
				.regs = *r};

	say_record(name, &t, start);
}

#define SNIPPETS(each)                                                         \
	each(div, "xor %eax, %eax; div %eax") each(ud2, "ud2") each(           \
	    int3,                                                              \
	    "int3") each(cd03,                                                 \
			 ".byte 0xcd, 3") each(int4,                           \
					       "int $4") each(int1,            \
							      ".byte 0xf1")    \
	    each(int80, "int $0x80") each(int81, "int $0x81") each(            \
		int82, "int $0x82") each(hlt, "hlt") each(cli,                 \
							  "cli") each(sti,     \
								      "sti")   \
		each(in, "in $0x61, %al") each(outs, "outsb") each(            \
		    rdmsr,                                                     \
		    "mov $0xc0000102, %ecx; rdmsr") each(wrmsr,                \
							 "mov $0xc0000102, "   \
							 "%ecx; wrmsr")        \
		    each(read_cr0, "mov %cr0, %rax") each(                     \
			read_cr3,                                              \
			"mov %cr3, %rax") each(read_cr4,                       \
					       "mov %cr4, %rax") each(clts,    \
								      "clts")  \
			each(read_dr7, "mov %dr7, %rax") each(                 \
			    swapgs,                                            \
			    "swapgs") each(xsetbv,                             \
					   "xor %ecx, %ecx; xor %edx, %edx; "  \
					   "mov $3, %eax; xsetbv")             \
			    each(rdpmc, "xor %ecx, %ecx; rdpmc") each(         \
				wbinvd, "wbinvd") each(invlpg,                 \
						       "invlpg (%rsp)")        \
				each(sysret, "sysretq") each(                  \
				    vmmcall, "vmmcall") each(lgdt, "lgdt "     \
								   "(%rsp)")   \
				    each(ltr, "ltr %ax") each(                 \
					read_kernel,                           \
					"mov "                                 \
					"0xffffffff80100000, "                 \
					"%al") each(read_hv,                   \
						    "movabs "                  \
						    "0xffff830000000000, "     \
						    "%al")                     \
					each(                                  \
					    read_m2p,                          \
					    "movabs 0xffff800000000000, %al; " \
					    "int3") each(write_code,           \
							 "movb $0, .(%rip)")   \
					    each(                              \
						jump_absent,                   \
						"xor %eax, "                   \
						"%eax; jmp "                   \
						"*%rax") each(noncanonical,    \
							      "mov $1, %eax; " \
							      "shl $62, "      \
							      "%rax; mov "     \
							      "(%rax), %al")   \
						each(bad_ds,                   \
						     "mov $0xe010, %eax; mov " \
						     "%eax, %ds")              \
						    each(forced_cpuid,         \
							 "ud2; .ascii "        \
							 "\"xen\"; cpuid; "    \
							 "int3") each(syscall, \
								      "syscal" \
								      "l")     \
							each(                  \
							    step,              \
							    "pushfq; orl "     \
							    "$0x100, (%rsp); " \
							    "popfq; nop; nop")

#define DEFINE(name, text) USER_SNIPPET(code_##name, text);
SNIPPETS(DEFINE)

static const struct {
	const char *name, *start, *end;
} snippets[] = {
#define ROW(name, text) {#name, code_##name##_start, code_##name##_end},
    SNIPPETS(ROW)};

void user_traps(void)
{
	printf("user mode\n");
	for (unsigned int i = 0; i < ARRAY_COUNT(snippets); i++) {
		struct regs r = {.rflags = 0x202};

		user_run_code(&r, snippets[i].start, snippets[i].end);
		say_regs(snippets[i].name, &r, USER_CODE);
		events_mask();
	}
}

USER_SNIPPET(user_int3, "int3");
USER_SNIPPET(user_gs, "mov %gs:8, %rax; mov %fs:8, %rbx; int3");
USER_SNIPPET(user_32, ".code32; int $0x80; .code64");
USER_SNIPPET(user_32_syscall, ".code32; syscall; .code64");
USER_SNIPPET(user_32_ud2, ".code32; ud2; .code64");

static void flags(const char *name, u64 rflags)
{
	struct regs r = {.rflags = rflags};

	user_run_code(&r, user_int3_start, user_int3_end);
	printf("flags %s %lx: %s, frame %lx mask %x, handler's mask %x\n", name,
	       rflags, trap_name(r.vector), r.rflags, r.mask,
	       vcpu_info()->evtchn_upcall_mask);
	events_mask();
}

static void run_32(const char *name, void *low, const char *start,
		   const char *end)
{
	struct regs r = {.rip = LOW_CODE,
			 .cs = FLAT_USER_CS32,
			 .ss = FLAT_USER_SS32,
			 .rsp = LOW_STACK,
			 .rflags = 0x202};

	memcpy(low, start, end - start);
	user_run(&r);
	say_regs(name, &r, LOW_CODE);
	printf("  rsp %lx rcx %lx r11 %lx\n", r.rsp, r.rcx, r.r11);
	events_mask();
}

static void compatibility_mode(void)
{
	void *low = page_alloc();

	page_map(LOW_CODE, virt_to_mfn(low), PTE_DATA);
	page_map(LOW_CODE + 0x1000, virt_to_mfn(page_alloc()), PTE_DATA);
	printf("slot 0 of the user root: %s\n",
	       error_name(pte_write(&user_root[0], *pte_find(LOW_CODE, 4))));
	run_32("32 bit int $0x80", low, user_32_start, user_32_end);
	run_32("32 bit ud2", low, user_32_ud2_start, user_32_ud2_end);
	run_32("32 bit syscall", low, user_32_syscall_start,
	       user_32_syscall_end);
}

static u64 msr_read(u32 msr)
{
	u32 low = 0, high = 0;

	TRY("rdmsr", : "+a"(low), "+d"(high) : "c"(msr));
	return low | (u64)high << 32;
}

static void bases(void)
{
	u64 data[2] = {0x1111, 0x2222};
	struct regs r = {.rflags = 0x202};
	u8 *user_data =
	    mfn_to_virt((*pte_find(USER_DATA, 1) & PTE_FRAME) >> PAGE_SHIFT);

	memcpy(user_data + 8, &data[0], 8);
	memcpy(user_data + 24, &data[1], 8);
	printf("set_segment_base: %s",
	       error_name(hv_set_segment_base(SEGBASE_FS, USER_DATA + 16)));
	printf(" %s",
	       error_name(hv_set_segment_base(SEGBASE_GS_USER, USER_DATA)));
	printf(" %s\n",
	       error_name(hv_set_segment_base(SEGBASE_GS_KERNEL, (u64)data)));
	printf("non-canonical: %s, which 9: %s\n",
	       error_name(hv_set_segment_base(SEGBASE_FS, 1UL << 62)),
	       error_name(hv_set_segment_base(9, 0)));
	ok(msr_read(0xc0000100) == USER_DATA + 16, "the FS base's MSR");
	ok(msr_read(0xc0000101) == (u64)data, "the GS base's MSR");
	ok(msr_read(0xc0000102) == USER_DATA, "the user's GS base's MSR");
	user_run_code(&r, user_gs_start, user_gs_end);
	printf("by the user's gs %lx, by fs %lx\n", r.rax, r.rbx);
	asm volatile("mov %%gs:8, %0" : "=r"(r.rax));
	printf("by the kernel's gs %lx\n", r.rax);
}

USER_SNIPPET(user_base, "rdfsbase %rax; wrgsbase %rax; int3");

// User mode may read and write bases only where its kernel said so in CR4: one
// that did not relies on it (XSA-293).
static void base_instructions(void)
{
	u64 cr4;

	asm volatile("mov %%cr4, %0" : "=r"(cr4));
	for (u64 on = 0; on < 3; on++) {
		struct regs r = {.rflags = 0x202};

		TRY("mov %0, %%cr4", : : "r"(on == 1 ? cr4 | 0x10000 : cr4));
		user_run_code(&r, user_base_start, user_base_end);
		say_regs(on == 1 ? "bases, FSGSBASE" : "bases, no FSGSBASE", &r,
			 USER_CODE);
		events_mask();
	}
}

void user_modes(void)
{
	struct regs r = {.rflags = 0x202};

	flags("with IF", 0x202);
	flags("without IF", 0x2);
	flags("IOPL 3", 0x3202);
	flags("NT, RF, VM", 0x34202);
	flags("AC, ID", 0x240202);
	flags("others", 0xffffffff00188228);
	user_run_code(&r, code_syscall_start, code_syscall_end);
	ok(r.rip == r.rcx && r.rflags == r.r11,
	   "after syscall rcx is rip and r11 the flags");
	ok(r.rsp == USER_STACK, "rsp is the user's");
	bases();
	base_instructions();
	compatibility_mode();
}

USER_SNIPPET(user_all,
	     "add $1, %rax; add $1, %r15; movq $0x77, %r11; movq $0x66, %rcx;"
	     "int3");

// Nothing is lost or swapped between user mode and the kernel.
void registers(void)
{
	struct regs r = {.rflags = 0x202}, before;
	u64 *all = (u64 *)&r;

	for (int i = 0; i < 15; i++) {
		all[i] = 0x1111111111111111 * i;
	}
	before = r;
	user_run_code(&r, user_all_start, user_all_end);
	before.rax++;
	before.r15++;
	before.r11 = 0x77;
	before.rcx = 0x66;
	ok(!memcmp(&r, &before, 15 * 8), "user mode's registers arrive");
	r.rflags = 0x202;
	before = r;
	user_run_code(&r, code_syscall_start, code_syscall_end);
	before.rcx = r.rcx;
	before.r11 = r.r11;
	ok(!memcmp(&r, &before, 15 * 8), "and through a system call");
	events_mask();
}
