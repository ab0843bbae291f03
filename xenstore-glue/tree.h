// SPDX-License-Identifier: MIT
// The nodes of one domain's store. A tree is a root node; nodes are shared
// between trees by count and never changed while shared, so a snapshot (for a
// transaction) costs nothing until one of the two is written, and then one
// path.
//
// Paths are absolute and in the one form path_make() gives: "/" or
// "/a/b", never "//" or a slash at the end.
#ifndef GLUE_TREE_H
#define GLUE_TREE_H

#include "perms.h"

enum {
	PATH_MAX_BYTES = 3072, // without the 0, as XENSTORE_ABS_PATH_MAX
	PATH_MAX_RELATIVE = 2048,
	PATH_MAX_DEPTH = 32,
};

// What the domain `owner` may hold in one tree. What others (the back end's
// domain) own is not counted.
struct tree_limits {
	uint16_t owner;
	unsigned nodes;
	unsigned bytes;	      // names and values
	unsigned value_bytes; // of one node, when that domain writes it
};

struct node {
	unsigned refs;
	uint64_t generation; // changes with value, perms or children
	struct perms perms;
	char *name;
	char *value; // value_bytes, and a 0 after them
	uint32_t value_bytes;
	uint32_t child_count;
	struct node **child; // by name
};

struct tree {
	struct node *root;
	unsigned nodes, bytes; // of the limited domain
	uint64_t *clock; // the source of generations, one for all snapshots
	const struct tree_limits *limits;
};

// Make `path` absolute below `home` ("/local/domain/7") and check it.
// 0, EINVAL, or E2BIG.
int path_make(char out[PATH_MAX_BYTES + 1], const char *home, const char *path,
	      size_t bytes);
// Is `path` the node `above` or below it?
bool path_is_below(const char *path, const char *above);

void tree_init(struct tree *tree, const struct tree_limits *limits,
	       uint64_t *clock, uint16_t root_owner);
void tree_fini(struct tree *tree);
void tree_snapshot(struct tree *copy, const struct tree *tree);
// `tree` becomes what `from` is; `from` is finished.
void tree_replace(struct tree *tree, struct tree *from);

// The node, or NULL. Valid until the tree is changed.
const struct node *tree_find(const struct tree *tree, const char *path);
// The nearest node that exists on the way to `path`, itself included.
const struct node *tree_find_nearest(const struct tree *tree, const char *path);
uint64_t tree_generation(const struct tree *tree, const char *path); // 0: none

// Each changes the tree in the name of `by` or leaves it unaltered and returns
// an errno. Permissions are the caller's matter. New nodes, with those missing
// above, take their parent's list with `by` as the owner.
int tree_write(struct tree *tree, uint16_t by, const char *path,
	       const void *value, size_t bytes);
int tree_mkdir(struct tree *tree, uint16_t by, const char *path);
int tree_remove(struct tree *tree, const char *path); // ENOENT
int tree_set_perms(struct tree *tree, const char *path,
		   const struct perms *perms); // ENOENT

// For restoring: a new last child, to be filled in, and a node's share of the
// account.
struct node *tree_append(struct node *parent);
void tree_charge(struct tree *tree, const struct node *node);

#endif
