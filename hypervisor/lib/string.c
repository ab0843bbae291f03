// SPDX-License-Identifier: MIT
// Memory and strings, as in the C library. The copies use the processor's
// string instructions: they count little and need no vector registers.
#include <wabe/lib.h>

void *memcpy(void *dst, const void *src, size_t bytes)
{
	void *d = dst;
	size_t words = bytes / 8;

	asm volatile("rep movsq" : "+D"(d), "+S"(src), "+c"(words)::"memory");
	if (bytes & 7) {
		words = bytes & 7;
		asm volatile("rep movsb"
			     : "+D"(d), "+S"(src), "+c"(words)::"memory");
	}
	return dst;
}

void *memmove(void *dst, const void *src, size_t bytes)
{
	void *d = (char *)dst + bytes - 1;
	const void *s = (const char *)src + bytes - 1;

	if ((uintptr_t)dst - (uintptr_t)src >= bytes) {
		return memcpy(dst, src, bytes);
	}
	asm volatile("std; rep movsb; cld"
		     : "+D"(d), "+S"(s), "+c"(bytes)::"memory");
	return dst;
}

void *memset(void *dst, int byte, size_t bytes)
{
	void *d = dst;
	size_t count = bytes / 8;
	u64 word = (u8)byte * 0x0101010101010101ull;

	asm volatile("rep stosq" : "+D"(d), "+c"(count) : "a"(word) : "memory");
	if (bytes & 7) {
		count = bytes & 7;
		asm volatile("rep stosb"
			     : "+D"(d), "+c"(count)
			     : "a"(word)
			     : "memory");
	}
	return dst;
}

int memcmp(const void *a, const void *b, size_t bytes)
{
	const u8 *x = a, *y = b;

	for (size_t i = 0; i < bytes; i++) {
		if (x[i] != y[i]) {
			return x[i] - y[i];
		}
	}
	return 0;
}

size_t strlen(const char *s)
{
	return strnlen(s, SIZE_MAX);
}

size_t strnlen(const char *s, size_t max)
{
	size_t n = 0;

	while (n < max && s[n]) {
		n++;
	}
	return n;
}

int strncmp(const char *a, const char *b, size_t max)
{
	for (; max && *a == *b && *a; max--) {
		a++;
		b++;
	}
	return max ? (u8)*a - (u8)*b : 0;
}

int strcmp(const char *a, const char *b)
{
	return strncmp(a, b, SIZE_MAX);
}

char *strchr(const char *s, int c)
{
	for (; *s != (char)c; s++) {
		if (!*s) {
			return NULL;
		}
	}
	return (char *)s;
}

size_t strlcpy(char *dst, const char *src, size_t bytes)
{
	size_t length = strlen(src);

	if (bytes) {
		size_t copied = MIN(length, bytes - 1);

		memcpy(dst, src, copied);
		dst[copied] = '\0';
	}
	return length;
}

// Value of a digit in any base up to 16; 16 where it is none.
static u32 digit_value(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

u64 strtou64(const char *s, const char **end)
{
	u64 value = 0, base = 10;
	bool saturated = false;

	if (s[0] == '0' && (s[1] | 0x20) == 'x' && digit_value(s[2]) < 16) {
		base = 16;
		s += 2;
	}
	for (; digit_value(*s) < base; s++) {
		saturated |= __builtin_mul_overflow(value, base, &value);
		saturated |=
		    __builtin_add_overflow(value, digit_value(*s), &value);
	}
	if (end) {
		*end = s;
	}
	return saturated ? ~0ull : value;
}
