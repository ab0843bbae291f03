// SPDX-License-Identifier: MIT
// Where text goes: the hypervisor's console for dom0, the ring for a domU.
#include "ipc.h"
#include <xen/io/console.h>
#include "console.h"

static struct xencons_interface *ring(void)
{
	return mfn_to_virt(start_info->console.domU.mfn);
}

static void ring_kick(void)
{
	event_send(start_info->console.domU.evtchn);
}

static void ring_put(char c)
{
	struct xencons_interface *r = ring();

	while (r->out_prod - __atomic_load_n(&r->out_cons, __ATOMIC_ACQUIRE) ==
	       sizeof(r->out)) {
		ring_kick();
		hv_sched_op(SCHEDOP_yield, NULL);
	}
	r->out[MASK_XENCONS_IDX(r->out_prod, r->out)] = c;
	__atomic_store_n(&r->out_prod, r->out_prod + 1, __ATOMIC_RELEASE);
}

void console_write(const char *text, size_t bytes)
{
	if (is_dom0()) {
		hv_console_io(CONSOLEIO_write, bytes, (char *)text);
		return;
	}
	for (size_t i = 0; i < bytes; i++) {
		if (text[i] == '\n') {
			ring_put('\r');
		}
		ring_put(text[i]);
	}
	ring_kick();
}

void console_drain(void)
{
	if (is_dom0()) {
		return;
	}
	// Nobody may be there to read it: stop waiting after a while.
	for (u64 until = rdtsc() + (1UL << 33); rdtsc() < until;) {
		if (__atomic_load_n(&ring()->out_cons, __ATOMIC_ACQUIRE) ==
		    ring()->out_prod) {
			return;
		}
		hv_sched_op(SCHEDOP_yield, NULL);
	}
}
