// SPDX-License-Identifier: MIT
// xen_version: who we are, in the words Xen's tools and guests expect; and
// vm_assist, the switches by which a guest asks for a way of working.
#include <wabe/boot.h>
#include <wabe/domain.h>
#include <wabe/guest.h>
#include <wabe/hypercall.h>
#include <wabe/layout.h>
#include <wabe/paging.h>

#include <xen/features.h>
#include <xen/version.h>

// The Xen whose interface this is.
#define MAJOR 4
#define MINOR 17
#define EXTRA ".0-wabe"

#define BUILD_ID_BYTES 20
#define DENIED "<denied>"

#define FEATURE(name) (1u << XENFEAT_##name)
#define FEATURES                                                               \
	(FEATURE(mmu_pt_update_preserve_ad) | FEATURE(highmem_assist) |        \
	 FEATURE(gnttab_map_avail_bits) | FEATURE(memory_op_vnode_supported) | \
	 FEATURE(direct_mapped))

// Copy out a text field of fixed size, filled up with zeros.
static long text_return(u64 to, const char *text, u64 bytes)
{
	char field[sizeof(xen_commandline_t)] = {0};

	strlcpy(field, text, bytes);
	return copy_to_guest(GVA(to), field, bytes);
}

static long compile_info(u64 to)
{
	static const struct xen_compile_info info = {
	    .compiler = "cc " __VERSION__,
	    .compile_by = "wabe",
	    .compile_date = __DATE__,
	};

	return copy_to_guest(GVA(to), &info, sizeof(info));
}

static long features(const struct domain *d, u64 arg)
{
	struct xen_feature_info info;

	if (copy_from_guest(&info, GVA(arg), sizeof(info))) {
		return -EFAULT;
	}
	if (info.submap_idx != 0) {
		return -EINVAL;
	}
	info.submap = FEATURES;
	if (bit_test(&d->vm_assist, VMASST_TYPE_pae_extended_cr3)) {
		info.submap |= FEATURE(pae_pgdir_above_4gb);
	}
	if (d->privileged) {
		info.submap |= FEATURE(dom0);
	}
	return copy_to_guest(GVA(arg), &info, sizeof(info));
}

// Twenty bytes that differ between builds: sums over the code.
static void build_id_make(u32 id[BUILD_ID_BYTES / 4])
{
	u32 sum = 2166136261u;

	for (const u32 *p = (const u32 *)image_start; p < (const u32 *)text_end;
	     p++) {
		sum = (sum ^ *p) * 16777619u;
	}
	for (u32 i = 0; i < BUILD_ID_BYTES / 4; i++) {
		sum = (sum ^ sum >> 15) * 0x2c1b3c6du + i;
		id[i] = sum;
	}
}

// With no argument: how long it is.
static long build_id_return(u64 arg)
{
	u64 to = arg + offsetof(struct xen_build_id, buf);
	u32 id[BUILD_ID_BYTES / 4], room;

	if (!arg) {
		return BUILD_ID_BYTES;
	}
	if (copy_from_guest(&room, GVA(arg), sizeof(room))) {
		return -EFAULT;
	}
	if (room < BUILD_ID_BYTES) {
		return room ? -ENOBUFS : -EINVAL;
	}
	build_id_make(id);
	return copy_to_guest(GVA(to), id, sizeof(id)) ? -EFAULT
						      : BUILD_ID_BYTES;
}

long call_xen_version(u64 cmd, u64 arg, u64 a2, u64 a3, u64 a4)
{
	struct domain *d = current_domain();

	switch ((u32)cmd) {
	case XENVER_version:
		return MAJOR << 16 | MINOR;
	case XENVER_extraversion:
		return text_return(arg, EXTRA, sizeof(xen_extraversion_t));
	case XENVER_compile_info:
		return compile_info(arg);
	case XENVER_capabilities:
		return text_return(arg, "xen-3.0-x86_64 ",
				   sizeof(xen_capabilities_info_t));
	case XENVER_changeset:
		return text_return(arg, "wabe", sizeof(xen_changeset_info_t));
	case XENVER_platform_parameters:
		return write_guest_u64(GVA(arg), HV_START);
	case XENVER_get_features:
		return features(d, arg);
	case XENVER_pagesize:
		return arg ? -EINVAL : (long)PAGE_SIZE;
	case XENVER_guest_handle:
		return copy_to_guest(GVA(arg), d->handle, sizeof(d->handle));
	case XENVER_commandline:
		return text_return(arg,
				   d->privileged ? boot_info.cmdline : DENIED,
				   sizeof(xen_commandline_t));
	case XENVER_build_id:
		return d->privileged ? build_id_return(arg) : -EPERM;
	default:
		return -ENOSYS;
	}
}

// Types 0 and 1 speak of 32-bit guests and change nothing.
#define ASSISTS                                 \
	(BIT(VMASST_TYPE_4gb_segments) |        \
	 BIT(VMASST_TYPE_4gb_segments_notify) | \
	 BIT(VMASST_TYPE_writable_pagetables) | \
	 BIT(VMASST_TYPE_pae_extended_cr3) |    \
	 BIT(VMASST_TYPE_runstate_update_flag))

long call_vm_assist(u64 cmd, u64 type, u64 a2, u64 a3, u64 a4)
{
	struct domain *d = current_domain();

	if ((u32)type >= 64 || !(ASSISTS & BIT((u32)type))) {
		return -EINVAL;
	}
	switch ((u32)cmd) {
	case VMASST_CMD_enable:
		bit_test_set(&d->vm_assist, (u32)type);
		return 0;
	case VMASST_CMD_disable:
		bit_test_clear(&d->vm_assist, (u32)type);
		return 0;
	default:
		return -ENOSYS;
	}
}
