// SPDX-License-Identifier: MIT
// snprintf: d i u x X p s c with -, 0, width, precision, and h l ll z.
#include <wabe/lib.h>

// Where the text goes: `at` counts on past the end, as the result demands.
struct out {
	char *buf;
	size_t bytes, at;
};

struct spec {
	bool left, zero, upper;
	int width, precision; // precision -1: none given
	char size;	      // 0, 'h', 'l' (l, ll, z)
};

static void put(struct out *o, char c)
{
	if (o->at < o->bytes) {
		o->buf[o->at] = c;
	}
	o->at++;
}

static void put_repeated(struct out *o, char c, int count)
{
	while (count-- > 0) {
		put(o, c);
	}
}

// `head`, then `zeros` zeros, then `length` characters of `text`, in the width.
static void put_padded(struct out *o, const struct spec *s, const char *head,
		       int zeros, const char *text, int length)
{
	int room = s->width - (int)strlen(head) - zeros - length;

	if (!s->left) {
		put_repeated(o, ' ', room);
	}
	while (*head) {
		put(o, *head++);
	}
	put_repeated(o, '0', zeros);
	for (int i = 0; i < length; i++) {
		put(o, text[i]);
	}
	if (s->left) {
		put_repeated(o, ' ', room);
	}
}

static void put_text(struct out *o, const struct spec *s, const char *text)
{
	size_t max = s->precision < 0 ? SIZE_MAX : (size_t)s->precision;

	text = text ? text : "(null)";
	put_padded(o, s, "", 0, text, strnlen(text, max));
}

static void put_number(struct out *o, const struct spec *s, u64 value, u32 base,
		       const char *prefix)
{
	const char *digits = s->upper ? "0123456789ABCDEF" : "0123456789abcdef";
	char text[24], *at = text + sizeof(text);
	int length, least = s->precision < 0 ? 1 : s->precision;

	for (; value; value /= base) {
		*--at = digits[value % base];
	}
	length = text + sizeof(text) - at;
	if (s->zero && !s->left && s->precision < 0) {
		least = MAX(s->width - (int)strlen(prefix), 1);
	}
	put_padded(o, s, prefix, MAX(least - length, 0), at, length);
}

static int read_int(const char **fmt, va_list *ap)
{
	int value = 0;

	if (**fmt == '*') {
		(*fmt)++;
		return va_arg(*ap, int);
	}
	while (**fmt >= '0' && **fmt <= '9' && value < 100000) {
		value = value * 10 + *(*fmt)++ - '0';
	}
	return value;
}

static const char *spec_read(const char *fmt, struct spec *s, va_list *ap)
{
	*s = (struct spec){.precision = -1};
	for (; *fmt == '-' || *fmt == '0'; fmt++) {
		s->left |= *fmt == '-';
		s->zero |= *fmt == '0';
	}
	s->width = read_int(&fmt, ap);
	if (*fmt == '.') {
		fmt++;
		s->precision = read_int(&fmt, ap);
	}
	while (*fmt == 'l' || *fmt == 'z' || *fmt == 'h') {
		s->size = *fmt == 'h' ? 'h' : 'l';
		fmt++;
	}
	return fmt;
}

static void put_conversion(struct out *o, struct spec *s, char c, va_list *ap)
{
	s64 value;

	switch (c) {
	case 'd':
	case 'i':
		value = s->size == 'l' ? va_arg(*ap, s64) : va_arg(*ap, int);
		put_number(o, s, value < 0 ? -(u64)value : (u64)value, 10,
			   value < 0 ? "-" : "");
		break;
	case 'X':
	case 'x':
	case 'u':
		s->upper = c == 'X';
		put_number(o, s,
			   s->size == 'l' ? va_arg(*ap, u64)
					  : va_arg(*ap, unsigned int),
			   c == 'u' ? 10 : 16, "");
		break;
	case 'p':
		put_number(o, s, (uintptr_t)va_arg(*ap, void *), 16, "0x");
		break;
	case 's':
		put_text(o, s, va_arg(*ap, const char *));
		break;
	case 'c':
		put_text(o, s, (char[2]){va_arg(*ap, int)});
		break;
	default:
		put(o, c);
	}
}

int vsnprintf(char *buf, size_t bytes, const char *fmt, va_list ap)
{
	struct out o = {buf, bytes, 0};
	struct spec s;
	va_list args;

	va_copy(args, ap);
	while (*fmt) {
		if (*fmt != '%') {
			put(&o, *fmt++);
			continue;
		}
		fmt = spec_read(fmt + 1, &s, &args);
		if (*fmt) {
			put_conversion(&o, &s, *fmt++, &args);
		}
	}
	va_end(args);
	if (bytes) {
		buf[MIN(o.at, bytes - 1)] = '\0';
	}
	return o.at;
}

int snprintf(char *buf, size_t bytes, const char *fmt, ...)
{
	va_list ap;
	int length;

	va_start(ap, fmt);
	length = vsnprintf(buf, bytes, fmt, ap);
	va_end(ap);
	return length;
}
