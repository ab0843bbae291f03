// SPDX-License-Identifier: MIT
// How the toolstack's programs with sanitizers (SANITIZE=1) report, inside
// dom0: a file for each process, whatever it was started by.
#define OPTIONS "log_path=/wabe/sanitizer/report:exitcode=99:color=never"

const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return OPTIONS ":quarantine_size_mb=16:detect_stack_use_after_return=0"
		       ":handle_abort=1";
}

const char *__ubsan_default_options(void);
const char *__ubsan_default_options(void)
{
	return OPTIONS ":print_stacktrace=1";
}
