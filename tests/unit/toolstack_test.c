// SPDX-License-Identifier: MIT
// libwabe without a hypervisor: descriptions as text, blob and struct; users;
// the page tables a guest starts with, walked as a processor would.
#define _GNU_SOURCE
#include "build.h"
#include "file.h"
#include "image.h"
#include "spec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define HEAD "/dts-v1/;\n/ { wabe-domain {\n"
#define TAIL "kernel { path = \"k\"; }; }; };\n"

static struct wabe_spec *parse(const char *text)
{
	struct wabe_spec *spec = NULL;
	struct wabe_error err;

	if (wabe_spec_parse_text(&spec, text, "t", &err)) {
		fail_msg("%s", err.text);
	}
	return spec;
}

static void refused(const char *text, const char *why)
{
	struct wabe_spec *spec = NULL;
	struct wabe_error err;

	assert_int_equal(wabe_spec_parse_text(&spec, text, "t", &err), -1);
	if (!strstr(err.text, why)) {
		fail_msg("said \"%s\", not \"%s\"", err.text, why);
	}
}

// A description's names stand in what is said of it, escapes and all.
static void test_errors_are_one_line(void **state)
{
	struct wabe_error err;

	error_set(&err, 0, "a\nb\x1b[31m%s", "c\x7f\n");
	assert_string_equal(err.text, "a?b?[31mc??");
	error_wrap(&err, "%s", "in\n");
	assert_string_equal(err.text, "in?: a?b?[31mc??");
	refused(HEAD "name = \"a\\nb\";" TAIL, "name \"a?b\"");
}

static void test_big_memory_is_printed_as_it_is_read(void **state)
{
	struct wabe_spec *s = parse(HEAD "memory-kib = <1 0>;" TAIL), *again;
	char *text = NULL;
	size_t bytes;
	FILE *to = open_memstream(&text, &bytes);

	wabe_spec_print(s, to);
	fclose(to);
	again = parse(text);
	assert_int_equal(again->memory_kib, 1ull << 32);
	wabe_spec_free(again);
	wabe_spec_free(s);
	free(text);
}

#define LIMITS                                                     \
	HEAD "restart = \"on-failure:3\"; log-kib = <128>;"        \
	     "devices { disk@0 { path = \"d\"; mount = \"/data\";" \
	     "byte-rate = <2 0>; request-rate = <50>; };"          \
	     "net@0 { byte-rate = <1000>; }; };" TAIL

static void limits_are(const struct wabe_spec *s)
{
	assert_string_equal(s->restart, "on-failure:3");
	assert_int_equal(s->log_kib, 128);
	assert_string_equal(s->disks[0].mount, "/data");
	assert_int_equal(s->disks[0].byte_rate, 2ull << 32);
	assert_int_equal(s->disks[0].request_rate, 50);
	assert_int_equal(s->nets[0].byte_rate, 1000);
}

// As text, as a struct, as a blob, as text again.
static void test_limits(void **state)
{
	struct wabe_spec *s = parse(LIMITS), *again = NULL;
	struct wabe_error err;
	void *blob = NULL;
	char *text = NULL;
	size_t bytes;
	FILE *to;

	limits_are(s);
	assert_int_equal(wabe_spec_blob(s, &blob, &bytes, &err), 0);
	wabe_spec_free(s);
	assert_int_equal(wabe_spec_parse(&again, blob, bytes, "t", &err), 0);
	limits_are(again);
	to = open_memstream(&text, &bytes);
	wabe_spec_print(again, to);
	fclose(to);
	wabe_spec_free(again);
	again = parse(text);
	limits_are(again);
	wabe_spec_free(again);
	free(blob);
	free(text);
	refused(HEAD "restart = \"on-failure:\";" TAIL, "say no, on-failure");
	refused(HEAD "restart = \"on-failure:x\";" TAIL, "say no, on-failure");
	refused(HEAD "restart = \"sometimes\";" TAIL, "say no, on-failure");
	refused(HEAD "log-kib = <63>;" TAIL, "64 to");
	refused(HEAD
		"devices { disk@0 { path = \"d\"; mount = \"data\"; }; };" TAIL,
		"absolute");
	refused(
	    HEAD
	    "devices { disk@0 { path = \"d\"; mount = \"/a/../b\"; }; };" TAIL,
	    "absolute");
}

