// SPDX-License-Identifier: MIT
// A guest kernel as a file: an ELF image with Xen's notes, as it is or inside
// a bzImage.
#ifndef WABE_LIB_KERNEL_H
#define WABE_LIB_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

struct kernel {
	const uint8_t *file; // the file, mapped
	size_t file_bytes;
	const uint8_t *elf; // the ELF image: in the file, or unpacked
	size_t elf_bytes;
	uint8_t *unpacked; // to be freed, or NULL
	// From the notes.
	uint64_t virt_base, paddr_offset, entry, init_p2m, hypercall_page;
	bool has_entry, has_init_p2m, has_hypercall_page, mod_start_pfn;
	// Where it lies, guest-physical bytes.
	uint64_t start, end;
};

// Map and read the file. On failure nothing is held.
int kernel_open(struct kernel *k, const char *path, struct wabe_error *err);
void kernel_close(struct kernel *k);

// The last kernel used, kept mapped: the next domain most often has the same.
struct kernel_cache {
	struct kernel kernel;
	bool held;
	uint64_t device, inode, changed[2], bytes; // of its file then
};

// As kernel_open(), but *out is the cache's and lives until the next call.
int kernel_cached(struct kernel_cache *c, const char *path, struct kernel *out,
		  struct wabe_error *err);
void kernel_cache_close(struct kernel_cache *c);

// Call fn for each loadable segment: `bytes` of content for guest-physical
// address `at`, then zeros up to `room`.
typedef int kernel_segment_fn(void *data, uint64_t at, const void *content,
			      size_t bytes, uint64_t room);
int kernel_segments(const struct kernel *k, kernel_segment_fn *fn, void *data);

#endif
