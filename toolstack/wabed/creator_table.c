// SPDX-License-Identifier: MIT
// All micro-domains by name, by domain id, and in the order they were made.
// Nothing done to make one grows with how many there are.
#define _GNU_SOURCE
#include "creator.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static struct record **bucket(struct creator *c, const char *name)
{
	uint32_t hash = 2166136261u;

	for (; *name; name++) {
		hash = (hash ^ (unsigned char)*name) * 16777619u;
	}
	return &c->by_name[hash % NAME_BUCKETS];
}

static struct record *find_name(struct creator *c, const char *name)
{
	for (struct record *r = *bucket(c, name); r; r = r->next_name) {
		if (!strcmp(r->info.name, name)) {
			return r;
		}
	}
	return NULL;
}

// The one whose uuid begins so, if it is the only one.
static struct record *find_uuid(struct creator *c, const char *start)
{
	struct record *found = NULL;
	size_t n = strlen(start);

	for (struct record *r = c->records; r && n >= 4; r = r->next) {
		if (!strncmp(r->info.uuid, start, n)) {
			if (found) {
				return NULL;
			}
			found = r;
		}
	}
	return found;
}

struct record *record_find(struct creator *c, const char *name)
{
	struct record *r = find_name(c, name);
	unsigned long domid;
	char *end;

	if (r) {
		return r;
	}
	domid = strtoul(name, &end, 10);
	if (*name && !*end) {
		return domid < DOMIDS ? c->by_domid[domid] : NULL;
	}
	return find_uuid(c, name);
}

static void uuid_make(char text[37])
{
	uint8_t u[16];

	if (getrandom(u, sizeof(u), 0) != sizeof(u)) {
		abort();
	}
	u[6] = (uint8_t)((u[6] & 0x0f) | 0x40);
	u[8] = (uint8_t)((u[8] & 0x3f) | 0x80);
	snprintf(text, 37,
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-"
		 "%02x%02x%02x%02x%02x%02x",
		 u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9],
		 u[10], u[11], u[12], u[13], u[14], u[15]);
}

// Its log would be the creator's own.
static bool is_reserved(const char *name)
{
	return !strcmp(name, "wabed");
}

// Fill in uuid and name. A given name must be free.
int record_name(struct creator *c, struct wabe_spec *spec,
		struct wabe_error *err)
{
	char uuid[37], name[WABE_NAME_BYTES];
	const char *base = spec->image ? spec->image : "domain";
	size_t n = strcspn(base, ":/@");

	if (!spec->uuid) {
		uuid_make(uuid);
		spec->uuid = strdup(uuid);
	}
	if (spec->name && is_reserved(spec->name)) {
		return error_set(err, 0, "name %s: the daemon's own",
				 spec->name);
	}
	if (spec->name) {
		return find_name(c, spec->name)
			   ? error_set(err, EEXIST,
				       "name %s is taken (wabe rm %s frees it)",
				       spec->name, spec->name)
			   : 0;
	}
	snprintf(uuid, sizeof(uuid), "%s", spec->uuid);
	do {
		snprintf(name, sizeof(name), "%.*s-%.6s", n < 40 ? (int)n : 40,
			 base, uuid);
		uuid_make(uuid);
	} while (find_name(c, name));
	spec->name = strdup(name);
	return 0;
}

struct record *record_add(struct creator *c, struct wabe_spec *spec)
{
	struct record *r = calloc(1, sizeof(*r)), **at;

	if (!r) {
		abort();
	}
	r->spec = spec;
	for (unsigned int i = 0; i < WABE_MAX_NETS; i++) {
		r->taps[i] = -1;
	}
	r->info.domid = DOMID_INVALID;
	snprintf(r->info.name, sizeof(r->info.name), "%s", spec->name);
	snprintf(r->info.uuid, sizeof(r->info.uuid), "%s", spec->uuid);
	snprintf(r->info.image, sizeof(r->info.image), "%s",
		 spec->image ? spec->image : "");
	at = bucket(c, r->info.name);
	r->next_name = *at;
	*at = r;
	r->prev = c->records_end;
	*(r->prev ? &r->prev->next : &c->records) = r;
	c->records_end = r;
	c->record_count++;
	return r;
}

void record_forget(struct creator *c, struct record *r)
{
	struct record **at = bucket(c, r->info.name);

	while (*at != r) {
		at = &(*at)->next_name;
	}
	*at = r->next_name;
	*(r->prev ? &r->prev->next : &c->records) = r->next;
	*(r->next ? &r->next->prev : &c->records_end) = r->prev;
	c->record_count--;
	wabe_spec_free(r->spec);
	free(r);
}
