// SPDX-License-Identifier: MIT
// The machine's memory from the loader's map to the frame allocator: sorted,
// cut, and in between a simple allocator of 2 MiB chunks from the top.
#include "start.h"

#include <wabe/alloc.h>

#define CHUNK 0x200000ull
// Firmware scribbles on the first 64 KiB; frame 0 means "none" in lists.
#define LOW_KEPT 0x10000ull
#define LOW_END 0xa0000ull

struct range {
	u64 start, end;
};

static struct range reserved[64];
static u32 reserved_count;
static u64 low_page;
static bool map_overflowed;

void memmap_add(u64 start, u64 bytes, u32 type)
{
	struct e820_map *map = &boot_info.memory;
	struct e820_entry *last = map->entries + map->count - 1;

	bytes = MIN(bytes, ~0ull - start);
	if (!bytes) {
		return;
	}
	if (map->count && last->type == type &&
	    last->start + last->bytes == start) {
		last->bytes += bytes;
	} else if (map->count < E820_MAX) {
		map->entries[map->count++] =
		    (struct e820_entry){start, bytes, type};
	} else {
		map_overflowed = true;
	}
}

// What `maddr` is: where entries overlap, the one less usable wins (RAM is the
// lowest type); 0 where no entry is. *until: where that may change.
static u32 type_at(const struct e820_map *map, u64 maddr, u64 *until)
{
	u32 type = 0;

	*until = ~0ull;
	for (u32 i = 0; i < map->count; i++) {
		u64 start = map->entries[i].start;
		u64 end = start + map->entries[i].bytes;

		if (maddr < start) {
			*until = MIN(*until, start);
		} else if (maddr < end) {
			*until = MIN(*until, end);
			type = MAX(type, map->entries[i].type);
		}
	}
	return type;
}

void memmap_finish(u64 limit)
{
	static struct e820_map raw;
	u64 start = 0, until;

	raw = boot_info.memory;
	boot_info.memory.count = 0;
	for (; start != ~0ull; start = until) {
		u32 type = type_at(&raw, start, &until);
		u64 end = until;

		if (type == E820_RAM && limit && end > limit) {
			end = MAX(limit, start);
		}
		if (type) {
			memmap_add(start, end - start, type);
		}
	}
}

void memmap_print(void)
{
	static const char *const names[] = {
	    "?", "usable", "reserved", "ACPI data", "ACPI NVS", "unusable"};
	const struct e820_map *map = &boot_info.memory;

	for (u32 i = 0; i < map->count; i++) {
		const struct e820_entry *e = &map->entries[i];

		printk("  %016lx - %016lx %s", e->start, e->start + e->bytes,
		       names[e->type < ARRAY_SIZE(names) ? e->type : 0]);
	}
	if (map_overflowed) {
		log_at(LOG_WARNING, "Memory map too long: some RAM unused");
	}
	printk("RAM: %lu MiB", memmap_ram_bytes() >> 20);
}

void memmap_reserve(u64 start, u64 end)
{
	start = ALIGN_DOWN(start, PAGE_SIZE);
	end = ALIGN_UP(end, PAGE_SIZE);
	for (u32 i = 0; i < reserved_count; i++) {
		struct range *r = &reserved[i];

		if (start <= r->end && end >= r->start) {
			r->start = MIN(r->start, start);
			r->end = MAX(r->end, end);
			return;
		}
	}
	if (reserved_count == ARRAY_SIZE(reserved)) {
		panic("Too many pieces of memory in use at boot");
	}
	reserved[reserved_count++] = (struct range){start, end};
}

// The reserved range with the lowest start that overlaps [start, end).
static const struct range *overlap_first(u64 start, u64 end)
{
	const struct range *first = NULL;

	for (u32 i = 0; i < reserved_count; i++) {
		const struct range *r = &reserved[i];

		if (r->start < end && r->end > start &&
		    (!first || r->start < first->start)) {
			first = r;
		}
	}
	return first;
}

// The highest free chunk within one range of RAM, or 0.
static u64 chunk_in(u64 start, u64 end)
{
	start = MAX(start, CHUNK);
	end = ALIGN_DOWN(end, CHUNK);
	while (end >= start + CHUNK) {
		const struct range *r = overlap_first(end - CHUNK, end);

		if (!r) {
			return end - CHUNK;
		}
		end = ALIGN_DOWN(MIN(r->start, end - CHUNK), CHUNK);
	}
	return 0;
}

u64 memmap_take_chunk(u64 limit)
{
	u64 highest = 0;

	e820_for_each_ram (e, &boot_info.memory) {
		u64 end = MIN(e->start + e->bytes, MIN(limit, MADDR_LIMIT));

		highest = MAX(highest, chunk_in(e->start, end));
	}
	if (!highest) {
		panic("Not enough memory to start: %lu MiB of RAM",
		      memmap_ram_bytes() >> 20);
	}
	memmap_reserve(highest, highest + CHUNK);
	return highest;
}

u64 memmap_ram_bytes(void)
{
	u64 sum = 0;

	e820_for_each_ram (e, &boot_info.memory) {
		sum += e->bytes;
	}
	return sum;
}

u64 memmap_ram_end(void)
{
	u64 end = 0;

	e820_for_each_ram (e, &boot_info.memory) {
		end = e->start + e->bytes;
	}
	return end;
}

bool memmap_has_ram(u64 start, u64 end)
{
	e820_for_each_ram (e, &boot_info.memory) {
		if (e->start < end && e->start + e->bytes > start) {
			return true;
		}
	}
	return false;
}

// Highest free page of RAM below 1 MiB.
u64 boot_low_page(void)
{
	u64 page = LOW_END - PAGE_SIZE, until;

	for (; !low_page && page >= LOW_KEPT; page -= PAGE_SIZE) {
		if (!overlap_first(page, page + PAGE_SIZE) &&
		    type_at(&boot_info.memory, page, &until) == E820_RAM &&
		    until >= page + PAGE_SIZE) {
			memmap_reserve(page, page + PAGE_SIZE);
			low_page = page;
		}
	}
	return low_page;
}

static void release(u64 start, u64 end)
{
	start = ALIGN_UP(start, PAGE_SIZE);
	end = ALIGN_DOWN(MIN(end, MADDR_LIMIT), PAGE_SIZE);
	while (start < end) {
		const struct range *r = overlap_first(start, end);
		u64 stop = r ? MAX(r->start, start) : end;

		if (stop > start) {
			alloc_add_range(maddr_to_mfn(start),
					maddr_to_mfn(stop));
		}
		start = r ? r->end : end;
		if (r) {
			alloc_reserve_range(maddr_to_mfn(stop),
					    maddr_to_mfn(MIN(start, end)));
		}
	}
}

void memmap_release(void)
{
	memmap_reserve(0, LOW_KEPT);
	e820_for_each_ram (e, &boot_info.memory) {
		release(e->start, e->start + e->bytes);
	}
}
