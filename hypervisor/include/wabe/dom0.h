// SPDX-License-Identifier: MIT
// Between the rooms that make dom0 out of the boot modules (boot/dom0*.c and
// what they use). All of it is gone once dom0 runs.
#ifndef WABE_DOM0_H
#define WABE_DOM0_H

#include <wabe/addr.h>
#include <wabe/types.h>

struct domain;

// --- unpacking (boot/decompress.c, shim.c) ------------------------
// Functions that read a module's bytes trust nothing in them. They return NULL
// for success and otherwise the reason, as words for the operator.

struct bytes {
	const u8 *data;
	u64 bytes;
};

#define PAYLOAD_UNPACKED_MAX (512ull << 20)

// How a payload is packed: memory that its library needs, and the library.
struct packing {
	const char *magic;
	u32 magic_bytes;
	u64 arena_bytes;
	const char *(*unpack)(struct bytes in, u8 *out, u64 out_bytes,
			      u64 *got);
};
// NULL: in no way we know. *out_bytes gets what it says it unpacks to.
const struct packing *payload_packing(struct bytes payload, u64 *out_bytes);
// Unpack into out[0..out_bytes), *got bytes. Between shim_start and shim_stop.
const char *payload_unpack(const struct packing *p, struct bytes payload,
			   u8 *out, u64 out_bytes, u64 *got);
// Make this CPU and a heap of `bytes` at `arena` fit for Debian's libraries.
void shim_start(void *arena, u64 bytes);
void shim_stop(void);

// --- the kernel file (boot/elf.c) --------------------------------------------

#define KERNEL_SEGMENTS_MAX 16
#define KERNEL_NOTE_NONE (~0ull)

// A PT_LOAD segment: where its bytes lie in the file and where they go.
struct kernel_segment {
	const u8 *data;
	u64 file_bytes, bytes;
	u64 paddr; // pseudo-physical, offset taken off
};

struct kernel_image {
	u32 segment_count;
	struct kernel_segment segments[KERNEL_SEGMENTS_MAX];
	u64 paddr_end; // highest end of a segment
	// Xen's notes; _NONE where absent.
	u64 entry, virt_base, paddr_offset;
	u64 hypercall_page; // guest address to fill, or none
	u64 init_p2m;	    // guest address for the p2m list, or none
	u64 mod_start_pfn;  // the initrd need not be mapped
	bool has_notes;
};

const char *elf_read(struct bytes file, struct kernel_image *out);

// --- the domain in the making ------------------------------------------------

// A run of machine frames; pfns count through them in order.
struct extent {
	u64 mfn, frames;
};

#define EXTENTS_MAX 1024

// Where things stand, in pfns of dom0. "Mapped" is at virt_base + pfn * 4096.
struct dom0_layout {
	u64 initrd, initrd_bytes;
	u64 p2m, p2m_frames;		 // the list itself
	u64 p2m_tables, p2m_table_count; // tables mapping it, if not `mapped`
	u64 p2m_va;
	u64 start_info, stack;
	u64 tables, table_count; // L4 first
	u64 mapped;		 // pfns [0, mapped) are mapped
};

struct dom0_builder {
	struct domain *domain;
	struct bytes kernel_module, initrd;
	struct kernel_image kernel;
	struct dom0_layout layout;
	u64 pages; // frames that dom0 gets
	u32 extent_count;
	struct extent extents[EXTENTS_MAX];
	// Memory of dom0 that serves for unpacking first.
	u32 scratch_count;
	struct extent scratch[2];
	bool scratch_kept; // it stays dom0's, as its last frames
};

// Stop the machine: `what` (a boot module) cannot be used, and why.
void dom0_refuse(const char *what, const char *why) NORETURN;

// boot/dom0_memory.c
u64 dom0_memory_target(void); // frames, from options and what is free
// Contiguous memory below 4 GiB, which becomes dom0's own later.
void *dom0_scratch(struct dom0_builder *b, u64 bytes);
void dom0_memory_populate(struct dom0_builder *b);
void dom0_memory_settle(struct dom0_builder *b); // the kernel is loaded
mfn_t dom0_mfn(const struct dom0_builder *b, u64 pfn);
// Write (data NULL: zeros) at a pseudo-physical address.
void dom0_write(const struct dom0_builder *b, u64 paddr, const void *data,
		u64 bytes);
void dom0_p2m_write(const struct dom0_builder *b);

// boot/dom0_kernel.c
void dom0_kernel_read(struct dom0_builder *b); // unpack, parse
void dom0_kernel_load(const struct dom0_builder *b);
// boot/dom0_layout.c
void dom0_layout_make(struct dom0_builder *b);
// Tables of one level (1..3) that map [va, va + bytes).
u64 dom0_tables_of(u64 va, u64 bytes, u32 level);
// boot/dom0_tables.c
void dom0_tables_build(const struct dom0_builder *b);
// boot/start_info.c
void dom0_start_info_write(const struct dom0_builder *b);

static inline u64 dom0_va(const struct dom0_builder *b, u64 pfn)
{
	return b->kernel.virt_base + (pfn << PAGE_SHIFT);
}

#endif
