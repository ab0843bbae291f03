// SPDX-License-Identifier: MIT
// Control calls through the hypercall table, on the fake machine: log-dirty,
// the extension's changed domains and partitions, limits of domains.
#include "mm_machine.h"

#include <wabe/evtchn.h>
#include <wabe/grant.h>
#include <wabe/hypercall.h>

#include "../../hypervisor/dom/dom.h"
#include "../../hypervisor/ipc/grants.h"

#include <public/wabe.h>
#include <xen/domctl.h>
#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xen/sched.h>
#include <xen/vcpu.h>

static struct domain *a, *b;

static int setup(void **state)
{
	fake_init(3);
	a = fake_domain(1);
	b = fake_domain(2);
	return 0;
}

static int teardown(void **state)
{
	fake_fini();
	return 0;
}

static struct xen_domctl ctl(u32 cmd, u32 domain)
{
	struct xen_domctl op = {
	    .cmd = cmd,
	    .interface_version = XEN_DOMCTL_INTERFACE_VERSION,
	    .domain = (domid_t)domain,
	};

	return op;
}

static long ctl_do(struct xen_domctl *op)
{
	return fake_hypercall(__HYPERVISOR_domctl, (u64)op, 0, 0, 0);
}

// --- log-dirty ---------------------------------------------------------------

static long shadow(u32 what, u32 mode)
{
	struct xen_domctl op = ctl(XEN_DOMCTL_shadow_op, 1);

	op.u.shadow_op.op = what;
	op.u.shadow_op.mode = mode;
	return ctl_do(&op);
}

static void log_dirty_goes_on_and_off_once(void **state)
{
	assert_int_equal(shadow(XEN_DOMCTL_SHADOW_OP_OFF, 0), -EINVAL);
	assert_int_equal(shadow(XEN_DOMCTL_SHADOW_OP_PEEK, 0), -EINVAL);
	assert_int_equal(shadow(XEN_DOMCTL_SHADOW_OP_ENABLE, 0), -EOPNOTSUPP);
	assert_int_equal(shadow(XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY, 0), 0);
	assert_int_equal(shadow(XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY, 0),
			 -EINVAL);
	assert_int_equal(shadow(XEN_DOMCTL_SHADOW_OP_CLEAN, 2), -EINVAL);
	assert_int_equal(shadow(XEN_DOMCTL_SHADOW_OP_OFF, 0), 0);
	assert_int_equal(shadow(XEN_DOMCTL_SHADOW_OP_ENABLE,
				XEN_DOMCTL_SHADOW_ENABLE_LOG_DIRTY),
			 0);
	assert_int_equal(shadow(XEN_DOMCTL_SHADOW_OP_SET_ALLOCATION, 0), 0);
	assert_int_equal(shadow(99, 0), -EOPNOTSUPP);
}

// The bits of `pages` pages and no more, in slices, whatever the slice.
static void all_pages_are_reported(void **state)
{
	static const u64 counts[] = {1, 7, 8, 9, 2047, 2048, 2049, 100003};
	static u8 map[20000];

	assert_int_equal(shadow(XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY, 0), 0);
	for (u32 i = 0; i < ARRAY_SIZE(counts); i++) {
		struct xen_domctl op = ctl(XEN_DOMCTL_shadow_op, 1);
		u64 pages = counts[i], bytes = DIV_ROUND_UP(pages, 8);

		memset(map, 0x55, sizeof(map));
		op.u.shadow_op.op = i & 1 ? XEN_DOMCTL_SHADOW_OP_CLEAN
					  : XEN_DOMCTL_SHADOW_OP_PEEK;
		op.u.shadow_op.pages = pages;
		set_xen_guest_handle(op.u.shadow_op.dirty_bitmap, map);
		assert_int_equal(
		    fake_call(__HYPERVISOR_domctl, (u64)&op, 0, 0, 0, 1, ~0ull),
		    0);
		assert_true(pages < 2049 || fake_slices > 1);
		assert_int_equal(op.u.shadow_op.pages, pages);
		for (u64 n = 0; n < pages; n++) {
			assert_true(map[n / 8] >> n % 8 & 1);
		}
		assert_true(!(pages % 8) || !(map[bytes - 1] >> pages % 8));
		assert_int_equal(map[bytes], 0x55);
	}
}