static void test_spec_reads(void **state)
{
	struct wabe_spec *s = parse(
	    HEAD "name = \"a\"; memory-kib = <0x1 0>; /* two\ncells */ vcpus "
		 "= <2>; // end\n"
		 "workload { argv = \"x\", \"a \\\"b\\\"\\x41\", \"\"; "
		 "read-only; };\n"
		 "devices { disk@0 { path = \"p\"; }; net@0 { }; disk@7 { "
		 "path = \"q\"; dev = \"xvdc\"; mode = \"w\"; }; };" TAIL);

	assert_string_equal(s->name, "a");
	assert_int_equal(s->vcpus, 2);
	assert_int_equal(s->disk_count, 2);
	assert_int_equal(s->net_count, 1);
	assert_string_equal(s->argv[1], "a \"b\"A");
	assert_string_equal(s->argv[2], "");
	assert_null(s->argv[3]);
	assert_true(s->read_only);
	assert_string_equal(s->disks[1].mode, "w");
	wabe_spec_free(s);
}

// To blob and text and back, nothing is lost.
static void test_spec_round(void **state)
{
	struct wabe_spec
	    *s = parse(
		HEAD
		"name = \"a\"; ports = \"80:80\", \"1:2\"; workload { argv = "
		"\"\\\\ \\n\", \"b\"; }; devices { net@0 { ip = \"1.2.3.4/5\"; "
		"}; };" TAIL),
	    *again;
	char *one, *two;
	size_t n, blob_bytes;
	struct wabe_error err;
	void *blob;
	FILE *f = open_memstream(&one, &n);

	wabe_spec_print(s, f);
	fclose(f);
	assert_int_equal(wabe_spec_blob(s, &blob, &blob_bytes, &err), 0);
	wabe_spec_free(s);
	assert_int_equal(wabe_spec_parse(&s, blob, blob_bytes, "b", &err), 0);
	f = open_memstream(&two, &n);
	wabe_spec_print(s, f);
	fclose(f);
	assert_string_equal(one, two);
	again = parse(one);
	assert_string_equal(again->argv[0], "\\ \n");
	wabe_spec_free(again);
	wabe_spec_free(s);
	free(blob);
	free(one);
	free(two);
}

static void test_spec_refuses(void **state)
{
	refused("", "t:1: expected /dts-v1/;");
	refused("/dts-v1/;\n/ {\n x = ;\n};", "t:3: expected a \"string\"");
	refused("/dts-v1/;\n/ { a = \"b", "string without end");
	refused("/dts-v1/;\n/ { a = <1 0x100000000>; };", "32-bit");
	refused("/dts-v1/; / { a { }; b = <1>; };", "before nodes");
	refused("/dts-v1/; / { };", "no node /wabe-domain");
	refused("/dts-v1/; / { wabe-domain { }; };", "kernel: no path");
	refused(HEAD "memory = <1>;" TAIL, "memory: no such property");
	refused(HEAD "vcpus = \"2\";" TAIL, "");
	refused(HEAD "vcpus = <1 2>;" TAIL, "vcpus: not a value of its type");
	refused(HEAD "vcpus = <0>;" TAIL, "vcpus 0: 1 to 32");
	refused(HEAD "name = \"12\";" TAIL, "not a number");
	refused(HEAD "name = \"a/b\";" TAIL, "letters");
	refused(HEAD "memory-kib = <1>;" TAIL, "at least 4096");
	refused(HEAD "extra { };" TAIL, "extra: no such node");
	refused(HEAD "devices { gpu@0 { }; };" TAIL, "gpu@0: no such device");
	refused(HEAD "devices { disk@0 { }; };" TAIL, "disk@0: no path");
	refused(HEAD
		"devices { disk@0 { path = \"x\"; dev = \"sda\"; }; };" TAIL,
		"xvda");
	refused(HEAD "devices { disk@0 { path = \"x\"; dev = \"xvdb\"; };"
		     "disk@1 { path = \"y\"; }; disk@2 { path = \"z\"; dev = "
		     "\"xvdb\"; }; };" TAIL,
		"disk@2: dev xvdb: another disk has it");
	refused(HEAD "compatible = \"other\";" TAIL, "compatible");
}

