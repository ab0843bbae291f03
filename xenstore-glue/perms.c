// SPDX-License-Identifier: MIT
// Permission lists: parse, print, decide.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "perms.h"

static const char letters[] = "nrwb"; // index is PERM_READ | PERM_WRITE

struct perms perms_owned(uint16_t owner, uint8_t others)
{
	return (struct perms){.count = 1, .entry = {{owner, others}}};
}

// One "r12" without its end; false if it is anything else.
static bool entry_parse(struct perm *perm, const char *text, size_t bytes)
{
	const char *letter = bytes ? memchr(letters, text[0], 4) : NULL;
	unsigned id = 0;

	if (!letter || bytes < 2 || bytes > 6) {
		return false;
	}
	for (size_t i = 1; i < bytes; i++) {
		if (text[i] < '0' || text[i] > '9') {
			return false;
		}
		id = id * 10 + (text[i] - '0');
	}
	if (id > UINT16_MAX) {
		return false;
	}
	perm->domid = id;
	perm->access = letter - letters;
	return true;
}

int perms_parse(struct perms *perms, const char *text, size_t bytes)
{
	struct perms parsed = {.count = 0};

	while (bytes) {
		const char *end = memchr(text, 0, bytes);
		size_t n = end ? (size_t)(end - text) : bytes;

		if (parsed.count == PERMS_MAX) {
			return ENOSPC;
		}
		if (!end ||
		    !entry_parse(&parsed.entry[parsed.count], text, n)) {
			return EINVAL;
		}
		parsed.count++;
		text += n + 1;
		bytes -= n + 1;
	}
	if (!parsed.count) {
		return EINVAL;
	}
	*perms = parsed;
	return 0;
}

size_t perms_format(const struct perms *perms, char *text, size_t room)
{
	size_t used = 0;

	for (int i = 0; i < perms->count; i++) {
		int n = snprintf(text + used, room - used, "%c%u",
				 letters[perms->entry[i].access & 3],
				 perms->entry[i].domid);

		if (n < 0 || (size_t)n >= room - used) {
			break;
		}
		used += n + 1;
	}
	return used;
}

bool perms_allow(const struct perms *perms, uint16_t domid, uint8_t access)
{
	uint8_t has = perms->entry[0].access;

	if (perms->entry[0].domid == domid) {
		return true;
	}
	for (int i = 1; i < perms->count; i++) {
		if (perms->entry[i].domid == domid) {
			has = perms->entry[i].access;
			break;
		}
	}
	return (has & access) == access;
}
