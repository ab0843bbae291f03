// SPDX-License-Identifier: MIT
// Device memory that dom0 may not map, or not write: the interrupt controllers
// are the hypervisor's (Linux as dom0 maps a dummy page instead). Which is
// refused and which is made read-only is as in Xen.
#include <wabe/acpi.h>
#include <wabe/mmu.h>

static bool is_ioapic(u64 maddr)
{
	for (u32 i = 0; i < acpi_info.ioapic_count; i++) {
		if (maddr ==
		    ALIGN_DOWN(acpi_info.ioapics[i].maddr, PAGE_SIZE)) {
			return true;
		}
	}
	return false;
}

int mmio_check(mfn_t m)
{
	u64 maddr = mfn_to_maddr(m);

	if (acpi_info.lapic && maddr - acpi_info.lapic < LAPIC_BYTES) {
		return -EPERM;
	}
	return is_ioapic(maddr) ? -EROFS : 0;
}
