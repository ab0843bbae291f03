// SPDX-License-Identifier: MIT
// The hypervisor's snprintf against the C library's.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#pragma GCC diagnostic ignored "-Wformat-truncation"

#define snprintf own_snprintf
#define vsnprintf own_vsnprintf
#include "../../hypervisor/lib/printf.c"
#undef snprintf
#undef vsnprintf

#define SAME(bytes, ...)                                                \
	do {                                                            \
		char want[64], got[64];                                 \
		memset(want, '#', sizeof(want));                        \
		memset(got, '#', sizeof(got));                          \
		assert_int_equal(own_snprintf(got, bytes, __VA_ARGS__), \
				 snprintf(want, bytes, __VA_ARGS__));   \
		assert_memory_equal(got, want, sizeof(want));           \
	} while (0)

static void numbers_are_written_as_elsewhere(void **state)
{
	const long numbers[] = {0,   1,	      -1,	 9,	   10,
				255, 1 << 30, INT64_MIN, INT64_MAX};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		long n = numbers[i];

		SAME(60, "%d|%u|%x", (int)n, (unsigned int)n, (unsigned int)n);
		SAME(60, "%ld|%zu|%llx", n, (size_t)n, (unsigned long long)n);
		SAME(60, "%5u|%03lu|%016lx", (unsigned int)n, (unsigned long)n,
		     (unsigned long)n);
		SAME(60, "%6d %02x", (int)n, (unsigned int)n);
	}
}

static void text_is_cut_where_it_should_be(void **state)
{
	SAME(60, "<%s> <%.3s> <%8s> <%.0s> <%9.2s>", "text", "text", "text",
	     "text", "text");
	SAME(60, "%c%c%%", 'a', '\n');
	SAME(7, "longer than that: %u", 12345);
	SAME(1, "%s", "x");
	assert_int_equal(own_snprintf(NULL, 0, "%04x", 1), 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(numbers_are_written_as_elsewhere),
	    cmocka_unit_test(text_is_cut_where_it_should_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
