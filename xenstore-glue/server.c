// SPDX-License-Identifier: MIT
// Answer a guest's store requests.
//
// Each request has a handler that returns an errno or sends the reply. Paths
// are made absolute and checked, and permission is decided, before a handler
// touches the tree; `view` is the tree it works on: the transaction's or the
// store's own.
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <xen/io/xs_wire.h>

#include "queue.h"

struct request {
	struct store *store;
	const struct wire_message *message;
	struct transaction *transaction; // NULL outside one
	struct tree *view;
	char path[PATH_MAX_BYTES + 1];
	const char *rest; // behind the path's 0, if there is one
	size_t rest_bytes;
};

static void reply(const struct request *request, const void *payload,
		  size_t bytes)
{
	queue_message(request->store, request->message->type,
		      request->message->request, request->message->transaction,
		      payload, bytes);
}

static int reply_ok(const struct request *request)
{
	reply(request, "OK", 3);
	return 0;
}

static void reply_error(struct store *store, const struct wire_message *message,
			int error)
{
	const char *name = wire_error_name(error);

	queue_message(store, XS_ERROR, message->request, message->transaction,
		      name, strlen(name) + 1);
}

// May the guest do this to `path`? A node that is not there answers for its
// nearest parent, so that what one may not read cannot be probed for.
static int access_check(const struct request *request, uint8_t access)
{
	const struct node *node = tree_find(request->view, request->path);
	const struct node *judge =
	    node ? node : tree_find_nearest(request->view, request->path);

	if (!perms_allow(&judge->perms, request->store->domid, access)) {
		return EACCES;
	}
	return 0;
}

// After a change by the guest: watches, and the host's state machines.
static void change_tell(struct store *store, const char *path, bool removed)
{
	watches_fire(&store->watches, path, removed, queue_event, store);
	if (store->changed) {
		store->changed(store->context, path);
	}
}

// The common end of requests that have changed a node.
static int reply_changed(struct request *request, bool removed)
{
	reply_ok(request);
	if (!request->transaction) {
		change_tell(request->store, request->path, removed);
	}
	return 0;
}

static int request_note(struct request *request, enum step_kind kind)
{
	return request->transaction
		   ? transaction_note(request->transaction, kind, request->path)
		   : 0;
}

// The common start of requests that look at a node.
static int request_find(struct request *request, const struct node **node)
{
	int error = access_check(request, PERM_READ);

	if (!error) {
		error = request_note(request, STEP_READ);
	}
	if (error) {
		return error;
	}
	*node = tree_find(request->view, request->path);
	return *node ? 0 : ENOENT;
}

// The common start of requests that change a node.
static int request_change(struct request *request, enum step_kind kind)
{
	int error = access_check(request, PERM_WRITE);

	return error ? error : request_note(request, kind);
}

static int do_read(struct request *request)
{
	const struct node *node;
	int error = request_find(request, &node);

	if (!error && node->value_bytes > WIRE_PAYLOAD_MAX) {
		error = E2BIG;
	}
	if (!error) {
		reply(request, node->value, node->value_bytes);
	}
	return error;
}

// Names of the children from byte `skip` of their list on. Returns the bytes;
// *complete says whether all fit.
static size_t names_copy(const struct node *node, size_t skip, char *out,
			 size_t room, bool *complete)
{
	size_t used = 0;

	*complete = false;
	for (uint32_t i = 0; i < node->child_count; i++) {
		size_t n = strlen(node->child[i]->name) + 1;

		if (skip >= n) {
			skip -= n;
			continue;
		}
		if (used + n - skip > room) {
			return used;
		}
		memcpy(out + used, node->child[i]->name + skip, n - skip);
		used += n - skip;
		skip = 0;
	}
	*complete = true;
	return used;
}

static int do_directory(struct request *request)
{
	const struct node *node;
	char names[WIRE_PAYLOAD_MAX];
	bool complete;
	size_t n;
	int error = request_find(request, &node);

	if (error) {
		return error;
	}
	n = names_copy(node, 0, names, sizeof(names), &complete);
	if (!complete) {
		return E2BIG;
	}
	reply(request, names, n);
	return 0;
}

