// SPDX-License-Identifier: MIT
// Copies from and to guests' memory: the checks around uaccess.S.
#include <wabe/guest.h>

#include "uaccess.h"

struct extable_entry {
	s32 at, to; // distances from the field itself
};

extern const struct extable_entry extable_start[], extable_end[];

u64 extable_find(u64 rip)
{
	const struct extable_entry *e;

	for (e = extable_start; e < extable_end; e++) {
		if ((u64)&e->at + (u64)(s64)e->at == rip) {
			return (u64)&e->to + (u64)(s64)e->to;
		}
	}
	return 0;
}

#define LOW_END 0x800000000000ull // first address that is not canonical

// Between the halves nothing is canonical, below HV_END is the hypervisor: a
// range is good when it does not wrap and both its ends lie in one good part.
bool guest_range_ok(u64 a, u64 bytes)
{
	u64 last = a + bytes - 1;

	if (unlikely(!bytes)) {
		return true;
	}
	return last >= a && (last < LOW_END || a >= HV_END);
}

bool addr_is_canonical(u64 a)
{
	return a < LOW_END || a >= HV_START;
}

bool guest_addr_ok(u64 a)
{
	return a < LOW_END || a >= HV_END;
}

int copy_from_guest(void *dst, gva_t src, u64 bytes)
{
	if (unlikely(!guest_range_ok(src.a, bytes))) {
		return -EFAULT;
	}
	return uaccess_copy(dst, (const void *)addr_clamp(src.a), bytes);
}

int copy_to_guest(gva_t dst, const void *src, u64 bytes)
{
	if (unlikely(!guest_range_ok(dst.a, bytes))) {
		return -EFAULT;
	}
	return uaccess_copy((void *)addr_clamp(dst.a), src, bytes);
}

int read_guest_u64(u64 *dst, gva_t src)
{
	if (unlikely(!guest_range_ok(src.a, sizeof(*dst)))) {
		return -EFAULT;
	}
	return uaccess_read(dst, addr_clamp(src.a));
}

int write_guest_u64(gva_t dst, u64 value)
{
	if (unlikely(!guest_range_ok(dst.a, sizeof(value)))) {
		return -EFAULT;
	}
	return uaccess_write(addr_clamp(dst.a), value);
}

// Address of element `i`; one that is the hypervisor's on overflow.
static gva_t element(gva_t array, u64 i, u64 size)
{
	u64 offset, at;

	return __builtin_mul_overflow(i, size, &offset) ||
		       __builtin_add_overflow(array.a, offset, &at)
		   ? GVA(HV_START)
		   : GVA(at);
}

int copy_from_guest_at(void *dst, gva_t array, u64 i, u64 size)
{
	return copy_from_guest(dst, element(array, i, size), size);
}

int copy_to_guest_at(gva_t array, u64 i, const void *src, u64 size)
{
	return copy_to_guest(element(array, i, size), src, size);
}
