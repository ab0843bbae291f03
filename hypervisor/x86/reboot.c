// SPDX-License-Identifier: MIT
// Resetting and halting the machine. Works in a panic: takes no locks.
#include <wabe/acpi.h>
#include <wabe/cpu.h>
#include <wabe/irq.h>
#include <wabe/mapcache.h>

enum { SPACE_MEMORY, SPACE_PORT, SPACE_PCI };

#define KEYBOARD_STATUS 0x64
#define KEYBOARD_BUSY 0x02
#define KEYBOARD_RESET 0xfe
#define RESET_CONTROL 0xcf9 // of PC chipsets

// ACPI's reset register where it is in memory; mapped before it is needed.
static volatile u8 *reset_register;

void INIT_TEXT machine_init(void)
{
	if (acpi_info.reset_maddr && acpi_info.reset_space == SPACE_MEMORY) {
		reset_register = vmap_mmio(acpi_info.reset_maddr, 1);
	}
}

static void settle(void)
{
	for (u32 i = 0; i < 100000; i++) {
		cpu_relax();
	}
}

static void reset_by_acpi(void)
{
	u64 at = acpi_info.reset_maddr;

	if (reset_register) {
		*reset_register = acpi_info.reset_value;
	} else if (at && acpi_info.reset_space == SPACE_PORT) {
		outb(at, acpi_info.reset_value);
	} else if (at && acpi_info.reset_space == SPACE_PCI) {
		// Device 47:32, function 31:16, register 15:0 of bus 0.
		u16 bdf = (at >> 32 & 31) << 3 | (at >> 16 & 7);

		pci_write(PCI_ADDRESS(bdf, at), 1, acpi_info.reset_value);
	}
	settle();
}

static void reset_by_keyboard(void)
{
	if (acpi_info.legacy_free_keyboard) {
		return;
	}
	for (u32 i = 0; i < 1000 && inb(KEYBOARD_STATUS) & KEYBOARD_BUSY; i++) {
		cpu_relax();
	}
	outb(KEYBOARD_STATUS, KEYBOARD_RESET);
	settle();
}

static void reset_by_chipset(void)
{
	outb(RESET_CONTROL, 0x02);
	settle();
	outb(RESET_CONTROL, 0x06);
	settle();
}

// No interrupt table: the next exception cannot be delivered.
static void reset_by_triple_fault(void)
{
	static const struct {
		u16 limit;
		u64 base;
	} PACKED none = {0, 0};

	asm volatile("lidt %0; ud2" ::"m"(none));
}

void machine_reboot(void)
{
	cpus_stop_others();
	reset_by_acpi();
	reset_by_keyboard();
	reset_by_chipset();
	reset_by_triple_fault();
	machine_halt();
}

void machine_halt(void)
{
	for (;;) {
		asm volatile("cli; hlt" ::: "memory");
	}
}

// Soft-off needs values from ACPI's AML, which only dom0 runs: it does it
// itself (XENPF_enter_acpi_sleep). Who comes here has no such dom0.
void machine_power_off(void)
{
	cpus_stop_others();
	machine_halt();
}