// For lists too long for one message: the generation first, then names from
// an offset on; an empty name after the last.
static int do_directory_part(struct request *request)
{
	char out[WIRE_PAYLOAD_MAX];
	const struct node *node;
	unsigned offset;
	bool complete;
	size_t n;
	int error = request_find(request, &node);

	if (error) {
		return error;
	}
	if (!request->rest_bytes || sscanf(request->rest, "%u", &offset) != 1) {
		return EINVAL;
	}
	n = snprintf(out, sizeof(out), "%llu",
		     (unsigned long long)node->generation) +
	    1;
	n += names_copy(node, offset, out + n, sizeof(out) - n - 1, &complete);
	if (complete) {
		out[n++] = 0;
	}
	reply(request, out, n);
	return 0;
}

static int do_get_perms(struct request *request)
{
	const struct node *node;
	char text[PERMS_MAX * 8];
	int error = request_find(request, &node);

	if (!error) {
		reply(request, text,
		      perms_format(&node->perms, text, sizeof(text)));
	}
	return error;
}

static int do_write(struct request *request)
{
	int error = request_change(request, STEP_WRITE);

	if (!error) {
		error = tree_write(request->view, request->store->domid,
				   request->path, request->rest,
				   request->rest_bytes);
	}
	return error ? error : reply_changed(request, false);
}

static int do_mkdir(struct request *request)
{
	int error;

	if (tree_find(request->view, request->path)) {
		error = access_check(request, PERM_READ);
		return error ? error : reply_ok(request);
	}
	error = request_change(request, STEP_WRITE);
	if (!error) {
		error = tree_mkdir(request->view, request->store->domid,
				   request->path);
	}
	return error ? error : reply_changed(request, false);
}

// Removing what is not there is fine if its parent is.
static int do_rm(struct request *request)
{
	char *slash = strrchr(request->path, '/');
	int error;

	if (!request->path[1]) {
		return EINVAL;
	}
	if (!tree_find(request->view, request->path)) {
		bool parent;

		error = access_check(request, PERM_READ);
		*slash = 0;
		parent = slash == request->path ||
			 tree_find(request->view, request->path);
		return error ? error : parent ? reply_ok(request) : ENOENT;
	}
	error = request_change(request, STEP_REMOVE);
	if (!error) {
		error = tree_remove(request->view, request->path);
	}
	return error ? error : reply_changed(request, true);
}

// Only the owner may, and ownership stays: it is what the account is kept by.
static int do_set_perms(struct request *request)
{
	const struct node *node;
	struct perms perms;
	int error = request_find(request, &node);

	if (error) {
		return error;
	}
	if (node->perms.entry[0].domid != request->store->domid) {
		return EACCES;
	}
	error = perms_parse(&perms, request->rest, request->rest_bytes);
	if (!error && perms.entry[0].domid != request->store->domid) {
		error = EPERM;
	}
	if (!error) {
		error = request_note(request, STEP_PERMS);
	}
	if (!error) {
		error = tree_set_perms(request->view, request->path, &perms);
	}
	return error ? error : reply_changed(request, false);
}

// A watch's path: one of the tree, or a word that starts with '@'.
static int watch_path_make(struct request *request, const char *text,
			   const char **home)
{
	*home = NULL;
	if (text[0] == '@') {
		if (strlen(text) > 64) {
			return EINVAL;
		}
		strcpy(request->path, text);
		return 0;
	}
	if (text[0] != '/') {
		*home = request->store->home;
	}
	return path_make(request->path, request->store->home, text,
			 strlen(text));
}

static int do_watch(struct request *request)
{
	struct store *store = request->store;
	const char *string[2], *home;
	int error;

	if (wire_strings(request->message, string, 2) < 2) {
		return EINVAL;
	}
	error = watch_path_make(request, string[0], &home);
	if (!error) {
		error =
		    watch_add(&store->watches, request->path, string[1], home);
	}
	if (error) {
		return error;
	}
	reply_ok(request);
	// A new watch fires once, so that its owner need not look first.
	queue_event(store, string[0], string[1]);
	return 0;
}

static int do_unwatch(struct request *request)
{
	const char *string[2], *home;
	int error;

	if (wire_strings(request->message, string, 2) < 2) {
		return EINVAL;
	}
	error = watch_path_make(request, string[0], &home);
	if (!error) {
		error = watch_remove(&request->store->watches, request->path,
				     string[1]);
	}
	return error ? error : reply_ok(request);
}

static int do_reset_watches(struct request *request)
{
	store_reset(request->store);
	return reply_ok(request);
}

