// SPDX-License-Identifier: MIT
// The hypervisor's own memory, hosted: the heap, the vmap area and the map
// cache, with the allocator below them. Other tests have the fake machine's in
// their place, where sanitizers see each block.
//
// Frames are a file. The heap window is a mapping of it; a page of the map
// cache's window is mapped anew by invlpg() alone, as a TLB would have it.
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define FRAMES 4096ul // 8 chunks
#define CHUNK 512ul
#define SPARE 0x100ul // frames that boot mapped and left

static char *heap_window, *cpu_window;
#undef HEAP_BASE
#define HEAP_BASE ((u64)heap_window)
#undef PERCPU_BASE
#define PERCPU_BASE ((u64)cpu_window)

#include "../../hypervisor/lib/bitmap.c"
#include "../../hypervisor/mm/alloc.c"
#include "../../hypervisor/mm/heap.c"
#define page_va vmap_page_va
#include "../../hypervisor/mm/vmap.c"
#undef page_va
#include "../../hypervisor/mm/mapcache.c"
#include "../../hypervisor/mm/state.h"

struct page *fake_pages;
u64 frames_end = FRAMES;
u32 partition_count;
struct partition partition_first, *partition_default,
    *partitions[PARTITIONS_MAX];
__thread struct cpu *fake_cpu;
__thread u32 fake_cpu_id;

static int file; // the frames
static struct cpu cpu;
static u64 cpu_entries[512]; // of the CPU's window
static u64 vmap_entries[VMAP_PAGES];
static bool no_table; // vmap_entry() has no memory
static u32 flushes, holds, pages_flushed;
static u64 spent = ~0ull;

// --- what is below -----------------------------------------------------------

void boot_heap_rest(u64 *start, u64 *end)
{
	*start = (CHUNK - SPARE) * PAGE_SIZE;
	*end = CHUNK * PAGE_SIZE;
}

// What is not in the window faults.
void heap_window_map(u64 maddr, bool there)
{
	assert_int_equal(maddr % (CHUNK * PAGE_SIZE), 0);
	assert_int_equal(mprotect(heap_window + maddr, CHUNK * PAGE_SIZE,
				  there ? PROT_READ | PROT_WRITE : PROT_NONE),
			 0);
}

void invlpg(u64 va)
{
	u64 e = cpu_entries[(va - PERCPU_BASE) / PAGE_SIZE];

	pages_flushed++;
	assert_true(mmap((void *)va, PAGE_SIZE, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_FIXED, file,
			 (off_t)(pte_mfn(e).n * PAGE_SIZE)) == (void *)va);
}

u64 *vmap_entry(u64 va)
{
	return no_table ? NULL : &vmap_entries[(va - VMAP_BASE) / PAGE_SIZE];
}

void tlb_flush_global(void)
{
	flushes++;
}

// A processor in the hypervisor serves this where it next waits.
static u32 asked, served;
static bool other_runs;

void tlb_flush_stamped(u32 stamp)
{
	flushes++;
	__atomic_store_n(&asked, asked + 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&other_runs, __ATOMIC_SEQ_CST) &&
	       __atomic_load_n(&served, __ATOMIC_SEQ_CST) != asked) {
	}
}

u32 tlb_stamp_now(void)
{
	return 1;
}

bool work_spent(u32 units)
{
	spent -= MIN(spent, units);
	return !spent;
}

void domain_hold(struct domain *d)
{
	holds++;
}

void domain_put(struct domain *d)
{
	holds--;
}

bool page_get(struct page *p, struct domain *d)
{
	return false;
}

static struct domain *owner;

void page_put(struct page *p)
{
	p->state -= PAGE_REF_ONE;
	if (!(p->state & PAGE_REFS_MASK)) {
		frame_release(p, owner);
	}
}

void lock_contended(lock_t *l)
{
	fail();
}

void panic(const char *fmt, ...)
{
	fail_msg("%s", fmt);
	abort();
}

void log_at(enum log_level level, const char *fmt, ...)
{
}

size_t strlcpy(char *dst, const char *src, size_t bytes)
{
	return (size_t)snprintf(dst, bytes, "%s", src);
}

