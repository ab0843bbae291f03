// SPDX-License-Identifier: MIT
// The serial console: a 16550 at COM1, set up by com1= as Xen's:
// <baud>|auto[,<bits><parity><stop>[,<port>[,<irq>]]]. Output is polled, the
// FIFO filled 16 characters at a time; input comes by interrupt.
#include <wabe/console.h>
#include <wabe/cpu.h>
#include <wabe/irq.h>

// Registers, from the base port.
enum { DATA, IER, FCR, LCR, MCR, LSR, DLL = 0, DLM = 1 };

#define IER_RX 0x01
#define FCR_ON 0x07 // enable and clear both FIFOs
#define LCR_DLAB 0x80
#define LCR_8N1 0x03
#define MCR_ON 0x0b // DTR, RTS, OUT2 (interrupts pass)
#define LSR_RX 0x01
#define LSR_TX_EMPTY 0x20

#define FIFO 16
#define CLOCK 115200
#define POLLS_MAX 1000000 // then the port is given up

static u16 base;     // port, 0 = no serial console
static u32 irq = 4;  // ISA
static int gsi = -1; // that it interrupts by, once set up

// A FIFO's worth of room. A port that never has any is given up.
static bool tx_wait(void)
{
	for (u32 i = 0; i < POLLS_MAX; i++) {
		if (inb(base + LSR) & LSR_TX_EMPTY) {
			return true;
		}
		cpu_relax();
	}
	base = 0;
	return false;
}

void serial_write(const char *text, size_t bytes)
{
	u32 room = 0;

	if (!base) {
		return;
	}
	for (size_t i = 0; i < bytes; i++) {
		if (room < 2) {
			if (!tx_wait()) {
				return;
			}
			room = FIFO;
		}
		if (text[i] == '\n') {
			outb(base + DATA, '\r');
			room--;
		}
		outb(base + DATA, text[i]);
		room--;
	}
}

// "8n1" to LCR bits; what is not understood is 8n1.
static u8 INIT_TEXT frame_parse(const char **s)
{
	static const char parities[] = "noems";
	const char *p = *s, *parity;

	if (*p < '5' || *p > '8' || !(parity = strchr(parities, p[1])) ||
	    !p[1] || (p[2] != '1' && p[2] != '2')) {
		return LCR_8N1;
	}
	*s = p + 3;
	return (*p - '5') | (p[2] == '2' ? 4 : 0) |
	       (parity == parities ? 0 : (parity - parities) * 16 - 8);
}

static void INIT_TEXT uart_setup(u64 baud, u8 lcr)
{
	outb(base + IER, 0);
	if (baud) {
		u32 divisor = MAX(CLOCK / baud, 1ul);

		outb(base + LCR, lcr | LCR_DLAB);
		outb(base + DLL, divisor);
		outb(base + DLM, divisor >> 8);
	}
	outb(base + LCR, lcr);
	outb(base + FCR, FCR_ON);
	outb(base + MCR, MCR_ON);
}

void INIT_TEXT serial_init(const char *com1)
{
	u64 baud = strtou64(com1, &com1);
	u8 lcr = LCR_8N1;

	base = 0x3f8;
	if (strncmp(com1, "auto", 4) == 0) {
		com1 += 4;
	}
	if (*com1 == '/') { // clock frequency: ours is the PC's
		strtou64(com1 + 1, &com1);
	}
	if (*com1 == ',') {
		com1++;
		lcr = frame_parse(&com1);
	}
	if (*com1 == ',') {
		base = strtou64(com1 + 1, &com1);
	}
	if (*com1 == ',') {
		irq = strtou64(com1 + 1, &com1) % 16;
	}
	if (!base || inb(base + LSR) == 0xff) {
		base = 0; // nothing there
		return;
	}
	uart_setup(baud, lcr);
}

static void serial_interrupt(u8 vector, void *data)
{
	// Bounded: a broken port may claim data for ever.
	for (u32 i = 0; i < 4 * FIFO && (inb(base + LSR) & LSR_RX); i++) {
		console_input(inb(base + DATA));
	}
	// With data left over the line is still up, and there would be no
	// other edge: make one.
	outb(base + IER, 0);
	outb(base + IER, IER_RX);
}

void INIT_TEXT serial_init_irq(void)
{
	int vector = base && irq ? irq_vector_alloc() : -1;

	if (vector < 0 || ioapic_route(isa_gsi(irq), vector, 0)) {
		return;
	}
	gsi = isa_gsi(irq);
	irq_set_handler(vector, serial_interrupt, NULL);
	ioapic_mask(gsi, false);
	inb(base + DATA);
	outb(base + IER, IER_RX);
}

bool serial_owns_port(u16 port)
{
	return base && port >= base && port < base + 8;
}

int serial_gsi(void)
{
	return gsi;
}
