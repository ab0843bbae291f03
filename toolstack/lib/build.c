// SPDX-License-Identifier: MIT
// Building a domain: plan where everything lies, give it memory, fill it,
// hand it over. Speaks to the hypervisor as seldom as can be: memory comes in
// 2 MiB pieces, the guest's memory is mapped once.
#define _GNU_SOURCE
#include "build.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGES(bytes) (((uint64_t)(bytes) + PAGE - 1) / PAGE)
#define BIG_ORDER 9
#define BIG_PAGES (1ul << BIG_ORDER)
#define KERNEL_ALIGN 1024ul // 4 MiB
#define KERNEL_SLACK 128ul  // at least 512 KiB mapped behind the stack

static int initrd_open(struct build *b, const char *path,
		       struct wabe_error *err)
{
	CLEANUP_CLOSE int fd = -1;
	struct stat st;
	void *map;

	if (!path) {
		return 0;
	}
	// A pipe is not waited for: it is refused.
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st)) {
		return error_set(err, errno, "initrd %s", path);
	}
	if (!S_ISREG(st.st_mode) || !st.st_size) {
		return error_set(err, 0, "initrd %s: %s", path,
				 S_ISREG(st.st_mode) ? "empty" : "not a file");
	}
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED) {
		return error_set(err, errno, "initrd %s", path);
	}
	b->initrd_file = map;
	b->initrd_bytes = (size_t)st.st_size;
	return 0;
}

static struct span span_take(uint64_t *next, uint64_t pages)
{
	struct span s = {*next, pages};

	*next += pages;
	return s;
}

// Behind the kernel and what it wants mapped: start info, rings, tables and
// stack. The tables must also map themselves, hence the loop.
static uint64_t layout_mapped(struct build *b, uint64_t next)
{
	uint64_t end, after;

	b->start_info = span_take(&next, 1);
	b->store = span_take(&next, 1);
	b->console = span_take(&next, 1);
	b->tables.pfn = next;
	b->tables.pages = 1;
	do {
		end = b->tables.pfn + b->tables.pages + 1;
		b->stack = (struct span){end - 1, 1};
		b->mapped = (end + KERNEL_SLACK + KERNEL_ALIGN - 1) /
			    KERNEL_ALIGN * KERNEL_ALIGN;
		if (b->mapped > b->pages) {
			b->mapped = b->pages;
		}
		after = table_range_plan(&b->kernel_range, b->kernel.virt_base,
					 b->mapped, 0, b->tables.pfn + 1);
		if (after - b->tables.pfn <= b->tables.pages) {
			break;
		}
		b->tables.pages = after - b->tables.pfn;
	} while (true);
	return b->mapped > end ? b->mapped : end;
}

static int layout_plan(struct build *b, struct wabe_error *err)
{
	const struct kernel *k = &b->kernel;
	uint64_t next = PAGES(k->end), list_pages = PAGES(b->pages * 8);

	b->image.pfn = k->start / PAGE;
	b->image.pages = next - b->image.pfn;
	if (b->initrd_bytes && !k->mod_start_pfn) {
		b->initrd = span_take(&next, PAGES(b->initrd_bytes));
	}
	if (!k->has_init_p2m) {
		b->list = span_take(&next, list_pages);
	}
	next = layout_mapped(b, next);
	b->tail.pfn = next;
	if (b->initrd_bytes && k->mod_start_pfn) {
		b->initrd = span_take(&next, PAGES(b->initrd_bytes));
	}
	if (k->has_init_p2m) {
		b->list = span_take(&next, list_pages);
		b->list_tables.pfn = next;
		next = table_range_plan(&b->list_range, k->init_p2m, list_pages,
					b->list.pfn, next);
		b->list_tables.pages = next - b->list_tables.pfn;
	}
	if (next > b->pages) {
		return error_set(err, 0,
				 "memory-kib: %lu KiB are too few, the kernel "
				 "and initrd take %lu",
				 b->pages * 4, next * 4);
	}
	if (k->virt_base + b->mapped * PAGE - 1 < k->virt_base ||
	    (k->has_init_p2m && k->init_p2m >> 39 == k->virt_base >> 39)) {
		return error_set(err, 0,
				 "kernel: its notes name addresses "
				 "that leave no room");
	}
	b->tail.pages = next - b->tail.pfn;
	b->map_pfn = b->image.pfn;
	b->map_pages = next - b->map_pfn;
	return 0;
}

// 2 MiB pieces as long as there are any, single frames for the rest.
static int memory_populate(struct build *b, struct wabe_error *err)
{
	uint64_t big = b->pages / BIG_PAGES, rest;
	CLEANUP_FREE xen_pfn_t *extent = calloc(big + 1, sizeof(*extent));
	int done = 0;

	b->p2m = calloc(b->pages, sizeof(*b->p2m));
	if (!b->p2m || !extent) {
		return error_set(err, ENOMEM, "list of frames");
	}
	for (uint64_t i = 0; i < big; i++) {
		extent[i] = i * BIG_PAGES;
	}
	if (big) {
		done = xc_domain_populate_physmap(b->m->xch, b->d->domid, big,
						  BIG_ORDER, 0, extent);
	}
	for (int i = 0; i < done; i++) {
		for (uint64_t j = 0; j < BIG_PAGES; j++) {
			b->p2m[(uint64_t)i * BIG_PAGES + j] = extent[i] + j;
		}
	}
	rest = done > 0 ? (uint64_t)done * BIG_PAGES : 0;
	for (uint64_t i = rest; i < b->pages; i++) {
		b->p2m[i] = i;
	}
	if (rest < b->pages &&
	    xc_domain_populate_physmap_exact(
		b->m->xch, b->d->domid, b->pages - rest, 0, 0, b->p2m + rest)) {
		return error_set(err, ENOMEM,
				 "memory-kib: the %s has no %lu KiB free: end "
				 "a domain or ask for less",
				 b->partition ? "partition" : "machine",
				 b->pages * 4);
	}
	return 0;
}