static void a_bitmap_that_is_not_there_is_a_fault(void **state)
{
	struct xen_domctl op = ctl(XEN_DOMCTL_shadow_op, 1);

	assert_int_equal(shadow(XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY, 0), 0);
	op.u.shadow_op.op = XEN_DOMCTL_SHADOW_OP_CLEAN;
	op.u.shadow_op.pages = 100;
	set_xen_guest_handle(op.u.shadow_op.dirty_bitmap, (u8 *)8);
	assert_int_equal(ctl_do(&op), -EFAULT);
	set_xen_guest_handle(op.u.shadow_op.dirty_bitmap, (u8 *)NULL);
	assert_int_equal(ctl_do(&op), 0);
	op.domain = 0;
	assert_int_equal(ctl_do(&op), -EINVAL);
}

// --- vCPUs that are not there, memory that runs low --------------------------

static void a_vcpu_that_is_not_there_is_named_as_on_xen(void **state)
{
	static const u32 calls[] = {
	    XEN_DOMCTL_getvcpucontext, XEN_DOMCTL_getvcpuaffinity,
	    XEN_DOMCTL_getvcpuinfo, XEN_DOMCTL_setvcpuaffinity};

	for (u32 i = 0; i < ARRAY_SIZE(calls); i++) {
		struct xen_domctl op = ctl(calls[i], 1);

		if (calls[i] == XEN_DOMCTL_getvcpucontext ||
		    calls[i] == XEN_DOMCTL_getvcpuinfo) {
			op.u.vcpucontext.vcpu = 99;
		} else {
			op.u.vcpuaffinity.vcpu = 99;
			op.u.vcpuaffinity.flags = XEN_VCPUAFFINITY_HARD;
		}
		assert_int_equal(ctl_do(&op), -EINVAL);
	}
}

static void triggers_and_shared_frames_are_answered_as_on_xen(void **state)
{
	struct xen_domctl op = ctl(XEN_DOMCTL_sendtrigger, 1);
	struct xen_domctl types = ctl(XEN_DOMCTL_getpageframeinfo3, 1);
	u64 frames[] = {a->shared_mfn.n, fake_alloc(a), 1ull << 35};

	op.u.sendtrigger.trigger = XEN_DOMCTL_SENDTRIGGER_POWER;
	assert_int_equal(ctl_do(&op), -EINVAL);
	op.u.sendtrigger.trigger = XEN_DOMCTL_SENDTRIGGER_RESET;
	assert_int_equal(ctl_do(&op), -ENOSYS);
	op.u.sendtrigger.vcpu = 99;
	assert_int_equal(ctl_do(&op), -ESRCH);
	types.u.getpageframeinfo3.num = ARRAY_SIZE(frames);
	set_xen_guest_handle(types.u.getpageframeinfo3.array, frames);
	assert_int_equal(ctl_do(&types), 0);
	assert_int_equal(frames[0], XEN_DOMCTL_PFINFO_XTAB);
	assert_int_equal(frames[1], XEN_DOMCTL_PFINFO_NOTAB);
	assert_int_equal(frames[2], XEN_DOMCTL_PFINFO_XTAB);
}

// The port's pending bit is taken.
static bool dom0_told(u32 port)
{
	u64 bit = 1ull << port;

	return __atomic_fetch_and(&dom0->shared->evtchn_pending[0], ~bit,
				  __ATOMIC_SEQ_CST) &
	       bit;
}

static void dom0_is_told_when_memory_runs_low(void **state)
{
	struct evtchn_bind_virq bind = {.virq = VIRQ_ENOMEM};
	u64 frames[4] = {~0ull, ~0ull, ~0ull, ~0ull};
	struct xen_memory_reservation r = {.nr_extents = 1, .domid = 1};

	set_xen_guest_handle(r.extent_start, frames);
	assert_int_equal(fake_hypercall(__HYPERVISOR_event_channel_op,
					EVTCHNOP_bind_virq, (u64)&bind, 0, 0),
			 0);
	a->pages_max = ~0ull;
	for (u32 i = 0; i < 4; i++) {
		// Not low; low; not yet half of that; low again.
		if (i < 2) {
			frames_low = i ? frames_free() + 8 : 1;
		} else if (i == 3) {
			frames_low = 2 * frames_free();
		}
		assert_int_equal(fake_hypercall(__HYPERVISOR_memory_op,
						XENMEM_populate_physmap,
						(u64)&r, 0, 0),
				 1);
		assert_int_equal(dom0_told(bind.port), i == 1 || i == 3);
	}
	frames_low = 0;
}

