// SPDX-License-Identifier: MIT
// What the model's two files on memory share: references to frames, by type.
#ifndef MODEL_TYPES_H
#define MODEL_TYPES_H

#include "model.h"

static inline bool is_frame(uint32_t f)
{
	return f < M_FRAMES;
}

static inline bool is_partial(const struct m_frame *p)
{
	return p->valid >= M_UP;
}

void unref(struct m_frame *p);
// A present entry as it is stored.
uint64_t stored(const struct model *m, uint32_t level, uint64_t word);
// References by what an entry of a table of `level` needs.
int entry_take(struct model *m, uint32_t d, uint32_t level, uint64_t word);
// A reference as a table goes on behalf of the acting vCPU, which goes on with
// it if interrupted.
void type_put(struct model *m, uint32_t f);

#endif
