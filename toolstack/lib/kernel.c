// SPDX-License-Identifier: MIT
// Reading a guest kernel. The file may be anybody's: every offset is checked.
#define _GNU_SOURCE
#include "kernel.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xen/elfnote.h>

#include "unpack.h"

#define KERNEL_BYTES_MAX (512ul << 20)

// `bytes` at offset `at` of the ELF image, or NULL.
static const void *elf_at(const struct kernel *k, uint64_t at, uint64_t bytes)
{
	return at <= k->elf_bytes && bytes <= k->elf_bytes - at ? k->elf + at
								: NULL;
}

static const Elf64_Ehdr *elf_header(const struct kernel *k)
{
	const Elf64_Ehdr *h = elf_at(k, 0, sizeof(*h));

	if (!h || memcmp(h->e_ident, ELFMAG, SELFMAG) ||
	    h->e_ident[EI_CLASS] != ELFCLASS64 || h->e_machine != EM_X86_64 ||
	    h->e_phentsize != sizeof(Elf64_Phdr) ||
	    !elf_at(k, h->e_phoff, (uint64_t)h->e_phnum * sizeof(Elf64_Phdr))) {
		return NULL;
	}
	return h;
}

static const Elf64_Phdr *elf_segment(const struct kernel *k, unsigned int i)
{
	return elf_at(k, elf_header(k)->e_phoff + i * sizeof(Elf64_Phdr),
		      sizeof(Elf64_Phdr));
}

static uint64_t note_number(const uint8_t *desc, uint32_t bytes)
{
	uint64_t value = 0;

	memcpy(&value, desc, bytes < sizeof(value) ? bytes : sizeof(value));
	return value;
}

static void note_take(struct kernel *k, uint32_t type, const uint8_t *desc,
		      uint32_t bytes)
{
	uint64_t value = note_number(desc, bytes);

	switch (type) {
	case XEN_ELFNOTE_ENTRY:
		k->entry = value;
		k->has_entry = true;
		break;
	case XEN_ELFNOTE_HYPERCALL_PAGE:
		k->hypercall_page = value;
		k->has_hypercall_page = true;
		break;
	case XEN_ELFNOTE_VIRT_BASE:
		k->virt_base = value;
		break;
	case XEN_ELFNOTE_PADDR_OFFSET:
		k->paddr_offset = value;
		break;
	case XEN_ELFNOTE_INIT_P2M:
		k->init_p2m = value;
		k->has_init_p2m = true;
		break;
	case XEN_ELFNOTE_MOD_START_PFN:
		k->mod_start_pfn = value != 0;
		break;
	default:
		break;
	}
}

static void notes_read(struct kernel *k, uint64_t at, uint64_t bytes)
{
	const uint8_t *p = elf_at(k, at, bytes);
	uint64_t used = 0;

	while (p && bytes - used >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr n;
		uint64_t name, desc, next;

		memcpy(&n, p + used, sizeof(n));
		name = used + sizeof(n);
		desc = name + ((n.n_namesz + 3ull) & ~3ull);
		next = desc + ((n.n_descsz + 3ull) & ~3ull);
		if (next > bytes) {
			break;
		}
		if (n.n_namesz == 4 && !memcmp(p + name, "Xen", 4)) {
			note_take(k, n.n_type, p + desc, n.n_descsz);
		}
		used = next;
	}
}

static int layout_read(struct kernel *k, const char *path,
		       struct wabe_error *err)
{
	const Elf64_Ehdr *h = elf_header(k);

