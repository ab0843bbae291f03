// SPDX-License-Identifier: MIT
// The rarer rules of page-table entries; mm/entry.h has the common ones.
#include <wabe/cpu.h>
#include <wabe/paging.h>

#include "entry.h"

u64 l1tf_limit, l1tf_mask;

void l1tf_guard(void)
{
	l1tf_limit = frames_end << PAGE_SHIFT;
	l1tf_mask = PTE_FRAME & (BIT(cpu_features.maddr_bits) - 1);
}

// Frames of the machine-to-physical table are all of the hypervisor's own that
// the toolstack may read (DOMID_XEN).
static bool frame_is_m2p(u64 mfn)
{
	for (u32 i = 0; i < m2p_extent_count(); i++) {
		if (mfn - m2p_extent(i).n < 512) {
			return true;
		}
	}
	return false;
}

// Not RAM: device memory and firmware tables, which dom0 may map, for itself.
static int device_take(u64 *e, struct domain *d, struct domain *pg_owner)
{
	int rc;

	if (mfn_to_maddr(pte_mfn(*e)) >> cpu_features.maddr_bits) {
		return -EINVAL;
	}
	if (!d->privileged || (pg_owner != d && pg_owner != &dom_io)) {
		return -EPERM;
	}
	rc = mmio_check(pte_mfn(*e));
	if (rc == -EROFS) {
		*e &= ~PTE_RW; // as Xen: the mapping is made read-only
		rc = 0;
	}
	*e = l1_stored(*e);
	return rc;
}

int l1_take_special(u64 *e, struct domain *d, struct domain *pg_owner)
{
	struct page *p = ram_frame(pte_mfn(*e).n);
	bool ok;

	if ((*e & PTE_CACHE) && !d->privileged) {
		return -EINVAL;
	}
	if (!p) {
		return device_take(e, d, pg_owner);
	}
	if ((*e & PTE_CACHE) && (READ_ONCE(p->state) & PAGE_HEAP)) {
		return -EACCES;
	}
	if (pg_owner == &dom_xen &&
	    ((*e & PTE_RW) || !frame_is_m2p(page_mfn(p).n))) {
		return -EBUSY;
	}
	ok = *e & PTE_RW ? !page_get_type(p, pg_owner, PAGE_WRITABLE)
			 : page_get(p, pg_owner);
	*e = l1_stored(*e);
	return ok ? 0 : -EBUSY;
}

int upper_take(u64 *e, struct domain *d, enum page_type level)
{
	struct page *p;

	if (!(*e & PTE_P)) {
		// With PS it would be of a large page, from address 0 even.
		return absent_ok(*e) && !(l1tf_limit && *e & PTE_PS) ? 0
								     : -EINVAL;
	}
	p = ram_frame(pte_mfn(*e).n);
	if (!p || (*e & (PTE_CACHE | PTE_G))) {
		return -EINVAL;
	}
	*e |= PTE_US;
	return page_get_type(p, d, level - 1);
}

int upper_drop(u64 e)
{
	struct page *p = e & PTE_P ? ram_frame(pte_mfn(e).n) : NULL;

	return p ? page_put_type_sliced(p) : 0;
}