// --- the extension -----------------------------------------------------------

static struct wabe_op op;

static long wabe(u32 cmd)
{
	op.cmd = cmd;
	op.version = WABE_VERSION;
	return fake_hypercall(WABE_HYPERCALL, (u64)&op, 0, 0, 0);
}

static struct wabe_changed changed(long expected)
{
	memset(&op, 0x55, sizeof(op));
	assert_int_equal(wabe(WABE_NEXT_CHANGED), expected);
	return op.u.changed;
}

static void only_dom0_may_use_it(void **state)
{
	fake_run(0, a->vcpu[0]);
	assert_int_equal(wabe(WABE_NEXT_CHANGED), -EPERM);
	assert_int_equal(wabe(0), -EPERM);
	fake_run(0, dom0->vcpu[0]);
	op.version = 2;
	op.cmd = WABE_NEXT_CHANGED;
	assert_int_equal(fake_hypercall(WABE_HYPERCALL, (u64)&op, 0, 0, 0),
			 -EACCES);
	assert_int_equal(fake_hypercall(WABE_HYPERCALL, 8, 0, 0, 0), -EFAULT);
	assert_int_equal(wabe(0), -ENOSYS);
	assert_int_equal(wabe(~0u), -ENOSYS);
}

static void each_change_is_told_once(void **state)
{
	struct wabe_changed c;
	u32 serial = a->serial;

	for (u32 i = 0; i < 3; i++) {
		c = changed(0);
		assert_int_equal(c.domain, i);
		assert_int_equal(c.state, WABE_DOMAIN_EXISTS);
	}
	changed(-ENOENT);
	domain_shutdown(a, SHUTDOWN_crash);
	domain_shutdown(a, SHUTDOWN_crash);
	c = changed(0);
	assert_int_equal(c.domain, 1);
	assert_int_equal(c.state, WABE_DOMAIN_EXISTS | WABE_DOMAIN_SHUTDOWN);
	assert_int_equal(c.shutdown_code, SHUTDOWN_crash);
	assert_int_equal(c.serial, serial);
	changed(-ENOENT);
	fake_domain_destroy(a);
	c = changed(0);
	assert_int_equal(c.domain, 1);
	assert_int_equal(c.state, 0);
	assert_int_equal(c.serial, 0);
	changed(-ENOENT);
}

// Whoever changes all the time keeps no other waiting.
static void changes_are_told_in_turn(void **state)
{
	while (!wabe(WABE_NEXT_CHANGED)) {
	}
	domain_shutdown(b, SHUTDOWN_crash);
	for (u32 i = 0; i < 2; i++) {
		domain_changed(1, false);
		assert_int_equal(changed(0).domain, i ? 2 : 1);
	}
	assert_int_equal(changed(0).domain, 1);
	changed(-ENOENT);
}

static long resize(u32 id, u64 frames)
{
	op.u.partition.id = id;
	op.u.partition.frames = frames;
	op.cmd = WABE_PARTITION_RESIZE;
	op.version = WABE_VERSION;
	return fake_call(WABE_HYPERCALL, (u64)&op, 0, 0, 0,
			 1 + random_below(50), ~0ull);
}

static u32 partition_new(const char *name)
{
	memset(&op, 0, sizeof(op));
	strlcpy(op.u.partition.name, name, sizeof(op.u.partition.name));
	op.u.partition.cpus[0] = 3;
	assert_int_equal(wabe(WABE_PARTITION_CREATE), 0);
	return op.u.partition.id;
}

// What the frames' records say is what the partitions say.
static void assert_partitions_sound(u64 all)
{
	u64 frames[3] = {0}, free_frames[3] = {0}, sum = 0;

	for (u64 mfn = 0; mfn < FAKE_HOLE; mfn++) {
		const struct page *p = page(mfn);

		if ((p->flags & PAGE_F_RAM) && !(p->state & PAGE_HEAP)) {
			frames[p->partition]++;
			free_frames[p->partition] += !!(p->flags & PAGE_F_FREE);
		}
	}
	for (u32 i = 0; i < 3; i++) {
		assert_int_equal(partitions[i]->frames, frames[i]);
		assert_int_equal(partitions[i]->free, free_frames[i]);
		sum += frames[i];
	}
	assert_int_equal(sum, all);
	assert_sound();
}

