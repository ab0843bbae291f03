// SPDX-License-Identifier: MIT
// Claim: no hypercall reads or writes where the guest itself may not.
//
// Each call that takes a pointer, and each pointer inside what a call points
// to, is given addresses in the hypervisor's range and at its edges. What is
// printed is what each returned; that the hypervisor goes on and the guest's
// calls still work is the rest of the claim. Xen's worst of this kind was
// XENMEM_exchange, whose output could be aimed at the hypervisor (XSA-212).
//
// Addresses that the hypervisor is to jump to, or to load into a register for
// the guest, must be canonical: the end of this file.
#include "ipc.h"

static const struct {
	const char *name;
	u64 va;
} places[] = {
    {"the end of the lower half", 0x7ffffffffff8},
    {"not canonical", 0x800000000000},
    {"just below the upper half", 0xffff7ffffffffff8},
    {"m2p", 0xffff800000000000},
    {"the hypervisor's text", 0xffff828000200000},
    {"the hypervisor's data", 0xffff828000400000},
    {"per processor", 0xffff820000000000},
    {"a map window", 0xffff830000000000},
    {"the end of the hypervisor", 0xffff87fffffffff8},
};

static u64 spare_mfn;

static long exchange_out(u64 va)
{
	struct xen_memory_exchange x = {
	    .in = {.nr_extents = 1, .domid = DOMID_SELF},
	    .out = {.nr_extents = 1, .domid = DOMID_SELF}};

	set_xen_guest_handle(x.in.extent_start, &spare_mfn);
	set_xen_guest_handle(x.out.extent_start, (xen_pfn_t *)va);
	return CALL(memory_op, XENMEM_exchange, &x, 0, 0, 0);
}

static long exchange_in(u64 va)
{
	struct xen_memory_exchange x = {
	    .in = {.nr_extents = 1, .domid = DOMID_SELF},
	    .out = {.nr_extents = 1, .domid = DOMID_SELF}};
	xen_pfn_t out = 0;

	set_xen_guest_handle(x.in.extent_start, (xen_pfn_t *)va);
	set_xen_guest_handle(x.out.extent_start, &out);
	return CALL(memory_op, XENMEM_exchange, &x, 0, 0, 0);
}

static long decrease(u64 va)
{
	struct xen_memory_reservation r = {.nr_extents = 1,
					   .domid = DOMID_SELF};

	set_xen_guest_handle(r.extent_start, (xen_pfn_t *)va);
	return CALL(memory_op, XENMEM_decrease_reservation, &r, 0, 0, 0);
}

static long memory_map(u64 va)
{
	struct xen_memory_map m = {.nr_entries = 4};

	set_xen_guest_handle(m.buffer, (void *)va);
	return CALL(memory_op, XENMEM_machine_memory_map, &m, 0, 0, 0);
}

static long grant_frames(u64 va)
{
	struct gnttab_setup_table op = {.dom = DOMID_SELF, .nr_frames = 1};
	long rc;

	set_xen_guest_handle(op.frame_list, (xen_pfn_t *)va);
	rc = hv_grant_op(GNTTABOP_setup_table, &op, 1);
	return rc ? rc : op.status;
}

static long poll_ports(u64 va)
{
	struct sched_poll p = {.nr_ports = 2, .timeout = 1};

	set_xen_guest_handle(p.ports, (evtchn_port_t *)va);
	return hv_sched_op(SCHEDOP_poll, &p);
}

static long flush_mask(u64 va)
{
	return mmuext(MMUEXT_TLB_FLUSH_MULTI, 0, va);
}

static long multicall_inner(u64 va)
{
	struct multicall_entry e = {
	    .op = __HYPERVISOR_xen_version,
	    .args = {XENVER_extraversion, va},
	};
	long rc = CALL(multicall, &e, 1, 0, 0, 0);

	return rc ? rc : (long)e.result;
}

