// SPDX-License-Identifier: MIT
// The console: a ring of what the hypervisor said (`xl dmesg` reads it), the
// same on the serial port, and characters typed there, which go to dom0 or,
// after Ctrl-A three times, to the debug keys.
//
// console_lock guards all state here. It is the innermost lock, so printk may
// be called with any other held. A CPU that holds it already (an NMI came
// while it printed) writes to the serial port only.
#include <wabe/console.h>
#include <wabe/domain.h>
#include <wabe/irq.h>
#include <wabe/time.h>

#define RING_BYTES 32768u
#define INPUT_BYTES 4096u // of pasted text, until dom0 runs and reads it
#define LINE_BYTES 512
#define PREFIX "(XEN) " // what tools that read Xen's console look for
#define CTRL_A 1

// Guests' lines: a burst of GUEST_BURST, then one each GUEST_NS.
#define GUEST_BURST 10
#define GUEST_NS 500000000ull

enum log_level console_level = LOG_INFO;
enum log_level console_guest_level = LOG_WARNING;

static lock_t console_lock;
static bool forced; // in a panic: locks are ignored

// console_lock. Positions count up for ever; the ring holds [start, end).
static char ring[RING_BYTES];
static u32 ring_start, ring_end;

// console_lock. The same for characters that wait for dom0.
static char input[INPUT_BYTES];
static u32 input_start, input_end;
static bool input_is_ours; // debug keys, not dom0
static u32 switch_count;   // Ctrl-As in a row

// console_lock. Tokens for guests' lines.
static u64 guest_refilled;
static u32 guest_tokens = GUEST_BURST, guest_dropped;

// false: this CPU held it already, or it is no time for locks.
static bool console_lock_take(void)
{
	if (forced || lock_is_mine(&console_lock)) {
		return false;
	}
	lock(&console_lock);
	return true;
}

static void ring_append(const char *text, size_t bytes)
{
	while (bytes) {
		u32 at = ring_end % RING_BYTES;
		u32 part = MIN(bytes, (size_t)(RING_BYTES - at));

		memcpy(ring + at, text, part);
		text += part;
		bytes -= part;
		ring_end += part;
		if (ring_end - ring_start > RING_BYTES) {
			ring_start = ring_end - RING_BYTES;
		}
	}
}

// Append text to ring and serial.
static void console_write(const char *text, size_t bytes)
{
	bool locked = console_lock_take();

	if (locked || forced) {
		ring_append(text, bytes);
	}
	serial_write(text, bytes);
	if (locked) {
		unlock(&console_lock);
	}
}

void console_write_dom0(const char *text, size_t bytes)
{
	lock(&console_lock);
	serial_write(text, bytes);
	unlock(&console_lock);
}

void console_force(void)
{
	forced = true;
}

size_t console_ring_read(char *buf, size_t bytes, u32 *index)
{
	size_t done = 0;
	u32 at = *index;

	lock(&console_lock);
	if (at - ring_start > ring_end - ring_start) {
		at = ring_start;
	}
	while (at != ring_end && done < bytes) {
		buf[done++] = ring[at++ % RING_BYTES];
	}
	unlock(&console_lock);
	*index = at;
	return done;
}

void console_ring_clear(void)
{
	lock(&console_lock);
	ring_start = ring_end;
	unlock(&console_lock);
}

// --- lines ------------------------------------------------------------------

// Print `text`, each of its lines with the prefix, and end the last line
// where the caller did not.
static void print_lines(char *text)
{
	char line[sizeof(PREFIX) + LINE_BYTES];

	do {
		char *end = strchr(text, '\n');
		size_t bytes = end ? (size_t)(end - text) : strlen(text);

		memcpy(line, PREFIX, sizeof(PREFIX) - 1);
		memcpy(line + sizeof(PREFIX) - 1, text, bytes);
		line[sizeof(PREFIX) - 1 + bytes] = '\n';
		console_write(line, sizeof(PREFIX) + bytes);
		text += bytes + (end != NULL);
	} while (*text);
}

void log_at(enum log_level level, const char *fmt, ...)
{
	char text[LINE_BYTES];
	va_list ap;

	if (level <= console_level || forced) {
		va_start(ap, fmt);
		vsnprintf(text, sizeof(text), fmt, ap);
		va_end(ap);
		print_lines(text);
	}
}

// May a guest's line be printed now? *dropped: how many were not before it.
static bool guest_token_take(u32 *dropped)
{
	u64 now = time_now(), refill;
	bool taken;

	*dropped = 0;
	lock(&console_lock);
	refill = (now - guest_refilled) / GUEST_NS;
	if (refill) {
		guest_tokens = MIN(guest_tokens + refill, (u64)GUEST_BURST);
		guest_refilled = now;
	}
	taken = guest_tokens > 0;
	if (taken) {
		guest_tokens--;
		*dropped = guest_dropped;
		guest_dropped = 0;
	} else {
		guest_dropped++;
	}
	unlock(&console_lock);
	return taken;
}

void log_guest(const char *fmt, ...)
{
	const struct vcpu *v = current_vcpu();
	char text[LINE_BYTES];
	size_t used;
	u32 dropped;
	va_list ap;

	if (console_guest_level < LOG_WARNING || lock_is_mine(&console_lock) ||
	    !guest_token_take(&dropped)) {
		return;
	}
	if (dropped) {
		printk("%u lines about guests not printed", dropped);
	}
	used = !v || vcpu_is_idle(v) ? snprintf(text, sizeof(text), "d[IDLE] ")
				     : snprintf(text, sizeof(text), "d%uv%u ",
						v->domain->id, v->id);
	va_start(ap, fmt);
	vsnprintf(text + used, sizeof(text) - used, fmt, ap);
	va_end(ap);
	print_lines(text);
}

// --- input ------------------------------------------------------------------

static void input_deliver(char c)
{
	if (input_is_ours) {
		debug_key(c);
		return;
	}
	lock(&console_lock);
	if (input_end - input_start < INPUT_BYTES) {
		input[input_end++ % INPUT_BYTES] = c;
	}
	unlock(&console_lock);
	virq_raise_dom0(VIRQ_CONSOLE);
}

// Called by the CPU that the serial interrupt goes to, and no other.
void console_input(char c)
{
	if (c == CTRL_A) {
		if (++switch_count == 3) {
			switch_count = 0;
			input_is_ours = !input_is_ours;
			printk("*** Serial input to %s (type 'CTRL-a' three "
			       "times to switch input)",
			       input_is_ours ? "Xen" : "DOM0");
		}
		return;
	}
	while (switch_count) {
		switch_count--;
		input_deliver(CTRL_A);
	}
	input_deliver(c);
}

size_t console_input_take(char *buf, size_t bytes)
{
	size_t done = 0;

	lock(&console_lock);
	while (input_start != input_end && done < bytes) {
		buf[done++] = input[input_start++ % INPUT_BYTES];
	}
	unlock(&console_lock);
	return done;
}
