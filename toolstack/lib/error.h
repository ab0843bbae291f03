// SPDX-License-Identifier: MIT
// Errors of the library: `err` is every fallible function's last argument; the
// function returns < 0 and fills it. Context is added on the way up.
#ifndef WABE_LIB_ERROR_H
#define WABE_LIB_ERROR_H

#include <wabe.h>

// Set the error: `code` a positive errno (or 0 if there is none), then text.
// Returns -1, so that `return error_set(...)` ends a function.
int error_set(struct wabe_error *err, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
// Put "context: " before the text. Returns -1.
int error_wrap(struct wabe_error *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

// Resources that go when their variable does.
void cleanup_free(void *p);
void cleanup_close(int *fd);
#define CLEANUP_FREE __attribute__((cleanup(cleanup_free)))
#define CLEANUP_CLOSE __attribute__((cleanup(cleanup_close)))
// Take what a cleanup variable holds out of it.
#define STEAL(p)                            \
	({                                  \
		__typeof__(p) stolen = (p); \
		(p) = NULL;                 \
		stolen;                     \
	})

#endif
