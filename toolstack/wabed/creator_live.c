// SPDX-License-Identifier: MIT
// Notes of what this creator makes, for the next one: a file for each
// micro-domain, named after it, with its uuid. It is written before anything
// else is made and goes when all of it has gone, so that a creator killed at
// any moment leaves nothing that the next one does not find.
#define _GNU_SOURCE
#include "creator.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"

#define BATCH 256

static void note_path(const char *name, char path[128])
{
	snprintf(path, 128, CREATOR_LIVE "/%s", name);
}

static void handle_text(const uint8_t h[16], char text[37])
{
	snprintf(text, 37,
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-"
		 "%02x%02x%02x%02x%02x%02x",
		 h[0], h[1], h[2], h[3], h[4], h[5], h[6], h[7], h[8], h[9],
		 h[10], h[11], h[12], h[13], h[14], h[15]);
}

int live_note(const struct record *r, const uint8_t uuid[16],
	      struct wabe_error *err)
{
	char path[128], text[37];

	note_path(r->info.name, path);
	handle_text(uuid, text);
	return file_write(path, text, strlen(text), err);
}

void live_forget(const struct record *r)
{
	char path[128];

	note_path(r->info.name, path);
	unlink(path);
}

// End the domains of this uuid: no one serves them any more.
static void uuid_end(struct creator *c, const char *name, const char *uuid)
{
	static xc_domaininfo_t infos[BATCH];
	uint32_t next = 1;
	int n;

	while ((n = xc_domain_getinfolist(c->machine.xch, next, BATCH, infos)) >
	       0) {
		next = infos[n - 1].domain + 1u;
		for (int i = 0; i < n; i++) {
			struct wabe_error err;
			char text[37];

			handle_text(infos[i].handle, text);
			if (!strcmp(text, uuid)) {
				creator_log("%s is left from before: ended",
					    name);
				mirror_remove(infos[i].domain, uuid);
				domain_destroy(&c->machine, infos[i].domain,
					       &err);
			}
		}
	}
}

// What an earlier creator left: domains, their names for xl, their logs.
void live_adopt(struct creator *c)
{
	DIR *d = opendir(CREATOR_LIVE);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		char path[512], *uuid = NULL;
		struct wabe_error err;
		size_t bytes;

		snprintf(path, sizeof(path), CREATOR_LIVE "/%s", e->d_name);
		if (*e->d_name == '.' ||
		    file_read(path, 64, &uuid, &bytes, &err)) {
			continue;
		}
		uuid_end(c, e->d_name, uuid);
		unlink(path);
		snprintf(path, sizeof(path), CREATOR_LOGS "/%s.log", e->d_name);
		unlink(path);
		free(uuid);
	}
	if (d) {
		closedir(d);
	}
}
