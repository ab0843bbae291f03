// SPDX-License-Identifier: MIT
// Instructions that need ring 0, which the hypervisor emulates or refuses.
#include "traps.h"

#define SAY(name, ...)            \
	do {                      \
		TRY(__VA_ARGS__); \
		say(name);        \
	} while (0)

// A register read by an instruction.
#define READ(name, reg)                                  \
	do {                                             \
		u64 value = 0;                           \
		TRY("mov %%" reg ", %0", : "+r"(value)); \
		say_value("mov from " name, value);      \
	} while (0)
#define WRITE(name, reg, value)                               \
	do {                                                  \
		TRY("mov %0, %%" reg, : : "r"((u64)(value))); \
		say_value("mov to " name, value);             \
	} while (0)

static void say_value(const char *name, u64 value)
{
	if (trap_last.vector == TRAP_NONE) {
		printf("%s: %lx\n", name, value);
	} else {
		printf("%s: %s(%x)\n", name, trap_name(trap_last.vector),
		       trap_last.error);
	}
}

static void control_registers(void)
{
	u64 cr0 = 0, cr3 = 0, cr4 = 0;
	u64 root = virt_to_mfn((void *)start_info->pt_base) << PAGE_SHIFT;

	READ("cr0", "cr0");
	READ("cr4", "cr4");
	READ("cr8", "cr8");
	TRY("mov %%cr3, %0", : "=r"(cr3));
	ok(cr3 == root, "cr3 is the root's machine address");
	vcpu_info()->arch.cr2 = 0x1234;
	READ("cr2", "cr2");
	WRITE("cr2", "cr2", 0x5678);
	READ("cr2", "cr2");
	printf("vcpu_info's cr2: %lx\n", vcpu_info()->arch.cr2);
	asm volatile("mov %%cr0, %0" : "=r"(cr0));
	asm volatile("mov %%cr4, %0" : "=r"(cr4));
	WRITE("cr0, the same", "cr0", cr0);
	WRITE("cr0, TS", "cr0", cr0 | 8);
	READ("cr0", "cr0");
	SAY("fnop", "fnop", :);
	SAY("clts", "clts", :);
	SAY("fnop", "fnop", :);
	WRITE("cr0, no PG", "cr0", cr0 & 0x7fffffff);
	WRITE("cr0, no WP", "cr0", cr0 & ~0x10000UL);
	WRITE("cr4, the same", "cr4", cr4);
	WRITE("cr4, PGE toggled", "cr4", cr4 ^ 0x80);
	WRITE("cr4, TSD toggled", "cr4", cr4 ^ 4);
	WRITE("cr4, no PAE", "cr4", cr4 & ~0x20UL);
	WRITE("cr4, all", "cr4", ~0UL);
	READ("cr4", "cr4");
	TRY("mov %0, %%cr3", : : "r"(root));
	say("mov to cr3, the same");
	TRY("mov %0, %%cr3", : : "r"(virt_to_mfn(page_ro) << PAGE_SHIFT));
	say("mov to cr3, a data page");
	TRY("mov %0, %%cr3", : : "r"(~0UL));
	say("mov to cr3, all");
}

static void debug_registers(void)
{
	WRITE("dr0", "dr0", 0x1000);
	READ("dr0", "dr0");
	WRITE("dr0, in the hypervisor", "dr0", 0xffff830000000000);
	READ("dr0", "dr0");
	READ("dr6", "dr6");
	READ("dr7", "dr7");
	WRITE("dr7", "dr7", 0x2);
	READ("dr7", "dr7");
	WRITE("dr7, GD", "dr7", 0x2000);
	READ("dr7", "dr7");
	WRITE("dr7", "dr7", 0x400);
	READ("dr4", "dr4");
	WRITE("dr0", "dr0", 0);
}

