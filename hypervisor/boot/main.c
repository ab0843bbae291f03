// SPDX-License-Identifier: MIT
// Starting, as a table of contents. Each step may use what those above made.
#include "start.h"

#include <wabe/acpi.h>
#include <wabe/alloc.h>
#include <wabe/console.h>
#include <wabe/cpuid.h>
#include <wabe/irq.h>
#include <wabe/time.h>
#include <wabe/trap.h>

// this_cpu() until the real one is allocated (head.S).
struct cpu boot_cpu;

// The machine cannot run us: say why and stop, no reboot.
static void NORETURN refuse(const char *why)
{
	console_force(); // whatever loglvl= says
	printk("Wabe cannot start: %s", why);
	printk("The machine is stopped.");
	machine_halt();
}

// From silence to words.
static void console_start(u32 magic, u32 info)
{
	bool known;

	known = boot_info_read(magic, info);
	cmdline_parse(boot_info.cmdline);
	memmap_finish(options.mem_limit);
	if (options.console_com1) {
		serial_init(options.com1);
	}
	printk("Wabe, a hypervisor for PV guests of Xen's interface");
	printk("Loader: %s", boot_info.loader);
	printk("Command line: %s", boot_info.cmdline);
	cmdline_report();
	if (!known) {
		refuse("not started by multiboot 1 or 2");
	}
	memmap_print();
}

static void modules_check(void)
{
	if (!boot_info.module_count) {
		refuse("no module. Module 1 is dom0's kernel, 2 its initramfs");
	}
	for (u32 i = 0; i < boot_info.module_count; i++) {
		const struct boot_module *m = &boot_info.modules[i];

		printk("Module %u: %lu KiB at %lx: %s", i + 1, m->bytes >> 10,
		       m->maddr, m->cmdline);
	}
}

// From RAM to frames to a heap.
static void memory_start(void)
{
	if (memmap_ram_bytes() < 64ul << 20) {
		refuse("less than 64 MiB of RAM");
	}
	boot_low_page(); // before it is given away
	paging_init();
	alloc_init();
	memmap_release();
	heap_init();
	printk("Memory: %lu MiB free", frames_free() >> (20 - PAGE_SHIFT));
}

static void cpu_start(void)
{
	struct cpuid_regs r = cpu_features.max_leaf >= 0xb
				  ? cpuid(0xb, 0)
				  : (struct cpuid_regs){0};
	// The APIC itself is not reachable yet.
	u32 apic_id = r.b ? r.d : cpuid(1, 0).b >> 24, acpi_id = 0;
	struct cpu *c;

	for (u32 i = 0; i < acpi_info.cpu_count; i++) {
		if (acpi_info.cpus[i].apic_id == apic_id) {
			acpi_id = acpi_info.cpus[i].acpi_id;
		}
	}
	c = cpu_alloc(0, apic_id, acpi_id);
	if (!c) {
		panic("No memory for the first processor");
	}
	traps_init();
	cpu_init_this(c); // this_cpu() is c from here
}

static void devices_start(void)
{
	machine_init();
	apic_init();
	apic_init_cpu();
	time_init();
	time_init_cpu();
	ioapic_init();
	serial_init_irq();
}

void boot_main(u32 magic, u32 info)
{
	console_start(magic, info);
	modules_check();
	cpu_detect();
	memory_start();
	acpi_init();
	cpu_start();
	iretq_quirk_test();
	cpu_policies_init();
	devices_start();
	leaks_print();
	printk("Processors: %u", smp_boot());
	dom0_build();
	boot_on_stack(this_cpu()->stack_top, boot_finish);
}
