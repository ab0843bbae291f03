// SPDX-License-Identifier: MIT
// Interrupts: from a vector to its handler, and who has which vector.
//
// They arrive only while a guest runs or a CPU idles, so no lock is held and
// handlers need not be short of anything but time. Vectors mean the same on
// all CPUs.
#include <wabe/irq.h>
#include <wabe/tlb.h>

#define VECTOR_SYSCALL32 0x80 // guests' int 0x80
#define VECTOR_INT82 0x82     // and Xen's old hypercall

struct handler {
	irq_handler *fn;
	void *data;
};

// Written while the vector's source is silent.
static struct handler handlers[256];

static u64 vectors_used[256 / 64];     // atomic bits
static u64 vectors_reported[256 / 64]; // atomic bits

void irq_set_handler(u8 vector, irq_handler *fn, void *data)
{
	handlers[vector].fn = NULL;
	__atomic_store_n(&handlers[vector].data, data, __ATOMIC_RELEASE);
	__atomic_store_n(&handlers[vector].fn, fn, __ATOMIC_RELEASE);
}

void *irq_handler_data(u8 vector)
{
	return __atomic_load_n(&handlers[vector].data, __ATOMIC_ACQUIRE);
}

int irq_vector_alloc(void)
{
	for (u32 v = VECTOR_FIRST; v <= VECTOR_LAST; v++) {
		if (v != VECTOR_SYSCALL32 && v != VECTOR_INT82 &&
		    !bit_test_set(vectors_used, v)) {
			return v;
		}
	}
	return -ENOSPC;
}

void irq_vector_free(u8 vector)
{
	bit_test_clear(vectors_used, vector);
}

// A device. Acknowledged after its handler, which has masked a level-triggered
// source by then, so that it does not come again at once.
static void device_interrupt(u8 vector)
{
	irq_handler *fn =
	    __atomic_load_n(&handlers[vector].fn, __ATOMIC_ACQUIRE);

	if (fn) {
		fn(vector, handlers[vector].data);
	} else if (!bit_test_set(vectors_reported, vector)) {
		log_at(LOG_WARNING, "Interrupt 0x%02x of no device on CPU %u",
		       vector, cpu_id());
	}
	apic_eoi();
}

// Processors interrupt each other, and their timers. Acknowledged first, so
// that one sent again from here on is not lost.
static void own_interrupt(u8 vector)
{
	struct cpu *c = this_cpu();

	apic_eoi();
	if (vector == VECTOR_TIMER) {
		c->deadline = ~0ull;
		__atomic_or_fetch(&c->work, WORK_TIMERS, __ATOMIC_SEQ_CST);
	} else if (vector == VECTOR_FLUSH) {
		tlb_serve();
	} else if (vector == VECTOR_ERROR) {
		log_at(LOG_WARNING, "APIC error %x on CPU %u",
		       apic_error_read(), c->id);
	}
	// VECTOR_RESCHEDULE: to be here was all; cpu.work is looked at next.
}

void irq_entry(u8 vector)
{
	if (vector <= VECTOR_LAST) {
		device_interrupt(vector);
	} else if (vector != VECTOR_SPURIOUS) {
		own_interrupt(vector);
	}
}
