// SPDX-License-Identifier: MIT
// A store's beginning and end, and the side of those who serve the guest: their
// changes know no permissions and no limits, and fire the guest's watches.
#include <errno.h>
#include <stdio.h>

#include "memory.h"
#include "queue.h"

void store_reset(struct store *store)
{
	unsigned max = store->watches.max;

	watches_clear(&store->watches);
	watches_init(&store->watches, max);
	transactions_clear(&store->transactions);
	store->dirty = true;
}

void store_init(struct store *store, uint16_t domid, uint16_t host)
{
	*store = (struct store){
	    .domid = domid,
	    .host = host,
	    .limits = {.owner = domid,
		       .nodes = STORE_MAX_NODES,
		       .bytes = STORE_MAX_BYTES,
		       .value_bytes = STORE_MAX_VALUE},
	};
	snprintf(store->home, sizeof(store->home), "/local/domain/%u", domid);
	tree_init(&store->tree, &store->limits, &store->clock, host);
	watches_init(&store->watches, STORE_MAX_WATCHES);
}

void store_fini(struct store *store)
{
	store_reset(store);
	tree_fini(&store->tree);
	free(store->out);
	store->out = NULL;
}

int store_set_bytes(struct store *store, const char *path, const void *value,
		    size_t bytes, bool guest_owns)
{
	char full[PATH_MAX_BYTES + 1];
	int error = path_make(full, store->home, path, strlen(path));
	bool is_new;

	if (error) {
		return error;
	}
	if (bytes > WIRE_PAYLOAD_MAX) {
		return E2BIG;
	}
	store->dirty = true;
	is_new = !tree_find(&store->tree, full);
	error = tree_write(&store->tree, store->host, full, value, bytes);
	if (!error && is_new) {
		struct perms perms = guest_owns
					 ? perms_owned(store->domid, PERM_NONE)
					 : perms_owned(store->host, PERM_READ);

		tree_set_perms(&store->tree, full, &perms);
	}
	if (!error) {
		watches_fire(&store->watches, full, false, queue_event, store);
	}
	return error;
}

int store_set(struct store *store, const char *path, const char *value)
{
	return store_set_bytes(store, path, value, strlen(value), false);
}

int store_remove(struct store *store, const char *path)
{
	char full[PATH_MAX_BYTES + 1];
	int error = path_make(full, store->home, path, strlen(path));

	if (!error) {
		store->dirty = true;
		error = tree_remove(&store->tree, full);
	}
	if (!error) {
		watches_fire(&store->watches, full, true, queue_event, store);
	}
	return error;
}

const struct node *store_find(const struct store *store, const char *path)
{
	char full[PATH_MAX_BYTES + 1];

	if (path_make(full, store->home, path, strlen(path))) {
		return NULL;
	}
	return tree_find(&store->tree, full);
}

const char *store_get(const struct store *store, const char *path)
{
	const struct node *node = store_find(store, path);

	return node ? node->value : NULL;
}

bool store_get_number(const struct store *store, const char *path, uint64_t max,
		      uint64_t *number)
{
	const char *text = store_get(store, path);
	uint64_t value = 0;

	if (!text || !*text) {
		return false;
	}
	for (; *text; text++) {
		unsigned digit = (unsigned char)*text - '0';

		if (digit > 9 || digit > max || value > (max - digit) / 10) {
			return false;
		}
		value = value * 10 + digit;
	}
	*number = value;
	return true;
}