static int do_transaction_start(struct request *request)
{
	char text[12];
	uint32_t id;
	int error;

	if (request->message->transaction) {
		return EBUSY;
	}
	error = transaction_start(&request->store->transactions,
				  &request->store->tree, &id);
	if (!error) {
		reply(request, text, sprintf(text, "%u", id) + 1);
	}
	return error;
}

static int do_transaction_end(struct request *request)
{
	struct store *store = request->store;
	struct transaction *done = request->transaction;
	const char *word;
	int error = 0;

	if (!done) {
		return ENOENT;
	}
	if (wire_strings(request->message, &word, 1) != 1 ||
	    (strcmp(word, "T") && strcmp(word, "F"))) {
		return EINVAL;
	}
	if (*word == 'T') {
		error = transaction_commit(done, &store->tree);
	}
	if (!error) {
		reply_ok(request);
	}
	if (*word == 'T' && !error) {
		for (unsigned i = 0; i < done->step_count; i++) {
			const struct step *step = &done->steps[i];

			if (step->kind != STEP_READ) {
				change_tell(store, step->path,
					    step->kind == STEP_REMOVE);
			}
		}
	}
	transaction_end(&store->transactions, done);
	return error;
}

static int do_get_domain_path(struct request *request)
{
	const char *word;
	char path[32];
	unsigned id;

	if (wire_strings(request->message, &word, 1) != 1 ||
	    sscanf(word, "%u", &id) != 1 || id > UINT16_MAX) {
		return EINVAL;
	}
	reply(request, path, sprintf(path, "/local/domain/%u", id) + 1);
	return 0;
}

// To its knowledge there is the guest and who serves it.
static int do_is_introduced(struct request *request)
{
	const char *word;
	unsigned id;

	if (wire_strings(request->message, &word, 1) != 1 ||
	    sscanf(word, "%u", &id) != 1) {
		return EINVAL;
	}
	if (id == request->store->domid || id == request->store->host) {
		reply(request, "T", 2);
	} else {
		reply(request, "F", 2);
	}
	return 0;
}

// What a guest may ask; `path`: its payload starts with one; `looks`: outside
// a transaction it changes nothing, and asked again gives the same answer.
static const struct {
	int (*handler)(struct request *request);
	bool path, looks;
} requests[XS_TYPE_COUNT] = {
    [XS_DIRECTORY] = {do_directory, true},
    [XS_READ] = {do_read, true},
    [XS_GET_PERMS] = {do_get_perms, true},
    [XS_WATCH] = {do_watch, false},
    [XS_UNWATCH] = {do_unwatch, false},
    [XS_TRANSACTION_START] = {do_transaction_start, false},
    [XS_TRANSACTION_END] = {do_transaction_end, false},
    [XS_GET_DOMAIN_PATH] = {do_get_domain_path, false},
    [XS_WRITE] = {do_write, true},
    [XS_MKDIR] = {do_mkdir, true},
    [XS_RM] = {do_rm, true},
    [XS_SET_PERMS] = {do_set_perms, true},
    [XS_IS_DOMAIN_INTRODUCED] = {do_is_introduced, false},
    [XS_RESET_WATCHES] = {do_reset_watches, false},
    [XS_DIRECTORY_PART] = {do_directory_part, true},
};

static int request_path(struct request *request)
{
	const struct wire_message *message = request->message;
	const char *end = memchr(message->payload, 0, message->bytes);

	if (!end) {
		return EINVAL;
	}
	request->rest = end + 1;
	request->rest_bytes = message->payload + message->bytes - end - 1;
	return path_make(request->path, request->store->home, message->payload,
			 end - message->payload);
}

void store_feed(struct store *store, const struct wire_message *message)
{
	struct request request = {
	    .store = store,
	    .message = message,
	    .view = &store->tree,
	};
	int error = 0;

	store->requests++;
	if (message->type >= XS_TYPE_COUNT ||
	    !requests[message->type].handler) {
		reply_error(store, message, ENOSYS);
		return;
	}
	store->dirty |= !requests[message->type].looks || message->transaction;
	if (message->transaction && message->type != XS_TRANSACTION_START) {
		request.transaction = transaction_find(&store->transactions,
						       message->transaction);
		if (!request.transaction) {
			reply_error(store, message, ENOENT);
			return;
		}
		request.view = &request.transaction->now;
	}
	if (requests[message->type].path) {
		error = request_path(&request);
	}
	if (!error) {
		error = requests[message->type].handler(&request);
	}
	if (error) {
		reply_error(store, message, error);
	}
}
