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

// IO-APICs. irq_lock is held (or booting).
void ioapic_init(void); // from MADT; all pins masked
u32 ioapic_gsi_count(void);
int ioapic_read(u64 base, u32 reg, u32 *value);	     // PHYSDEVOP_apic_read
void ioapic_set_mode(u32 gsi, bool level, bool low); // takes effect when routed
bool ioapic_is_level(u32 gsi);
// Route a GSI to (vector, cpu). -EINVAL: no such line.
int ioapic_route(u32 gsi, u8 vector, u32 cpu);
void ioapic_mask(u32 gsi, bool masked);
// ISA IRQ to GSI with MADT overrides.
u32 isa_gsi(u32 irq);

// MSI and MSI-X of a PCI function: program message, mask, unmask.
struct msi {
	u16 bdf, entry; // MSI-X table index
	bool msix;
	u16 cap;	    // config offset of the capability
	volatile u32 *slot; // mapped MSI-X entry
};
// Masked, no message yet. -ENODEV, -EINVAL, -ENXIO, -ENOMEM.
int msi_setup(struct msi *m, u16 bdf, bool msix, u16 entry);
void msi_route(struct msi *m, u8 vector, u32 cpu);
void msi_mask(struct msi *m, bool masked);
void msi_teardown(struct msi *m);

void irqs_dump(void); // pirq.c

// PCI configuration space of segment 0 (pci.c), by address: `bytes` at it,
// aligned.
#define PCI_ENABLE 0x80000000u
#define PCI_ADDRESS(bdf, reg) (PCI_ENABLE | (u32)(bdf) << 8 | ((reg)&0xff))
u32 pci_read(u32 address, u32 bytes);
void pci_write(u32 address, u32 bytes, u32 value);
// First capability `id` of a function, or 0.
u32 pci_capability(u16 bdf, u8 id);
// 1, 2 or 4 bytes of I/O ports.
u32 port_in(u16 port, u32 bytes);
void port_out(u16 port, u32 bytes, u32 value);

// Serial port (serial.c): from com1= and console= on the command line.
void serial_init(const char *com1);
void serial_write(const char *text, size_t bytes);
void serial_init_irq(void); // input by interrupt (GSI 4, 3)
// Is this I/O port (GSI) the hypervisor's console? dom0 may not use it.
bool serial_owns_port(u16 port);
int serial_gsi(void); // or -1

#endif