static int span_map(struct build *b, uint64_t pfn, uint64_t pages,
		    struct wabe_error *err)
{
	if (pages &&
	    !xenforeignmemory_map2(b->m->memory, b->d->domid,
				   build_page(b, pfn), PROT_READ | PROT_WRITE,
				   MAP_FIXED, pages, b->p2m + pfn, NULL)) {
		return error_set(err, errno, "mapping the domain's memory");
	}
	return 0;
}

struct mapping {
	struct build *b;
	struct wabe_error *err;
};

static int segment_map(void *data, uint64_t at, const void *content,
		       size_t bytes, uint64_t room)
{
	struct mapping *m = data;

	return span_map(m->b, at / PAGE, PAGES(at + room) - at / PAGE, m->err);
}

// What will be written, and no gap between: a page costs more to map and unmap
// than to fill.
static int memory_map(struct build *b, struct wabe_error *err)
{
	struct mapping m = {b, err};
	uint64_t behind = b->image.pfn + b->image.pages;

	b->map = mmap(NULL, b->map_pages * PAGE, PROT_NONE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (b->map == MAP_FAILED) {
		b->map = NULL;
		return error_set(err, errno, "mapping the domain's memory");
	}
	if (kernel_segments(&b->kernel, segment_map, &m) ||
	    span_map(b, behind, b->stack.pfn + 1 - behind, err)) {
		return -1;
	}
	return span_map(b, b->tail.pfn, b->tail.pages, err);
}

static void memory_unmap(struct build *b)
{
	if (b->map) {
		munmap(b->map, b->map_pages * PAGE);
		b->map = NULL;
	}
}

static int segment_write(void *data, uint64_t at, const void *content,
			 size_t bytes, uint64_t room)
{
	struct build *b = data;
	uint8_t *to = b->map + (at - b->map_pfn * PAGE);

	// layout_read() and layout_plan() keep every segment in the map.
	memcpy(to, content, bytes);
	memset(to + bytes, 0, room - bytes);
	return 0;
}

static void content_write(struct build *b)
{
	uint64_t behind = b->image.pfn + b->image.pages;

	// Everything behind the kernel, save the slack nobody looks at.
	memset(build_page(b, behind), 0, (b->stack.pfn + 1 - behind) * PAGE);
	kernel_segments(&b->kernel, segment_write, b);
	if (b->initrd_bytes) {
		memcpy(build_page(b, b->initrd.pfn), b->initrd_file,
		       b->initrd_bytes);
	}
	memcpy(build_page(b, b->list.pfn), b->p2m, b->pages * 8);
	if (b->list_tables.pages) {
		memset(build_page(b, b->list_tables.pfn), 0,
		       b->list_tables.pages * PAGE);
	}
	b->d->store_mfn = b->p2m[b->store.pfn];
	b->d->console_mfn = b->p2m[b->console.pfn];
	start_info_write(b);
	tables_write(b);
}

static int tables_pin(struct build *b, struct wabe_error *err)
{
	struct mmuext_op pin = {
	    .cmd = MMUEXT_PIN_L4_TABLE,
	    .arg1.mfn = b->p2m[b->tables.pfn],
	};

	if (xc_mmuext_op(b->m->xch, &pin, 1, b->d->domid)) {
		return error_set(err, errno, "pinning the page tables");
	}
	return 0;
}

static int shared_info_find(struct build *b, struct wabe_error *err)
{
	xc_domaininfo_t info;

	if (xc_domain_getinfolist(b->m->xch, b->d->domid, 1, &info) != 1 ||
	    info.domain != b->d->domid) {
		return error_set(err, errno, "domain %u", b->d->domid);
	}
	b->shared_info_frame = info.shared_info_frame;
	return 0;
}

static int memory_build(struct build *b, struct wabe_error *err)
{
	if (shared_info_find(b, err) || memory_populate(b, err) ||
	    memory_map(b, err)) {
		return -1;
	}
	content_write(b);
	// No writable view of a table may be left when it is pinned.
	memory_unmap(b);
	if (hypercall_page_write(b, err) || tables_pin(b, err) ||
	    shared_info_write(b, err) || grants_write(b, err)) {
		return -1;
	}
	return vcpu_write(b, err);
}

int domain_build(struct machine *m, const struct wabe_spec *spec,
		 struct domain *d, struct wabe_error *err)
{
	struct build b = {.m = m,
			  .d = d,
			  .cmdline = spec->cmdline,
			  .partition = spec->partition};
	int status = -1;

	b.pages = spec->memory_kib / 4;
	if (!kernel_cached(&m->kernels, spec->kernel, &b.kernel, err) &&
	    !initrd_open(&b, spec->initrd, err) && !layout_plan(&b, err)) {
		status = memory_build(&b, err);
	}
	memory_unmap(&b);
	free(b.p2m);
	if (b.initrd_file) {
		munmap((void *)(uintptr_t)b.initrd_file, b.initrd_bytes);
	}
	return status;
}
