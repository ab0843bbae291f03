// SPDX-License-Identifier: MIT
// printf, a line at a time, so that no line of the hypervisor's own comes
// inside one.
#include <stdarg.h>
#include "console.h"

static char line[512];
static size_t used;

static void put(char c)
{
	line[used++] = c;
	if (c == '\n' || used == sizeof(line)) {
		console_write(line, used);
		used = 0;
	}
}

static void put_padded(const char *text, size_t bytes, int width, char pad)
{
	for (int i = bytes; i < width; i++) {
		put(pad);
	}
	while (bytes--) {
		put(*text++);
	}
}

static void put_number(u64 value, unsigned int base, bool negative, int width,
		       char pad)
{
	char digits[24], *p = digits + sizeof(digits);

	do {
		*--p = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	if (negative) {
		*--p = '-';
	}
	put_padded(p, digits + sizeof(digits) - p, width, pad);
}

// The value behind a conversion, `wide` for l.
static u64 take(va_list *args, bool wide, bool is_signed)
{
	if (wide) {
		return va_arg(*args, u64);
	}
	return is_signed ? (u64)(long)va_arg(*args, int)
			 : va_arg(*args, unsigned int);
}

static void put_conversion(char kind, va_list *args, bool wide, int width,
			   char pad)
{
	const char *text;
	u64 value;

	switch (kind) {
	case 'd':
		value = take(args, wide, true);
		put_number((long)value < 0 ? -value : value, 10,
			   (long)value < 0, width, pad);
		break;
	case 'u':
	case 'x':
		put_number(take(args, wide, false), kind == 'u' ? 10 : 16,
			   false, width, pad);
		break;
	case 'p':
		put_number(take(args, true, false), 16, false, 16, '0');
		break;
	case 'c':
		put(va_arg(*args, int));
		break;
	case 's':
		text = va_arg(*args, const char *);
		put_padded(text, strlen(text), width, ' ');
		break;
	default:
		put(kind);
	}
}

void vprint(const char *f, va_list passed)
{
	va_list args;

	va_copy(args, passed);
	for (; *f; f++) {
		bool wide = false;
		char pad = ' ';
		int width = 0;

		if (*f != '%') {
			put(*f);
			continue;
		}
		if (*++f == '0') {
			pad = *f++;
		}
		while (*f >= '0' && *f <= '9') {
			width = width * 10 + *f++ - '0';
		}
		while (*f == 'l') {
			wide = true;
			f++;
		}
		put_conversion(*f, &args, wide, width, pad);
	}
	va_end(args);
}

void printf(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprint(format, args);
	va_end(args);
}
