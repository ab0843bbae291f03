// SPDX-License-Identifier: MIT
// The hypervisor's command line: each word it knows, in the forms that Xen
// takes, and that any other is told about once there is a console.
#include "../../hypervisor/boot/cmdline.c"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum log_level console_level, console_guest_level;
static char said[512];

void log_at(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	assert_int_equal(level, LOG_WARNING);
	va_start(ap, fmt);
	vsnprintf(said, sizeof(said), fmt, ap);
	va_end(ap);
}

size_t strlcpy(char *dst, const char *src, size_t bytes)
{
	size_t count = strnlen(src, bytes - 1);

	memcpy(dst, src, count);
	dst[count] = '\0';
	return strlen(src);
}

u64 strtou64(const char *s, const char **end)
{
	return strtoull(s, (char **)end, 0);
}

// What the report says of a line; NULL: nothing.
static const char *parse(const char *line)
{
	memset(unknown, 0, sizeof(unknown));
	said[0] = '\0';
	options = (struct options){.console_com1 = true};
	console_level = LOG_INFO;
	console_guest_level = LOG_WARNING;
	cmdline_parse(line);
	cmdline_report();
	return said[0] ? said : NULL;
}

static void words_are_xens(void **state)
{
	assert_null(parse("console=com1,vga com1=115200,8n1 dom0_mem=1G,max:2G,"
			  "min:512M dom0_max_vcpus=2-4 loglvl=warning/all "
			  "guest_loglvl=none noreboot maxcpus=3 mem=4096M"));
	assert_true(options.console_com1);
	assert_string_equal(options.com1, "115200,8n1");
	assert_int_equal(options.dom0_mem, 1ul << 30);
	assert_int_equal(options.dom0_mem_max, 2ul << 30);
	assert_int_equal(options.dom0_mem_min, 512ul << 20);
	assert_int_equal(options.dom0_max_vcpus, 4);
	assert_int_equal(console_level, LOG_WARNING);
	assert_int_equal(console_guest_level, LOG_ERR);
	assert_true(options.noreboot);
	assert_int_equal(options.max_cpus, 3);
	assert_int_equal(options.mem_limit, 4ul << 30);
}

static void sizes(void **state)
{
	static const struct {
		const char *line;
		u64 bytes;
	} good[] = {
	    {"mem=1", 1024},	     {"mem=1b", 1},
	    {"mem=0x10k", 16 << 10}, {"mem=3M", 3 << 20},
	    {"mem=2T", 2ul << 40},   {"mem=99999999999999T", ~0ul},
	};
	static const char *const bad[] = {"mem=",	   "mem=M",
					  "mem=1Q",	   "mem=1MB",
					  "dom0_mem=max:", "dom0_mem=1G,x"};

	for (u32 i = 0; i < ARRAY_SIZE(good); i++) {
		assert_null(parse(good[i].line));
		assert_int_equal(options.mem_limit, good[i].bytes);
	}
	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_non_null(parse(bad[i]));
	}
}

static void switches(void **state)
{
	static const char *const on[] = {"noreboot", "noreboot=1",
					 "noreboot=yes", "noreboot=true"},
				 *const off[] = {"noreboot=0", "noreboot=off",
						 "no-noreboot"};

	for (u32 i = 0; i < ARRAY_SIZE(on); i++) {
		assert_null(parse(on[i]));
		assert_true(options.noreboot);
	}
	for (u32 i = 0; i < ARRAY_SIZE(off); i++) {
		assert_null(parse(off[i]));
		assert_false(options.noreboot);
	}
	assert_null(parse("x2apic=0 no-smap"));
	assert_true(options.no_x2apic && options.no_smap);
	assert_null(parse("x2apic smap=on"));
	assert_false(options.no_x2apic || options.no_smap);
	assert_null(parse("console=vga"));
	assert_false(options.console_com1);
	assert_null(parse("console=none,com1"));
	assert_true(options.console_com1);
}

static void unknown_words_are_told(void **state)
{
	assert_string_equal(
	    parse("  iommu=off  noreboot sched=credit loglvl=loud "),
	    "Command line: not understood: iommu=off "
	    "sched=credit loglvl=loud");
	assert_true(options.noreboot);
	assert_non_null(strstr(parse("noreboot=maybe"), "noreboot=maybe"));
	assert_non_null(strstr(parse("noreboots"), "noreboots"));
	assert_non_null(strstr(parse("no-"), "no-"));
	assert_non_null(strstr(parse("=1"), "=1"));
}

// However long: nothing is written past an end (AddressSanitizer sees it).
static void lines_of_any_length(void **state)
{
	char line[2048];

	for (u32 bytes = 0; bytes < sizeof(line); bytes += 7) {
		memset(line, 'a', bytes);
		line[bytes] = '\0';
		parse(line);
		for (u32 i = 9; i < bytes; i += 10) {
			line[i] = ' ';
		}
		parse(line);
	}
	memset(line, 'x', sizeof(line));
	memcpy(line, "com1=", 5);
	line[100] = '\0';
	assert_non_null(parse(line));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(words_are_xens),
	    cmocka_unit_test(sizes),
	    cmocka_unit_test(switches),
	    cmocka_unit_test(unknown_words_are_told),
	    cmocka_unit_test(lines_of_any_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
