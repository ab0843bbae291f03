// SPDX-License-Identifier: MIT
// The smallest machine under ipc/: one CPU, a few domains, frames that are
// plain counters. A test includes this, then the sources it tests, and is a
// program by itself: nothing else of the hypervisor is linked.
#ifndef IPC_MACHINE_H
#define IPC_MACHINE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

// Takes the place of wabe/arch.h.
#define WABE_ARCH_H
#include <wabe/types.h>
struct cpu;
static struct cpu *this_cpu(void);
static u32 cpu_id(void);
static inline u64 index_clamp(u64 i, u64 n)
{
	assert_true(i < n);
	return i;
}

#define FRAMES 64
struct page;
static struct page *frame_table(void);
#define PAGE_TABLE frame_table()

#include <wabe/alloc.h>
#include <wabe/domain.h>
#include <wabe/errno.h>
#include <wabe/evtchn.h>
#include <wabe/mapcache.h>
#include <wabe/mmu.h>
#include <wabe/page.h>
#include <wabe/sched.h>
#include <wabe/share.h>
#include <wabe/tlb.h>

#define DOMAINS 3
#define VCPUS 2

// What a frame holds, and who uses it how.
struct frame {
	struct domain *owner;
	s32 refs, writers;
	bool table; // in use as a page table: may not be written
	_Alignas(4096) u8 bytes[4096];
};

static struct frame frames[FRAMES];
static struct page pages[FRAMES];
static struct domain domains[DOMAINS];
static struct vcpu vcpus[DOMAINS][VCPUS];
static struct vcpu *vcpu_list[DOMAINS][VCPUS];
static struct vcpu_info infos[DOMAINS][VCPUS];
static struct cpu machine_cpu;
static u32 kicks, flushes;
static s64 heap_blocks;
static s64 work_left = 1 << 30;

static struct page *frame_table(void)
{
	return pages;
}

static struct cpu *this_cpu(void)
{
	return &machine_cpu;
}

static u32 cpu_id(void)
{
	return 0;
}

void lock_contended(lock_t *l)
{
	fail_msg("a lock is taken twice");
}

void panic(const char *fmt, ...)
{
	fail_msg("panic: %s", fmt);
	abort();
}

void log_at(enum log_level level, const char *fmt, ...)
{
}

void *heap_alloc(size_t bytes)
{
	heap_blocks++;
	return calloc(1, bytes);
}

void *heap_alloc_for(const struct domain *d, size_t bytes)
{
	void *p = bytes < PAGE_SIZE
		      ? malloc(bytes)
		      : aligned_alloc(PAGE_SIZE, ALIGN_UP(bytes, PAGE_SIZE));

	heap_blocks++;
	return memset(p, 0, bytes);
}

void heap_free(void *p)
{
	heap_blocks -= p != NULL;
	free(p);
}

bool work_spent(u32 units)
{
	work_left -= units;
	return work_left <= 0;
}

void vcpu_kick(struct vcpu *v)
{
	kicks++;
}

void pollers_wake_slow(struct domain *d, u32 port)
{
}

struct vcpu *domain_vcpu(struct domain *d, u32 id)
{
	return id < VCPUS ? d->vcpu[id] : NULL;
}

void domain_hold(struct domain *d)
{
	d->refs++;
}

void domain_put(struct domain *d)
{
	assert_true(d->refs > 1);
	d->refs--;
}

struct domain *domain_get(domid_t id)
{
	if (id == DOMID_SELF) {
		domain_hold(current_domain());
		return current_domain();
	}
	if (id >= DOMAINS) {
		return NULL;
	}
	domain_hold(&domains[id]);
	return &domains[id];
}

struct page *page_lookup(mfn_t m)
{
	return m.n && m.n < FRAMES ? &pages[m.n] : NULL;
}

static struct frame *frame_of(const struct page *p)
{
	return &frames[p - pages];
}

bool page_get(struct page *p, struct domain *d)
{
	struct frame *f = frame_of(p);

	f->refs += f->owner == d;
	return f->owner == d;
}

void page_put(struct page *p)
{
	assert_true(frame_of(p)->refs > 0);
	frame_of(p)->refs--;
}

int page_get_type(struct page *p, struct domain *d, enum page_type type)
{
	struct frame *f = frame_of(p);

	assert_int_equal(type, PAGE_WRITABLE);
	if (f->owner != d || f->table) {
		return -EINVAL;
	}
	f->refs++;
	f->writers++;
	return 0;
}

void page_put_type(struct page *p)
{
	assert_true(frame_of(p)->writers > 0);
	frame_of(p)->writers--;
	page_put(p);
}

int share_create(struct domain *d, mfn_t m, struct share **out)
{
	struct page *p = page_lookup(m);

	if (!p || page_get_type(p, d, PAGE_WRITABLE)) {
		return -EINVAL;
	}
	*out = heap_alloc(sizeof(**out));
	(*out)->mfn = m;
	(*out)->page = frames[m.n].bytes;
	return 0;
}

void share_destroy(struct share *s)
{
	if (s) {
		page_put_type(mfn_page(s->mfn));
		heap_free(s);
	}
}

void *page_map(mfn_t m)
{
	assert_true(frames[m.n].refs > 0);
	return frames[m.n].bytes;
}

void page_unmap(const void *va)
{
}

static void run_as(u32 domain)
{
	machine_cpu.current = &vcpus[domain][0];
}

// Domain i owns frames i*16 + 1 .. i*16 + 15.
static void machine_init(void)
{
	kicks = 0;
	flushes = 0;
	for (u32 i = 0; i < DOMAINS; i++) {
		struct domain *d = &domains[i];

		memset(d, 0, sizeof(*d));
		d->id = (domid_t)i;
		d->refs = 1;
		d->vcpus_max = VCPUS;
		d->vcpu = vcpu_list[i];
		d->shared = calloc(1, 4096);
		for (u32 n = 0; n < VCPUS; n++) {
			struct vcpu *v = &vcpus[i][n];

			memset(v, 0, sizeof(*v));
			memset(&infos[i][n], 0, sizeof(infos[i][n]));
			v->domain = d;
			v->id = n;
			v->info = &infos[i][n];
			vcpu_list[i][n] = v;
		}
		for (u32 n = 1; n < 16; n++) {
			memset(&frames[i * 16 + n], 0, sizeof(frames[0]));
			frames[i * 16 + n].owner = d;
		}
	}
	run_as(0);
}

static void machine_fini(void)
{
	for (u32 i = 0; i < DOMAINS; i++) {
		free(domains[i].shared);
		assert_int_equal(domains[i].refs, 1);
	}
	for (u32 i = 0; i < FRAMES; i++) {
		assert_int_equal(frames[i].refs, 0);
		assert_int_equal(frames[i].writers, 0);
	}
	assert_int_equal(heap_blocks, 0);
}

// Repeats to the digit.
static u64 random_state = 88172645463325252ull;

static u32 random_below(u32 n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (u32)(random_state >> 33) % n;
}

#endif
