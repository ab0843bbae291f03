// SPDX-License-Identifier: MIT
// The command line, in Xen's words. It is read before there is a console, so
// words not understood are kept and told about later.
#include "start.h"

#include <wabe/console.h>

struct options options = {.console_com1 = true};

static char unknown[256];

// End `text` at the first `c`; what is behind it, or NULL.
static char *cut(char *text, char c)
{
	char *at = strchr(text, c);

	if (at) {
		*at++ = '\0';
	}
	return at;
}

// Index of `text` in a list of `count` words, or `count`.
static u32 word_index(const char *text, const char *const *words, u32 count)
{
	u32 i = 0;

	while (i < count && strcmp(text, words[i])) {
		i++;
	}
	return i;
}

// All parse functions: what follows a word's `=`, which they may change, to
// *out. False: it makes no sense.

// A size with suffix B K M G T; KiB without.
static bool size_parse(char *text, void *out)
{
	static const char suffixes[] = "BKMGT";
	const char *end, *suffix = suffixes + 1;
	u64 value = strtou64(text, &end);
	u32 shift;

	if (end == text) {
		return false;
	}
	if (*end) {
		suffix = strchr(suffixes, *end & ~0x20);
		if (!suffix || !*suffix || end[1]) {
			return false;
		}
	}
	shift = 10 * (suffix - suffixes);
	*(u64 *)out = value > ~0ull >> shift ? ~0ull : value << shift;
	return true;
}

static bool number_parse(char *text, void *out)
{
	const char *end;
	u64 value = strtou64(text, &end);

	*(u32 *)out = MIN(value, (u64)UINT32_MAX);
	return end != text && !*end;
}

static bool bool_parse(char *text, void *out)
{
	static const char *const words[] = {
	    "",	 "1",  "yes", "on",    "true",	  "enable",
	    "0", "no", "off", "false", "disable",
	};
	u32 i = word_index(text, words, ARRAY_SIZE(words));

	*(bool *)out = i < 6;
	return i < ARRAY_SIZE(words);
}

// What is on unless this switches it off.
static bool off_parse(char *text, void *out)
{
	bool on, ok = bool_parse(text, &on);

	*(bool *)out = ok && !on;
	return ok;
}

static bool text_parse(char *text, void *out)
{
	return strlcpy(out, text, sizeof(options.com1)) < sizeof(options.com1);
}

static bool console_parse(char *text, void *out)
{
	static const char *const words[] = {"com1", "vga", "none"};

	options.console_com1 = false;
	for (char *rest; text; text = rest) {
		rest = cut(text, ',');
		switch (word_index(text, words, 3)) {
		case 0:
			options.console_com1 = true;
			break;
		case 3:
			return false;
		}
	}
	return true;
}

static bool dom0_mem_parse(char *text, void *out)
{
	bool ok = true;

	for (char *rest; ok && text; text = rest) {
		rest = cut(text, ',');
		if (!strncmp(text, "min:", 4)) {
			ok = size_parse(text + 4, &options.dom0_mem_min);
		} else if (!strncmp(text, "max:", 4)) {
			ok = size_parse(text + 4, &options.dom0_mem_max);
		} else {
			ok = size_parse(text, &options.dom0_mem);
		}
	}
	return ok;
}

// N or MIN-MAX; the number of CPUs decides in between, so the maximum counts.
static bool most_parse(char *text, void *out)
{
	char *most = cut(text, '-');

	return number_parse(most ? most : text, out);
}

// LEVEL or LEVEL/LEVEL-LIMITED-IN-RATE; we limit all of the guests' alike.
static bool level_parse(char *text, void *out)
{
	static const char *const names[] = {"error", "warning", "info",
					    "debug", "all",	"none"};
	u32 i;

	cut(text, '/');
	i = word_index(text, names, ARRAY_SIZE(names));
	*(enum log_level *)out = i == 5 ? LOG_ERR : MIN(i, (u32)LOG_DEBUG);
	return i < ARRAY_SIZE(names);
}

static const struct {
	const char *name;
	bool (*parse)(char *value, void *out);
	void *out;
} words[] = {
    {"console", console_parse, NULL},
    {"com1", text_parse, options.com1},
    {"dom0_mem", dom0_mem_parse, NULL},
    {"dom0_max_vcpus", most_parse, &options.dom0_max_vcpus},
    {"loglvl", level_parse, &console_level},
    {"guest_loglvl", level_parse, &console_guest_level},
    {"noreboot", bool_parse, &options.noreboot},
    {"maxcpus", number_parse, &options.max_cpus},
    {"x2apic", off_parse, &options.no_x2apic},
    {"smap", off_parse, &options.no_smap},
    {"mem", size_parse, &options.mem_limit},
};

// One word, changed in place. `no-x` is `x=0`.
static bool word_parse(char *word)
{
	char *value = cut(word, '='), nothing[] = "", zero[] = "0";

	if (!value && !strncmp(word, "no-", 3)) {
		word += 3;
		value = zero;
	}
	for (u32 i = 0; i < ARRAY_SIZE(words); i++) {
		if (!strcmp(word, words[i].name)) {
			return words[i].parse(value ? value : nothing,
					      words[i].out);
		}
	}
	return false;
}

void cmdline_parse(const char *line)
{
	char word[128];
	size_t bytes, used;

	for (; *line; line += bytes + (line[bytes] == ' ')) {
		for (bytes = 0; line[bytes] && line[bytes] != ' ';) {
			bytes++;
		}
		strlcpy(word, line, MIN(bytes + 1, sizeof(word)));
		used = strlen(unknown);
		if (bytes && (bytes >= sizeof(word) || !word_parse(word)) &&
		    used + bytes + 2 <= sizeof(unknown)) {
			unknown[used] = ' ';
			memcpy(unknown + used + 1, line, bytes);
		}
	}
}

void cmdline_report(void)
{
	if (unknown[0]) {
		log_at(LOG_WARNING, "Command line: not understood:%s", unknown);
	}
}