static void others(void)
{
	static u8 table[16];
	u32 low = 0, high = 0;

	SAY("wbinvd", "wbinvd", :);
	SAY("invd", "invd", :);
	SAY("invlpg", "invlpg %0", : : "m"(table));
	SAY("swapgs", "swapgs", :);
	SAY("lgdt", "lgdt %0", : : "m"(table));
	SAY("lidt", "lidt %0", : : "m"(table));
	SAY("lldt", "lldt %w0", : : "r"(0));
	SAY("ltr", "ltr %w0", : : "r"(0));
	SAY("lmsw", "lmsw %w0", : : "r"(0x33));
	SAY("rdpmc", "rdpmc", : : "c"(0) : "rax", "rdx");
	SAY("rdtsc", "rdtsc", : : : "rax", "rdx");
	SAY("rdtscp", "rdtscp", : : : "rax", "rdx", "rcx");
	SAY("monitor", "monitor", : : "a"(table), "c"(0), "d"(0));
	SAY("mwait", "mwait", : : "a"(0), "c"(0));
	SAY("vmcall", "vmcall", : : : "rax");
	SAY("vmmcall", "vmmcall", : : : "rax");
	SAY("vmrun", "vmrun", : : "a"(0));
	SAY("clgi", "clgi", :);
	SAY("stac", "stac", :);
	SAY("sysenter", "sysenter", : : : "rcx", "rdx");
	TRY("xgetbv", : "=a"(low), "=d"(high) : "c"(0));
	say_value("xgetbv", low);
	SAY("xsetbv, x87 and SSE", "xsetbv", : : "a"(3), "d"(0), "c"(0));
	TRY("xgetbv", : "=a"(low), "=d"(high) : "c"(0));
	say_value("xgetbv", low);
	SAY("xsetbv, no x87", "xsetbv", : : "a"(2), "d"(0), "c"(0));
	SAY("xsetbv, reserved", "xsetbv", : : "a"(3), "d"(1 << 30), "c"(0));
	SAY("xsetbv, register 1", "xsetbv", : : "a"(3), "d"(0), "c"(1));
}

void privileged(void)
{
	printf("privileged instructions\n");
	control_registers();
	debug_registers();
	others();
}

static void say_msr(u32 msr, bool say_it)
{
	u32 low = 0, high = 0;

	TRY("rdmsr", : "+a"(low), "+d"(high) : "c"(msr));
	printf("rdmsr %x: ", msr);
	if (trap_last.vector != TRAP_NONE) {
		printf("%s(%x)", trap_name(trap_last.vector), trap_last.error);
	} else if (say_it) {
		printf("%lx", low | (u64)high << 32);
	} else {
		printf("read");
	}
	TRY("wrmsr", : : "a"(low), "d"(high), "c"(msr));
	printf(", the same written: %s\n", trap_name(trap_last.vector));
}

void msrs(void)
{
	static const u32 known[] = {
	    0x1b,	0x3a,	    0x48,	0x49,	    0x8b,
	    0xce,	0xfe,	    0x10a,	0x10b,	    0x122,
	    0x140,	0x174,	    0x175,	0x176,	    0x179,
	    0x17a,	0x17b,	    0x198,	0x199,	    0x19c,
	    0x1a0,	0x1a2,	    0x1d9,	0x200,	    0x250,
	    0x277,	0x2ff,	    0x345,	0x38f,	    0x400,
	    0x401,	0x480,	    0x600,	0x6e0,	    0x802,
	    0x830,	0xda0,	    0x40000000, 0x40000001, 0xc0000080,
	    0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, 0xc0000103,
	    0xc0010000, 0xc0010007, 0xc0010010, 0xc0010015, 0xc001001a,
	    0xc001001f, 0xc0010055, 0xc0010058, 0xc0010061, 0xc0010062,
	    0xc0010063, 0xc0010064, 0xc0010114, 0xc0010117, 0xc001011f,
	    0xc0010140, 0xc0011019, 0xc001101a, 0xc001101b, 0xc0011020,
	    0xc0011022, 0xc0011027, 0xc0011029, 0x12345678};

	say_msr(0x10, false);
	for (unsigned int i = 0; i < ARRAY_COUNT(known); i++) {
		say_msr(known[i], true);
	}
	TRY("wrmsr", : : "a"(0), "d"(1 << 30), "c"(0xc0000100));
	say("wrmsr of a non-canonical FS base");
	TRY("wrmsr", : : "a"(0), "d"(1 << 30), "c"(0xc0000101));
	say("wrmsr of a non-canonical GS base");
}

