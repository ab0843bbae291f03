// SPDX-License-Identifier: MIT
// Nodes: shared by count, copied when written while shared.
//
// node_own() is the only place that decides whether a node may be changed:
// a count of 1 on it and on every node above. Walks for writing therefore go
// down from the root and own each step.
#include <errno.h>
#include <stdio.h>

#include "memory.h"
#include "tree.h"

static bool path_char_valid(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '-' || c == '/' || c == '_' ||
	       c == '@';
}

int path_make(char out[PATH_MAX_BYTES + 1], const char *home, const char *path,
	      size_t bytes)
{
	size_t at = 0;
	unsigned depth = 0;

	if (!bytes || bytes > PATH_MAX_BYTES || memchr(path, 0, bytes)) {
		return EINVAL;
	}
	if (path[0] != '/') {
		at = strlen(home);
		if (bytes > PATH_MAX_RELATIVE ||
		    at + 1 + bytes > PATH_MAX_BYTES) {
			return EINVAL;
		}
		memcpy(out, home, at);
		out[at++] = '/';
	}
	memcpy(out + at, path, bytes);
	at += bytes;
	out[at] = 0;
	if (at == 1) {
		return 0;
	}
	for (size_t i = 0; i < at; i++) {
		bool slash = out[i] == '/';

		depth += slash;
		if (!path_char_valid(out[i]) || depth > PATH_MAX_DEPTH ||
		    (slash && (i + 1 == at || out[i + 1] == '/'))) {
			return EINVAL;
		}
	}
	return 0;
}

bool path_is_below(const char *path, const char *above)
{
	size_t n = strlen(above);

	if (n == 1) {
		return path[0] == '/';
	}
	return !strncmp(path, above, n) && (path[n] == 0 || path[n] == '/');
}

// The next name of a path: *rest moves behind it. 0 at the end.
static size_t path_step(const char **rest, const char **name)
{
	size_t n;

	while (**rest == '/') {
		(*rest)++;
	}
	*name = *rest;
	n = strcspn(*rest, "/");
	*rest += n;
	return n;
}

static unsigned node_bytes(const struct node *node)
{
	return strlen(node->name) + node->value_bytes;
}

static struct node *node_create(const char *name, size_t bytes,
				const struct perms *perms)
{
	struct node *node = memory_zeroed(sizeof(*node));

	node->refs = 1;
	node->name = memory_copy(name, bytes);
	node->value = memory_copy("", 0);
	node->perms = *perms;
	return node;
}

static void node_put(struct node *node)
{
	if (--node->refs) {
		return;
	}
	for (uint32_t i = 0; i < node->child_count; i++) {
		node_put(node->child[i]);
	}
	free(node->child);
	free(node->name);
	free(node->value);
	free(node);
}

// Make *slot a node nobody else has. Its owner must be ours alone already.
static struct node *node_own(struct node **slot)
{
	struct node *old = *slot, *node;
	size_t list = old->child_count * sizeof(*old->child);

	if (old->refs == 1) {
		return old;
	}
	node = memory_grow(NULL, sizeof(*node));
	*node = *old;
	node->refs = 1;
	node->name = memory_copy(old->name, strlen(old->name));
	node->value = memory_copy(old->value, old->value_bytes);
	node->child = NULL;
	if (list) {
		node->child = memory_grow(NULL, list);
		memcpy(node->child, old->child, list);
	}
	for (uint32_t i = 0; i < node->child_count; i++) {
		node->child[i]->refs++;
	}
	node_put(old);
	*slot = node;
	return node;
}

// Where a child is, or with false where it would stand.
static bool child_find(const struct node *node, const char *name, size_t bytes,
		       uint32_t *index)
{
	uint32_t low = 0, high = node->child_count;

	while (low < high) {
		uint32_t mid = (low + high) / 2;
		const char *at = node->child[mid]->name;
		int order = strncmp(at, name, bytes);

		if (!order) {
			order = at[bytes] != 0;
		}
		if (!order) {
			*index = mid;
			return true;
		}
		if (order < 0) {
			low = mid + 1;
		} else {
			high = mid;
		}
	}
	*index = low;
	return false;
}

static void child_insert(struct node *node, uint32_t index, struct node *child)
{
	uint32_t after = node->child_count++ - index;

	node->child =
	    memory_grow(node->child, node->child_count * sizeof(*node->child));
	memmove(node->child + index + 1, node->child + index,
		after * sizeof(*node->child));
	node->child[index] = child;
}

void tree_init(struct tree *tree, const struct tree_limits *limits,
	       uint64_t *clock, uint16_t root_owner)
{
	struct perms perms = perms_owned(root_owner, PERM_READ);

	*tree = (struct tree){.clock = clock, .limits = limits};
	tree->root = node_create("", 0, &perms);
	tree->root->generation = ++*clock;
}

void tree_fini(struct tree *tree)
{
	if (tree->root) {
		node_put(tree->root);
	}
	tree->root = NULL;
}

void tree_snapshot(struct tree *copy, const struct tree *tree)
{
	*copy = *tree;
	copy->root->refs++;
}

void tree_replace(struct tree *tree, struct tree *from)
{
	tree_fini(tree);
	*tree = *from;
	from->root = NULL;
}

