// SPDX-License-Identifier: MIT
// vcpu_op: a domain brings its vCPUs up and down, sets their timers, and says
// where it wants to read about them. set_timer_op: the old way to set one.
#include <wabe/alloc.h>
#include <wabe/guest.h>
#include <wabe/hypercall.h>
#include <wabe/sched.h>
#include <wabe/time.h>

#include <xen/sched.h>

#define PERIOD_MIN_NS 1000000ull
#define PERIOD_MAX_NS (1ull << 60)
#define FAR_AHEAD_NS (1ull << 50)
#define SOON_NS 100000000ull

// --- up and down ------------------------------------------------------------

static long initialise(struct vcpu *v, u64 arg)
{
	struct vcpu_guest_context *c = heap_alloc(sizeof(*c));
	long error;

	if (!c) {
		return -ENOMEM;
	}
	error = copy_from_guest(c, GVA(arg), sizeof(*c));
	if (!error) {
		// Two siblings may want to initialise the same vCPU.
		lock(&v->domain->lifecycle_lock);
		error = v->initialised ? -EEXIST : vcpu_set_context(v, c);
		unlock(&v->domain->lifecycle_lock);
	}
	heap_free(c);
	if (error == -ERESTART) {
		return hypercall_continue(__HYPERVISOR_vcpu_op,
					  VCPUOP_initialise, v->id, arg, 0, 0);
	}
	if (!error) {
		vcpu_wake(v);
	}
	return error;
}

static long up(struct vcpu *v)
{
	if (!v->initialised) {
		return -EINVAL;
	}
	if (__atomic_exchange_n(&v->offline, 0, __ATOMIC_SEQ_CST)) {
		vcpu_wake(v);
	}
	return 0;
}

static bool another_up(const struct vcpu *v)
{
	domain_for_each_vcpu (other, v->domain) {
		if (other != v && !other->offline) {
			return true;
		}
	}
	return false;
}

// The last one takes the domain with it.
static long down(struct vcpu *v)
{
	if (!another_up(v)) {
		domain_shutdown(v->domain, SHUTDOWN_poweroff);
		return 0;
	}
	if (!__atomic_exchange_n(&v->offline, 1, __ATOMIC_SEQ_CST)) {
		vcpu_sleep(v, false);
	}
	return 0;
}

// --- timers -----------------------------------------------------------------

// A time that has passed is one to fire at once, whatever the flags say.
static long set_singleshot(struct vcpu *v, u64 arg)
{
	struct vcpu_set_singleshot_timer set;

	if (unlikely(v != current_vcpu())) {
		return -EINVAL;
	}
	if (copy_from_guest(&set, GVA(arg), sizeof(set))) {
		return -EFAULT;
	}
	timer_set(&v->singleshot, set.timeout_abs_ns);
	return 0;
}

static long set_periodic(struct vcpu *v, u64 arg)
{
	struct vcpu_set_periodic_timer set;

	if (copy_from_guest(&set, GVA(arg), sizeof(set))) {
		return -EFAULT;
	}
	if (set.period_ns < PERIOD_MIN_NS || set.period_ns > PERIOD_MAX_NS) {
		return -EINVAL;
	}
	v->period_ns = set.period_ns;
	timer_set(&v->periodic, time_now() + set.period_ns);
	return 0;
}

// Times this far ahead, or negative, are a guest whose clock overflowed: it is
// given a tick soon, as Xen does, so that it can correct itself.
long call_set_timer_op(u64 expires, u64 a1, u64 a2, u64 a3, u64 a4)
{
	struct vcpu *v = current_vcpu();

	if (!expires) {
		timer_stop(&v->singleshot);
		return 0;
	}
	if (unlikely(expires > time_now() + FAR_AHEAD_NS)) {
		expires = time_now() + SOON_NS;
	}
	timer_set(&v->singleshot, expires);
	return 0;
}

// --- where to read ----------------------------------------------------------

static long get_runstate(struct vcpu *v, u64 arg)
{
	struct vcpu_runstate_info r;

	vcpu_runstate_get(v, &r);
	return copy_to_guest(GVA(arg), &r, sizeof(r));
}

static long register_runstate(struct vcpu *v, u64 arg)
{
	struct vcpu_register_runstate_memory_area area;

	if (copy_from_guest(&area, GVA(arg), sizeof(area))) {
		return -EFAULT;
	}
	return runstate_register(v, area.addr.p);
}

static long register_info(struct vcpu *v, u64 arg)
{
	struct vcpu_register_vcpu_info info;

	if (copy_from_guest(&info, GVA(arg), sizeof(info))) {
		return -EFAULT;
	}
	return vcpu_info_register(v, info.mfn, info.offset);
}

// Only of dom0's vCPUs that cannot move.
static long get_physid(struct vcpu *v, u64 arg)
{
	struct vcpu_get_physid id;
	u32 cpu = cpumask_next(&v->hard, 0);

	if (!v->domain->privileged || cpu >= cpu_count ||
	    cpumask_next(&v->hard, cpu + 1) < cpu_count) {
		return -EINVAL;
	}
	id.phys_id = cpus[cpu]->apic_id | (u64)cpus[cpu]->acpi_id << 32;
	return copy_to_guest(GVA(arg), &id, sizeof(id));
}

long call_vcpu_op(u64 cmd, u64 id, u64 arg, u64 a3, u64 a4)
{
	struct vcpu *v = domain_vcpu(current_domain(), (u32)id);

	if (unlikely(!v)) {
		return -ENOENT;
	}
	switch ((u32)cmd) {
	case VCPUOP_set_singleshot_timer:
		return set_singleshot(v, arg);
	case VCPUOP_is_up:
		return !READ_ONCE(v->offline);
	case VCPUOP_stop_singleshot_timer:
		if (v != current_vcpu()) {
			return -EINVAL;
		}
		timer_stop(&v->singleshot);
		return 0;
	case VCPUOP_initialise:
		return initialise(v, arg);
	case VCPUOP_up:
		return up(v);
	case VCPUOP_down:
		return down(v);
	case VCPUOP_get_runstate_info:
		return get_runstate(v, arg);
	case VCPUOP_register_runstate_memory_area:
		return register_runstate(v, arg);
	case VCPUOP_set_periodic_timer:
		return set_periodic(v, arg);
	case VCPUOP_stop_periodic_timer:
		v->period_ns = 0;
		timer_stop(&v->periodic);
		return 0;
	case VCPUOP_register_vcpu_info:
		return register_info(v, arg);
	case VCPUOP_send_nmi:
		return arg ? -EINVAL : vcpu_send_nmi(v);
	case VCPUOP_get_physid:
		return get_physid(v, arg);
	}
	return -ENOSYS;
}
