// SPDX-License-Identifier: MIT
// dom0's memory: how much, which frames, and reaching them by dom0's own
// numbers. Frames come in the largest blocks there are, below 4 GiB first: what
// dom0 gives to old devices is then within their reach.
#include <wabe/alloc.h>
#include <wabe/boot.h>
#include <wabe/dom0.h>
#include <wabe/domain.h>
#include <wabe/mapcache.h>

#define MIB_FRAMES (1ull << (20 - PAGE_SHIFT))
#define LOW_BITS 32
#define LOW_END (1ull << (LOW_BITS - PAGE_SHIFT))

// What dom0 never gets: the hypervisor's heap grows from it.
#define RESERVE_LEAST (16 * MIB_FRAMES)

u64 dom0_memory_target(void)
{
	u64 avail = frames_free();
	u64 reserve = MIN(avail / 16, 128 * MIB_FRAMES) + 64 * MIB_FRAMES;
	u64 most = avail > RESERVE_LEAST ? avail - RESERVE_LEAST : 0;
	u64 target = avail > reserve ? avail - reserve : 0;

	if (options.dom0_mem) {
		target = options.dom0_mem >> PAGE_SHIFT;
	}
	target = MAX(target, options.dom0_mem_min >> PAGE_SHIFT);
	if (options.dom0_mem_max) {
		target = MIN(target, options.dom0_mem_max >> PAGE_SHIFT);
	}
	return MIN(target, most);
}

void *dom0_scratch(struct dom0_builder *b, u64 bytes)
{
	struct page *p;
	void *memory;
	u32 order = 0;

	while (PAGE_SIZE << order < bytes) {
		order++;
	}
	p = order > ORDER_MAX
		? NULL
		: frames_alloc(b->domain, order, LOW_BITS, ALLOC_NO_SCRUB);
	memory = p ? boot_ptr(mfn_to_maddr(page_mfn(p)), bytes) : NULL;
	if (!memory) {
		dom0_refuse("the kernel", "too little memory to unpack it");
	}
	b->scratch[b->scratch_count++] =
	    (struct extent){page_mfn(p).n, 1ull << order};
	return memory;
}

// Take up to `wanted` frames below 2^bits; returns how many it got.
static u64 extents_take(struct dom0_builder *b, u64 wanted, u32 bits)
{
	u64 got = 0;
	u32 order = ORDER_MAX;

	while (got < wanted && b->extent_count < EXTENTS_MAX - 2) {
		struct page *p = NULL;

		if (1ull << order <= wanted - got) {
			p = frames_alloc(b->domain, order, bits,
					 ALLOC_NO_SCRUB);
		}
		if (p) {
			b->extents[b->extent_count++] =
			    (struct extent){page_mfn(p).n, 1ull << order};
			got += 1ull << order;
		} else if (order-- == 0) {
			break;
		}
	}
	return got;
}

// Three quarters of the memory below 4 GiB: the rest is for DMA buffers that
// dom0 asks for by exchange, and for who else needs it.
static u64 low_share(void)
{
	u64 frames = 0;

	e820_for_each_ram (e, &boot_info.memory) {
		u64 start = e->start >> PAGE_SHIFT;
		u64 end = (e->start + e->bytes) >> PAGE_SHIFT;

		frames += MIN(end, LOW_END) - MIN(start, LOW_END);
	}
	return frames / 4 * 3;
}

// The scratch memory still holds the kernel's file. In a dom0 of usual size
// it becomes the end of dom0's memory; in a tiny one it is given back after
// loading (dom0_memory_settle).
void dom0_memory_populate(struct dom0_builder *b)
{
	u64 scratch = 0, low = low_share(), got, wanted;

	for (u32 i = 0; i < b->scratch_count; i++) {
		scratch += b->scratch[i].frames;
	}
	b->scratch_kept = b->pages >= 3 * scratch;
	wanted = b->pages - (b->scratch_kept ? scratch : 0);
	low = low > scratch ? low - scratch : 0;
	got = extents_take(b, MIN(wanted, low), LOW_BITS);
	got += extents_take(b, wanted - got, 0);
	for (u32 i = 0; b->scratch_kept && i < b->scratch_count; i++) {
		b->extents[b->extent_count++] = b->scratch[i];
		got += b->scratch[i].frames;
	}
	b->pages = got;
}

void dom0_memory_settle(struct dom0_builder *b)
{
	for (u32 i = 0; !b->scratch_kept && i < b->scratch_count; i++) {
		frames_drop_allocation(mfn_page(MFN(b->scratch[i].mfn)),
				       b->scratch[i].frames);
	}
	b->domain->pages_max =
	    options.dom0_mem_max ? options.dom0_mem_max >> PAGE_SHIFT : ~0ull;
}

mfn_t dom0_mfn(const struct dom0_builder *b, u64 pfn)
{
	for (u32 i = 0; i < b->extent_count; i++) {
		if (pfn < b->extents[i].frames) {
			return MFN(b->extents[i].mfn + pfn);
		}
		pfn -= b->extents[i].frames;
	}
	panic("dom0: pfn beyond its memory");
}

void dom0_write(const struct dom0_builder *b, u64 paddr, const void *data,
		u64 bytes)
{
	const u8 *from = data;

	while (bytes) {
		u64 offset = paddr & PAGE_OFFSET_MASK;
		u64 part = MIN(bytes, PAGE_SIZE - offset);
		u8 *page = page_map(dom0_mfn(b, paddr >> PAGE_SHIFT));

		if (from) {
			memcpy(page + offset, from, part);
			from += part;
		} else {
			memset(page + offset, 0, part);
		}
		page_unmap(page);
		paddr += part;
		bytes -= part;
	}
}

// The list pfn -> mfn for dom0, and mfn -> pfn for everyone.
void dom0_p2m_write(const struct dom0_builder *b)
{
	u64 pfn = 0, *list = NULL;

	for (u32 i = 0; i < b->extent_count; i++) {
		const struct extent *e = &b->extents[i];

		for (u64 n = 0; n < e->frames; n++, pfn++) {
			if (pfn % 512 == 0) {
				if (list) {
					page_unmap(list);
				}
				list = page_map(
				    dom0_mfn(b, b->layout.p2m + pfn / 512));
			}
			list[pfn % 512] = e->mfn + n;
			m2p_set(MFN(e->mfn + n), pfn);
		}
	}
	if (pfn % 512) {
		memset(&list[pfn % 512], 0, (512 - pfn % 512) * sizeof(*list));
	}
	page_unmap(list);
}
