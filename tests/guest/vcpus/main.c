// SPDX-License-Identifier: MIT
// Claim: vCPUs come and go, keep what is theirs, and share one time.
//
// Four vCPUs on one processor, so that they take turns by force. The parts:
// what VCPUOP_* say of vCPUs that are not there, not initialised, down and up,
// and of contexts that are not good; two vCPUs that look at the time and each
// other's: it never runs back; registers of x87, SSE and AVX filled with a
// pattern of each vCPU's own while the others do the same; events from one to
// the other; NMIs, which are held back while one is handled.
#include "smp.h"

#define CPUS 4
#define MS 1000000UL

static u32 up_count, stop;

static void say(const char *name, long rc)
{
	printf("%s: %s\n", name, error_name(rc));
}

static void wait_count(u32 *count, u32 value)
{
	for (u64 until = time_now() + 2000 * MS;
	     __atomic_load_n(count, __ATOMIC_SEQ_CST) < value &&
	     time_now() < until;) {
		hv_sched_op(SCHEDOP_yield, NULL);
	}
}

static void until_stop(u64 id)
{
	__atomic_fetch_add(&up_count, 1, __ATOMIC_SEQ_CST);
	while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST)) {
		hv_sched_op(SCHEDOP_yield, NULL);
	}
}

static void wait_down(u32 id)
{
	for (u64 until = time_now() + 2000 * MS;
	     hv_vcpu_op(VCPUOP_is_up, id, NULL) == 1 && time_now() < until;) {
		hv_sched_op(SCHEDOP_yield, NULL);
	}
}

static void spoilt(const char *name, struct vcpu_guest_context *c)
{
	printf("initialise, %s: %s\n", name,
	       error_name(hv_vcpu_op(VCPUOP_initialise, 1, c)));
}

static void contexts(void)
{
	struct vcpu_guest_context *c;
	u64 bad = 1UL << 47;

#define SPOILT(name, change)                        \
	do {                                        \
		c = vcpu_context(1, until_stop, 1); \
		change;                             \
		spoilt(name, c);                    \
	} while (0)
	SPOILT("no root", c->ctrlreg[3] = 0);
	SPOILT("a data page as root", c->ctrlreg[3] = virt_to_mfn(c)
						      << PAGE_SHIFT);
	SPOILT("no frame as root", c->ctrlreg[3] = 0xfffffffff000);
	SPOILT("user mode, no root", (c->flags = 0, c->ctrlreg[1] = 0x800));
	SPOILT("a data page as user root", c->ctrlreg[1] = virt_to_mfn(c)
							   << PAGE_SHIFT);
	SPOILT("a handler not canonical", c->trap_ctxt[3].address = bad);
	SPOILT("an event callback not canonical", c->event_callback_eip = bad);
	SPOILT("a GS base not canonical", c->gs_base_kernel = bad);
	SPOILT("an FS base not canonical", c->fs_base = bad);
	SPOILT("too many LDT entries",
	       (c->ldt_base = 0x1000, c->ldt_ents = 8193));
	SPOILT("a writable frame as GDT",
	       (c->gdt_ents = 8, c->gdt_frames[0] = virt_to_mfn(c)));
	SPOILT("an address that is none", c = (void *)0x10);
}

static void life(void)
{
	say("up before initialise", hv_vcpu_op(VCPUOP_up, 1, NULL));
	say("is_up of 1", hv_vcpu_op(VCPUOP_is_up, 1, NULL));
	say("is_up of 4", hv_vcpu_op(VCPUOP_is_up, CPUS, NULL));
	contexts();
	say("start", vcpu_start(1, until_stop, 1));
	wait_count(&up_count, 1);
	say("it runs", up_count);
	say("is_up", hv_vcpu_op(VCPUOP_is_up, 1, NULL));
	say("initialise again",
	    hv_vcpu_op(VCPUOP_initialise, 1, vcpu_context(1, until_stop, 1)));
	say("up again", hv_vcpu_op(VCPUOP_up, 1, NULL));
	stop = 1;
	wait_down(1);
	say("it went down", hv_vcpu_op(VCPUOP_is_up, 1, NULL));
	say("up once more", hv_vcpu_op(VCPUOP_up, 1, NULL));
	wait_down(1);
	for (u32 offset = 1; offset < 5000; offset = offset * 4 + 3) {
		struct vcpu_register_vcpu_info info = {
		    .mfn = virt_to_mfn(page_alloc()), .offset = offset};

		printf("vcpu_info at offset %u: %s\n", offset,
		       error_name(
			   hv_vcpu_op(VCPUOP_register_vcpu_info, 3, &info)));
	}
	say("down by another", hv_vcpu_op(VCPUOP_down, 2, NULL));
}

// --- time -------------------------------------------------------------------

static u64 latest, ran_back, looks;

// Who sees a time later than what another saw before: never.
static void clock_watch(u64 id)
{
	for (u32 i = 0; i < 20000; i++) {
		u64 seen = __atomic_load_n(&latest, __ATOMIC_SEQ_CST);
		u64 now = time_told((u32)id);

		if (now < seen) {
			__atomic_fetch_add(&ran_back, 1, __ATOMIC_SEQ_CST);
		}
		__atomic_store_n(&latest, now, __ATOMIC_SEQ_CST);
	}
	__atomic_fetch_add(&looks, 1, __ATOMIC_SEQ_CST);
}

