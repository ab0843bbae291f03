// SPDX-License-Identifier: MIT
// Searching bitmaps, a word at a time.
#include <wabe/lib.h>

// First bit at or after `from` of map ^ flip.
static u64 find(const u64 *map, u64 bits, u64 from, u64 flip)
{
	u64 i = from / 64, word;

	if (from >= bits) {
		return bits;
	}
	word = (READ_ONCE(map[i]) ^ flip) & (~0ull << (from % 64));
	while (!word) {
		if (++i * 64 >= bits) {
			return bits;
		}
		word = READ_ONCE(map[i]) ^ flip;
	}
	from = i * 64 + __builtin_ctzll(word);
	return MIN(from, bits);
}

u64 bitmap_next(const u64 *map, u64 bits, u64 from)
{
	return find(map, bits, from, 0);
}

u64 bitmap_next_clear(const u64 *map, u64 bits, u64 from)
{
	return find(map, bits, from, ~0ull);
}
