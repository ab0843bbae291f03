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

bool guest_range_ok(u64 a, u64 bytes)
{
	return range_is_guests(a, bytes);
}

bool addr_is_canonical(u64 a)
{
	return a < LOW_END || a >= HV_START;
}

bool guest_addr_ok(u64 a)
{
	return addr_is_guests(a);
}

int copy_from_guest(void *dst, gva_t src, u64 bytes)
{
	if (unlikely(!range_is_guests(src.a, bytes))) {
		return -EFAULT;
	}
	return uaccess_copy(dst, (const void *)addr_clamp(src.a), bytes);
}

int copy_to_guest(gva_t dst, const void *src, u64 bytes)
{
	if (unlikely(!range_is_guests(dst.a, bytes))) {
		return -EFAULT;
	}
	return uaccess_copy((void *)addr_clamp(dst.a), src, bytes);
}

int read_guest_u64(u64 *dst, gva_t src)
{
	if (unlikely(!range_is_guests(src.a, sizeof(*dst)))) {
		return -EFAULT;
	}
	return uaccess_read(dst, addr_clamp(src.a));
}

int write_guest_u64(gva_t dst, u64 value)
{
	if (unlikely(!range_is_guests(dst.a, sizeof(value)))) {
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