// Two partitions grow and shrink while their domains take and give frames: no
// frame is lost, none comes from another's.
static void frames_stay_in_their_partition(void **state)
{
	u64 all = partition_default->frames, mine[2][64], count[2] = {0};
	u32 ids[2] = {partition_new("red"), partition_new("blue")};
	struct domain *owner[2] = {a, b};

	a->partition = partitions[ids[0]];
	b->partition = partitions[ids[1]];
	for (u32 step = 0; step < 4000; step++) {
		u32 i = random_below(2);
		struct partition *part = partitions[ids[i]];

		if (random_below(8) == 0) {
			u64 before = part->frames, to = random_below(200);
			long rc = resize(ids[i], to);

			assert_true(!rc || rc == -EBUSY || rc == -ENOMEM);
			assert_int_equal(part->frames, rc ? before : to);
		} else if (random_below(2) && count[i] < 64) {
			u64 mfn = fake_alloc(owner[i]);

			assert_true(mfn ? page(mfn)->partition == ids[i]
					: !part->free);
			mine[i][count[i]] = mfn;
			count[i] += mfn != 0;
		} else if (count[i]) {
			u64 mfn = mine[i][--count[i]];

			assert_true(frame_drop_allocation(page(mfn)));
		}
		if (step % 64 == 0) {
			assert_partitions_sound(all);
		}
	}
	a->partition = b->partition = partition_default;
}

static void a_promise_keeps_frames_in_place(void **state)
{
	u32 id = partition_new("red");

	assert_int_equal(resize(id, 100), 0);
	a->partition = partitions[id];
	assert_int_equal(frames_claim(a, 60), 0);
	assert_int_equal(resize(id, 59), -EBUSY);
	assert_int_equal(resize(id, 60), 0);
	assert_int_equal(frames_claim(a, 0), 0);
	assert_int_equal(resize(id, 0), 0);
	a->partition = partition_default;
	assert_int_equal(frames_claim(a, 20), 0);
	assert_int_equal(resize(id, partition_default->free - 19), -ENOMEM);
	assert_int_equal(partition_default->claimed, 20);
	// It dies with the promise outstanding.
	fake_domain_destroy(a);
	assert_int_equal(partition_default->claimed, 0);
	assert_int_equal(frames_claim(b, 1ull << 40), -EINVAL);
}

// --- grants ------------------------------------------------------------------

// dom0 with a root, which maps data at 0, in one table; a's grant 5, to dom0,
// of `mfn`.
static struct tree grant_setup(u64 mfn)
{
	struct tree t = tree_make(dom0, 1, 2);
	struct grant_entry_v1 *e;
	mfn_t frame;

	assert_int_equal(root_set(dom0->vcpu[0], MFN(t.l4)), 0);
	assert_int_equal(grants_frame(a, 0, &frame), 0);
	e = (void *)fake_frame(frame.n);
	e[5].frame = (u32)mfn;
	e[5].domid = 0;
	e[5].flags = GTF_permit_access;
	return t;
}

static s16 map_at(u64 addr, u32 flags, u32 *handle)
{
	struct gnttab_map_grant_ref m = {
	    .host_addr = addr, .flags = flags, .ref = 5, .dom = 1};

	assert_int_equal(fake_hypercall(__HYPERVISOR_grant_table_op,
					GNTTABOP_map_grant_ref, (u64)&m, 1, 0),
			 0);
	*handle = m.handle;
	return m.status;
}

static s16 replace(u64 addr, u64 by, u32 handle)
{
	struct gnttab_unmap_and_replace u = {
	    .host_addr = addr, .new_addr = by, .handle = handle};

	assert_int_equal(fake_hypercall(__HYPERVISOR_grant_table_op,
					GNTTABOP_unmap_and_replace, (u64)&u, 1,
					0),
			 0);
	return u.status;
}

