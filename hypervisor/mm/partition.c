// SPDX-License-Identifier: MIT
// Partitions: the named shares that the machine's memory and processors are
// divided into. What no other has is in the default one. Memory moves between
// it and another by free blocks, the frames' records changing hands.
#include <wabe/alloc.h>

#include "frames.h"

#define MOVE_ORDER 9u // at once, with both locks held

struct partition partition_first = {.name = "default", .cursor = 1};

struct partition *partitions[PARTITIONS_MAX];
u32 partition_count;
struct partition *partition_default;

struct partition *partition_get(u32 id)
{
	struct partition *part =
	    id < partition_count ? partitions[index_clamp(id, partition_count)]
				 : NULL;

	return part && part->name[0] ? part : NULL;
}

struct partition *partition_from(u32 id)
{
	while (id < partition_count && !partition_get(id)) {
		id++;
	}
	return partition_get(id);
}

u64 partition_frames(const struct partition *part)
{
	u64 used;

	return READ_ONCE(part->frames) + partition_heap_frames(part, &used);
}

// A structure that no partition uses: an old one, or a new one.
static int find_unused(struct partition **out)
{
	struct partition *part;
	u32 id = 0;

	while (id < partition_count && partitions[id]->name[0]) {
		id++;
	}
	if (id == PARTITIONS_MAX) {
		return -ENOSPC;
	}
	if (id == partition_count) {
		part = heap_alloc(sizeof(*part));
		if (!part) {
			return -ENOMEM;
		}
		part->id = id;
		part->cursor = 1;
		part->heap = heap_create(part);
		if (!part->heap) {
			heap_free(part);
			return -ENOMEM;
		}
		partitions[id] = part;
		__atomic_store_n(&partition_count, id + 1, __ATOMIC_RELEASE);
	}
	*out = partitions[id];
	return 0;
}

int partition_create(const char *name, const struct cpumask *in, u32 *id)
{
	struct partition *part;
	int error;

	for (u32 i = 0; i < partition_count; i++) {
		if (!strcmp(partitions[i]->name, name)) {
			return -EEXIST;
		}
	}
	error = find_unused(&part);
	if (!error) {
		part->cpus = *in;
		part->closing = false;
		strlcpy(part->name, name, sizeof(part->name));
		*id = part->id;
	}
	return error;
}

// Both locks are held. A block of at most `most` frames: how many it had.
static u64 block_move(struct partition *from, struct partition *to, u64 most)
{
	u32 order = MIN(63 - (u32)__builtin_clzll(most), MOVE_ORDER);
	u64 mfn = blocks_take(from, order, 0), count, dirty = 0;

	while (!mfn) {
		mfn = blocks_take(from, --order, 0);
	}
	count = 1ull << order;
	for (u64 i = 0; i < count; i++) {
		struct page *p = mfn_page(MFN(mfn + i));

		p->partition = (u8)to->id;
		dirty += p->serial && (p->flags & PAGE_F_DIRTY);
	}
	from->frames -= count;
	from->dirty -= dirty;
	to->frames += count;
	to->dirty += dirty;
	blocks_free(to, mfn, order, ORDER_MAX);
	return count;
}

// `other` is not the default partition, which has the lowest number.
static int frames_move(struct partition *from, struct partition *to,
		       struct partition *other, u64 frames)
{
	while (frames) {
		u64 moved = 0;

		lock(&partition_default->lock);
		lock(&other->lock);
		if (from->free - from->claimed >= frames) {
			moved = block_move(from, to, frames);
		}
		unlock(&other->lock);
		unlock(&partition_default->lock);
		if (!moved) {
			return from == other ? -EBUSY : -ENOMEM;
		}
		frames -= moved;
		if (work_spent((u32)moved) && frames) {
			return -ERESTART;
		}
	}
	return 0;
}

int partition_resize(struct partition *part, u64 frames)
{
	u64 now = partition_frames(part);

	if (part == partition_default || part->closing) {
		return -EINVAL;
	}
	return frames < now
		   ? frames_move(part, partition_default, part, now - frames)
		   : frames_move(partition_default, part, part, frames - now);
}

int partition_remove(struct partition *part)
{
	int error;

	if (part == partition_default) {
		return -EINVAL;
	}
	if (__atomic_load_n(&part->domains, __ATOMIC_ACQUIRE)) {
		return -EBUSY;
	}
	part->closing = true;
	error = frames_move(part, partition_default, part, part->frames);
	if (!error) {
		error = heap_give_back(part->heap);
	}
	if (!error) {
		part->name[0] = 0;
	}
	return error;
}
