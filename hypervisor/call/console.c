// SPDX-License-Identifier: MIT
// console_io: dom0 writes to and reads from the hypervisor's console. Other
// domains have consoles of their own, served by dom0.
#include <wabe/console.h>
#include <wabe/domain.h>
#include <wabe/guest.h>
#include <wabe/hypercall.h>
#include <wabe/page.h>

#define CHUNK 128u

// A bounded slice: the serial port is slow.
static long console_write_guest(u32 count, gva_t from)
{
	char text[CHUNK];

	while (count) {
		u32 part = MIN(count, CHUNK);

		if (copy_from_guest(text, from, part)) {
			return -EFAULT;
		}
		console_write_dom0(text, part);
		count -= part;
		from = gva_add(from, part);
		if (count && work_spent(part)) {
			return hypercall_continue(__HYPERVISOR_console_io,
						  CONSOLEIO_write, count,
						  from.a, 0, 0);
		}
	}
	return 0;
}

static long console_read_guest(u32 count, gva_t to)
{
	char text[CHUNK];
	u32 bytes = console_input_take(text, MIN(count, CHUNK));

	if (copy_to_guest(to, text, bytes)) {
		return -EFAULT;
	}
	return bytes;
}

long call_console_io(u64 cmd, u64 count, u64 buffer, u64 a3, u64 a4)
{
	if (!current_domain()->privileged) {
		return -EPERM;
	}
	switch ((u32)cmd) {
	case CONSOLEIO_write:
		return console_write_guest(count, GVA(buffer));
	case CONSOLEIO_read:
		return console_read_guest(count, GVA(buffer));
	default:
		return -ENOSYS;
	}
}
