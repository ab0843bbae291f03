// SPDX-License-Identifier: MIT
// platform_op: what dom0, which owns the machine's devices and runs ACPI, does
// through us: wall clock, sleep, firmware data, its view of the processors.
#include <wabe/acpi.h>
#include <wabe/cpu.h>

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

static long get_cpuinfo(struct xen_platform_op *op)
{
	u32 cpu = op->u.pcpu_info.xen_cpuid;
	const struct cpu *c = cpus[index_clamp(cpu, cpu_count)];
	bool there = cpu < cpu_count;

	op->u.pcpu_info = (struct xenpf_pcpuinfo){
	    .xen_cpuid = cpu,
	    .max_present = cpu_count - 1,
	    .flags = there ? XEN_PCPU_FLAGS_ONLINE : XEN_PCPU_FLAGS_INVALID,
	    .apic_id = there ? c->apic_id : 0,
	    .acpi_id = there ? c->acpi_id : 0,
	};
	return 0;
}

static long platform_do(struct xen_platform_op *op)
{
	switch (op->cmd) {
	case XENPF_settime32:
		return settime(op->u.settime32.secs, op->u.settime32.nsecs,
			       op->u.settime32.system_time);
	case XENPF_settime64:
		return op->u.settime64.mbz
			   ? -EINVAL
			   : settime(op->u.settime64.secs,
				     op->u.settime64.nsecs,
				     op->u.settime64.system_time);
	case XENPF_firmware_info:
		return firmware_info(op);
	case XENPF_enter_acpi_sleep:
		return enter_acpi_sleep(op);
	case XENPF_get_cpuinfo:
		return get_cpuinfo(op);
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
	long rc =
	    control_begin(&op, GVA(arg), sizeof(op), XENPF_INTERFACE_VERSION);

	if (!rc) {
		rc = platform_do(&op);
	}
	return rc ? rc : copy_to_guest(GVA(arg), &op, sizeof(op));
}