// A machine whose first chunk boot used but for its last SPARE frames.
static int machine(void **state)
{
	u64 bytes = FRAMES * PAGE_SIZE;

	file = memfd_create("frames", 0);
	assert_int_equal(ftruncate(file, (off_t)bytes), 0);
	heap_window = mmap(NULL, bytes, PROT_NONE, MAP_SHARED, file, 0);
	cpu_window = mmap(NULL, PERCPU_BYTES, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	fake_pages = calloc(FRAMES, sizeof(struct page));
	memset(&partition_first, 0, sizeof(partition_first));
	partition_first.cursor = 1;
	memset(&heap_first, 0, sizeof(heap_first));
	heap_first.blocks.id = PARTITIONS_MAX;
	heap_first.from = &partition_first;
	memset(cpu_entries, 0, sizeof(cpu_entries));
	memset(vmap_entries, 0, sizeof(vmap_entries));
	memset(used, 0, sizeof(used));
	cursor = 0;
	alloc_init();
	alloc_reserve_range(MFN(0), MFN(CHUNK));
	alloc_add_range(MFN(CHUNK), MFN(FRAMES));
	heap_window_map(0, true);
	heap_init();
	cpu = (struct cpu){.self = &cpu, .window = cpu_entries};
	fake_cpu = &cpu;
	assert_int_equal(mapcache_init_cpu(&cpu), 0);
	flushes = pages_flushed = 0;
	spent = ~0ull;
	return 0;
}

static int machine_end(void **state)
{
	munmap(heap_window, FRAMES * PAGE_SIZE);
	munmap(cpu_window, PERCPU_BYTES);
	free(fake_pages);
	return close(file);
}

static u64 random_state = 88172645463325252ull;

static u32 random_below(u32 n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (u32)((random_state >> 16) % n);
}

// --- the heap ----------------------------------------------------------------

static bool all_are(const u8 *p, u64 bytes, u8 value)
{
	return !bytes || (*p == value && !memcmp(p, p + 1, bytes - 1));
}

// What is handed out is zero, aligned to its size, and nobody else's until it
// is given back; then all of it is there again.
static void what_the_heap_gives_is_the_takers_alone(void **state)
{
	static struct {
		u8 *p;
		u32 bytes;
	} held[200];
	u64 used = heap_first.used;

	for (u32 i = 0; i < 40000; i++) {
		u32 n = random_below(ARRAY_SIZE(held));
		u32 bytes = 1 + random_below(1u << random_below(15));

		if (held[n].p) {
			assert_true(all_are(held[n].p, held[n].bytes, (u8)n));
			heap_free(held[n].p);
			held[n].p = NULL;
			continue;
		}
		held[n].p = heap_alloc(bytes);
		held[n].bytes = bytes;
		assert_non_null(held[n].p);
		assert_int_equal((u64)held[n].p & MIN(bytes - 1, 31u) & 31, 0);
		assert_true(all_are(held[n].p, bytes, 0));
		memset(held[n].p, (u8)n, bytes);
	}
	for (u32 n = 0; n < ARRAY_SIZE(held); n++) {
		heap_free(held[n].p);
		held[n].p = NULL;
	}
	assert_int_equal(heap_first.used, used);
	heap_free(NULL);
}

static void sizes_that_the_heap_has_not_are_refused(void **state)
{
	assert_null(heap_alloc(0));
	assert_null(heap_alloc((2u << 20) + 1));
	assert_null(heap_alloc(~0ull));
}

// Until there is none, chunk by chunk; a claim is kept; what was given back is
// had again.
static void an_exhausted_heap_says_so_and_recovers(void **state)
{
	static u8 *held[FRAMES];
	u32 n = 0, m = 0;

	partition_first.claimed = 2 * CHUNK;
	while ((held[n] = heap_page())) {
		n++;
	}
	assert_true(partition_first.free >= partition_first.claimed);
	assert_null(heap_alloc(2u << 20));
	partition_first.claimed = 0;
	while ((held[n + m] = heap_page())) {
		m++;
	}
	assert_int_equal(m, 2 * CHUNK);
	assert_int_equal(partition_first.free, 0);
	for (u32 i = 0; i < n + m; i++) {
		heap_free(held[i]);
	}
	held[0] = heap_alloc(2u << 20);
	assert_non_null(held[0]);
	assert_true(all_are(held[0], 2u << 20, 0));
	heap_free(held[0]);
}

// It takes from its partition alone; emptied, its frames are the default's,
// and its window is shut.
static void a_partitions_heap_can_be_given_back(void **state)
{
	static struct partition part;
	static struct domain d;
	u64 mfn, free;
	void *p;

	part = (struct partition){.id = 1};
	partitions[1] = &part;
	part.heap = heap_create(&part);
	d.partition = &part;
	assert_null(heap_alloc_for(&d, 100));
	free = partition_first.free;
	mfn = blocks_take(&partition_first, CHUNK_ORDER, 0);
	for (u64 i = 0; i < CHUNK; i++) {
		mfn_page(MFN(mfn + i))->partition = 1;
	}
	part.frames = CHUNK;
	blocks_free(&part, mfn, CHUNK_ORDER, ORDER_MAX);
	p = heap_alloc_for(&d, 100);
	assert_non_null(p);
	assert_int_equal(heap_mfn(p).n & ~(CHUNK - 1), mfn);
	assert_int_equal(part.frames, 0);
	assert_int_equal(heap_give_back(part.heap), -EBUSY);
	heap_free(p);
	flushes = 0;
	assert_int_equal(heap_give_back(part.heap), 0);
	assert_true(flushes > 0);
	assert_int_equal(
	    mprotect(heap_window + mfn * PAGE_SIZE, PAGE_SIZE, PROT_NONE), 0);
	assert_int_equal(partition_first.free, free);
	partitions[1] = NULL;
	heap_free(part.heap);
}

// A page that a domain may map holds the domain; it is heap memory again when
// the hypervisor and the domain have let go, and no TLB knows it then.
static void a_shared_page_goes_with_its_last_user(void **state)
{
	static struct domain d = {.id = 3, .serial = 9};
	u64 used = heap_first.used;
	void *page = heap_page();
	struct page *p = mfn_page(heap_mfn(page));

	owner = &d;
	heap_page_share(page, &d);
	assert_int_equal(holds, 1);
	assert_int_equal(p->owner, 3);
	p->state += PAGE_REF_ONE; // the domain maps it
	heap_page_unshare(page);
	assert_int_equal(heap_first.used, used + PAGE_SIZE);
	flushes = 0;
	page_put(p);
	assert_true(flushes > 0);
	assert_int_equal(holds, 0);
	assert_int_equal(heap_first.used, used);
}

// Who sees the new owner may have a reference before the sharing is over.
static void a_reference_to_a_page_just_shared_is_kept(void **state)
{
	static struct domain d = {.id = 4, .serial = 10};
	void *page = heap_page();
	struct page *p = mfn_page(heap_mfn(page));

	owner = &d;
	p->state += PAGE_REF_ONE;
	heap_page_share(page, &d);
	assert_int_equal(p->state,
			 PAGE_HEAP | PAGE_ALLOCATED | 2 * PAGE_REF_ONE);
	heap_page_unshare(page);
	page_put(p);
	assert_int_equal(holds, 0);
}

// --- the vmap area -----------------------------------------------------------

static u64 entry_of(const void *va)
{
	return vmap_entries[((u64)va - VMAP_BASE) / PAGE_SIZE];
}

// Someone asks for the domain's page all the time. What the heap has back it
// has for itself.
#define SHARINGS 300000

static struct page *shared;
static u32 kept; // references to what is the heap's

static void *ask(void *unused)
{
	while (__atomic_load_n(&other_runs, __ATOMIC_SEQ_CST)) {
		__atomic_store_n(&served, READ_ONCE(asked), __ATOMIC_SEQ_CST);
		if (get_fast(shared, owner)) {
			for (u32 i = 0; i < 20; i++) {
				kept += READ_ONCE(shared->owner) != owner->id;
			}
			__atomic_sub_fetch(&shared->state, PAGE_REF_ONE,
					   __ATOMIC_SEQ_CST);
		}
	}
	return NULL;
}

static void a_released_page_is_nobody_elses(void **state)
{
	struct domain d = {
	    .id = 5, .serial = 77, .partition = &partition_first};
	void *page = heap_alloc_for(&d, PAGE_SIZE);
	pthread_t thread;

	owner = &d;
	shared = mfn_page(heap_mfn(page));
	kept = 0;
	other_runs = true;
	pthread_create(&thread, NULL, ask, NULL);
	for (u32 i = 0; i < SHARINGS && !READ_ONCE(kept); i++) {
		u64 unused = PAGE_HEAP | PAGE_ALLOCATED | PAGE_REF_ONE;
		u64 s = unused;

		heap_page_share(page, &d);
		while (!state_change(shared, &s, 0) && !READ_ONCE(kept)) {
			kept += !(s & PAGE_REFS_MASK); // ours was lost
			s = unused;
		}
		heap_frame_release(shared, &d);
		assert_ptr_equal(heap_alloc_for(&d, PAGE_SIZE), page);
	}
	__atomic_store_n(&other_runs, false, __ATOMIC_SEQ_CST);
	pthread_join(thread, NULL);
	assert_int_equal(kept, 0);
}

static void a_mapping_is_of_what_was_asked_for(void **state)
{
	char *ram = vmap_frame(MFN(0x123));
	char *device = vmap_mmio(0xfee00fe0, 0x20);

	assert_int_equal(entry_of(ram), 0x123000 | FLAGS_RAM);
	assert_int_equal((u64)device & PAGE_OFFSET_MASK, 0xfe0);
	assert_int_equal(entry_of(device), 0xfee00000 | FLAGS_MMIO);
	assert_null(vmap_mmio(0xfee00ff0, 0x20)); // over a page's end
	vunmap(device);
	assert_int_equal(flushes, 1);
	assert_int_equal(entry_of(device), 0);
	assert_int_equal(entry_of(ram), 0x123000 | FLAGS_RAM);
	vunmap(ram);
}

static void the_vmap_area_says_when_it_is_full(void **state)
{
	static bool taken[VMAP_PAGES];
	u64 first = (u64)vmap_frame(MFN(1));

	vunmap((void *)first);
	for (u64 i = 0; i < VMAP_PAGES; i++) {
		u64 va = (u64)vmap_frame(MFN(1)) - VMAP_BASE;

		assert_true(va < VMAP_BYTES && !taken[va / PAGE_SIZE]);
		taken[va / PAGE_SIZE] = true;
	}
	assert_null(vmap_frame(MFN(1)));
	vunmap((void *)first);
	// Nothing is lost where there is no memory for a table.
	no_table = true;
	assert_null(vmap_frame(MFN(1)));
	no_table = false;
	assert_int_equal((u64)vmap_frame(MFN(1)), first);
}

// --- the map cache -----------------------------------------------------------

static u64 word_of(u64 mfn)
{
	u64 word;

	assert_int_equal(pread(file, &word, 8, (off_t)(mfn * PAGE_SIZE)), 8);
	return word;
}

// Whichever frames are mapped and let go, and how often: what is written to a
// mapping lands in the frame that was asked for.
static void a_mapping_reaches_its_frame(void **state)
{
	static u64 right[FRAMES];
	u64 *held[16], mfn[16];
	u32 n = 0;

	memset(right, 0, sizeof(right));
	for (u32 i = 1; i < 60000; i++) {
		// Few frames, most of which want the same places.
		u64 m = CHUNK + random_below(8) * 0x101 + random_below(3);

		if (n < ARRAY_SIZE(held) && random_below(2)) {
			mfn[n] = m;
			held[n++] = page_map(MFN(m));
		} else if (n) {
			page_unmap(held[--n]);
			if (!n && !random_below(4)) {
				mapcache_flush();
			}
		}
		if (n) {
			u32 at = random_below(n);

			assert_int_equal(*held[at], right[mfn[at]]);
			*held[at] = right[mfn[at]] = i;
			assert_int_equal(word_of(mfn[at]), i);
		}
		assert_int_equal(page_read(MFN(m), 0), right[m]);
	}
	assert_true(pages_flushed > 1000);
	while (n) {
		page_unmap(held[--n]);
	}
}

// After another domain came to run nothing of it is left in the entries.
static void a_flushed_cache_maps_nothing(void **state)
{
	for (u64 m = CHUNK; m < 2 * CHUNK; m++) {
		page_unmap(page_map(MFN(m)));
	}
	mapcache_flush();
	for (u32 i = 0; i < ARRAY_SIZE(cpu_entries); i++) {
		assert_int_equal(cpu_entries[i], 0);
	}
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, machine, machine_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(what_the_heap_gives_is_the_takers_alone),
	    CASE(sizes_that_the_heap_has_not_are_refused),
	    CASE(an_exhausted_heap_says_so_and_recovers),
	    CASE(a_partitions_heap_can_be_given_back),
	    CASE(a_shared_page_goes_with_its_last_user),
	    CASE(a_reference_to_a_page_just_shared_is_kept),
	    CASE(a_released_page_is_nobody_elses),
	    CASE(a_mapping_is_of_what_was_asked_for),
	    CASE(the_vmap_area_says_when_it_is_full),
	    CASE(a_mapping_reaches_its_frame),
	    CASE(a_flushed_cache_maps_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