// A grant's place takes the entry of another address, with what it holds.
static void unmap_and_replace_moves_an_entry(void **state)
{
	u64 mfn = fake_alloc(a), before = frames_free();
	struct tree t = grant_setup(mfn);
	u64 *l1 = fake_frame(t.l1[0]), other = l1[1];
	u32 h;

	before = frames_free();
	assert_int_equal(map_at(5 * PAGE_SIZE, GNTMAP_host_map, &h), 0);
	assert_int_equal(l1[5] >> PAGE_SHIFT & 0xffff, mfn);
	// No such address, in any way; nothing happened.
	assert_int_equal(replace(5 * PAGE_SIZE, 1ull << 30, h),
			 GNTST_general_error);
	assert_int_equal(replace(5 * PAGE_SIZE, HEAP_BASE, h),
			 GNTST_general_error);
	assert_int_equal(replace(4 * PAGE_SIZE, PAGE_SIZE, h),
			 GNTST_general_error);
	assert_int_equal(replace(5 * PAGE_SIZE, 5 * PAGE_SIZE, h),
			 GNTST_general_error);
	assert_int_equal(l1[1], other);
	assert_int_equal(l1[5] >> PAGE_SHIFT & 0xffff, mfn);
	assert_sound();
	assert_int_equal(replace(5 * PAGE_SIZE, PAGE_SIZE, h), 0);
	assert_int_equal(l1[5], other);
	assert_int_equal(l1[1], 0);
	assert_int_equal(replace(5 * PAGE_SIZE, PAGE_SIZE, h),
			 GNTST_bad_handle);
	assert_int_equal(refs(mfn), 1);
	assert_sound();
	// By the entry's address there is no replacing.
	assert_int_equal(map_at(t.l1[0] << PAGE_SHIFT | 48,
				GNTMAP_host_map | GNTMAP_contains_pte, &h),
			 0);
	assert_int_equal(replace(t.l1[0] << PAGE_SHIFT | 48, PAGE_SIZE, h),
			 GNTST_general_error);
	assert_int_equal(replace(t.l1[0] << PAGE_SHIFT | 48, 0, h), 0);
	assert_int_equal(l1[6], 0);
	assert_int_equal(refs(mfn), 1);
	assert_int_equal(frames_free(), before);
	assert_sound();
}

// --- limits and the life of a domain -----------------------------------------

static long call(u32 nr, u64 what, void *arg)
{
	return fake_hypercall(nr, what, (u64)arg, 0, 0);
}

// createdomain's limits hold, with Xen's errors.
static void limits_of_createdomain_hold(void **state)
{
	struct xen_domctl c = ctl(XEN_DOMCTL_createdomain, 3);
	struct evtchn_alloc_unbound e = {.dom = DOMID_SELF,
					 .remote_dom = DOMID_SELF};
	struct gnttab_setup_table g = {.dom = DOMID_SELF, .nr_frames = 3};
	struct gnttab_query_size q = {.dom = DOMID_SELF};
	u64 list[3];
	u32 ports = 0;
	long rc;

	c.u.createdomain = (struct xen_domctl_createdomain){
	    .max_vcpus = 1,
	    .max_evtchn_port = 10,
	    .max_grant_frames = 2,
	    .max_maptrack_frames = 1,
	    .grant_opts = XEN_DOMCTL_GRANT_version(1),
	};
	assert_int_equal(ctl_do(&c), 0);
	c = ctl(XEN_DOMCTL_max_vcpus, 3);
	c.u.max_vcpus.max = 1;
	assert_int_equal(ctl_do(&c), 0);
	fake_run(0, fake_domain(3)->vcpu[0]);
	do {
		rc = call(__HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound,
			  &e);
		ports += !rc;
	} while (!rc);
	assert_int_equal(rc, -ENOSPC);
	assert_int_equal(ports, 10);
	set_xen_guest_handle(g.frame_list, list);
	fake_hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_setup_table,
		       (u64)&g, 1, 0);
	assert_int_equal(g.status, GNTST_general_error);
	g.nr_frames = 2;
	fake_hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_setup_table,
		       (u64)&g, 1, 0);
	assert_int_equal(g.status, GNTST_okay);
	fake_hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_query_size,
		       (u64)&q, 1, 0);
	assert_int_equal(q.status, GNTST_okay);
	assert_int_equal(q.nr_frames, 2);
	assert_int_equal(q.max_nr_frames, 2);
	fake_run(0, dom0->vcpu[0]);
	fake_domain_destroy(fake_domain(3));
	assert_sound();
}

