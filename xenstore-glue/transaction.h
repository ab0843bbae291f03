// SPDX-License-Identifier: MIT
// Transactions: a snapshot that is written apart and comes back as one change,
// or EAGAIN if something it looked at has changed meanwhile.
#ifndef GLUE_TRANSACTION_H
#define GLUE_TRANSACTION_H

#include "tree.h"

enum {
	TRANSACTION_MAX = 10,
	TRANSACTION_MAX_STEPS = 1024,
	TRANSACTION_MAX_BYTES = 64 * 1024, // of their paths
};

enum step_kind { STEP_READ, STEP_WRITE, STEP_REMOVE, STEP_PERMS };

struct step {
	enum step_kind kind;
	char *path;
};

struct transaction {
	uint32_t id;
	struct tree before; // as it was at the start
	struct tree now;    // with this transaction's changes
	struct step *steps;
	unsigned step_count;
	size_t step_bytes;
	bool doomed; // can only end with EAGAIN
};

struct transactions {
	struct transaction *list[TRANSACTION_MAX];
	unsigned count;
	uint32_t last_id;
};

// 0 and its id, or ENOSPC.
int transaction_start(struct transactions *all, const struct tree *tree,
		      uint32_t *id);
struct transaction *transaction_find(struct transactions *all, uint32_t id);
// Remember what it did. ENOSPC when it has done too much.
int transaction_note(struct transaction *transaction, enum step_kind kind,
		     const char *path);
// Bring its changes into `tree`: all of them (0) or none (EAGAIN, ENOSPC).
// The transaction stays, for its steps, until transaction_end.
int transaction_commit(struct transaction *transaction, struct tree *tree);
void transaction_end(struct transactions *all, struct transaction *transaction);
// One of an earlier process, by its number: it goes on, and ends with EAGAIN.
void transaction_doom(struct transactions *all, const struct tree *tree,
		      uint32_t id);
void transactions_clear(struct transactions *all);

#endif
