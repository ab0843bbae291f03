// SPDX-License-Identifier: MIT
// What follows an end: nothing, or the same micro-domain again, by its policy
// or because its guest rebooted. One that ends soon after each start waits
// longer each time.
#define _GNU_SOURCE
#include "creator.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_MS 100
#define LONGEST_MS 60000
#define SOUND_MS 10000 // who ran that long has not failed in a row

static bool has_failed(const struct wabe_info *info)
{
	return info->end == WABE_END_CRASH || info->end == WABE_END_SIGNAL ||
	       (info->end == WABE_END_CODE && info->value);
}

static bool policy_wants(const struct record *r)
{
	const char *policy = r->spec->restart;
	const char *most;

	if (!policy || !strcmp(policy, "no") ||
	    r->info.end == WABE_END_DESTROYED) {
		return false;
	}
	if (!strcmp(policy, "always")) {
		return true;
	}
	most = strchr(policy, ':');
	return has_failed(&r->info) &&
	       (!most || r->failures <= strtoul(most + 1, NULL, 10));
}

bool restart_plan(struct creator *c, struct record *r, enum wabe_end end,
		  uint32_t reason)
{
	uint64_t now = now_ms(), wait;
	bool rebooted = end == WABE_END_DOWN && reason == SHUTDOWN_reboot;

	if (r->stopping || end == WABE_END_DESTROYED || r->owner ||
	    r->flags & WABE_CREATE_REMOVE) {
		return false;
	}
	r->failures =
	    rebooted || now - r->started_ms > SOUND_MS ? 1 : r->failures + 1;
	if (!rebooted && !policy_wants(r)) {
		return false;
	}
	wait = rebooted ? 0
			: (uint64_t)FIRST_MS
			      << (r->failures < 12 ? r->failures - 1 : 11);
	r->restart_ms = now + (wait < LONGEST_MS ? wait : LONGEST_MS);
	r->info.state = WABE_RESTARTING;
	c->restarting++;
	c->hurry |= !wait;
	return true;
}

void restart_cancel(struct creator *c, struct record *r)
{
	c->restarting--;
	r->info.state = WABE_EXITED;
}

// One that cannot be made now has failed once more.
static void restart(struct creator *c, struct record *r)
{
	struct wabe_error err;

	restart_cancel(c, r);
	if (record_remake(c, r, &err)) {
		creator_log("%s", err.text);
		r->started_ms = now_ms();
		record_end(c, r, WABE_END_CRASH, 0);
	}
}

void restarts_run(struct creator *c)
{
	uint64_t now = now_ms();

	for (struct record *r = c->records, *after; r && c->restarting;
	     r = after) {
		after = r->next;
		if (r->info.state == WABE_RESTARTING && r->restart_ms <= now) {
			restart(c, r);
		}
	}
}
