// SPDX-License-Identifier: MIT
// Transactions over snapshots.
//
// Every path a transaction looked at or changed is a step. It may come back if
// each of these nodes is still of the generation it was at the start; then the
// changes are repeated on a snapshot of the tree as it is now, which takes the
// tree's place only when all of them went through.
#include <errno.h>

#include "memory.h"
#include "transaction.h"

static void transaction_create(struct transactions *all,
			       const struct tree *tree, uint32_t id,
			       bool doomed)
{
	struct transaction *new = memory_zeroed(sizeof(*new));

	new->id = id;
	new->doomed = doomed;
	tree_snapshot(&new->before, tree);
	tree_snapshot(&new->now, tree);
	all->list[all->count++] = new;
}

int transaction_start(struct transactions *all, const struct tree *tree,
		      uint32_t *id)
{
	if (all->count == TRANSACTION_MAX) {
		return ENOSPC;
	}
	do {
		all->last_id++;
	} while (!all->last_id || transaction_find(all, all->last_id));
	transaction_create(all, tree, all->last_id, false);
	*id = all->last_id;
	return 0;
}

void transaction_doom(struct transactions *all, const struct tree *tree,
		      uint32_t id)
{
	if (id && !transaction_find(all, id)) {
		transaction_create(all, tree, id, true);
	}
}

struct transaction *transaction_find(struct transactions *all, uint32_t id)
{
	for (unsigned i = 0; i < all->count; i++) {
		if (all->list[i]->id == id) {
			return all->list[i];
		}
	}
	return NULL;
}

int transaction_note(struct transaction *transaction, enum step_kind kind,
		     const char *path)
{
	if (transaction->step_count) {
		struct step *last =
		    &transaction->steps[transaction->step_count - 1];

		if (last->kind == kind && !strcmp(last->path, path)) {
			return 0;
		}
	}
	if (transaction->step_count == TRANSACTION_MAX_STEPS ||
	    strlen(path) > TRANSACTION_MAX_BYTES - transaction->step_bytes) {
		return ENOSPC;
	}
	transaction->step_bytes += strlen(path);
	transaction->steps =
	    memory_grow(transaction->steps,
			(transaction->step_count + 1) * sizeof(struct step));
	transaction->steps[transaction->step_count++] = (struct step){
	    .kind = kind,
	    .path = memory_copy(path, strlen(path)),
	};
	return 0;
}

static bool is_in_conflict(const struct transaction *transaction,
			   const struct tree *tree)
{
	for (unsigned i = 0; i < transaction->step_count; i++) {
		const char *path = transaction->steps[i].path;

		if (tree_generation(&transaction->before, path) !=
		    tree_generation(tree, path)) {
			return true;
		}
	}
	return false;
}

// Bring one path to what the transaction left there.
static int step_repeat(const struct transaction *transaction,
		       const struct step *step, struct tree *tree)
{
	const struct node *node = tree_find(&transaction->now, step->path);
	int error;

	if (step->kind == STEP_READ) {
		return 0;
	}
	if (step->kind == STEP_REMOVE) {
		tree_remove(tree, step->path);
		return 0;
	}
	if (!node) {
		return 0; // removed again by a later step
	}
	error = tree_write(tree, node->perms.entry[0].domid, step->path,
			   node->value, node->value_bytes);
	if (!error) {
		error = tree_set_perms(tree, step->path, &node->perms);
	}
	return error;
}

int transaction_commit(struct transaction *transaction, struct tree *tree)
{
	struct tree merged;

	if (transaction->doomed) {
		return EAGAIN;
	}
	if (transaction->before.root == tree->root) {
		tree_snapshot(&merged, &transaction->now);
		tree_replace(tree, &merged);
		return 0;
	}
	if (is_in_conflict(transaction, tree)) {
		return EAGAIN;
	}
	tree_snapshot(&merged, tree);
	for (unsigned i = 0; i < transaction->step_count; i++) {
		int error =
		    step_repeat(transaction, &transaction->steps[i], &merged);

		if (error) {
			tree_fini(&merged);
			return error;
		}
	}
	tree_replace(tree, &merged);
	return 0;
}

static void transaction_free(struct transaction *transaction)
{
	for (unsigned i = 0; i < transaction->step_count; i++) {
		free(transaction->steps[i].path);
	}
	free(transaction->steps);
	tree_fini(&transaction->before);
	tree_fini(&transaction->now);
	free(transaction);
}

void transaction_end(struct transactions *all, struct transaction *transaction)
{
	for (unsigned i = 0; i < all->count; i++) {
		if (all->list[i] == transaction) {
			all->list[i] = all->list[--all->count];
			transaction_free(transaction);
			return;
		}
	}
}

void transactions_clear(struct transactions *all)
{
	while (all->count) {
		transaction_end(all, all->list[0]);
	}
}
