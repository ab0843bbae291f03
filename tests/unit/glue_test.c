// SPDX-License-Identifier: MIT
// The store of one domain, from the ring to the tree: what a guest is told,
// what it may do, how much it may hold, and what lies in its ring do.
// (Sources are included: one program, one file.)
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <xen/io/xs_wire.h>

#include "../../xenstore-glue/perms.c"
#include "../../xenstore-glue/tree.c"
#include "../../xenstore-glue/watch.c"
#include "../../xenstore-glue/transaction.c"
#include "../../xenstore-glue/wire.c"
#include "../../xenstore-glue/queue.c"
#include "../../xenstore-glue/host.c"
#include "../../xenstore-glue/server.c"
#include "../../xenstore-glue/ring.c"
#include "../../xenstore-glue/snapshot.c"

struct guest {
	struct store store;
	struct ring ring;
	struct xenstore_domain_interface page;
	char got[WIRE_MESSAGE_MAX * 40]; // bytes the guest has read
	size_t got_bytes;
	char changed[256]; // paths the host was told of
};

static void changed(void *context, const char *path)
{
	struct guest *g = context;

	snprintf(g->changed + strlen(g->changed),
		 sizeof(g->changed) - strlen(g->changed), "%s ", path);
}

static int setup(void **state)
{
	struct guest *g = calloc(1, sizeof(*g));

	store_init(&g->store, 7, 0);
	g->store.changed = changed;
	g->store.context = g;
	ring_init(&g->ring, &g->page);
	store_set(&g->store, "name", "seven");
	store_set_bytes(&g->store, "data", "", 0, true);
	store_set(&g->store, "/local/domain/0/secret", "x");
	tree_set_perms(&g->store.tree, "/local/domain/0/secret",
		       &(struct perms){.count = 1});
	*state = g;
	return 0;
}

static int teardown(void **state)
{
	struct guest *g = *state;

	store_fini(&g->store);
	free(g);
	return 0;
}

// A turn without a save between.
static bool serve(struct guest *g, unsigned messages, bool *notify, bool *more)
{
	bool alive = ring_take(&g->ring, &g->store, messages, more) &&
		     ring_publish(&g->ring, &g->store, notify);

	*more |= ring_waits(&g->ring, &g->store);
	return alive;
}

// Another server goes on from a save of this one.
static void restart(struct guest *g)
{
	static char saved[2 << 20], again[2 << 20];
	size_t bytes = snapshot_save(&g->store, &g->ring, saved, sizeof(saved));

	assert_true(bytes > 0);
	store_fini(&g->store);
	store_init(&g->store, 7, 0);
	g->store.changed = changed;
	g->store.context = g;
	ring_init(&g->ring, &g->page);
	assert_true(snapshot_restore(&g->store, &g->ring, saved, bytes));
	assert_int_equal(
	    snapshot_save(&g->store, &g->ring, again, sizeof(again)), bytes);
	assert_memory_equal(saved, again, bytes);
}

// Serve until nothing moves, reading what comes.
static bool pump(struct guest *g)
{
	bool notify = true, more = true;

	while (notify || more) {
		uint32_t n;

		notify = more = false;
		if (!serve(g, 4, &notify, &more)) {
			return false;
		}
		n = g->page.rsp_prod - g->page.rsp_cons;
		for (uint32_t i = 0; i < n; i++) {
			if (g->got_bytes < sizeof(g->got)) {
				g->got[g->got_bytes++] =
				    g->page.rsp[MASK_XENSTORE_IDX(
					g->page.rsp_cons + i)];
			}
		}
		g->page.rsp_cons += n;
		notify |= n != 0;
	}
	return true;
}

static bool push(struct guest *g, const char *data, size_t bytes)
{
	while (bytes) {
		while (bytes && g->page.req_prod - g->page.req_cons <
				    XENSTORE_RING_SIZE) {
			g->page.req[MASK_XENSTORE_IDX(g->page.req_prod)] =
			    *data++;
			g->page.req_prod++;
			bytes--;
		}
		if (!pump(g)) {
			return false;
		}
	}
	return true;
}