// --- FPU --------------------------------------------------------------------

static u32 fpu_wrong, fpu_done;

static void fpu_keep(u64 id)
{
	u64 pattern[4] = {id * 0x1111, id * 0x2222, id * 0x3333, id * 0x4444};
	u64 until = time_now() + 150 * MS, st;
	u64 back[4];

	// OSXSAVE and XCR0, both emulated.
	asm volatile("mov %%cr4, %%rax; or $0x40000, %%eax; mov %%rax, %%cr4"
		     :
		     :
		     : "rax", "cc");
	asm volatile("xsetbv" : : "a"(7), "d"(0), "c"(0));
	asm volatile("fninit; vzeroall; fildq %0; vmovdqu %0, %%ymm1; vmovdqu "
		     "%0, %%ymm15"
		     :
		     : "m"(pattern));
	while (time_now() < until) {
		for (u32 i = 0; i < 100; i++) {
			cpu_relax();
		}
		asm volatile("vmovdqu %%ymm1, %0" : "=m"(back));
		fpu_wrong += memcmp(back, pattern, 32) != 0;
		asm volatile("vmovdqu %%ymm15, %0; fld %%st(0); fistpq %1"
			     : "=m"(back), "=m"(st));
		fpu_wrong += memcmp(back, pattern, 32) != 0 || st != pattern[0];
	}
	__atomic_fetch_add(&fpu_done, 1, __ATOMIC_SEQ_CST);
}

static void on_others(void (*fn)(u64), const char *what)
{
	bool started = true;

	for (u32 id = 2; id < CPUS; id++) {
		struct vcpu_guest_context *c = vcpu_context(id, fn, id);
		long rc = hv_vcpu_op(VCPUOP_initialise, id, c);

		started = started && (!rc || rc == -17); // EEXIST: it went down
		started = started && !hv_vcpu_op(VCPUOP_up, id, NULL);
	}
	ok(started, "%s: others start", what);
}

// A vCPU that went down goes on where it was: in a loop that asks what next.
static void (*next_job)(u64);
static u32 job_number;

static void jobs(u64 id)
{
	u32 seen = 0;

	for (;;) {
		u32 n = __atomic_load_n(&job_number, __ATOMIC_SEQ_CST);

		if (n != seen) {
			seen = n;
			next_job(id);
		}
		hv_sched_op(SCHEDOP_yield, NULL);
	}
}

static void everywhere(void (*fn)(u64))
{
	next_job = fn;
	__atomic_fetch_add(&job_number, 1, __ATOMIC_SEQ_CST);
	fn(0);
}

// --- events and NMIs --------------------------------------------------------

static u32 nmis, nmi_nested, nmi_depth;

static bool nmi_hook(struct regs *regs)
{
	if (regs->vector != 2) {
		return false;
	}
	nmis++;
	nmi_nested += nmi_depth++ != 0;
	if (nmis == 1) { // one more, which has to wait
		hv_vcpu_op(VCPUOP_send_nmi, 0, NULL);
		hv_version(XENVER_version, NULL);
	}
	nmi_depth--;
	return true;
}

static void nmi(void)
{
	struct callback_register c = {.type = CALLBACKTYPE_nmi,
				      .address = (u64)trap_stubs[2]};
	struct callback_unregister u = {.type = CALLBACKTYPE_nmi};

	trap_hook = nmi_hook;
	say("register the NMI callback",
	    hv_callback_op(CALLBACKOP_register, &c));
	say("send_nmi", hv_vcpu_op(VCPUOP_send_nmi, 0, NULL));
	hv_version(XENVER_version, NULL);
	printf("NMIs %u, one in another %u\n", nmis, nmi_nested);
	say("unregister", hv_callback_op(CALLBACKOP_unregister, &u));
	say("send_nmi", hv_vcpu_op(VCPUOP_send_nmi, 0, NULL));
	hv_version(XENVER_version, NULL);
	printf("NMIs %u\n", nmis);
	trap_hook = NULL;
}

static u32 ipi_port, ipi_wait;
static void ipi_send(u64 id)
{
	if (id == 2) {
		event_send(ipi_port);
	}
	__atomic_fetch_add(&ipi_wait, 1, __ATOMIC_SEQ_CST);
}

int guest_main(void)
{
	life();
	on_others(jobs, "time and FPU");
	everywhere(clock_watch);
	wait_count((u32 *)&looks, CPUS - 1);
	ok(looks == CPUS - 1, "all looked at the time");
	ok(!ran_back, "time never ran back");
	everywhere(fpu_keep);
	wait_count(&fpu_done, CPUS - 1);
	ok(fpu_done == CPUS - 1 && !fpu_wrong,
	   "each kept its x87, SSE and AVX registers");
	ipi_port = event_bind_ipi(0);
	event_clear(ipi_port);
	events_unmask();
	everywhere(ipi_send);
	wait_count(&event_count[ipi_port], 1);
	events_mask();
	ok(event_count[ipi_port] == 1, "an event of one reaches another");
	nmi();
	return failed_count != 0;
}
