// SPDX-License-Identifier: MIT
// The end: say what happened and where, stop all processors, reset.
#include <wabe/boot.h>
#include <wabe/console.h>
#include <wabe/cpu.h>
#include <wabe/domain.h>
#include <wabe/paging.h>
#include <wabe/time.h>

#define STACK_LINES 40
#define REBOOT_NS 1000000000ull

// CPU id + 1 of the one that panics, 0 none. Atomic.
static u32 panicking;

void regs_print(const struct cpu_user_regs *r)
{
	const u64 values[] = {r->rax, r->rbx, r->rcx, r->rdx, r->rsi,
			      r->rdi, r->rbp, r->r8,  r->r9,  r->r10,
			      r->r11, r->r12, r->r13, r->r14, r->r15};
	static const char names[][4] = {"rax", "rbx", "rcx", "rdx", "rsi",
					"rdi", "rbp", "r8 ", "r9 ", "r10",
					"r11", "r12", "r13", "r14", "r15"};

	printk("RIP:    %04x:[<%016lx>]  error %x  vector %x", r->cs, r->rip,
	       r->error_code, r->entry_vector);
	printk("RFLAGS: %016lx   RSP: %04x:%016lx", r->rflags, r->ss, r->rsp);
	for (u32 i = 0; i < ARRAY_SIZE(values); i += 3) {
		printk("%.3s: %016lx   %.3s: %016lx   %.3s: %016lx", names[i],
		       values[i], names[i + 1], values[i + 1], names[i + 2],
		       values[i + 2]);
	}
}

static void control_print(void)
{
	printk("cr0: %016lx   cr4: %016lx", X86_READ_CR(0), X86_READ_CR(4));
	printk("cr3: %016lx   cr2: %016lx", X86_READ_CR(3), X86_READ_CR(2));
}

static bool is_text(u64 a)
{
	return (a >= IMAGE_BASE && a < (u64)text_end) ||
	       (a >= (u64)init_start && a < (u64)init_text_end);
}

// Words on the stack that may be return addresses. Compiled without frame
// pointers, so some are stale; addr2line on build/wabe.elf names them.
static void stack_print(u64 rsp)
{
	u64 top = this_cpu()->stack_top;
	u32 lines = 0;

	if (rsp >= top || top - rsp > PERCPU_STACK_PAGES * PAGE_SIZE) {
		top = ALIGN_UP(rsp + 1, PAGE_SIZE); // another stack
	}
	printk("Addresses on the stack from %016lx:", rsp);
	for (u64 at = ALIGN_UP(rsp, 8); at < top && lines < STACK_LINES;
	     at += 8) {
		u64 word = *(const u64 *)at;

		if (is_text(word)) {
			printk("   [<%016lx>] at -%lx", word, top - at);
			lines++;
		}
	}
}

static void guest_print(void)
{
	const struct vcpu *v = current_vcpu();

	if (v && v->domain && !vcpu_is_idle(v)) {
		printk("Current: d%uv%u in guest %s", v->domain->id, v->id,
		       v->kernel_mode ? "kernel" : "user");
		regs_print(&v->regs);
	}
}

// First on this machine? A second panic on this CPU resets at once, others
// wait to be stopped.
static bool panic_claim(void)
{
	u32 nobody = 0;

	if (__atomic_compare_exchange_n(&panicking, &nobody, cpu_id() + 1,
					false, __ATOMIC_SEQ_CST,
					__ATOMIC_SEQ_CST)) {
		return true;
	}
	return nobody != cpu_id() + 1 && (machine_halt(), false);
}

void panic(const char *fmt, ...)
{
	char text[256];
	va_list ap;

	if (!panic_claim()) {
		machine_reboot();
	}
	console_force();
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	cpus_stop_others();
	printk("\n****************************************");
	printk("Panic on CPU %u:", cpu_id());
	printk("%s", text);
	control_print();
	guest_print();
	stack_print((u64)__builtin_frame_address(0));
	printk("****************************************");
	if (options.noreboot) {
		printk("Manual reset required ('noreboot' specified)");
		machine_halt();
	}
	printk("Rebooting in a second");
	for (u64 end = time_now() + REBOOT_NS; tsc_khz && time_now() < end;) {
		cpu_relax();
	}
	machine_reboot();
}

// A line at a time is printed whole; this keeps a CPU's lines together.
static lock_t dump_lock;

static void dump_one(void *data)
{
	lock(&dump_lock);
	printk("*** CPU %u, work %x, NMIs %lu", cpu_id(), this_cpu()->work,
	       this_cpu()->nmi_count);
	control_print();
	guest_print();
	unlock(&dump_lock);
}

void cpus_dump(void)
{
	dump_one(NULL);
	cpus_call(dump_one, NULL);
}