static long runstate(u64 va)
{
	struct vcpu_register_runstate_memory_area area = {.addr.p = va};

	return CALL(vcpu_op, VCPUOP_register_runstate_memory_area, 0, &area, 0,
		    0);
}

#define ARG(name, nr, ...)                         \
	static long name(u64 va)                   \
	{                                          \
		return hypercall(nr, __VA_ARGS__); \
	}
ARG(version, __HYPERVISOR_xen_version, XENVER_extraversion, va, 0, 0, 0)
ARG(features, __HYPERVISOR_xen_version, XENVER_get_features, va, 0, 0, 0)
ARG(console, __HYPERVISOR_console_io, CONSOLEIO_write, 16, va, 0, 0)
ARG(traps, __HYPERVISOR_set_trap_table, va, 0, 0, 0, 0)
ARG(gdt, __HYPERVISOR_set_gdt, va, 8, 0, 0, 0)
ARG(mmu, __HYPERVISOR_mmu_update, va, 1, 0, DOMID_SELF, 0)
ARG(ext, __HYPERVISOR_mmuext_op, va, 1, 0, DOMID_SELF, 0)
ARG(multi, __HYPERVISOR_multicall, va, 1, 0, 0, 0)
ARG(send, __HYPERVISOR_event_channel_op, EVTCHNOP_send, va, 0, 0, 0)
ARG(status, __HYPERVISOR_event_channel_op, EVTCHNOP_status, va, 0, 0, 0)
ARG(poll, __HYPERVISOR_sched_op, SCHEDOP_poll, va, 0, 0, 0)
ARG(copies, __HYPERVISOR_grant_table_op, GNTTABOP_copy, va, 1, 0, 0)
ARG(state, __HYPERVISOR_vcpu_op, VCPUOP_get_runstate_info, 0, va, 0, 0)
ARG(physdev, __HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, va, 0, 0, 0)
ARG(callback, __HYPERVISOR_callback_op, CALLBACKOP_register, va, 0, 0, 0)
ARG(domctl, __HYPERVISOR_domctl, va, 0, 0, 0, 0)
ARG(sysctl, __HYPERVISOR_sysctl, va, 0, 0, 0, 0)
ARG(platform, __HYPERVISOR_platform_op, va, 0, 0, 0, 0)
ARG(reservation, __HYPERVISOR_memory_op, XENMEM_populate_physmap, va, 0, 0, 0)

static const struct {
	const char *name;
	long (*call)(u64 va);
} calls[] = {
#define ROW(name)           \
	{                   \
#name, name \
	}
    ROW(version),     ROW(features),	 ROW(console),
    ROW(traps),	      ROW(gdt),		 ROW(mmu),
    ROW(ext),	      ROW(multi),	 ROW(send),
    ROW(status),      ROW(poll),	 ROW(copies),
    ROW(state),	      ROW(physdev),	 ROW(callback),
    ROW(domctl),      ROW(sysctl),	 ROW(platform),
    ROW(reservation), ROW(exchange_out), ROW(exchange_in),
    ROW(decrease),    ROW(memory_map),	 ROW(grant_frames),
    ROW(poll_ports),  ROW(flush_mask),	 ROW(multicall_inner),
    ROW(runstate),
};

static void pointers(void)
{
	for (u32 i = 0; i < ARRAY_COUNT(calls); i++) {
		printf("%s:", calls[i].name);
		for (u32 p = 0; p < ARRAY_COUNT(places); p++) {
			printf(" %s", error_name(calls[i].call(places[p].va)));
		}
		printf("\n");
	}
}

static long trap_at(u64 va)
{
	struct trap_info table[2] = {
	    {.vector = 200, .flags = 0, .cs = FLAT_KERNEL_CS, .address = va}};

	return hv_set_trap_table(table);
}

static long callback_at(u64 va)
{
	struct callback_register c = {.type = CALLBACKTYPE_sysenter,
				      .address = va};

	return hv_callback_op(CALLBACKOP_register, &c);
}

