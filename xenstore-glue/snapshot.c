// SPDX-License-Identifier: MIT
// Save and restore: a head, then the parts in the order of snapshot_save().
#include "memory.h"
#include "snapshot.h"

enum { SNAPSHOT_MAGIC = 0x57534e31, SNAPSHOT_DEPTH = PATH_MAX_DEPTH + 1 };

struct head {
	uint32_t magic;
	uint16_t domid, host;
	uint64_t clock, requests, events_dropped;
	uint32_t last_transaction, transactions, watches;
	uint32_t req_cons, rsp_prod;
	uint32_t in_bytes, out_bytes;
};

struct writer {
	char *at;
	size_t left;
	bool full;
};

static void put(struct writer *w, const void *data, size_t bytes)
{
	if (bytes > w->left) {
		w->full = true;
		return;
	}
	if (bytes) {
		memcpy(w->at, data, bytes);
	}
	w->at += bytes;
	w->left -= bytes;
}

static void put_counted(struct writer *w, const void *data, uint32_t bytes)
{
	put(w, &bytes, sizeof(bytes));
	put(w, data, bytes);
}

static void put_node(struct writer *w, const struct node *node)
{
	put(w, &node->generation, sizeof(node->generation));
	put(w, &node->perms, sizeof(node->perms));
	put_counted(w, node->name, strlen(node->name));
	put_counted(w, node->value, node->value_bytes);
	put(w, &node->child_count, sizeof(node->child_count));
	for (uint32_t i = 0; i < node->child_count && !w->full; i++) {
		put_node(w, node->child[i]);
	}
}

size_t snapshot_save(const struct store *store, const struct ring *ring,
		     char *to, size_t room)
{
	struct writer w = {.at = to, .left = room};
	struct head head = {
	    .magic = SNAPSHOT_MAGIC,
	    .domid = store->domid,
	    .host = store->host,
	    .clock = store->clock,
	    .requests = store->requests,
	    .events_dropped = store->events_dropped,
	    .last_transaction = store->transactions.last_id,
	    .transactions = store->transactions.count,
	    .watches = store->watches.count,
	    .req_cons = ring->req_cons,
	    .rsp_prod = ring->rsp_prod,
	    .in_bytes = ring->in_bytes,
	    .out_bytes = store->out_end - store->out_start,
	};

	put(&w, &head, sizeof(head));
	put(&w, ring->in, head.in_bytes);
	if (head.out_bytes) {
		put(&w, store->out + store->out_start, head.out_bytes);
	}
	for (unsigned i = 0; i < head.transactions; i++) {
		put(&w, &store->transactions.list[i]->id, sizeof(uint32_t));
	}
	for (unsigned i = 0; i < head.watches; i++) {
		const struct watch *watch = &store->watches.list[i];
		uint32_t skip = watch->skip;

		put(&w, &skip, sizeof(skip));
		put_counted(&w, watch->path, strlen(watch->path));
		put_counted(&w, watch->token, strlen(watch->token));
	}
	put_node(&w, store->tree.root);
	return w.full ? 0 : room - w.left;
}

// --- restore ----------------------------------------------------------------

struct reader {
	const char *at;
	size_t left;
};

static bool get(struct reader *r, void *to, size_t bytes)
{
	if (bytes > r->left) {
		return false;
	}
	if (bytes) {
		memcpy(to, r->at, bytes);
	}
	r->at += bytes;
	r->left -= bytes;
	return true;
}

// A copy of counted bytes, at most max of them, with a 0 behind; NULL if none.
static char *get_counted(struct reader *r, uint32_t max, uint32_t *bytes)
{
	char *copy;

	if (!get(r, bytes, sizeof(*bytes)) || *bytes > max ||
	    *bytes > r->left) {
		return NULL;
	}
	copy = memory_copy(r->at, *bytes);
	r->at += *bytes;
	r->left -= *bytes;
	return copy;
}