// Send one request; its reply as "type:payload" with zeros shown as '|'.
static const char *ask(struct guest *g, uint32_t type, uint32_t tx,
		       const char *payload, size_t bytes)
{
	static char text[WIRE_MESSAGE_MAX + 16];
	char message[WIRE_MESSAGE_MAX];
	size_t n = wire_build(message, type, 99, tx, payload, bytes);
	struct xsd_sockmsg h;

	g->got_bytes = 0;
	assert_true(push(g, message, n));
	assert_true(g->got_bytes >= sizeof(h));
	memcpy(&h, g->got, sizeof(h));
	assert_int_equal(h.req_id, 99);
	assert_int_equal(h.tx_id, tx);
	assert_true(h.type == type || h.type == XS_ERROR);
	n = snprintf(text, 16, "%s", h.type == XS_ERROR ? "!" : "");
	memcpy(text + n, g->got + sizeof(h), h.len);
	for (size_t i = 0; i < h.len; i++) {
		text[n + i] = text[n + i] ? text[n + i] : '|';
	}
	text[n + h.len] = 0;
	// what follows are events: leave them at the front of got
	g->got_bytes -= sizeof(h) + h.len;
	memmove(g->got, g->got + sizeof(h) + h.len, g->got_bytes);
	return text;
}

// A literal with zeros inside; its own last zero is not sent.
#define ASK(g, type, tx, literal) ask(g, type, tx, literal, sizeof(literal) - 1)

static int events(struct guest *g, const char *path)
{
	size_t at = 0;
	int count = 0;

	while (at < g->got_bytes) {
		struct xsd_sockmsg h;

		memcpy(&h, g->got + at, sizeof(h));
		assert_int_equal(h.type, XS_WATCH_EVENT);
		count += !strcmp(g->got + at + sizeof(h), path);
		at += sizeof(h) + h.len;
	}
	return count;
}

static void read_and_list(void **state)
{
	struct guest *g = *state;

	assert_string_equal(ASK(g, XS_READ, 0, "name\0"), "seven");
	assert_string_equal(ASK(g, XS_READ, 0, "/local/domain/7/name\0"),
			    "seven");
	assert_string_equal(ASK(g, XS_READ, 0, "nobody\0"), "!ENOENT|");
	assert_string_equal(ASK(g, XS_DIRECTORY, 0, "/local/domain/7\0"),
			    "data|name|");
	assert_string_equal(ASK(g, XS_DIRECTORY, 0, "/local/domain\0"), "0|7|");
	assert_string_equal(ASK(g, XS_GET_PERMS, 0, "name\0"), "r0|");
	assert_string_equal(ASK(g, XS_GET_PERMS, 0, "data\0"), "n7|");
	assert_string_equal(ASK(g, XS_GET_DOMAIN_PATH, 0, "7\0"),
			    "/local/domain/7|");
	assert_true(strstr(ASK(g, XS_DIRECTORY_PART, 0,
			       "/local/domain/7\0"
			       "5\0"),
			   "|name||") != NULL);
}

static void write_where_allowed(void **state)
{
	struct guest *g = *state;

	assert_string_equal(ASK(g, XS_WRITE, 0, "data/a/b\0hello"), "OK|");
	assert_string_equal(ASK(g, XS_READ, 0, "data/a/b\0"), "hello");
	assert_string_equal(ASK(g, XS_READ, 0, "data/a\0"), "");
	assert_string_equal(g->changed, "/local/domain/7/data/a/b ");
	assert_string_equal(ASK(g, XS_WRITE, 0, "name\0eight"), "!EACCES|");
	assert_string_equal(ASK(g, XS_WRITE, 0, "new\0x"), "!EACCES|");
	assert_string_equal(ASK(g, XS_RM, 0, "name\0"), "!EACCES|");
	assert_string_equal(ASK(g, XS_READ, 0, "/local/domain/0/secret\0"),
			    "!EACCES|");
	assert_string_equal(ASK(g, XS_READ, 0, "/local/domain/0/secret/x\0"),
			    "!EACCES|");
	assert_string_equal(ASK(g, XS_RM, 0, "data/a\0"), "OK|");
	assert_string_equal(ASK(g, XS_READ, 0, "data/a/b\0"), "!ENOENT|");
	assert_string_equal(ASK(g, XS_RM, 0, "data/a\0"), "OK|");
	assert_string_equal(ASK(g, XS_RM, 0, "data/a/b\0"), "!ENOENT|");
	assert_string_equal(ASK(g, XS_RM, 0, "/\0"), "!EINVAL|");
	assert_int_equal(g->store.tree.nodes, 1);
}