static void say_port(const char *name, u16 port)
{
	u8 value = 0;

	TRY("in %1, %0", : "+a"(value) : "d"(port));
	printf("in %x, %s: %s %x\n", port, name, trap_name(trap_last.vector),
	       trap_last.vector == TRAP_NONE ? value : 0);
}

static void say_ports(void)
{
	static const struct {
		const char *name;
		u16 port;
	} ports[] = {
	    {"PIC", 0x21},
	    {"PIC", 0xa1},
	    {"PIT", 0x43},
	    {"debug", 0x80},
	    {"UART of the console", 0x3fb},
	    {"nothing", 0x2f0},
	    {"PCI", 0xcf8},
	};

	for (unsigned int i = 0; i < ARRAY_COUNT(ports); i++) {
		say_port(ports[i].name, ports[i].port);
	}
}

void ports(void)
{
	struct physdev_set_iopl op = {.iopl = 1};
	u32 id = 0;
	u8 byte = 0;

	printf("iopl 0\n");
	say_ports();
	printf("iopl 1: %s\n",
	       error_name(hv_physdev_op(PHYSDEVOP_set_iopl, &op)));
	say_ports();
	TRY("out %0, %1", : : "a"(0x80000000), "d"((u16)0xcf8));
	TRY("in %1, %0", : "=a"(id) : "d"((u16)0xcfc));
	say_value("the host bridge", id);
	TRY("in %1, %0", : "=a"(byte) : "d"((u16)0xcfd));
	say_value("its second byte", byte);
	TRY("in %1, %0", : "=a"(id) : "d"((u16)0xcf8));
	say_value("cf8", id);
	TRY("in $0x21, %0", : "=a"(byte));
	say_value("in of an immediate", byte);
	vcpu_info()->evtchn_upcall_mask = 0;
	SAY("cli", "cli", :);
	printf("mask %x\n", vcpu_info()->evtchn_upcall_mask);
	events_mask();
	SAY("sti", "sti", :);
	printf("mask %x\n", vcpu_info()->evtchn_upcall_mask);
	SAY("outb", "outb %0, $0x80", : : "a"((u8)0));
	SAY("insb", "insb", : : "d"(0x2f0), "D"(page_np));
	op.iopl = 4;
	printf("iopl 4: %s\n",
	       error_name(hv_physdev_op(PHYSDEVOP_set_iopl, &op)));
	op.iopl = 0;
	hv_physdev_op(PHYSDEVOP_set_iopl, &op);
}

static void say_cpuid(u32 leaf, u32 sub)
{
	u32 a = leaf, b = 0, c = sub, d = 0;

	asm volatile("ud2; .ascii \"xen\"; cpuid"
		     : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	if (leaf == 1) {
		b &= 0x00ffffff; // less the APIC id
	}
	printf("cpuid %x.%x: %x %x %x %x\n", leaf, sub, a, b, c, d);
}

void cpuids(void)
{
	static const u32 leaves[] = {
	    0,		1,	    2,		4,	    5,
	    6,		0xa,	    0xb,	0x40000000, 0x40000001,
	    0x40000002, 0x40000005, 0x40000100, 0x80000000, 0x80000001,
	    0x80000002, 0x80000005, 0x80000006, 0x80000007, 0x80000008,
	    0x8000000a, 0x8000001f, 0x80000021, 0xffffffff};

	for (unsigned int i = 0; i < ARRAY_COUNT(leaves); i++) {
		say_cpuid(leaves[i], 0);
	}
	for (u32 sub = 0; sub < 3; sub++) {
		say_cpuid(7, sub);
		say_cpuid(0xd, sub);
	}
}

// Last, for who takes it may never come back.
void halt(void)
{
	SAY("hlt", "hlt", :);
}