	if (!h) {
		return error_set(
		    err, 0, "%s: neither a 64-bit ELF kernel nor a bzImage",
		    path);
	}
	k->start = UINT64_MAX;
	for (unsigned int i = 0; i < h->e_phnum; i++) {
		const Elf64_Phdr *s = elf_segment(k, i);

		if (s->p_type == PT_NOTE) {
			notes_read(k, s->p_offset, s->p_filesz);
		}
		if (s->p_type != PT_LOAD || !s->p_memsz) {
			continue;
		}
		if (!elf_at(k, s->p_offset, s->p_filesz) ||
		    s->p_filesz > s->p_memsz || s->p_memsz > KERNEL_BYTES_MAX ||
		    s->p_paddr > UINT32_MAX) {
			return error_set(err, 0, "%s: bad segment %u", path, i);
		}
		if (s->p_paddr < k->start) {
			k->start = s->p_paddr;
		}
		if (s->p_paddr + s->p_memsz > k->end) {
			k->end = s->p_paddr + s->p_memsz;
		}
	}
	if (!k->has_entry || k->start == UINT64_MAX ||
	    k->start < k->paddr_offset) {
		return error_set(err, 0, "%s: no kernel for Xen's PV interface",
				 path);
	}
	k->start -= k->paddr_offset;
	k->end -= k->paddr_offset;
	return 0;
}

int kernel_open(struct kernel *k, const char *path, struct wabe_error *err)
{
	// A pipe is not waited for: it is refused.
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	void *map;

	memset(k, 0, sizeof(*k));
	if (fd < 0 || fstat(fd, &st)) {
		return error_set(err, errno, "kernel %s", path);
	}
	if (!S_ISREG(st.st_mode)) {
		return error_set(err, 0, "kernel %s: not a file", path);
	}
	if (st.st_size <= 0 || (uint64_t)st.st_size > KERNEL_BYTES_MAX) {
		return error_set(err, EFBIG, "kernel %s", path);
	}
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED) {
		return error_set(err, errno, "kernel %s", path);
	}
	k->file = map;
	k->file_bytes = (size_t)st.st_size;
	k->elf = k->file;
	k->elf_bytes = k->file_bytes;
	if (bzimage_is(k->file, k->file_bytes)) {
		if (bzimage_unpack(k->file, k->file_bytes, &k->unpacked,
				   &k->elf_bytes, err)) {
			error_wrap(err, "kernel %s", path);
			goto close_kernel;
		}
		k->elf = k->unpacked;
	}
	if (layout_read(k, path, err)) {
		goto close_kernel;
	}
	return 0;

close_kernel:
	kernel_close(k);
	return -1;
}

void kernel_close(struct kernel *k)
{
	cleanup_free(&k->unpacked);
	if (k->file) {
		munmap((void *)(uintptr_t)k->file, k->file_bytes);
	}
	memset(k, 0, sizeof(*k));
}

int kernel_segments(const struct kernel *k, kernel_segment_fn *fn, void *data)
{
	const Elf64_Ehdr *h = elf_header(k);

	for (unsigned int i = 0; i < h->e_phnum; i++) {
		const Elf64_Phdr *s = elf_segment(k, i);

		if (s->p_type == PT_LOAD && s->p_memsz &&
		    fn(data, s->p_paddr - k->paddr_offset, k->elf + s->p_offset,
		       s->p_filesz, s->p_memsz)) {
			return -1;
		}
	}
	return 0;
}

void kernel_cache_close(struct kernel_cache *c)
{
	if (c->held) {
		kernel_close(&c->kernel);
		c->held = false;
	}
}

// A file that was changed or replaced is another one.
int kernel_cached(struct kernel_cache *c, const char *path, struct kernel *out,
		  struct wabe_error *err)
{
	struct stat st;

	if (stat(path, &st)) {
		return error_set(err, errno, "kernel %s", path);
	}
	if (!c->held || c->device != st.st_dev || c->inode != st.st_ino ||
	    c->changed[0] != (uint64_t)st.st_ctim.tv_sec ||
	    c->changed[1] != (uint64_t)st.st_ctim.tv_nsec ||
	    c->bytes != (uint64_t)st.st_size) {
		kernel_cache_close(c);
		if (kernel_open(&c->kernel, path, err)) {
			return -1;
		}
		c->held = true;
		c->device = st.st_dev;
		c->inode = st.st_ino;
		c->changed[0] = (uint64_t)st.st_ctim.tv_sec;
		c->changed[1] = (uint64_t)st.st_ctim.tv_nsec;
		c->bytes = (uint64_t)st.st_size;
	}
	*out = c->kernel;
	return 0;
}