// What the guest could not take is refused here and not there.
static void test_words_are_bounded(void **state)
{
	char *text = NULL, *word = malloc(5000);
	size_t bytes;
	FILE *to;

	memset(word, 'x', 4999);
	for (size_t n = 4096; n < 4098; n++) {
		word[n] = 0;
		assert_true(asprintf(&text,
				     HEAD "workload { argv = \"a\", \"%s\"; "
					  "};" TAIL,
				     word) > 0);
		if (n == 4096) {
			wabe_spec_free(parse(text));
		} else {
			refused(text, "argv: word 2 is over 4096 bytes");
		}
		free(text);
		word[n] = 'x';
	}
	to = open_memstream(&text, &bytes);
	fputs(HEAD "workload { env = \"A=1\"", to);
	for (int i = 0; i < 1024; i++) {
		fputs(", \"A=1\"", to);
	}
	fputs("; };" TAIL, to);
	fclose(to);
	refused(text, "env: over 1024 words");
	free(text);
	word[65] = 0;
	assert_true(asprintf(&text,
			     HEAD "workload { hostname = \"%s\"; };" TAIL,
			     word) > 0);
	refused(text, "hostname: over 64 bytes");
	free(text);
	free(word);
}

static void test_addresses_are_checked(void **state)
{
	const char *net = "devices { net@0 { compatible = \"wabe,net\"; ";
	static const char *const bad[] = {"dns = \"fast\"", "dns = \"::1\"",
					  "gateway = \"10.87.0.1/16\""};
	char text[1024];

	for (size_t i = 0; i < 3; i++) {
		snprintf(text, sizeof(text), HEAD "%s%s; }; };" TAIL, net,
			 bad[i]);
		refused(text, i < 2 ? "net@0: dns" : "net@0: gateway");
	}
	snprintf(text, sizeof(text), HEAD "%sdns = \"1.1.1.1\"; }; };" TAIL,
		 net);
	wabe_spec_free(parse(text));
}

// Disks without a name get one that no other has.
static void test_disks_are_named(void **state)
{
	struct wabe_spec *s =
	    parse(HEAD "devices { disk@0 { path = \"r\"; };"
		       "disk@1 { path = \"x\"; dev = \"xvdc\"; };"
		       "disk@2 { path = \"y\"; };"
		       "disk@3 { path = \"z\"; dev = \"xvda\"; };"
		       "disk@4 { path = \"v\"; }; };" TAIL);

	spec_disks_name(s);
	assert_string_equal(s->disks[0].dev, "xvdb");
	assert_string_equal(s->disks[1].dev, "xvdc");
	assert_string_equal(s->disks[2].dev, "xvdd");
	assert_string_equal(s->disks[3].dev, "xvda");
	assert_string_equal(s->disks[4].dev, "xvde");
	assert_string_equal(s->disks[4].mode, "r");
	wabe_spec_free(s);
}

static void test_blob_damaged(void **state)
{
	struct wabe_spec *s = parse(HEAD "name = \"abc\";" TAIL), *out;
	struct wabe_error err;
	uint8_t *blob, *copy;
	size_t n;

	assert_int_equal(wabe_spec_blob(s, (void **)&blob, &n, &err), 0);
	copy = malloc(n);
	for (size_t i = 0; i < n; i++) {
		for (unsigned int bit = 0; bit < 8; bit++) {
			memcpy(copy, blob, n);
			copy[i] ^= (uint8_t)(1 << bit);
			if (!wabe_spec_parse(&out, copy, n, "b", &err)) {
				wabe_spec_free(out);
			}
		}
		assert_int_equal(wabe_spec_parse(&out, blob, i, "b", &err), -1);
	}
	free(copy);
	free(blob);
	wabe_spec_free(s);
}

static void file_put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	fputs(text, f);
	fclose(f);
}

// The file that is written first stands in nobody's way; what is no file is
// not waited for.
static void test_files(void **state)
{
	char folder[] = "/tmp/wabe-files-XXXXXX", a[64], b[64], *text;
	struct wabe_error err;
	size_t bytes;

	assert_non_null(mkdtemp(folder));
	snprintf(a, sizeof(a), "%s/x", folder);
	snprintf(b, sizeof(b), "%s/x.new", folder);
	assert_int_equal(file_write(b, "other", 5, &err), 0);
	assert_int_equal(file_write(a, "this", 4, &err), 0);
	assert_int_equal(file_read(b, 100, &text, &bytes, &err), 0);
	assert_string_equal(text, "other");
	free(text);
	unlink(a);
	assert_int_equal(mkfifo(a, 0600), 0);
	alarm(5);
	assert_int_equal(file_read(a, 100, &text, &bytes, &err), -1);
	alarm(0);
	assert_non_null(strstr(err.text, "not a file"));
	assert_int_equal(tree_remove(folder, &err), 0);
}

