// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// One line, whatever names and texts of strangers stand in it.
static void line_make(char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < ' ' || *text == 0x7f) {
			*text = '?';
		}
	}
}

int error_set(struct wabe_error *err, int code, const char *fmt, ...)
{
	va_list ap;
	size_t n;

	err->code = code;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	line_make(err->text);
	n = strlen(err->text);
	if (code && n < sizeof(err->text)) {
		snprintf(err->text + n, sizeof(err->text) - n, ": %s",
			 strerror(code));
	}
	return -1;
}

int error_wrap(struct wabe_error *err, const char *fmt, ...)
{
	char text[sizeof(err->text)], context[128];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(context, sizeof(context), fmt, ap);
	va_end(ap);
	line_make(context);
	memcpy(text, err->text, sizeof(text));
	// Cut at the end, never in the middle of what came first.
	snprintf(err->text, sizeof(err->text), "%s: %.*s", context,
		 (int)(sizeof(err->text) - strlen(context) - 3), text);
	return -1;
}

void cleanup_free(void *p)
{
	free(*(void **)p);
}

void cleanup_close(int *fd)
{
	if (*fd >= 0) {
		close(*fd);
	}
}