static long acquire(struct xen_mem_acquire_resource r, u64 *list, u32 *size)
{
	long rc;

	r.domid = 3;
	r.type = r.type ? r.type : XENMEM_resource_grant_table;
	set_xen_guest_handle(r.frame_list, list);
	rc = fake_hypercall(__HYPERVISOR_memory_op, XENMEM_acquire_resource,
			    (u64)&r, 0, 0);
	*size = r.nr_frames;
	return rc;
}

#define ACQUIRE(list, size, ...) \
	acquire((struct xen_mem_acquire_resource){__VA_ARGS__}, list, size)

// All of a grant table, or a part, in one call; its size is what it may become.
static void the_toolstack_is_given_grant_frames(void **state)
{
	const u32 most = 64;
	struct xen_domctl c = ctl(XEN_DOMCTL_createdomain, 3);
	u64 frames[65] = {0};
	u32 size;

	c.u.createdomain = (struct xen_domctl_createdomain){
	    .max_vcpus = 1,
	    .max_grant_frames = (s32)most,
	    .grant_opts = XEN_DOMCTL_GRANT_version(1),
	};
	assert_int_equal(ctl_do(&c), 0);
	assert_int_equal(ACQUIRE(NULL, &size), 0);
	assert_int_equal(size, most);
	assert_int_equal(ACQUIRE(frames, &size, .nr_frames = most), 0);
	for (u32 i = 0; i < most; i++) {
		u64 again = 0;

		assert_int_equal(
		    ACQUIRE(&again, &size, .frame = i, .nr_frames = 1), 0);
		assert_int_equal(again, frames[i]);
		assert_true(page_get(page_lookup(MFN(again)), fake_domain(3)));
		page_put(page_lookup(MFN(again)));
	}
	assert_int_equal(frames[most], 0);
	// Beyond it, in every way.
	assert_int_equal(ACQUIRE(frames, &size, .frame = most, .nr_frames = 1),
			 -EINVAL);
	assert_int_equal(
	    ACQUIRE(frames, &size, .frame = most - 1, .nr_frames = 2), -EINVAL);
	assert_int_equal(
	    ACQUIRE(frames, &size, .frame = 1ull << 32, .nr_frames = 1),
	    -EINVAL);
	assert_int_equal(ACQUIRE(frames, &size, .frame = ~0u, .nr_frames = 1),
			 -EINVAL);
	assert_int_equal(ACQUIRE(frames, &size, .frame = ~0ull, .nr_frames = 1),
			 -EINVAL);
	assert_int_equal(ACQUIRE(frames, &size, .nr_frames = ~0u), -EINVAL);
	assert_int_equal(ACQUIRE(NULL, &size, .nr_frames = 1), -EINVAL);
	assert_int_equal(ACQUIRE(frames, &size), -EINVAL);
	assert_int_equal(ACQUIRE(frames, &size, .nr_frames = 1,
				 .type = XENMEM_resource_vmtrace_buf),
			 -EINVAL);
	assert_int_equal(ACQUIRE(frames, &size, .nr_frames = 1, .type = 77),
			 -EOPNOTSUPP);
	assert_int_equal(ACQUIRE((u64 *)8, &size, .nr_frames = 1), -EFAULT);
	assert_int_equal(ACQUIRE(frames, &size, .nr_frames = 1, .pad = 1),
			 -EINVAL);
	assert_int_equal(ACQUIRE(frames, &size, .nr_frames = 1, .id = 1),
			 -EINVAL);
	fake_run(0, b->vcpu[0]);
	assert_int_equal(ACQUIRE(frames, &size, .nr_frames = 1), -EPERM);
	fake_run(0, dom0->vcpu[0]);
	fake_domain_destroy(fake_domain(3));
	assert_sound();
}

