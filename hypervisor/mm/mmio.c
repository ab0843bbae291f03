// SPDX-License-Identifier: MIT
// Device memory that dom0 may not map, or not write: the interrupt controllers
// are the hypervisor's (Linux as dom0 maps a dummy page instead), and with the
// MSI-X table of a device one could send any interrupt to any processor. Which
// is refused and which is made read-only is as in Xen.
#include <wabe/acpi.h>
#include <wabe/lock.h>
#include <wabe/mmu.h>

#define PROTECTED_MAX 64
#define LAPIC_BYTES 0x100000 // where MSI writes go as well

static lock_t mmio_lock; // innermost; only around the list
static struct {
	u64 mfn;
	u32 users;	    // 0: free
} protected[PROTECTED_MAX]; // mmio_lock

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

static bool is_protected(mfn_t m)
{
	bool found = false;

	lock(&mmio_lock);
	for (u32 i = 0; i < PROTECTED_MAX && !found; i++) {
		found = protected[i].users && protected[i].mfn == m.n;
	}
	unlock(&mmio_lock);
	return found;
}

int mmio_check(mfn_t m)
{
	u64 maddr = mfn_to_maddr(m);

	if (acpi_info.lapic && maddr - acpi_info.lapic < LAPIC_BYTES) {
		return -EPERM;
	}
	return is_ioapic(maddr) || is_protected(m) ? -EROFS : 0;
}

int mmio_protect(mfn_t m)
{
	u32 at = PROTECTED_MAX;

	lock(&mmio_lock);
	for (u32 i = 0; i < PROTECTED_MAX; i++) {
		if (protected[i].users && protected[i].mfn == m.n) {
			at = i;
			break;
		}
		if (!protected[i].users && at == PROTECTED_MAX) {
			at = i;
		}
	}
	if (at < PROTECTED_MAX) {
		protected[at].mfn = m.n;
		protected[at].users++;
	}
	unlock(&mmio_lock);
	return at < PROTECTED_MAX ? 0 : -ENOMEM;
}

void mmio_unprotect(mfn_t m)
{
	lock(&mmio_lock);
	for (u32 i = 0; i < PROTECTED_MAX; i++) {
		if (protected[i].users && protected[i].mfn == m.n) {
			protected[i].users--;
			break;
		}
	}
	unlock(&mmio_lock);
}
