// SPDX-License-Identifier: MIT
// Reaching guest frames one at a time: each CPU has a window of PERCPU_MAPS
// pages, a frame's place in it given by its mfn, and some spare pages for
// frames whose place is taken. A mapping stays after page_unmap() until its
// place is wanted or another domain comes to run, so a table that is changed
// over and over is mapped once.
#include <wabe/alloc.h>
#include <wabe/mapcache.h>
#include <wabe/mmu.h>

#define MAP_FLAGS (PTE_P | PTE_RW | PTE_A | PTE_D | PTE_NX)

struct mapcache {
	u64 window;		      // address of the CPU's window
	u64 tag[PERCPU_MAPS];	      // mfn in each place; 0: empty
	u8 refs[PERCPU_MAPS];	      // page_map() calls not yet undone
	u64 filled[PERCPU_MAPS / 64]; // places that are not empty
	u64 spares;		      // spare pages in use
};

static void *map_spare(struct cpu *c, struct mapcache *mc, mfn_t m)
{
	u32 i;
	u64 va;

	BUG_ON(mc->spares == ~0ull);
	i = (u32)__builtin_ctzll(~mc->spares);
	mc->spares |= BIT(i);
	va = mc->window + (PERCPU_MAP_SPARE + i) * PAGE_SIZE;
	c->window[PERCPU_MAP_SPARE + i] = mfn_to_maddr(m) | MAP_FLAGS;
	invlpg(va);
	return (void *)va;
}

static inline u32 place_of(mfn_t m)
{
	return (u32)(m.n ^ m.n >> 8) & (PERCPU_MAPS - 1);
}

u64 page_read(mfn_t m, u32 index)
{
	const struct mapcache *mc = this_cpu()->mapcache;
	u32 i = place_of(m);
	const u64 *t;
	u64 value;

	if (likely(mc->tag[i] == m.n)) {
		t = (const u64 *)(mc->window + (PERCPU_MAP + i) * PAGE_SIZE);
		return READ_ONCE(t[index]);
	}
	t = page_map(m);
	value = READ_ONCE(t[index]);
	page_unmap(t);
	return value;
}

void *page_map(mfn_t m)
{
	struct cpu *c = this_cpu();
	struct mapcache *mc = c->mapcache;
	u32 i = place_of(m);
	u64 va = mc->window + (PERCPU_MAP + i) * PAGE_SIZE;

	if (likely(mc->tag[i] == m.n)) {
		BUG_ON(mc->refs[i] == 255);
		mc->refs[i]++;
		return (void *)va;
	}
	if (mc->refs[i]) {
		return map_spare(c, mc, m);
	}
	mc->tag[i] = m.n;
	mc->refs[i] = 1;
	bit_set(mc->filled, i);
	c->window[PERCPU_MAP + i] = mfn_to_maddr(m) | MAP_FLAGS;
	invlpg(va);
	return (void *)va;
}

void page_unmap(const void *p)
{
	struct cpu *c = this_cpu();
	struct mapcache *mc = c->mapcache;
	u32 i = (u32)((u64)p >> PAGE_SHIFT) & 511;

	if (i >= PERCPU_MAP) {
		ASSERT(mc->refs[i - PERCPU_MAP]);
		mc->refs[i - PERCPU_MAP]--;
		return;
	}
	i -= PERCPU_MAP_SPARE;
	ASSERT(mc->spares & BIT(i));
	c->window[PERCPU_MAP_SPARE + i] = 0;
	mc->spares &= ~BIT(i);
}

// The TLB forgets when the caller loads CR3; filling a place flushes it too.
void mapcache_flush(void)
{
	struct cpu *c = this_cpu();
	struct mapcache *mc = c->mapcache;

	for (u32 w = 0; w < ARRAY_SIZE(mc->filled); w++) {
		while (mc->filled[w]) {
			u32 i = w * 64 + (u32)__builtin_ctzll(mc->filled[w]);

			ASSERT(!mc->refs[i]);
			mc->filled[w] &= mc->filled[w] - 1;
			mc->tag[i] = 0;
			c->window[PERCPU_MAP + i] = 0;
		}
	}
}

int mapcache_init_cpu(struct cpu *c)
{
	c->mapcache = heap_alloc(sizeof(*c->mapcache));
	if (!c->mapcache) {
		return -ENOMEM;
	}
	c->mapcache->window = PERCPU_BASE + (u64)c->id * PERCPU_BYTES;
	return 0;
}