static const struct node *node_walk(const struct tree *tree, const char *path,
				    bool nearest)
{
	const struct node *node = tree->root;
	const char *name;
	uint32_t i;
	size_t n;

	while ((n = path_step(&path, &name))) {
		if (!child_find(node, name, n, &i)) {
			return nearest ? node : NULL;
		}
		node = node->child[i];
	}
	return node;
}

const struct node *tree_find(const struct tree *tree, const char *path)
{
	return node_walk(tree, path, false);
}

const struct node *tree_find_nearest(const struct tree *tree, const char *path)
{
	return node_walk(tree, path, true);
}

uint64_t tree_generation(const struct tree *tree, const char *path)
{
	const struct node *node = tree_find(tree, path);

	return node ? node->generation : 0;
}

static bool is_charged(const struct tree *tree, const struct node *node)
{
	return node->perms.entry[0].domid == tree->limits->owner;
}

// What writing would add to the limited domain's account: checked whole before
// anything is changed.
static int limits_check(const struct tree *tree, uint16_t by, const char *path,
			size_t bytes)
{
	const struct node *node = tree->root;
	unsigned nodes = 0, add = 0;
	const char *name;
	uint32_t i;
	size_t n;

	if (by != tree->limits->owner) {
		return 0;
	}
	if (bytes > tree->limits->value_bytes) {
		return ENOSPC;
	}
	while ((n = path_step(&path, &name))) {
		node = node && child_find(node, name, n, &i) ? node->child[i]
							     : NULL;
		if (!node) {
			nodes++;
			add += n;
		}
	}
	if (!node) {
		add += bytes;
	} else if (is_charged(tree, node) && bytes > node->value_bytes) {
		add += bytes - node->value_bytes;
	}
	return tree->nodes + nodes > tree->limits->nodes ||
		       tree->bytes + add > tree->limits->bytes
		   ? ENOSPC
		   : 0;
}

// Down to `path`, owning each node; missing ones are made. The limits allow it.
static struct node *node_make(struct tree *tree, uint16_t by, const char *path)
{
	struct node *node = node_own(&tree->root);
	const char *name;
	uint32_t i;
	size_t n;

	while ((n = path_step(&path, &name))) {
		if (!child_find(node, name, n, &i)) {
			struct perms perms = node->perms;
			struct node *child;

			perms.entry[0].domid = by;
			child = node_create(name, n, &perms);
			child->generation = ++*tree->clock;
			child_insert(node, i, child);
			node->generation = ++*tree->clock;
			if (is_charged(tree, child)) {
				tree->nodes++;
				tree->bytes += n;
			}
		}
		node = node_own(&node->child[i]);
	}
	return node;
}

int tree_write(struct tree *tree, uint16_t by, const char *path,
	       const void *value, size_t bytes)
{
	int error = limits_check(tree, by, path, bytes);
	struct node *node;

	if (error) {
		return error;
	}
	node = node_make(tree, by, path);
	if (is_charged(tree, node)) {
		tree->bytes += bytes - node->value_bytes;
	}
	free(node->value);
	node->value = memory_copy(value, bytes);
	node->value_bytes = bytes;
	node->generation = ++*tree->clock;
	return 0;
}

int tree_mkdir(struct tree *tree, uint16_t by, const char *path)
{
	int error;

	if (tree_find(tree, path)) {
		return 0;
	}
	error = limits_check(tree, by, path, 0);
	if (!error) {
		node_make(tree, by, path);
	}
	return error;
}

static void node_discharge(struct tree *tree, const struct node *node)
{
	if (is_charged(tree, node)) {
		tree->nodes--;
		tree->bytes -= node_bytes(node);
	}
	for (uint32_t i = 0; i < node->child_count; i++) {
		node_discharge(tree, node->child[i]);
	}
}

int tree_remove(struct tree *tree, const char *path)
{
	struct node *node;
	const char *name;
	uint32_t i = 0;
	size_t n;

	if (!path[1] || !tree_find(tree, path)) {
		return path[1] ? ENOENT : EINVAL;
	}
	node = node_own(&tree->root);
	n = path_step(&path, &name);
	while (child_find(node, name, n, &i) && *path) {
		node = node_own(&node->child[i]);
		n = path_step(&path, &name);
	}
	node_discharge(tree, node->child[i]);
	node_put(node->child[i]);
	node->child_count--;
	memmove(node->child + i, node->child + i + 1,
		(node->child_count - i) * sizeof(*node->child));
	node->generation = ++*tree->clock;
	return 0;
}

int tree_set_perms(struct tree *tree, const char *path,
		   const struct perms *perms)
{
	struct node *node;

	if (!tree_find(tree, path)) {
		return ENOENT;
	}
	node = node_make(tree, 0, path);
	if (is_charged(tree, node)) {
		tree->nodes--;
		tree->bytes -= node_bytes(node);
	}
	node->perms = *perms;
	tree_charge(tree, node);
	node->generation = ++*tree->clock;
	return 0;
}

struct node *tree_append(struct node *parent)
{
	struct node *child = node_create("", 0, &parent->perms);

	child_insert(parent, parent->child_count, child);
	return child;
}

void tree_charge(struct tree *tree, const struct node *node)
{
	if (is_charged(tree, node)) {
		tree->nodes++;
		tree->bytes += node_bytes(node);
	}
}
