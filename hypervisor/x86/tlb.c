// SPDX-License-Identifier: MIT
// TLB flushes, here and on other CPUs, and the clock that spares most of them.
//
// The clock is even while no frame was stamped since it last moved, odd else.
// Stamping makes it odd and uses that value. A full flush moves an odd clock
// to the next even value and takes that as the CPU's own stamp, *before* the
// flush. So a CPU has flushed since a frame's use ended if its stamp is the
// greater one, and in between, flushes cost no write to shared memory.
//
// Proof: the entry left the table before the frame was stamped s (odd, a full
// barrier between). A CPU's stamp t > s was read from the clock after it
// passed s, so after the entry was gone, and its flush came after that.
//
// The clock wraps. Stamps are compared as a signed difference, so a CPU's may
// not fall back by 2^31: each 2^30 ticks all CPUs are asked to flush.
#include <wabe/context.h>
#include <wabe/cpu.h>
#include <wabe/irq.h>
#include <wabe/tlb.h>

#define LAP 0x40000000u

// Bits of flush_pending: see askers[]; flush some time, nobody waits.
#define ASK_REQUEST 1
#define ASK_LAP 2

enum flush_kind { FLUSH_PAGE, FLUSH_GUEST, FLUSH_EVERYTHING };

// What a CPU asks of others, one at a time. `left` is how many still have to.
struct request {
	enum flush_kind kind;
	u64 va;
	u32 left; // atomic
} ALIGNED(64);

u32 tlb_clock = 2; // atomic
static struct request requests[NR_CPUS];

// Atomic. Bit r of entry t: CPU r waits for CPU t. Set before t's
// flush_pending, which t clears before it looks here.
static struct cpumask askers[NR_CPUS];

// --- this CPU ---------------------------------------------------------------

static void lap_finish(void);

u32 tlb_clock_tick(u32 now)
{
	u32 next = now + 1;

	if (!__atomic_compare_exchange_n(&tlb_clock, &now, next, false,
					 __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
		return now & ~1u; // someone else's tick, or just before it
	}
	if (unlikely(next % LAP == 0)) {
		lap_finish();
	}
	return next;
}

u32 tlb_stamp_now(void)
{
	u32 now;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	now = READ_ONCE(tlb_clock);
	if (!(now & 1)) {
		now = __atomic_or_fetch(&tlb_clock, 1, __ATOMIC_SEQ_CST);
	}
	return now;
}

// The root to go on with: an idle CPU lets go of the guest's it still has,
// whose frames may be what the flush is for.
void tlb_flush_local(void)
{
	u64 root = context_flush_root();

	tlb_note_flush();
	X86_WRITE_CR(3, root ? root : X86_READ_CR(3));
}

void tlb_flush_all_local(void)
{
	u64 cr4 = X86_READ_CR(4);

	tlb_flush_local();
	X86_WRITE_CR(4, cr4 & ~CR4_PGE);
	X86_WRITE_CR(4, cr4 | CR4_PGE);
}

static void flush_here(enum flush_kind kind, u64 va)
{
	if (kind == FLUSH_PAGE) {
		invlpg(va);
	} else if (kind == FLUSH_GUEST) {
		tlb_flush_local();
	} else {
		tlb_flush_all_local();
	}
}

// --- other CPUs -------------------------------------------------------------

static void answer(u64 asking, u32 first)
{
	while (asking) {
		struct request *r = &requests[first + __builtin_ctzl(asking)];

		asking &= asking - 1;
		flush_here(r->kind, r->va);
		__atomic_sub_fetch(&r->left, 1, __ATOMIC_SEQ_CST);
	}
}

void tlb_serve(void)
{
	struct cpu *c = this_cpu();
	u64 *words = askers[c->id].bits;

	if (__atomic_exchange_n(&c->flush_pending, 0, __ATOMIC_SEQ_CST) &
	    ASK_LAP) {
		tlb_flush_local();
	}
	for (u32 i = 0; i < NR_CPUS / 64; i++) {
		if (READ_ONCE(words[i])) {
			answer(
			    __atomic_exchange_n(&words[i], 0, __ATOMIC_SEQ_CST),
			    i * 64);
		}
	}
}

void cpu_relax_serving(void)
{
	cpu_relax();
	if (unlikely(READ_ONCE(this_cpu()->flush_pending))) {
		tlb_serve();
	}
}

static void ask(struct cpu *c, u32 what)
{
	if (!__atomic_fetch_or(&c->flush_pending, what, __ATOMIC_SEQ_CST)) {
		ipi_send(c->id, VECTOR_FLUSH);
	}
}

// Every CPU but this one flushes soon, long before the next lap ends.
static void lap_finish(void)
{
	for (u32 i = 0; i < cpu_count; i++) {
		if (cpus[i] != this_cpu() && READ_ONCE(cpus[i]->online)) {
			ask(cpus[i], ASK_LAP);
		}
	}
}

// Ask every CPU in `mask` that is online, this one not, and wait, serving.
static void flush_others(const struct cpumask *mask, enum flush_kind kind,
			 u64 va)
{
	u32 me = cpu_id();
	struct request *r = &requests[me];

	r->kind = kind;
	r->va = va;
	__atomic_store_n(&r->left, 1, __ATOMIC_SEQ_CST); // ours, below
	cpumask_for_each (i, mask) {
		if (i != me && i < cpu_count && READ_ONCE(cpus[i]->online)) {
			__atomic_add_fetch(&r->left, 1, __ATOMIC_SEQ_CST);
			bit_test_set(askers[i].bits, me);
			ask(cpus[i], ASK_REQUEST);
		}
	}
	__atomic_sub_fetch(&r->left, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&r->left, __ATOMIC_ACQUIRE)) {
		cpu_relax_serving();
	}
}

static void flush_mask(const struct cpumask *mask, enum flush_kind kind, u64 va)
{
	if (cpumask_test(mask, cpu_id())) {
		flush_here(kind, va);
	}
	if (cpu_count > 1) {
		flush_others(mask, kind, va);
	}
}

void tlb_flush_mask(const struct cpumask *mask, u64 va)
{
	flush_mask(mask, va == ~0ull ? FLUSH_GUEST : FLUSH_PAGE, va);
}

void tlb_flush_global(void)
{
	struct cpumask all;

	memset(&all, 0xff, sizeof(all));
	flush_mask(&all, FLUSH_EVERYTHING, 0);
}

void tlb_flush_stamped(u32 stamp)
{
	struct cpumask stale = {{0}};
	bool any = false;

	for (u32 i = 0; i < cpu_count; i++) {
		if ((s32)(READ_ONCE(cpus[i]->flush_stamp) - stamp) < 0) {
			cpumask_set(&stale, i);
			any = true;
		}
	}
	if (unlikely(any)) {
		flush_mask(&stale, FLUSH_GUEST, 0);
	}
}