static void bad_paths_and_types(void **state)
{
	struct guest *g = *state;

	assert_string_equal(ASK(g, XS_READ, 0, "name"), "!EINVAL|");
	assert_string_equal(ASK(g, XS_READ, 0, ""), "!EINVAL|");
	assert_string_equal(ASK(g, XS_READ, 0, "\0"), "!EINVAL|");
	assert_string_equal(ASK(g, XS_READ, 0, "a//b\0"), "!EINVAL|");
	assert_string_equal(ASK(g, XS_READ, 0, "a/\0"), "!EINVAL|");
	assert_string_equal(ASK(g, XS_READ, 0, "a b\0"), "!EINVAL|");
	assert_string_equal(ASK(g, XS_CONTROL, 0, "x\0"), "!ENOSYS|");
	assert_string_equal(ASK(g, XS_INTRODUCE, 0,
				"8\0"
				"1\0"
				"2\0"),
			    "!ENOSYS|");
	assert_string_equal(ASK(g, 4711, 0, ""), "!ENOSYS|");
	assert_string_equal(ASK(g, XS_READ, 5, "name\0"), "!ENOENT|");
	assert_string_equal(ASK(g, XS_WATCH, 0, "name\0"), "!EINVAL|");
	assert_string_equal(ASK(g, XS_SET_PERMS, 0, "data\0n0\0"), "!EPERM|");
	assert_string_equal(ASK(g, XS_SET_PERMS, 0, "data\0x7\0"), "!EINVAL|");
	assert_string_equal(ASK(g, XS_SET_PERMS, 0, "name\0n7\0"), "!EACCES|");
	assert_string_equal(ASK(g, XS_SET_PERMS, 0, "data\0b7\0r3\0"), "OK|");
	assert_string_equal(ASK(g, XS_GET_PERMS, 0, "data\0"), "b7|r3|");
}

static void watches_tell(void **state)
{
	struct guest *g = *state;

	assert_string_equal(ASK(g, XS_WATCH, 0, "data\0t1\0"), "OK|");
	assert_int_equal(events(g, "data"), 1);
	assert_string_equal(ASK(g, XS_WATCH, 0, "data\0t1\0"), "!EEXIST|");
	assert_string_equal(ASK(g, XS_WRITE, 0, "data/x\0001"), "OK|");
	assert_int_equal(events(g, "data/x"), 1);
	ASK(g, XS_WATCH, 0, "/local/domain/7/data/x/deep\0t2\0");
	assert_string_equal(ASK(g, XS_RM, 0, "data\0"), "OK|");
	assert_int_equal(events(g, "data"), 1);
	assert_int_equal(events(g, "/local/domain/7/data/x/deep"), 1);
	ASK(g, XS_WATCH, 0, "name\0t3\0");
	g->got_bytes = 0;
	store_set(&g->store, "name", "renamed");
	assert_true(pump(g));
	assert_int_equal(events(g, "name"), 1);
	assert_string_equal(ASK(g, XS_UNWATCH, 0, "name\0t3\0"), "OK|");
	assert_string_equal(ASK(g, XS_UNWATCH, 0, "name\0t3\0"), "!ENOENT|");
	assert_string_equal(ASK(g, XS_RESET_WATCHES, 0, "\0"), "OK|");
	assert_int_equal(g->store.watches.count, 0);
	assert_string_equal(ASK(g, XS_WATCH, 0, "@releaseDomain\0t\0"), "OK|");
}

