// SPDX-License-Identifier: MIT
// The page that tells a starting dom0 what it has: start_info, and behind it
// what the screen shows.
#include <wabe/acpi.h>
#include <wabe/boot.h>
#include <wabe/dom0.h>
#include <wabe/domain.h>

#include <xen/xen.h>

// Idle, frequency and throttle states: their management is the hypervisor's.
// (Xen's default in the field SIF_PM_MASK.)
#define PM_BITS (3u << 8)

#define FONT_HEIGHT 16

// What the screen shows, behind start_info.
static void screen_write(const struct dom0_builder *b, struct start_info *si)
{
	const struct framebuffer *f = &boot_info.framebuffer;
	struct dom0_vga_console_info v;

	memset(&v, 0, sizeof(v));
	if (f->maddr) {
		v.video_type =
		    boot_info.efi ? XEN_VGATYPE_EFI_LFB : XEN_VGATYPE_VESA_LFB;
		v.u.vesa_lfb.width = (u16)f->width;
		v.u.vesa_lfb.height = (u16)f->height;
		v.u.vesa_lfb.bytes_per_line = (u16)f->pitch;
		v.u.vesa_lfb.bits_per_pixel = f->bpp;
		v.u.vesa_lfb.lfb_base = (u32)f->maddr;
		v.u.vesa_lfb.ext_lfb_base = (u32)(f->maddr >> 32);
		v.u.vesa_lfb.lfb_size =
		    (u32)DIV_ROUND_UP((u64)f->pitch * f->height, 65536);
		memcpy(&v.u.vesa_lfb.red_pos, f->colors, sizeof(f->colors));
	} else if (boot_info.vga_rows) {
		v.video_type = XEN_VGATYPE_TEXT_MODE_3;
		v.u.text_mode_3.font_height = FONT_HEIGHT;
		v.u.text_mode_3.rows = boot_info.vga_rows;
		v.u.text_mode_3.columns = boot_info.vga_columns;
	} else {
		return;
	}
	si->console.dom0.info_off = sizeof(*si);
	si->console.dom0.info_size = sizeof(v);
	dom0_write(b, (b->layout.start_info << PAGE_SHIFT) + sizeof(*si), &v,
		   sizeof(v));
}

// The module's words; and where the firmware's tables are, which dom0 cannot
// find by itself if EFI put them there.
static void cmdline_fill(char *line, size_t bytes)
{
	const char *given = boot_info.modules[0].cmdline;

	if (acpi_info.rsdp_from_efi) {
		snprintf(line, bytes, "%s%sacpi_rsdp=0x%lx", given,
			 *given ? " " : "", acpi_info.rsdp);
	} else {
		strlcpy(line, given, bytes);
	}
}

void dom0_start_info_write(const struct dom0_builder *b)
{
	const struct dom0_layout *l = &b->layout;
	static INIT_DATA struct start_info si;

	strlcpy(si.magic, "xen-3.0-x86_64p", sizeof(si.magic));
	si.nr_pages = b->pages;
	si.shared_info = mfn_to_maddr(b->domain->shared_mfn);
	si.flags = SIF_PRIVILEGED | SIF_INITDOMAIN | PM_BITS;
	si.pt_base = dom0_va(b, l->tables);
	si.nr_pt_frames = l->table_count;
	si.mfn_list = l->p2m_va;
	if (l->initrd_bytes) {
		si.mod_len = l->initrd_bytes;
		si.mod_start = dom0_va(b, l->initrd);
	}
	if (l->initrd_bytes && b->kernel.mod_start_pfn) {
		si.mod_start = l->initrd;
		si.flags |= SIF_MOD_START_PFN;
	}
	si.first_p2m_pfn = l->mapped; // where it would be
	if (l->p2m_table_count) {
		si.first_p2m_pfn = l->p2m;
		si.nr_p2m_frames = l->p2m_frames + l->p2m_table_count;
	}
	cmdline_fill((char *)si.cmd_line, sizeof(si.cmd_line));
	dom0_write(b, l->start_info << PAGE_SHIFT, NULL, PAGE_SIZE);
	screen_write(b, &si);
	dom0_write(b, l->start_info << PAGE_SHIFT, &si, sizeof(si));
}
