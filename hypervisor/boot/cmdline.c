// SPDX-License-Identifier: MIT
// The command line, in Xen's words. It is read before there is a console, so
// words not understood are kept and told about later.
#include "start.h"

#include <wabe/console.h>
#include <wabe/lib.h>

struct options options = {.console_com1 = true};

static char unknown[256];

// Is `word`, to its end or a separator, the string `name`?
static bool word_is(const char *word, size_t bytes, const char *name)
{
	return strlen(name) == bytes && !strncmp(word, name, bytes);
}

// A size with suffix B K M G T; KiB without. False: not a size, to the end.
static bool size_parse(const char *text, size_t bytes, u64 *out)
{
	static const char suffixes[] = "BKMGT";
	const char *end, *suffix = NULL;
	u64 value = strtou64(text, &end);
	u32 shift = 10;

	if (end == text) {
		return false;
	}
	if (end < text + bytes) {
		suffix = strchr(suffixes, *end & ~0x20);
		if (!suffix || !*suffix) {
			return false;
		}
		shift = 10 * (suffix - suffixes);
		end++;
	}
	if (end != text + bytes) {
		return false;
	}
	*out = value > ~0ull >> shift ? ~0ull : value << shift;
	return true;
}

static bool number_parse(const char *text, u32 *out)
{
	const char *end;
	u64 value = strtou64(text, &end);

	*out = MIN(value, (u64)UINT32_MAX);
	return end != text && !*end;
}

static bool bool_parse(const char *text, bool *out)
{
	static const char *const yes[] = {"",	"1",	"yes",
					  "on", "true", "enable"};
	static const char *const no[] = {"0", "no", "off", "false", "disable"};

	for (u32 i = 0; i < ARRAY_SIZE(yes); i++) {
		if (!strcmp(text, yes[i])) {
			*out = true;
			return true;
		}
	}
	for (u32 i = 0; i < ARRAY_SIZE(no); i++) {
		if (!strcmp(text, no[i])) {
			*out = false;
			return true;
		}
	}
	return false;
}

// Call fn for each part between commas; false as soon as one is refused.
static bool parts_parse(const char *text, bool (*fn)(const char *, size_t))
{
	for (;;) {
		const char *comma = strchr(text, ',');
		size_t bytes = comma ? (size_t)(comma - text) : strlen(text);

		if (!fn(text, bytes)) {
			return false;
		}
		if (!comma) {
			return true;
		}
		text = comma + 1;
	}
}

static bool console_part(const char *text, size_t bytes)
{
	if (word_is(text, bytes, "com1")) {
		options.console_com1 = true;
	} else if (word_is(text, bytes, "vga")) {
		options.console_vga = true;
	} else {
		return word_is(text, bytes, "none");
	}
	return true;
}

static bool console_set(const char *text)
{
	options.console_com1 = options.console_vga = false;
	return parts_parse(text, console_part);
}

static bool com1_set(const char *text)
{
	return strlcpy(options.com1, text, sizeof(options.com1)) <
	       sizeof(options.com1);
}

static bool dom0_mem_part(const char *text, size_t bytes)
{
	if (bytes > 4 && !strncmp(text, "min:", 4)) {
		return size_parse(text + 4, bytes - 4, &options.dom0_mem_min);
	}
	if (bytes > 4 && !strncmp(text, "max:", 4)) {
		return size_parse(text + 4, bytes - 4, &options.dom0_mem_max);
	}
	return size_parse(text, bytes, &options.dom0_mem);
}

static bool dom0_mem_set(const char *text)
{
	return parts_parse(text, dom0_mem_part);
}

// N or MIN-MAX; the number of CPUs decides in between, so the maximum counts.
static bool dom0_vcpus_set(const char *text)
{
	const char *dash = strchr(text, '-');

	return number_parse(dash ? dash + 1 : text, &options.dom0_max_vcpus);
}

// LEVEL or LEVEL/LEVEL-LIMITED-IN-RATE; we limit all of the guests' alike.
static bool level_parse(const char *text, enum log_level *out)
{
	static const char *const names[] = {"error", "warning", "info",
					    "debug", "none",	"all"};
	const char *slash = strchr(text, '/');
	size_t bytes = slash ? (size_t)(slash - text) : strlen(text);

	for (u32 i = 0; i < ARRAY_SIZE(names); i++) {
		if (word_is(text, bytes, names[i])) {
			*out = i == 4 ? LOG_ERR : MIN(i, (u32)LOG_DEBUG);
			return true;
		}
	}
	return false;
}

static bool loglvl_set(const char *text)
{
	return level_parse(text, &console_level);
}

static bool guest_loglvl_set(const char *text)
{
	return level_parse(text, &console_guest_level);
}

static bool noreboot_set(const char *text)
{
	return bool_parse(text, &options.noreboot);
}

static bool maxcpus_set(const char *text)
{
	return number_parse(text, &options.max_cpus);
}

static bool x2apic_set(const char *text)
{
	bool on, ok = bool_parse(text, &on);

	options.no_x2apic = ok && !on;
	return ok;
}

static bool smap_set(const char *text)
{
	bool on, ok = bool_parse(text, &on);

	options.no_smap = ok && !on;
	return ok;
}

static bool mem_set(const char *text)
{
	return size_parse(text, strlen(text), &options.mem_limit);
}

static const struct {
	const char *name;
	bool (*set)(const char *value);
} words[] = {
    {"console", console_set},	{"com1", com1_set},
    {"dom0_mem", dom0_mem_set}, {"dom0_max_vcpus", dom0_vcpus_set},
    {"loglvl", loglvl_set},	{"guest_loglvl", guest_loglvl_set},
    {"noreboot", noreboot_set}, {"maxcpus", maxcpus_set},
    {"x2apic", x2apic_set},	{"smap", smap_set},
    {"mem", mem_set},
};

// One word, NUL-terminated, changed in place. `no-x` is `x=0`.
static bool word_parse(char *word)
{
	char *value = strchr(word, '=');

	if (value) {
		*value++ = '\0';
	} else if (!strncmp(word, "no-", 3)) {
		word += 3;
		value = "0";
	} else {
		value = "";
	}
	for (u32 i = 0; i < ARRAY_SIZE(words); i++) {
		if (!strcmp(word, words[i].name)) {
			return words[i].set(value);
		}
	}
	return false;
}

static void unknown_add(const char *word, size_t bytes)
{
	size_t used = strlen(unknown);

	if (used + bytes + 2 <= sizeof(unknown)) {
		unknown[used] = ' ';
		memcpy(unknown + used + 1, word, bytes);
	}
}

void cmdline_parse(const char *line)
{
	char word[128];

	while (*line) {
		size_t bytes = 0;

		while (line[bytes] && line[bytes] != ' ') {
			bytes++;
		}
		if (bytes) {
			strlcpy(word, line, MIN(bytes + 1, sizeof(word)));
			if (bytes >= sizeof(word) || !word_parse(word)) {
				unknown_add(line, bytes);
			}
		}
		line += bytes + (line[bytes] == ' ');
	}
}

void cmdline_report(void)
{
	if (unknown[0]) {
		log_at(LOG_WARNING, "Command line: not understood:%s", unknown);
	}
}
