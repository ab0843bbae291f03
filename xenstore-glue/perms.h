// SPDX-License-Identifier: MIT
// Who may read and write a node: the store protocol's list of "n0", "r7",
// "w7", "b7". The first entry names the owner, who may do everything, and what
// everyone not listed may do.
#ifndef GLUE_PERMS_H
#define GLUE_PERMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PERMS_MAX = 5 };
enum { PERM_NONE = 0, PERM_READ = 1, PERM_WRITE = 2 };

struct perm {
	uint16_t domid;
	uint8_t access; // PERM_READ | PERM_WRITE
};

struct perms {
	uint8_t count; // at least 1
	struct perm entry[PERMS_MAX];
};

// A list with an owner and what the others may do.
struct perms perms_owned(uint16_t owner, uint8_t others);

// From the wire: `bytes` bytes of strings. 0, or EINVAL, or ENOSPC when there
// are more entries than fit. *perms is unaltered on failure.
int perms_parse(struct perms *perms, const char *text, size_t bytes);

// To the wire; returns the bytes written, at most room (PERMS_MAX * 8 is
// always enough).
size_t perms_format(const struct perms *perms, char *text, size_t room);

// May domid do all of `access`? The owner may.
bool perms_allow(const struct perms *perms, uint16_t domid, uint8_t access);

#endif
