// SPDX-License-Identifier: MIT
// snprintf: d u x s c with a width, filled with spaces or (not for d) 0, the
// precision of a string, and l ll z.
#include <wabe/lib.h>

// Where the text goes: `at` counts on past the end, as the result demands.
struct out {
	char *buf;
	size_t bytes, at;
};

struct spec {
	char fill;
	u32 width, precision; // ~0: none given
	bool is_long;
};

static void put(struct out *o, char c)
{
	if (o->at < o->bytes) {
		o->buf[o->at] = c;
	}
	o->at++;
}

static void put_text(struct out *o, const struct spec *s, const char *text)
{
	size_t length;

	text = text ? text : "(null)";
	length = strnlen(text, s->precision);
	for (size_t i = length; i < s->width; i++) {
		put(o, s->fill);
	}
	for (size_t i = 0; i < length; i++) {
		put(o, text[i]);
	}
}

static void put_number(struct out *o, const struct spec *s, u64 value, u32 base,
		       bool negative)
{
	char text[24], *at = text + sizeof(text);

	*--at = '\0';
	do {
		*--at = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	if (negative) {
		*--at = '-';
	}
	put_text(o, s, at);
}

static u32 read_number(const char **fmt)
{
	u32 value = 0;

	while (**fmt >= '0' && **fmt <= '9' && value < 100000) {
		value = value * 10 + (u32)(*(*fmt)++ - '0');
	}
	return value;
}

static const char *spec_read(const char *fmt, struct spec *s)
{
	s->fill = *fmt == '0' ? '0' : ' ';
	s->width = read_number(&fmt);
	s->precision = ~0u;
	if (*fmt == '.') {
		fmt++;
		s->precision = read_number(&fmt);
	}
	s->is_long = *fmt == 'l' || *fmt == 'z';
	while (*fmt == 'l' || *fmt == 'z') {
		fmt++;
	}
	return fmt;
}

static void put_conversion(struct out *o, const struct spec *s, char c,
			   va_list *ap)
{
	s64 value;

	switch (c) {
	case 'd':
		value = s->is_long ? va_arg(*ap, s64) : va_arg(*ap, int);
		put_number(o, s, value < 0 ? -(u64)value : (u64)value, 10,
			   value < 0);
		break;
	case 'x':
	case 'u':
		put_number(o, s,
			   s->is_long ? va_arg(*ap, u64) : va_arg(*ap, u32),
			   c == 'u' ? 10 : 16, false);
		break;
	case 's':
		put_text(o, s, va_arg(*ap, const char *));
		break;
	case 'c':
		put_text(o, s, (char[2]){(char)va_arg(*ap, int)});
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
		fmt = spec_read(fmt + 1, &s);
		if (*fmt) {
			put_conversion(&o, &s, *fmt++, &args);
		}
	}
	va_end(args);
	if (bytes) {
		buf[MIN(o.at, bytes - 1)] = '\0';
	}
	return (int)o.at;
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