static void transactions_commit(void **state)
{
	struct guest *g = *state;

	assert_string_equal(ASK(g, XS_TRANSACTION_START, 0, "\0"), "1|");
	assert_string_equal(ASK(g, XS_WRITE, 1, "data/x\0in"), "OK|");
	assert_string_equal(ASK(g, XS_READ, 0, "data/x\0"), "!ENOENT|");
	assert_string_equal(ASK(g, XS_READ, 1, "data/x\0"), "in");
	assert_string_equal(g->changed, "");
	// the host changes something else: merged
	store_set(&g->store, "name", "other");
	assert_string_equal(ASK(g, XS_TRANSACTION_END, 1, "T\0"), "OK|");
	assert_string_equal(ASK(g, XS_READ, 0, "data/x\0"), "in");
	assert_string_equal(ASK(g, XS_READ, 0, "name\0"), "other");
	assert_string_equal(g->changed, "/local/domain/7/data/x ");
	assert_string_equal(ASK(g, XS_TRANSACTION_END, 1, "T\0"), "!ENOENT|");
	// something it read changes: again
	assert_string_equal(ASK(g, XS_TRANSACTION_START, 0, "\0"), "2|");
	ASK(g, XS_READ, 2, "name\0");
	ASK(g, XS_WRITE, 2, "data/y\0no");
	store_set(&g->store, "name", "third");
	assert_string_equal(ASK(g, XS_TRANSACTION_END, 2, "T\0"), "!EAGAIN|");
	assert_string_equal(ASK(g, XS_READ, 0, "data/y\0"), "!ENOENT|");
	// given up
	assert_string_equal(ASK(g, XS_TRANSACTION_START, 0, "\0"), "3|");
	ASK(g, XS_RM, 3, "data\0");
	assert_string_equal(ASK(g, XS_TRANSACTION_END, 3, "F\0"), "OK|");
	assert_string_equal(ASK(g, XS_READ, 0, "data/x\0"), "in");
	// remove and make again: the old children stay gone
	store_set(&g->store, "name", "fourth");
	assert_string_equal(ASK(g, XS_TRANSACTION_START, 0, "\0"), "4|");
	ASK(g, XS_WRITE, 4, "data/t/u\0x");
	ASK(g, XS_RM, 4, "data/t\0");
	ASK(g, XS_WRITE, 4, "data/t/v\0y");
	store_set(&g->store, "name", "fifth");
	assert_string_equal(ASK(g, XS_TRANSACTION_END, 4, "T\0"), "OK|");
	assert_string_equal(ASK(g, XS_DIRECTORY, 0, "data/t\0"), "v|");
}

static void what_a_guest_holds_is_bounded(void **state)
{
	struct guest *g = *state;
	static char big[4096] = "data/big";
	char path[64];
	int made = 0, refused = 0;

	assert_string_equal(ask(g, XS_WRITE, 0, big, 9 + STORE_MAX_VALUE),
			    "OK|");
	assert_string_equal(ask(g, XS_WRITE, 0, big, 10 + STORE_MAX_VALUE),
			    "!ENOSPC|");
	for (int i = 0; i < 2 * STORE_MAX_NODES; i++) {
		int n = snprintf(path, sizeof(path), "data/n/%d", i) + 1;
		const char *answer = ask(g, XS_WRITE, 0, path, n);

		made += !strcmp(answer, "OK|");
		refused += !strcmp(answer, "!ENOSPC|");
	}
	assert_int_equal(g->store.tree.nodes, STORE_MAX_NODES);
	assert_int_equal(made + refused, 2 * STORE_MAX_NODES);
	for (int i = 0; i < TRANSACTION_MAX; i++) {
		ASK(g, XS_TRANSACTION_START, 0, "\0");
	}
	assert_string_equal(ASK(g, XS_TRANSACTION_START, 0, "\0"), "!ENOSPC|");
	for (int i = 0; i < STORE_MAX_WATCHES; i++) {
		int n = snprintf(path, sizeof(path), "data%ct%d", 0, i) + 1;

		assert_string_equal(ask(g, XS_WATCH, 0, path, n), "OK|");
	}
	assert_string_equal(ASK(g, XS_WATCH, 0, "data\0tt\0"), "!ENOSPC|");
	ASK(g, XS_RM, 0, "data\0");
	assert_int_equal(g->store.tree.nodes, 0);
	assert_int_equal(g->store.tree.bytes, 0);
}

// Also of what is looked for and not there.
static void what_a_transaction_remembers_is_bounded(void **state)
{
	struct guest *g = *state;
	static char path[2001];
	size_t held = 0;
	int refused = 0;

	memset(path, 'x', 2000);
	memcpy(path, "data/", 5);
	ASK(g, XS_TRANSACTION_START, 0, "\0");
	for (int i = 0; i < 1000; i++) {
		path[5] = 'a' + i % 26;
		path[6] = 'a' + i / 26 % 26;
		path[7] = 'a' + i / 26 / 26;
		refused +=
		    !strcmp(ask(g, XS_READ, 1, path, sizeof(path)), "!ENOSPC|");
	}
	for (unsigned i = 0; i < g->store.transactions.list[0]->step_count;
	     i++) {
		held += strlen(g->store.transactions.list[0]->steps[i].path);
	}
	assert_in_range(held, 10000, TRANSACTION_MAX_BYTES);
	assert_in_range(refused, 1, 999);
	assert_string_equal(ASK(g, XS_TRANSACTION_END, 1, "T\0"), "OK|");
}

static void events_nobody_reads_are_dropped(void **state)
{
	struct guest *g = *state;

	ASK(g, XS_WATCH, 0, "name\0t\0");
	for (int i = 0; i < 40000; i++) {
		store_set(&g->store, "name", "again");
	}
	assert_true(g->store.events_dropped > 0);
	assert_true(g->store.out_room <= 2 * STORE_MAX_OUT);
}

