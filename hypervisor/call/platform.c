// SPDX-License-Identifier: MIT
// platform_op: what dom0, which owns the machine's devices and runs ACPI, does
// through us: wall clock, sleep, firmware data, its view of the processors.
#include <wabe/acpi.h>
#include <wabe/cpu.h>
#include <wabe/hypercall.h>
#include <wabe/lib.h>
#include <wabe/time.h>

#include <xen/platform.h>

#include "control.h"

#define SLEEP_ENABLE BIT(13) // PM1 control register
#define SLEEP_S5 5
#define SLEEP_WAIT_NS 200000000ull

static long settime(u64 secs, u32 nsecs, u64 system_ns)
{
	lock(&control_lock);
	wallclock_set(secs, nsecs, system_ns);
	unlock(&control_lock);
	return 0;
}

static long settime32(struct xen_platform_op *op)
{
	const struct xenpf_settime32 *t = &op->u.settime32;

	return settime(t->secs, t->nsecs, t->system_time);
}

static long settime64(struct xen_platform_op *op)
{
	const struct xenpf_settime64 *t = &op->u.settime64;

	if (t->mbz) {
		return -EINVAL;
	}
	return settime(t->secs, t->nsecs, t->system_time);
}

// The BIOS was not asked about disks and screens before boot, and EFI's
// run-time services are not used: dom0 sees a machine without them.
static long firmware_info(struct xen_platform_op *op)
{
	struct xenpf_firmware_info *f = &op->u.firmware_info;

	switch (f->type) {
	case XEN_FW_DISK_INFO:
	case XEN_FW_DISK_MBR_SIGNATURE:
	case XEN_FW_VBEDDC_INFO:
		return -ESRCH;
	case XEN_FW_KBD_SHIFT_FLAGS:
		if (f->index) {
			return -ESRCH;
		}
		f->u.kbd_shift_flags = 0;
		return 0;
	case XEN_FW_EFI_INFO:
		return -ENOSYS;
	default:
		return -EINVAL;
	}
}

// The sleep type first, then the same with the bit that makes it happen.
static void sleep_write(u16 port, u16 value)
{
	if (port) {
		outw(port, value & (u16)~SLEEP_ENABLE);
		outw(port, value | SLEEP_ENABLE);
	}
}

// Soft-off: dom0's AML has prepared it and says what to write.
static long enter_acpi_sleep(struct xen_platform_op *op)
{
	const struct xenpf_enter_acpi_sleep *s = &op->u.enter_acpi_sleep;
	u64 until;

	if (s->flags & ~XENPF_ACPI_SLEEP_EXTENDED) {
		return -EINVAL;
	}
	if (s->sleep_state != SLEEP_S5 || s->flags || !acpi_info.pm1a_control) {
		return -EOPNOTSUPP;
	}
	printk("dom0 switches the machine off");
	sleep_write(acpi_info.pm1a_control, s->val_a);
	sleep_write(acpi_info.pm1b_control, s->val_b);
	until = time_now() + SLEEP_WAIT_NS;
	while (time_now() < until) {
		cpu_relax_serving();
	}
	return -EIO;
}

// CPUs asked for, by bit; the bits of those that are not there are cleared.
static long getidletime(struct xen_platform_op *op)
{
	struct xenpf_getidletime *t = &op->u.getidletime;
	u32 bits = MIN(t->cpumap_nr_cpus, (u32)NR_CPUS);
	struct cpumask map = {};

	if (copy_from_guest(map.bits, HANDLE_GVA(t->cpumap_bitmap),
			    DIV_ROUND_UP(bits, 8))) {
		return -EFAULT;
	}
	t->now = time_now();
	for (u32 i = 0; i < bits; i++) {
		u64 idle;

		if (i >= cpu_count) {
			bit_clear(map.bits, i);
		}
		if (!cpumask_test(&map, i)) {
			continue;
		}
		idle = cpu_idle_ns(cpus[i]);
		if (copy_to_guest_at(HANDLE_GVA(t->idletime), i, &idle,
				     sizeof(idle))) {
			return -EFAULT;
		}
	}
	return copy_to_guest(HANDLE_GVA(t->cpumap_bitmap), map.bits,
			     DIV_ROUND_UP(bits, 8));
}

static long get_cpuinfo(struct xen_platform_op *op)
{
	struct xenpf_pcpuinfo *info = &op->u.pcpu_info;
	u32 cpu = info->xen_cpuid;

	info->max_present = cpu_count - 1;
	info->flags = XEN_PCPU_FLAGS_INVALID;
	info->apic_id = info->acpi_id = 0;
	if (cpu < cpu_count) {
		const struct cpu *c = cpus[index_clamp(cpu, NR_CPUS)];

		info->flags = XEN_PCPU_FLAGS_ONLINE;
		info->apic_id = c->apic_id;
		info->acpi_id = c->acpi_id;
	}
	return 0;
}

static long get_cpu_version(struct xen_platform_op *op)
{
	struct xenpf_pcpu_version *v = &op->u.pcpu_version;
	bool there = v->xen_cpuid < cpu_count;

	memset(v->vendor_id, 0, sizeof(v->vendor_id));
	if (there) {
		memcpy(v->vendor_id, cpu_features.vendor, sizeof(v->vendor_id));
	}
	v->family = there ? cpu_features.family : 0;
	v->model = there ? cpu_features.model : 0;
	v->stepping = there ? cpu_features.stepping : 0;
	v->max_present = cpu_count - 1;
	return 0;
}

static long platform_do(struct xen_platform_op *op)
{
	switch (op->cmd) {
	case XENPF_settime32:
		return settime32(op);
	case XENPF_settime64:
		return settime64(op);
	case XENPF_firmware_info:
		return firmware_info(op);
	case XENPF_enter_acpi_sleep:
		return enter_acpi_sleep(op);
	case XENPF_getidletime:
		return getidletime(op);
	case XENPF_get_cpuinfo:
		return get_cpuinfo(op);
	case XENPF_get_cpu_version:
		return get_cpu_version(op);
	case XENPF_cpu_online:
	case XENPF_cpu_offline:
	case XENPF_cpu_hotadd:
	case XENPF_mem_hotadd:
	case XENPF_core_parking:
	case XENPF_resource_op:
	case XENPF_microcode_update:
		// Processors and memory are what they were at boot.
		return -EOPNOTSUPP;
	default:
		return -ENOSYS;
	}
}

long call_platform_op(u64 arg, u64 a1, u64 a2, u64 a3, u64 a4)
{
	struct xen_platform_op op;
	long ret;

	if (copy_from_guest(&op, GVA(arg), sizeof(op))) {
		return -EFAULT;
	}
	if (op.interface_version != XENPF_INTERFACE_VERSION) {
		return -EACCES;
	}
	if (!current_domain()->privileged) {
		return -EPERM;
	}
	ret = platform_do(&op);
	if (ret == 0 && copy_to_guest(GVA(arg), &op, sizeof(op))) {
		ret = -EFAULT;
	}
	return ret;
}