static bool perms_valid(const struct perms *perms)
{
	bool valid = perms->count >= 1 && perms->count <= PERMS_MAX;

	for (int i = 0; valid && i < perms->count; i++) {
		valid = perms->entry[i].access <= (PERM_READ | PERM_WRITE);
	}
	return valid;
}

// Fill a node in place, so that whatever fails below it stays a whole tree.
static bool get_node(struct reader *r, struct tree *tree, struct node *node,
		     int depth)
{
	uint32_t bytes, children;
	char *name, *value;

	if (depth > SNAPSHOT_DEPTH ||
	    !get(r, &node->generation, sizeof(node->generation)) ||
	    !get(r, &node->perms, sizeof(node->perms)) ||
	    !perms_valid(&node->perms)) {
		node->perms = perms_owned(0, PERM_NONE);
		return false;
	}
	name = get_counted(r, PATH_MAX_BYTES, &bytes);
	if (!name || strlen(name) != bytes) {
		free(name);
		return false;
	}
	free(node->name);
	node->name = name;
	value = get_counted(r, WIRE_PAYLOAD_MAX, &bytes);
	if (!value || !get(r, &children, sizeof(children))) {
		free(value);
		return false;
	}
	free(node->value);
	node->value = value;
	node->value_bytes = bytes;
	tree_charge(tree, node);
	while (children--) {
		if (!get_node(r, tree, tree_append(node), depth + 1)) {
			return false;
		}
	}
	return true;
}

static bool get_watches(struct reader *r, struct store *store, uint32_t count)
{
	bool good = true;

	while (good && count--) {
		uint32_t skip, a, b;
		char *path = NULL, *token = NULL;

		good = get(r, &skip, sizeof(skip)) &&
		       (path = get_counted(r, PATH_MAX_BYTES, &a)) &&
		       (token = get_counted(r, WATCH_TOKEN_MAX, &b)) &&
		       strlen(path) == a && skip <= a &&
		       !watch_add(&store->watches, path, token,
				  skip ? store->home : NULL);
		good =
		    good &&
		    store->watches.list[store->watches.count - 1].skip == skip;
		free(path);
		free(token);
	}
	return good;
}

static bool get_parts(struct reader *r, struct store *store, struct ring *ring,
		      const struct head *head, uint32_t *ids)
{
	if (!get(r, ring->in, head->in_bytes) || head->out_bytes > r->left) {
		return false;
	}
	store->out_room = head->out_bytes;
	store->out = memory_copy(r->at, head->out_bytes);
	store->out_start = 0;
	store->out_end = head->out_bytes;
	r->at += head->out_bytes;
	r->left -= head->out_bytes;
	return get(r, ids, head->transactions * sizeof(*ids)) &&
	       get_watches(r, store, head->watches) &&
	       get_node(r, &store->tree, store->tree.root, 0);
}

bool snapshot_restore(struct store *store, struct ring *ring, const char *from,
		      size_t bytes)
{
	struct reader r = {.at = from, .left = bytes};
	uint32_t ids[TRANSACTION_MAX];
	struct head head;

	if (!get(&r, &head, sizeof(head)) || head.magic != SNAPSHOT_MAGIC ||
	    head.domid != store->domid || head.host != store->host ||
	    head.transactions > TRANSACTION_MAX ||
	    head.in_bytes > sizeof(ring->in) ||
	    head.out_bytes > STORE_MAX_OUT + 16 * WIRE_MESSAGE_MAX ||
	    !get_parts(&r, store, ring, &head, ids)) {
		store->out_start = store->out_end = 0;
		return false;
	}
	store->clock = head.clock;
	store->requests = head.requests;
	store->events_dropped = head.events_dropped;
	for (uint32_t i = 0; i < head.transactions; i++) {
		transaction_doom(&store->transactions, &store->tree, ids[i]);
	}
	store->transactions.last_id = head.last_transaction;
	ring_resume(ring, head.in_bytes, head.req_cons, head.rsp_prod);
	return true;
}
