// SPDX-License-Identifier: MIT
// A limit of so many units a second: a bucket that holds a tenth of a second's
// worth (at least `least`), and may go below zero by one take, which delays
// the next ones.
#ifndef WABED_RATE_H
#define WABED_RATE_H

#include <stdbool.h>
#include <stdint.h>

struct rate {
	uint64_t per_second; // 0: no limit
	int64_t level, top;
	uint64_t filled_at;
};

static inline void rate_init(struct rate *rate, uint64_t per_second,
			     uint64_t least, uint64_t now)
{
	if (per_second > UINT32_MAX) {
		per_second = per_second > 1ull << 40 ? 0 : per_second;
	}
	rate->per_second = per_second;
	rate->top = per_second / 10 > least ? per_second / 10 : least;
	rate->level = rate->top;
	rate->filled_at = now;
}

// 0: there is some now. Else when to ask again.
static inline uint64_t rate_wait(struct rate *rate, uint64_t now)
{
	uint64_t passed = now - rate->filled_at;
	uint64_t add;

	if (!rate->per_second) {
		return 0;
	}
	passed = passed > 1000000000 ? 1000000000 : passed;
	add = (unsigned __int128)passed * rate->per_second / 1000000000;
	if (add) {
		rate->level += add;
		rate->level = rate->level > rate->top ? rate->top : rate->level;
		rate->filled_at = now;
	}
	if (rate->level > 0) {
		return 0;
	}
	return now + 1000000 +
	       (unsigned __int128)(uint64_t)-rate->level * 1000000000 /
		   rate->per_second;
}

static inline void rate_take(struct rate *rate, uint64_t units)
{
	if (rate->per_second) {
		rate->level -= units;
	}
}

#endif
