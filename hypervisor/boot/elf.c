// SPDX-License-Identifier: MIT
// A paravirtual kernel's ELF file: its segments, and the notes in which it
// tells Xen's domain builder what it wants. Every offset is checked.
#include <wabe/dom0.h>
#include <wabe/lib.h>

#include <xen/elfnote.h>

struct elf_header {
	u8 ident[16];
	u16 type, machine;
	u32 version;
	u64 entry, phoff, shoff;
	u32 flags;
	u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf_segment {
	u32 type, flags;
	u64 offset, vaddr, paddr, filesz, memsz, align;
};

struct elf_note {
	u32 name_bytes, desc_bytes, type;
};

#define ELF_MAGIC "\177ELF\2\1" // 64-bit, little-endian
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

// A number of 1, 2, 4 or 8 bytes.
static u64 note_number(const u8 *desc, u32 bytes)
{
	u64 value = 0;

	memcpy(&value, desc, MIN(bytes, 8u));
	return value;
}

static void note_read(struct kernel_image *k, u32 type, const u8 *desc,
		      u32 bytes)
{
	u64 value = note_number(desc, bytes);

	k->has_notes = true;
	switch (type) {
	case XEN_ELFNOTE_ENTRY:
		k->entry = value;
		break;
	case XEN_ELFNOTE_HYPERCALL_PAGE:
		k->hypercall_page = value;
		break;
	case XEN_ELFNOTE_VIRT_BASE:
		k->virt_base = value;
		break;
	case XEN_ELFNOTE_PADDR_OFFSET:
		k->paddr_offset = value;
		break;
	case XEN_ELFNOTE_INIT_P2M:
		k->init_p2m = value;
		break;
	case XEN_ELFNOTE_MOD_START_PFN:
		k->mod_start_pfn = value != 0;
		break;
	default:
		// Features and versions are for older hypervisors to look at.
		break;
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
		name_bytes = ALIGN_UP((u64)note.name_bytes, 4);
		desc_bytes = ALIGN_UP((u64)note.desc_bytes, 4);
		if (name_bytes > bytes || desc_bytes > bytes - name_bytes) {
			return;
		}
		if (note.name_bytes == 4 && memcmp(at, "Xen", 4) == 0) {
			note_read(k, note.type, at + name_bytes,
				  note.desc_bytes);
		}
		at += name_bytes + desc_bytes;
		bytes -= name_bytes + desc_bytes;
	}
}

static const char *segment_read(struct kernel_image *k, struct bytes file,
				const struct elf_segment *s)
{
	struct kernel_segment *out = &k->segments[k->segment_count];

	if (!range_ok(file, s->offset, s->filesz) || s->filesz > s->memsz) {
		return "the ELF file is cut short";
	}
	if (k->segment_count == KERNEL_SEGMENTS_MAX) {
		return "the ELF file has too many segments";
	}
	out->data = file.data + s->offset;
	out->file_bytes = s->filesz;
	out->bytes = s->memsz;
	out->paddr = s->paddr;
	k->segment_count++;
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
	for (u32 i = 0; i < h->phnum; i++) {
		struct elf_segment s;
		const char *why = NULL;

		memcpy(&s, file.data + h->phoff + i * sizeof(s), sizeof(s));
		if (s.type == SEGMENT_LOAD && s.memsz) {
			why = segment_read(k, file, &s);
		} else if (s.type == SEGMENT_NOTE) {
			if (!range_ok(file, s.offset, s.filesz)) {
				return "the ELF file is cut short";
			}
			notes_read(k, file.data + s.offset, s.filesz);
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

	if (file.bytes < sizeof(h) || memcmp(file.data, ELF_MAGIC, 6) != 0) {
		return "it is neither a bzImage nor a 64-bit ELF file";
	}
	memcpy(&h, file.data, sizeof(h));
	if (h.machine != ELF_X86_64 ||
	    (h.type != ELF_EXEC && h.type != ELF_DYN)) {
		return "it is not a program for x86-64";
	}
	if (h.phentsize != sizeof(struct elf_segment) ||
	    !range_ok(file, h.phoff, (u64)h.phnum * h.phentsize)) {
		return "the ELF file is cut short";
	}
	*out = (struct kernel_image){
	    .entry = h.entry,
	    .hypercall_page = KERNEL_NOTE_NONE,
	    .init_p2m = KERNEL_NOTE_NONE,
	};
	why = segments_read(out, file, &h);
	if (!why && !out->has_notes) {
		why = "it has no Xen notes: not a paravirtual kernel";
	}
	return why;
}
