// SPDX-License-Identifier: MIT
// What the compiler and everybody expects.
#include "guest.h"

void *memset(void *to, int byte, size_t bytes)
{
	void *start = to;

	asm volatile("rep stosb"
		     : "+D"(to), "+c"(bytes)
		     : "a"(byte)
		     : "memory");
	return start;
}

void *memcpy(void *to, const void *from, size_t bytes)
{
	void *start = to;

	asm volatile("rep movsb"
		     : "+D"(to), "+S"(from), "+c"(bytes)
		     :
		     : "memory");
	return start;
}

int memcmp(const void *a, const void *b, size_t bytes)
{
	const u8 *x = a, *y = b;

	for (; bytes; bytes--, x++, y++) {
		if (*x != *y) {
			return *x - *y;
		}
	}
	return 0;
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return (u8)*a - (u8)*b;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n]) {
		n++;
	}
	return n;
}

u64 number_take(const char **text)
{
	u64 n = 0;

	while (**text == ' ') {
		++*text;
	}
	for (; **text >= '0' && **text <= '9'; ++*text) {
		n = n * 10 + (u64)(**text - '0');
	}
	return n;
}
