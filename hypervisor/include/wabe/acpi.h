// SPDX-License-Identifier: MIT
// What the hypervisor reads of ACPI's static tables (boot/acpi.c). It runs no
// AML: that is dom0's.
#ifndef WABE_ACPI_H
#define WABE_ACPI_H

#include <wabe/layout.h>
#include <wabe/types.h>

struct acpi_cpu {
	u32 apic_id, acpi_id;
	bool enabled;
};

struct acpi_ioapic {
	u32 id, gsi_base;
	u64 maddr;
};

struct acpi_override {
	u8 irq;
	u32 gsi;
	bool level, low;
};

#define LAPIC_BYTES 0x100000 // where MSI writes go as well

// Filled at boot, constant after. Zero counts where a table is missing.
struct acpi_info {
	u64 rsdp;	    // machine address, 0 = no ACPI
	bool rsdp_from_efi; // dom0 needs acpi_rsdp=
	u64 lapic;	    // machine address of the local APICs
	u32 cpu_count;
	struct acpi_cpu cpus[NR_CPUS];
	u32 ioapic_count;
	struct acpi_ioapic ioapics[16];
	u32 override_count;
	struct acpi_override overrides[16];
	// FADT
	u16 pm1a_control, pm1b_control; // ports, 0 = none
	u16 pm_timer;			// port, 0 = none
	u64 reset_maddr;		// reset register, 0 = none
	u8 reset_space, reset_value;
	bool legacy_free_keyboard; // no i8042
};
extern struct acpi_info acpi_info;

void acpi_init(void);

#endif
