// SPDX-License-Identifier: MIT
// Interrupts of the machine: vectors, local APIC, IO-APIC, MSI
// (x86/irq.c, apic.c, ioapic.c, msi.c, pirq.c).
#ifndef WABE_IRQ_H
#define WABE_IRQ_H

#include <wabe/errno.h>
#include <wabe/percpu.h>
#include <wabe/types.h>

struct domain;

// Vectors: 0x20..0xef devices (0x80, 0x82 are guests' software interrupts),
// above: the hypervisor's own.
#define VECTOR_FIRST 0x20
#define VECTOR_LAST 0xef
#define VECTOR_RESCHEDULE 0xf9
#define VECTOR_FLUSH 0xfa
#define VECTOR_CALL 0xfb
#define VECTOR_TIMER 0xfc
#define VECTOR_ERROR 0xfe
#define VECTOR_SPURIOUS 0xff

// From entry.S with the vector of an interrupt; acknowledges the APIC.
void irq_entry(u8 vector);
// Handler of a vector; NULL to remove.
typedef void irq_handler(u8 vector, void *data);
void irq_set_handler(u8 vector, irq_handler *fn, void *data);
// The data of the handler that is set now; NULL without one.
void *irq_handler_data(u8 vector);
// A free device vector, or -ENOSPC.
int irq_vector_alloc(void);
void irq_vector_free(u8 vector);

// Local APIC (xAPIC or x2APIC).
void apic_init(void);	  // boot CPU: find the mode, map
void apic_init_cpu(void); // each CPU
void apic_eoi(void);
void apic_ipi(u32 apic_id, u32 icr_low);
void apic_ipi_self(u8 vector); // also from an NMI
void apic_nmi_others(void);
bool apic_ready(void); // can IPIs be sent yet?
u32 apic_error_read(void);
void apic_timer_oneshot(u32 count); // counts of the calibrated timer
u32 apic_timer_read(void);
// Enable the LINT/error/spurious and timer LVT.

// IO-APICs.
void ioapic_init(void); // from MADT; all pins masked
u32 ioapic_gsi_count(void);
int ioapic_read(u64 base, u32 reg, u32 *value); // PHYSDEVOP_apic_read
// Route a GSI to (vector, cpu). level: level-triggered; low: active low.
int ioapic_route(u32 gsi, u8 vector, u32 cpu, bool level, bool low);
void ioapic_mask(u32 gsi, bool masked);
void ioapic_set_cpu(u32 gsi, u32 cpu);
// ISA IRQ to GSI with MADT overrides; trigger and polarity of it.
u32 isa_gsi(u32 irq, bool *level, bool *low);

// MSI and MSI-X of a PCI function: program message, mask, unmask.
struct msi {
	u16 segment, bdf;
	u16 entry; // MSI-X table index, or MSI vector number
	bool msix;
	u64 table;	    // MSI-X table's machine address
	volatile u32 *slot; // mapped MSI-X entry
	u16 cap;	    // config offset of the capability
	u16 count;	    // vectors of multi-message MSI
};
int msi_setup(struct msi *m, u16 segment, u16 bdf, bool msix, u16 entry,
	      u16 count, u64 table);
void msi_route(struct msi *m, u8 vector, u32 cpu);
void msi_mask(struct msi *m, bool masked);
void msi_teardown(struct msi *m);

// pirqs: a domain's numbers for machine interrupts (pirq.c).
void pirqs_init(void);
void irqs_dump(void);

// PCI configuration space (pci.c): CF8/CFC, or MMCFG where ACPI names one.
void pci_init(void);
u32 pci_read(u16 segment, u16 bdf, u32 reg, u32 bytes);
void pci_write(u16 segment, u16 bdf, u32 reg, u32 bytes, u32 value);
// First capability `id` of a function, or 0.
u32 pci_capability(u16 segment, u16 bdf, u8 id);

// Serial port (serial.c): from com1= and console= on the command line.
void serial_init(const char *com1);
void serial_write(const char *text, size_t bytes);
void serial_init_irq(void); // input by interrupt (GSI 4, 3)
// Is this I/O port (GSI) the hypervisor's console? dom0 may not use it.
bool serial_owns_port(u16 port);
int serial_gsi(void); // or -1

#endif
