// SPDX-License-Identifier: MIT
// A paravirtual kernel's ELF file: its segments, and the notes in which it
// tells Xen's domain builder what it wants. Every offset is checked.
#include <wabe/dom0.h>
#include <wabe/lib.h>

#include <xen/elfnote.h>

struct elf_header {
	u8 e_ident[16];
	u16 e_type, e_machine;
	u32 e_version;
	u64 e_entry, e_phoff, e_shoff;
	u32 e_flags;
	u16 e_ehsize, e_phentsize, e_phnum, e_rest[3];
};

struct elf_segment {
	u32 p_type, p_flags;
	u64 p_offset, p_vaddr, p_paddr, p_filesz, p_memsz, p_align;
};

struct elf_note {
	u32 n_namesz, n_descsz, n_type;
};

#define ELF_EXEC 2
#define ELF_DYN 3
#define ELF_X86_64 62
#define SEGMENT_LOAD 1
#define SEGMENT_NOTE 4

// Kernels lie low in pseudo-physical memory; more than this is nonsense.
#define PADDR_MAX (1ull << 32)

static bool range_ok(struct bytes file, u64 offset, u64 bytes)
{
	return offset <= file.bytes && bytes <= file.bytes - offset;
}

// Notes whose number (of 1, 2, 4 or 8 bytes) is kept. Features and versions are
// for older hypervisors to look at.
static const struct {
	u32 type;
	u32 at; // in struct kernel_image
} notes[] = {
    {XEN_ELFNOTE_ENTRY, offsetof(struct kernel_image, entry)},
    {XEN_ELFNOTE_HYPERCALL_PAGE, offsetof(struct kernel_image, hypercall_page)},
    {XEN_ELFNOTE_VIRT_BASE, offsetof(struct kernel_image, virt_base)},
    {XEN_ELFNOTE_PADDR_OFFSET, offsetof(struct kernel_image, paddr_offset)},
    {XEN_ELFNOTE_INIT_P2M, offsetof(struct kernel_image, init_p2m)},
    {XEN_ELFNOTE_MOD_START_PFN, offsetof(struct kernel_image, mod_start_pfn)},
};

static void note_read(struct kernel_image *k, u32 type, const u8 *desc,
		      u32 bytes)
{
	u64 value = 0;

	memcpy(&value, desc, MIN(bytes, 8u));
	k->has_notes = true;
	for (u32 i = 0; i < ARRAY_SIZE(notes); i++) {
		if (notes[i].type == type) {
			*(u64 *)((u8 *)k + notes[i].at) = value;
		}
	}
}

static void notes_read(struct kernel_image *k, const u8 *at, u64 bytes)
{
	struct elf_note note;

	while (bytes >= sizeof(note)) {
		u64 name_bytes, desc_bytes;

		memcpy(&note, at, sizeof(note));
		at += sizeof(note);
		bytes -= sizeof(note);
		name_bytes = ALIGN_UP((u64)note.n_namesz, 4);
		desc_bytes = ALIGN_UP((u64)note.n_descsz, 4);
		if (name_bytes > bytes || desc_bytes > bytes - name_bytes) {
			return;
		}
		if (note.n_namesz == 4 && memcmp(at, "Xen", 4) == 0) {
			note_read(k, note.n_type, at + name_bytes,
				  note.n_descsz);
		}
		at += name_bytes + desc_bytes;
		bytes -= name_bytes + desc_bytes;
	}
}

static const char *segment_read(struct kernel_image *k, struct bytes file,
				const struct elf_segment *s)
{
	if (!range_ok(file, s->p_offset, s->p_filesz) ||
	    s->p_filesz > s->p_memsz) {
		return "the ELF file is cut short";
	}
	if (k->segment_count == KERNEL_SEGMENTS_MAX) {
		return "the ELF file has too many segments";
	}
	k->segments[k->segment_count++] = (struct kernel_segment){
	    file.data + s->p_offset, s->p_filesz, s->p_memsz, s->p_paddr};
	return NULL;
}

// Take PADDR_OFFSET, which is known only now, off the segments' addresses.
static const char *segments_place(struct kernel_image *k)
{
	for (u32 i = 0; i < k->segment_count; i++) {
		struct kernel_segment *s = &k->segments[i];

		s->paddr -= k->paddr_offset;
		if (s->paddr > PADDR_MAX || s->bytes > PADDR_MAX) {
			return "a segment's address makes no sense";
		}
		k->paddr_end = MAX(k->paddr_end, s->paddr + s->bytes);
	}
	return k->segment_count ? NULL : "the ELF file has nothing to load";
}

static const char *segments_read(struct kernel_image *k, struct bytes file,
				 const struct elf_header *h)
{
	for (u32 i = 0; i < h->e_phnum; i++) {
		struct elf_segment s;
		const char *why = NULL;

		memcpy(&s, file.data + h->e_phoff + i * sizeof(s), sizeof(s));
		if (s.p_type == SEGMENT_LOAD && s.p_memsz) {
			why = segment_read(k, file, &s);
		} else if (s.p_type == SEGMENT_NOTE) {
			if (!range_ok(file, s.p_offset, s.p_filesz)) {
				return "the ELF file is cut short";
			}
			notes_read(k, file.data + s.p_offset, s.p_filesz);
		}
		if (why) {
			return why;
		}
	}
	return segments_place(k);
}

const char *elf_read(struct bytes file, struct kernel_image *out)
{
	struct elf_header h;
	const char *why;

	if (file.bytes < sizeof(h) ||
	    memcmp(file.data, "\177ELF\2\1", 6) != 0) {
		return "it is neither a bzImage nor a 64-bit ELF file";
	}
	memcpy(&h, file.data, sizeof(h));
	if (h.e_machine != ELF_X86_64 ||
	    (h.e_type != ELF_EXEC && h.e_type != ELF_DYN)) {
		return "it is not a program for x86-64";
	}
	if (h.e_phentsize != sizeof(struct elf_segment) ||
	    !range_ok(file, h.e_phoff, (u64)h.e_phnum * h.e_phentsize)) {
		return "the ELF file is cut short";
	}
	*out = (struct kernel_image){
	    .entry = h.e_entry,
	    .hypercall_page = KERNEL_NOTE_NONE,
	    .init_p2m = KERNEL_NOTE_NONE,
	};
	why = segments_read(out, file, &h);
	if (!why && !out->has_notes) {
		why = "it has no Xen notes: not a paravirtual kernel";
	}
	return why;
}
