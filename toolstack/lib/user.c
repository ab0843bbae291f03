// SPDX-License-Identifier: MIT
// Users by name, as the image's own passwd and group files know them.
#define _GNU_SOURCE
#include "image.h"

#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

struct user {
	char name[64]; // empty: none known
	unsigned long uid, gid;
	bool has_gid;
};

static FILE *file_of(const char *folder, const char *name)
{
	char path[4200];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return fopen(path, "re");
}

static bool number_read(const char *text, unsigned long *out)
{
	char *end;

	*out = strtoul(text, &end, 10);
	return *text && !*end && *out <= 0xfffffffeul;
}

// By number or name; a number need not be known.
static bool user_find(const char *folder, const char *text, struct user *u)
{
	FILE *f = file_of(folder, "passwd");
	bool number = number_read(text, &u->uid), found = number;
	struct passwd *p;

	while (f && (p = fgetpwent(f))) {
		if (number ? p->pw_uid == u->uid : !strcmp(p->pw_name, text)) {
			snprintf(u->name, sizeof(u->name), "%s", p->pw_name);
			u->uid = p->pw_uid;
			u->gid = p->pw_gid;
			u->has_gid = found = true;
			break;
		}
	}
	if (f) {
		fclose(f);
	}
	return found;
}

static bool group_find(const char *folder, const char *text, unsigned long *gid)
{
	FILE *f = file_of(folder, "group");
	bool found = number_read(text, gid);
	struct group *g;

	while (!found && f && (g = fgetgrent(f))) {
		if (!strcmp(g->gr_name, text)) {
			*gid = g->gr_gid;
			found = true;
		}
	}
	if (f) {
		fclose(f);
	}
	return found;
}

// The groups that list the user, behind its own.
static void groups_print(const char *folder, const struct user *u, FILE *to)
{
	FILE *f = *u->name ? file_of(folder, "group") : NULL;
	struct group *g;

	while (f && (g = fgetgrent(f))) {
		for (char **m = g->gr_mem; *m; m++) {
			if (!strcmp(*m, u->name) && g->gr_gid != u->gid) {
				fprintf(to, ",%u", g->gr_gid);
			}
		}
	}
	if (f) {
		fclose(f);
	}
}

int user_resolve(const char *folder, const char *user, char **out,
		 struct wabe_error *err)
{
	const char *colon = strchr(user, ':');
	char name[64];
	struct user u = {0};
	size_t bytes;
	FILE *to;

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(user, ":"), user);
	if (!user_find(folder, name, &u)) {
		return error_set(err, 0, "user %s: not in the image's passwd",
				 name);
	}
	if (colon && !group_find(folder, colon + 1, &u.gid)) {
		return error_set(err, 0, "group %s: not in the image's group",
				 colon + 1);
	}
	to = open_memstream(out, &bytes);
	if (!to) {
		abort();
	}
	fprintf(to, "%lu:%lu", u.uid, u.gid);
	if (!colon) {
		groups_print(folder, &u, to);
	}
	fclose(to);
	return 0;
}