static void only_grant_version_1_can_be_set(void **state)
{
	struct gnttab_set_version v = {.version = 1};
	struct gnttab_get_version q = {.dom = DOMID_SELF};

	assert_int_equal(fake_hypercall(__HYPERVISOR_grant_table_op,
					GNTTABOP_set_version, (u64)&v, 1, 0),
			 0);
	v.version = 2;
	assert_int_equal(fake_hypercall(__HYPERVISOR_grant_table_op,
					GNTTABOP_set_version, (u64)&v, 1, 0),
			 -ENOSYS);
	v.version = 3;
	assert_int_equal(fake_hypercall(__HYPERVISOR_grant_table_op,
					GNTTABOP_set_version, (u64)&v, 1, 0),
			 -EINVAL);
	assert_int_equal(fake_hypercall(__HYPERVISOR_grant_table_op,
					GNTTABOP_get_version, (u64)&q, 1, 0),
			 0);
	assert_int_equal(q.version, 1);
}

// However it ends, the table is not left locked (XSA-334).
static void grant_frames_are_told_and_nothing_stays_locked(void **state)
{
	u64 list[4] = {0};
	struct xen_mem_acquire_resource q = {
	    .domid = 1, .type = XENMEM_resource_grant_table, .nr_frames = 1};
	static const u64 first[] = {0, 1, 99, ~0u, 1ull << 32, ~0ull};

	set_xen_guest_handle(q.frame_list, list);
	for (u32 i = 0; i < ARRAY_SIZE(first); i++) {
		q.frame = first[i];
		assert_true(!call(__HYPERVISOR_memory_op,
				  XENMEM_acquire_resource, &q) == (i < 2));
		assert_int_equal(q.nr_frames, 1);
	}
	set_xen_guest_handle(q.frame_list, (xen_pfn_t *)8);
	q.frame = 0;
	assert_int_equal(
	    call(__HYPERVISOR_memory_op, XENMEM_acquire_resource, &q), -EFAULT);
	fake_run(0, a->vcpu[0]);
	assert_int_equal(grants_frame_count(a), 2);
	set_xen_guest_handle(q.frame_list, list);
	assert_int_equal(
	    call(__HYPERVISOR_memory_op, XENMEM_acquire_resource, &q), -EPERM);
	fake_run(0, dom0->vcpu[0]);
	assert_true(lock_try(&a->grants->lock));
	unlock(&a->grants->lock);
}

static long dog(u32 id, u32 seconds)
{
	struct sched_watchdog w = {.id = id, .timeout = seconds};

	return call(__HYPERVISOR_sched_op, SCHEDOP_watchdog, &w);
}

static void later(u64 seconds)
{
	fake_now += seconds * 1000000000ull;
	for (u32 cpu = 0; cpu < FAKE_CPUS; cpu++) {
		fake_run(cpu, cpus[cpu]->idle);
		this_cpu()->work |= WORK_TIMERS;
		fake_settle();
	}
}

// Two of them; who is not set again in time ends the domain, and dom0 hears.
static void a_watchdog_ends_who_does_not_feed_it(void **state)
{
	while (!wabe(WABE_NEXT_CHANGED)) {
	}
	fake_run(0, a->vcpu[0]);
	assert_int_equal(dog(1, 5), -EINVAL);
	assert_int_equal(dog(0, 3), 1);
	assert_int_equal(dog(0, 100), 2);
	assert_int_equal(dog(0, 3), -ENOSPC);
	assert_int_equal(dog(3, 3), -EINVAL);
	later(2);
	assert_false(a->shut_down);
	fake_run(0, a->vcpu[0]);
	assert_int_equal(dog(1, 3), 0);
	later(2);
	assert_false(a->shut_down);
	later(2);
	assert_true(a->shut_down);
	fake_run(0, dom0->vcpu[0]);
	assert_int_equal(changed(0).shutdown_code, SHUTDOWN_watchdog);
	assert_false(b->shut_down);
	// One that is to bark at once.
	fake_run(0, b->vcpu[0]);
	assert_int_equal(dog(0, 0), 1);
	later(0);
	assert_true(b->shut_down);
	fake_run(0, dom0->vcpu[0]);
}

static void shutting_others_down_is_dom0s(void **state)
{
	struct sched_remote_shutdown s = {.domain_id = 2,
					  .reason = SHUTDOWN_reboot};

	fake_run(0, a->vcpu[0]);
	assert_int_equal(
	    call(__HYPERVISOR_sched_op, SCHEDOP_remote_shutdown, &s), -EPERM);
	assert_false(b->shut_down);
	fake_run(0, dom0->vcpu[0]);
	assert_int_equal(
	    call(__HYPERVISOR_sched_op, SCHEDOP_remote_shutdown, &s), 0);
	assert_true(b->shut_down);
	assert_int_equal(b->shutdown_code, SHUTDOWN_reboot);
	s.domain_id = 77;
	assert_int_equal(
	    call(__HYPERVISOR_sched_op, SCHEDOP_remote_shutdown, &s), -ESRCH);
}