static void user_is(const char *user, const char *want)
{
	struct wabe_error err;
	char *out = NULL;
	int status = user_resolve("/tmp/wabe-test-user", user, &out, &err);

	if (!want) {
		assert_int_equal(status, -1);
	} else {
		assert_int_equal(status, 0);
		assert_string_equal(out, want);
	}
	free(out);
}

static void test_user(void **state)
{
	mkdir("/tmp/wabe-test-user", 0700);
	file_put("/tmp/wabe-test-user/passwd",
		 "root:x:0:0::/:/bin/sh\nwww:x:33:34::/:/bin/sh\n");
	file_put("/tmp/wabe-test-user/group",
		 "root:x:0:\ng:x:34:www\nmore:x:44:a,www\n");
	user_is("0", "0:0");
	user_is("www", "33:34,44");
	user_is("33", "33:34,44");
	user_is("www:more", "33:44");
	user_is("5:6", "5:6");
	user_is("nobody", NULL);
	user_is("www:none", NULL);
	unlink("/tmp/wabe-test-user/passwd");
	unlink("/tmp/wabe-test-user/group");
	user_is("7", "7:0");
	rmdir("/tmp/wabe-test-user");
}

// --- Page tables ----------------------------------------------------------

static uint64_t walk(const struct build *b, uint64_t va, uint64_t *entry)
{
	uint64_t pfn = b->tables.pfn;

	for (int level = 3; level >= 0; level--) {
		const uint64_t *table = build_page(b, pfn);

		*entry = table[va >> (12 + 9 * level) & 511];
		if (!(*entry & 1)) {
			return UINT64_MAX;
		}
		// Machine frames are pfn * 3 + 7 here.
		pfn = (*entry / PAGE - 7) / 3;
	}
	return pfn;
}

// A list that begins in the middle of a table and crosses into the next, and a
// kernel range that ends in the last entry of one.
static void test_tables(void **state)
{
	struct build b = {.pages = 2200, .map_pages = 2200, .mapped = 1536};
	uint64_t entry, end;

	b.map = calloc(b.pages, PAGE);
	b.p2m = calloc(b.pages, sizeof(*b.p2m));
	for (uint64_t i = 0; i < b.pages; i++) {
		b.p2m[i] = i * 3 + 7;
	}
	b.kernel.virt_base = 0xffffffff80000000;
	b.tables.pfn = 600;
	end = table_range_plan(&b.kernel_range, b.kernel.virt_base, b.mapped, 0,
			       601);
	assert_int_equal(end, 600 + 1 + 1 + 1 + 3);
	b.tables.pages = end - 600;
	b.list = (struct span){1600, 300};
	b.list_tables.pfn = 1900;
	end = table_range_plan(&b.list_range, 0x8000000000 + 300 * PAGE, 300,
			       1600, 1900);
	assert_int_equal(end, 1900 + 1 + 1 + 2);
	b.list_tables.pages = end - 1900;
	tables_write(&b);
	for (uint64_t i = 0; i < b.mapped; i++) {
		bool table = i >= 600 && i < 606;

		assert_int_equal(walk(&b, build_va(&b, i), &entry), i);
		assert_int_equal(entry & 0xfff, table ? 0x65 : 0x67);
	}
	assert_int_equal(walk(&b, build_va(&b, 1536), &entry), UINT64_MAX);
	for (uint64_t i = 0; i < 300; i++) {
		assert_int_equal(
		    walk(&b, 0x8000000000 + (300 + i) * PAGE, &entry),
		    1600 + i);
	}
	assert_int_equal(walk(&b, 0x8000000000 + 299 * PAGE, &entry),
			 UINT64_MAX);
	assert_int_equal(walk(&b, 0x8000000000 + 600 * PAGE, &entry),
			 UINT64_MAX);
	free(b.map);
	free(b.p2m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_errors_are_one_line),
	    cmocka_unit_test(test_big_memory_is_printed_as_it_is_read),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_spec_reads),
	    cmocka_unit_test(test_spec_round),
	    cmocka_unit_test(test_spec_refuses),
	    cmocka_unit_test(test_words_are_bounded),
	    cmocka_unit_test(test_disks_are_named),
	    cmocka_unit_test(test_addresses_are_checked),
	    cmocka_unit_test(test_blob_damaged),
	    cmocka_unit_test(test_files),
	    cmocka_unit_test(test_user),
	    cmocka_unit_test(test_tables),
	};

	return cmocka_run_group_tests_name("toolstack", tests, NULL, NULL);
}