static long nmi_at(u64 va)
{
	struct callback_register c = {.type = CALLBACKTYPE_nmi, .address = va};

	return hv_callback_op(CALLBACKOP_register, &c);
}

static long ldt_at(u64 va)
{
	long rc = mmuext(MMUEXT_SET_LDT, va & -PAGE_SIZE, 16);

	mmuext(MMUEXT_SET_LDT, 0, 0);
	return rc;
}

static long watch_at(u64 va)
{
	return CALL(set_debugreg, 1, va, 0, 0, 0);
}

static long base_at(u64 va)
{
	return hv_set_segment_base(SEGBASE_GS_USER, va);
}

static void addresses(void)
{
	static const u64 at[] = {0x7ffffffffff8, 0x800000000000,
				 0xffff7ffffffffff8, 1UL << 63};

	for (u32 i = 0; i < ARRAY_COUNT(at); i++) {
		printf("%lx: trap handler %s", at[i],
		       error_name(trap_at(at[i])));
		printf(", callback %s", error_name(callback_at(at[i])));
		printf(", NMI %s", error_name(nmi_at(at[i])));
		printf(", LDT %s", error_name(ldt_at(at[i])));
		printf(", breakpoint %s", error_name(watch_at(at[i])));
		printf(", GS base %s", error_name(base_at(at[i])));
		printf(", INVLPG %s %s\n",
		       error_name(mmuext(MMUEXT_INVLPG_LOCAL, at[i], 0)),
		       error_name(mmuext(MMUEXT_INVLPG_ALL, at[i], 0)));
	}
}

// --- what comes back --------------------------------------------------------

// A text, and then zeros: nothing of the hypervisor's stack (XSA-122).
static void padding(void)
{
	static const struct {
		const char *name;
		u32 command, bytes;
	} texts[] = {
	    {"extraversion", XENVER_extraversion, sizeof(xen_extraversion_t)},
	    {"changeset", XENVER_changeset, sizeof(xen_changeset_info_t)},
	    {"capabilities", XENVER_capabilities,
	     sizeof(xen_capabilities_info_t)},
	    {"command line", XENVER_commandline, sizeof(xen_commandline_t)},
	};
	static char text[2048];

	for (u32 i = 0; i < ARRAY_COUNT(texts); i++) {
		u32 rubbish = 0;

		memset(text, 0xcc, sizeof(text));
		hv_version(texts[i].command, text);
		for (u32 b = strlen(text); b < texts[i].bytes; b++) {
			rubbish += text[b] != 0;
		}
		printf("%s: %u bytes behind the text, the next %x\n",
		       texts[i].name, rubbish, (u8)text[texts[i].bytes]);
	}
}

// Extents of up to 2^63 frames: refused before any loop over them (XSA-31).
static void orders(void)
{
	static const u32 order[] = {20, 31, 32, 52, 63, 64, ~0u};
	static const u32 ops[] = {XENMEM_increase_reservation,
				  XENMEM_decrease_reservation,
				  XENMEM_populate_physmap};
	u64 pfn = 1 << 20;

	for (u32 o = 0; o < ARRAY_COUNT(ops); o++) {
		printf("memory_op %u, orders from 20 up:", ops[o]);
		for (u32 i = 0; i < ARRAY_COUNT(order); i++) {
			struct xen_memory_reservation r = {.nr_extents = 1,
							   .extent_order =
							       order[i],
							   .domid = DOMID_SELF};

			set_xen_guest_handle(r.extent_start, &pfn);
			printf(" %s", error_name(hv_memory_op(ops[o], &r)));
		}
		printf("\n");
	}
}

int guest_main(void)
{
	for (u32 p = 0; p < ARRAY_COUNT(places); p++) {
		printf("%u %s: %lx\n", p, places[p].name, places[p].va);
	}
	spare_mfn = virt_to_mfn(page_alloc());
	pointers();
	addresses();
	padding();
	orders();
	ok(hv_version(XENVER_version, NULL) > 0, "and the guest lives");
	return failed_count != 0;
}