static long vcpu_op(u32 what, u32 id, void *arg)
{
	return fake_hypercall(__HYPERVISOR_vcpu_op, what, id, (u64)arg, 0);
}

// Up and down, and its time: what it was in for how long adds up.
static void vcpus_go_up_and_down_and_count_their_time(void **state)
{
	struct vcpu_runstate_info r;
	u64 sum = 0;

	fake_run(0, a->vcpu[0]);
	assert_int_equal(vcpu_op(VCPUOP_up, 99, NULL), -ENOENT);
	assert_int_equal(vcpu_op(VCPUOP_up, 1, NULL), -EINVAL);
	assert_int_equal(vcpu_op(VCPUOP_is_up, 1, NULL), 0);
	a->vcpu[0]->initialised = a->vcpu[1]->initialised = true;
	assert_int_equal(vcpu_op(VCPUOP_up, 0, NULL), 0);
	assert_int_equal(vcpu_op(VCPUOP_up, 1, NULL), 0);
	assert_int_equal(vcpu_op(VCPUOP_is_up, 1, NULL), 1);
	assert_int_equal(vcpu_op(VCPUOP_get_runstate_info, 1, &r), 0);
	fake_now += 5000000;
	assert_int_equal(vcpu_op(VCPUOP_get_runstate_info, 1, &r), 0);
	for (u32 i = 0; i < 4; i++) {
		sum += r.time[i];
	}
	assert_int_equal(sum, fake_now - 1000000000);
	assert_int_equal(vcpu_op(VCPUOP_down, 1, NULL), 0);
	assert_int_equal(vcpu_op(VCPUOP_is_up, 1, NULL), 0);
	// The last one takes the domain with it.
	assert_false(a->shut_down);
	assert_int_equal(vcpu_op(VCPUOP_down, 0, NULL), 0);
	assert_true(a->shut_down);
	fake_run(0, dom0->vcpu[0]);
}

// A bitmap ends where its head says, not with the byte.
static void processors_beyond_the_bitmap_are_not_meant(void **state)
{
	struct xen_domctl set = ctl(XEN_DOMCTL_setvcpuaffinity, 1);
	u64 mask = ~0ull;

	set.u.vcpuaffinity.flags = XEN_VCPUAFFINITY_HARD;
	set.u.vcpuaffinity.cpumap_hard.nr_bits = 2;
	set_xen_guest_handle(set.u.vcpuaffinity.cpumap_hard.bitmap,
			     (uint8_t *)&mask);
	assert_int_equal(ctl_do(&set), 0);
	assert_int_equal(a->vcpu[0]->hard.bits[0], 3);
	set.u.vcpuaffinity.cpumap_hard.nr_bits = 0;
	assert_int_equal(ctl_do(&set), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	    T(log_dirty_goes_on_and_off_once),
	    T(all_pages_are_reported),
	    T(a_bitmap_that_is_not_there_is_a_fault),
	    T(a_vcpu_that_is_not_there_is_named_as_on_xen),
	    T(triggers_and_shared_frames_are_answered_as_on_xen),
	    T(dom0_is_told_when_memory_runs_low),
	    T(only_dom0_may_use_it),
	    T(each_change_is_told_once),
	    T(changes_are_told_in_turn),
	    T(frames_stay_in_their_partition),
	    T(a_promise_keeps_frames_in_place),
	    T(unmap_and_replace_moves_an_entry),
	    T(grant_frames_are_told_and_nothing_stays_locked),
	    T(limits_of_createdomain_hold),
	    T(processors_beyond_the_bitmap_are_not_meant),
	    T(the_toolstack_is_given_grant_frames),
	    T(only_grant_version_1_can_be_set),
	    T(a_watchdog_ends_who_does_not_feed_it),
	    T(shutting_others_down_is_dom0s),
	    T(vcpus_go_up_and_down_and_count_their_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