// A guest that does not read its answers is not served further.
static void unread_answers_hold_requests(void **state)
{
	struct guest *g = *state;
	char message[WIRE_MESSAGE_MAX];
	size_t n = wire_build(message, XS_READ, 1, 0, "name", 5);
	bool notify = false, more = false;
	int pushed = 0;

	for (int round = 0; round < 500; round++) {
		if (g->page.req_prod - g->page.req_cons <=
		    XENSTORE_RING_SIZE - n) {
			for (size_t i = 0; i < n; i++) {
				g->page.req[MASK_XENSTORE_IDX(
				    g->page.req_prod++)] = message[i];
			}
			pushed++;
		}
		assert_true(serve(g, 8, &notify, &more));
	}
	assert_true(pushed < 150);
	assert_true(g->store.out_end - g->store.out_start <= 1024);
}

static void lying_indices_end_the_ring(void **state)
{
	struct guest *g = *state;
	bool notify = false, more = false;

	g->page.req_prod = g->page.req_cons + XENSTORE_RING_SIZE + 1;
	assert_false(serve(g, 8, &notify, &more));
	assert_int_equal(g->page.error, XENSTORE_ERROR_RINGIDX);
	g->page.req_prod = g->page.req_cons;
	g->page.rsp_cons = g->page.rsp_prod + 1;
	queue_message(&g->store, XS_READ, 0, 0, "x", 1);
	ring_init(&g->ring, &g->page);
	g->page.rsp_cons = g->page.rsp_prod + 1;
	assert_false(serve(g, 8, &notify, &more));
}

static void too_long_a_message_ends_the_ring(void **state)
{
	struct guest *g = *state;
	struct xsd_sockmsg h = {.type = XS_READ, .len = 4097};

	assert_false(push(g, (char *)&h, sizeof(h)));
	assert_int_equal(g->page.error, XENSTORE_ERROR_PROTO);
}

static void a_restart_is_not_noticed(void **state)
{
	struct guest *g = *state;

	ASK(g, XS_WRITE, 0, "data/x\0before");
	ASK(g, XS_WATCH, 0, "data\0token\0");
	ASK(g, XS_WATCH, 0, "/local/domain/7/name\0other\0");
	assert_string_equal(ASK(g, XS_TRANSACTION_START, 0, "\0"), "1|");
	ASK(g, XS_WRITE, 1, "data/x\0inside");
	restart(g);
	assert_string_equal(ASK(g, XS_READ, 0, "data/x\0"), "before");
	assert_string_equal(ASK(g, XS_GET_PERMS, 0, "data/x\0"), "n7|");
	assert_int_equal(g->store.tree.nodes, 2);
	// the transaction goes on, to be made again
	assert_string_equal(ASK(g, XS_WRITE, 1, "data/x\0inside"), "OK|");
	assert_string_equal(ASK(g, XS_TRANSACTION_END, 1, "T\0"), "!EAGAIN|");
	assert_string_equal(ASK(g, XS_TRANSACTION_START, 0, "\0"), "2|");
	assert_string_equal(ASK(g, XS_TRANSACTION_END, 2, "T\0"), "OK|");
	ASK(g, XS_WRITE, 0, "data/y\0z");
	assert_int_equal(events(g, "data/y"), 1);
	store_set(&g->store, "name", "n");
	assert_true(pump(g));
	assert_int_equal(events(g, "/local/domain/7/name"), 1);
}

// Linux tells of a request only if all before it is seen to be taken.
static void a_request_during_a_turn_is_not_forgotten(void **state)
{
	struct guest *g = *state;
	char message[WIRE_MESSAGE_MAX];
	size_t n = wire_build(message, XS_READ, 99, 0, "name", 5);
	bool more = false, notify = false;

	for (unsigned turn = 0; turn < 2; turn++) {
		for (size_t i = 0; i < n; i++) {
			g->page.req[MASK_XENSTORE_IDX(g->page.req_prod++)] =
			    message[i];
		}
		if (!turn) {
			assert_true(ring_take(&g->ring, &g->store, 4, &more));
			assert_false(more);
			assert_int_not_equal(g->page.req_cons,
					     g->ring.req_cons);
		}
	}
	assert_true(ring_publish(&g->ring, &g->store, &notify));
	assert_true(ring_waits(&g->ring, &g->store));
	assert_true(serve(g, 4, &notify, &more));
	assert_int_equal(g->page.req_cons, g->page.req_prod);
	assert_false(more);
}

// Half a request in, an answer half out, and one sent but not saved.
static void a_restart_in_the_middle_of_messages(void **state)
{
	struct guest *g = *state;
	char message[WIRE_MESSAGE_MAX];
	size_t n = wire_build(message, XS_READ, 99, 0, "name", 5);
	bool more, notify = false;

	assert_true(push(g, message, n / 2));
	restart(g);
	g->got_bytes = 0;
	assert_true(push(g, message + n / 2, n - n / 2));
	assert_int_equal(g->got_bytes, 16 + 5);
	// taken, saved, not published; then published in part by the old server
	for (size_t i = 0; i < n; i++) {
		g->page.req[MASK_XENSTORE_IDX(g->page.req_prod++)] = message[i];
	}
	assert_true(ring_take(&g->ring, &g->store, 4, &more));
	restart(g);
	assert_true(ring_publish(&g->ring, &g->store, &notify));
	assert_true(notify);
	assert_false(ring_waits(&g->ring, &g->store));
	assert_int_equal(g->page.rsp_prod - g->page.rsp_cons, 21);
	assert_true(pump(g));
	// published and read by the guest, but the save is from before
	{
		static char saved[1 << 16];
		size_t bytes =
		    snapshot_save(&g->store, &g->ring, saved, sizeof(saved));

		g->got_bytes = 0;
		assert_true(push(g, message, n));
		assert_int_equal(g->got_bytes, 21);
		store_fini(&g->store);
		store_init(&g->store, 7, 0);
		ring_init(&g->ring, &g->page);
		assert_true(
		    snapshot_restore(&g->store, &g->ring, saved, bytes));
		assert_true(pump(g));
		assert_int_equal(g->got_bytes, 21);
	}
	assert_string_equal(ASK(g, XS_READ, 0, "name\0"), "seven");
}

static void broken_snapshots_are_refused(void **state)
{
	struct guest *g = *state;
	static char saved[1 << 16];
	size_t bytes;

	ASK(g, XS_WATCH, 0, "data\0token\0");
	bytes = snapshot_save(&g->store, &g->ring, saved, sizeof(saved));
	assert_int_equal(snapshot_save(&g->store, &g->ring, saved, bytes - 1),
			 0);
	for (size_t i = 0; i < bytes; i++) {
		struct store other;
		struct ring ring;
		struct xenstore_domain_interface page = {.req_cons = 0};

		store_init(&other, 7, 0);
		ring_init(&ring, &page);
		assert_false(snapshot_restore(&other, &ring, saved, i));
		store_fini(&other);
	}
}

static void numbers_are_read_strictly(void **state)
{
	struct guest *g = *state;
	uint64_t n = 5;

	store_set(&g->store, "n", "4294967295");
	assert_true(store_get_number(&g->store, "n", UINT32_MAX, &n));
	assert_int_equal(n, UINT32_MAX);
	store_set(&g->store, "n", "4294967296");
	assert_false(store_get_number(&g->store, "n", UINT32_MAX, &n));
	store_set(&g->store, "n", "12x");
	assert_false(store_get_number(&g->store, "n", UINT32_MAX, &n));
	store_set(&g->store, "n", "-1");
	assert_false(store_get_number(&g->store, "n", UINT32_MAX, &n));
	store_set(&g->store, "n", "99999999999999999999999");
	assert_false(store_get_number(&g->store, "n", UINT64_MAX, &n));
	store_set(&g->store, "n", "5");
	assert_false(store_get_number(&g->store, "n", 3, &n));
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(read_and_list),
	    CASE(write_where_allowed),
	    CASE(bad_paths_and_types),
	    CASE(watches_tell),
	    CASE(transactions_commit),
	    CASE(what_a_transaction_remembers_is_bounded),
	    CASE(what_a_guest_holds_is_bounded),
	    CASE(events_nobody_reads_are_dropped),
	    CASE(unread_answers_hold_requests),
	    CASE(lying_indices_end_the_ring),
	    CASE(too_long_a_message_ends_the_ring),
	    CASE(a_restart_is_not_noticed),
	    CASE(a_request_during_a_turn_is_not_forgotten),
	    CASE(a_restart_in_the_middle_of_messages),
	    CASE(broken_snapshots_are_refused),
	    CASE(numbers_are_read_strictly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
