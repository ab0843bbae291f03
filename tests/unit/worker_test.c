// SPDX-License-Identifier: MIT
// The worker against a guest in the same process: its pages are an array, its
// grants indices into it, its events counters. The guest's side speaks store,
// block, network and console as a driver would, then as an attacker would.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>
#include <cmocka.h>
#include <libfdt.h>
#include <linux/virtio_net.h>
#include <xen/xen.h>
#include <xen/grant_table.h>
#include <xen/io/blkif.h>
#include <xen/io/console.h>
#include <xen/io/netif.h>
#include <xen/io/ring.h>
#include <xen/io/xenbus.h>
#include <xen/io/xs_wire.h>

#include "../../toolstack/wabed/state.h"
#include "../../toolstack/wabed/worker.h"

#define mb() __sync_synchronize()
#define xen_mb() mb()
#define xen_rmb() mb()
#define xen_wmb() mb()

enum { PAGES = 64, PORTS = 16, DISK_BYTES = 1 << 20 };
enum { CONSOLE_PAGE, STORE_PAGE, DISK_PAGE, TX_PAGE, RX_PAGE, DATA_PAGE = 8 };
enum { STORE_PORT = 1, CONSOLE_PORT, DISK_PORT, NET_PORT };

#include "../fake/peer.h"

// One guest for the whole process: the fake operations have no other way.
static struct guest *guest;

static struct guest *guest_of(const struct peer *peer)
{
	return guest;
}

static struct worker worker;
static int control, tap, disk_file, log_file;
static uint32_t disk_flags; // read_only
static uint64_t log_bytes;  // 0: as by default
static bool log_full;	    // nothing can be written to it
static bool net_bound;	    // to 10.87.0.9

// Before each thing the worker does to the guest it may be killed: at the
// kill_in-th, the test goes on at `killed` with a new worker.
static jmp_buf killed;
static int kill_in, state_file;
static pthread_t loop;

static void kill_point(void)
{
	if (kill_in && pthread_equal(pthread_self(), loop) && !--kill_in) {
		longjmp(killed, 1);
	}
}

// Or before a store into one page of the guest, which can only be read while
// the worker runs: at the stores_left-th.
static int watched_page, stores_left;

static void page_watch(bool on)
{
	if (stores_left) {
		mprotect(guest->page[watched_page], 4096,
			 on ? PROT_READ : PROT_READ | PROT_WRITE);
	}
}

static void store_seen(int number, siginfo_t *info, void *context)
{
	enum { SINGLE_STEP = 0x100 };
	greg_t *flags = &((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL];

	if (number == SIGTRAP) { // the store is done
		*flags &= ~SINGLE_STEP;
		page_watch(true);
		return;
	}
	if (!stores_left || (char *)info->si_addr < guest->page[watched_page] ||
	    (char *)info->si_addr >= guest->page[watched_page + 1]) {
		abort();
	}
	page_watch(false);
	if (!--stores_left) {
		longjmp(killed, 1);
	}
	*flags |= SINGLE_STEP;
}

static void stores_watch(int page, int count)
{
	struct sigaction seen = {.sa_sigaction = store_seen,
				 .sa_flags = SA_SIGINFO | SA_NODEFER};

	watched_page = page;
	stores_left = count;
	sigaction(SIGSEGV, &seen, NULL);
	sigaction(SIGTRAP, &seen, NULL);
}

// --- the guest's side -------------------------------------------------------

static int worker_begin(uint32_t kind);

// A killed worker leaves all as it is; what its threads still do is harmless.
static void restart(void)
{
	close(control);
	while (setjmp(killed)) {
		close(control);
	}
	assert_int_equal(worker_begin(WABED_ADD_RESTORE), 0);
}

// The pool's threads have something to do, or have done something.
static bool jobs_wait(void)
{
	for (struct served *s = worker.domains; s; s = s->next) {
		if (console_busy(s)) {
			return true;
		}
		for (uint32_t i = 0; i < s->disk_count; i++) {
			if (disk_busy(s->disks[i])) {
				return true;
			}
		}
	}
	return false;
}

// Until all is done, however busy the machine is that this runs on.
static void run(void)
{
	for (volatile int i = 0; i < 12 || jobs_wait(); i++) {
		if (setjmp(killed)) {
			restart();
		}
		page_watch(true);
		worker_step(&worker, !i || i >= 12);
		page_watch(false);
	}
}

static void notify(int port)
{
	guest->pending[port] = true;
	event_raise(guest);
	run();
}

// One request to the store and its answer; events on the way are dropped.
static const char *ask(uint32_t type, uint32_t tx, const char *payload,
		       size_t bytes)
{
	struct xenstore_domain_interface *s = (void *)guest->page[STORE_PAGE];
	static char text[WIRE_PAYLOAD_MAX + 1]; // the last payload
	char message[WIRE_MESSAGE_MAX];
	static uint32_t request;
	size_t n = wire_build(message, type, ++request, tx, payload, bytes);
	struct xsd_sockmsg h;

	for (size_t i = 0; i < n; i++) {
		s->req[MASK_XENSTORE_IDX(s->req_prod++)] = message[i];
	}
	notify(STORE_PORT);
	for (;;) {
		for (int i = 0; i < 20 && s->rsp_prod - s->rsp_cons < sizeof(h);
		     i++) {
			run();
		}
		assert_true(s->rsp_prod - s->rsp_cons >= sizeof(h));
		for (size_t i = 0; i < sizeof(h); i++) {
			((char *)&h)[i] =
			    s->rsp[MASK_XENSTORE_IDX(s->rsp_cons++)];
		}
		for (size_t i = 0; i < h.len; i++) {
			if (s->rsp_prod == s->rsp_cons) {
				notify(STORE_PORT);
			}
			text[i] = s->rsp[MASK_XENSTORE_IDX(s->rsp_cons++)];
		}
		text[h.len] = 0;
		notify(STORE_PORT);
		if (h.type != XS_WATCH_EVENT) {
			assert_int_equal(h.req_id, request);
			return text;
		}
	}
}

static const char *get(const char *path)
{
	return ask(XS_READ, 0, path, strlen(path) + 1);
}

static const char *put(uint32_t tx, const char *path, const char *value)
{
	char both[256];
	int n = snprintf(both, sizeof(both), "%s%c%s", path, 0, value);

	return ask(XS_WRITE, tx, both, n);
}

static bool told(uint32_t type, struct wabed_message *message)
{
	static char packet[WABED_MAX_PACKET];

	while (recv(control, packet, sizeof(packet), MSG_DONTWAIT) > 0) {
		memcpy(message, packet, sizeof(*message));
		if (message->type == type) {
			return true;
		}
	}
	return false;
}

static void *make_fdt(size_t *bytes)
{
	static char fdt[4096];
	static const char argv[] = "/bin/echo\0hello";

	fdt_create(fdt, sizeof(fdt));
	fdt_finish_reservemap(fdt);
	fdt_begin_node(fdt, "");
	fdt_begin_node(fdt, "wabe-domain");
	fdt_begin_node(fdt, "workload");
	fdt_property(fdt, "argv", argv, sizeof(argv));
	fdt_property_string(fdt, "user", "7:7");
	fdt_end_node(fdt);
	fdt_begin_node(fdt, "devices");
	fdt_begin_node(fdt, "net@0");
	fdt_property_string(fdt, "ip", "10.0.0.2/24");
	fdt_end_node(fdt);
	fdt_end_node(fdt);
	fdt_end_node(fdt);
	fdt_end_node(fdt);
	fdt_finish(fdt);
	*bytes = fdt_totalsize(fdt);
	return fdt;
}

static int memory_file(size_t bytes)
{
	int fd = memfd_create("test", 0);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, bytes), 0);
	return fd;
}

static int tap_inner;

static int worker_begin(uint32_t kind)
{
	struct wabed_message add = {
	    .type = WABED_ADD,
	    .domid = 9,
	    .kind = kind,
	    .add = {.store_port = STORE_PORT,
		    .console_port = CONSOLE_PORT,
		    .store_gref = STORE_PAGE,
		    .console_gref = CONSOLE_PAGE,
		    .log_bytes = log_bytes,
		    .disk_count = 1,
		    .net_count = 1,
		    .memory_kib = 65536,
		    .vcpus = 1,
		    .name = "nine",
		    .uuid = "00000000-0000-4000-8000-000000000009",
		    .disks = {{.vdev = 51712}},
		    .nets = {{.mac = {0, 0x16, 0x3e, 1, 2, 3}}}},
	};
	int pair[2];
	size_t bytes;
	void *fdt = make_fdt(&bytes);

	add.add.fdt_bytes = bytes;
	add.add.disks[0].read_only = disk_flags;
	if (net_bound) {
		memcpy(add.add.nets[0].ip, "\x0a\x57\x00\x09", 4);
	}
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	control = pair[0];
	assert_int_equal(worker_init(&worker, pair[1]), 0);
	return served_add(&worker, &add, &fake,
			  (int[]){dup(guest->event_fd), -1, dup(log_file),
				  dup(disk_file), dup(tap_inner),
				  dup(state_file)},
			  fdt);
}

static int setup(void **state)
{
	int taps[2];

	guest = aligned_alloc(4096, (sizeof(*guest) + 4095) & ~4095ul);
	memset(guest, 0, sizeof(*guest));
	guest->event_fd = eventfd(0, EFD_NONBLOCK);
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, taps), 0);
	tap = taps[0];
	tap_inner = taps[1];
	disk_file = memory_file(DISK_BYTES);
	log_file = log_full ? open("/dev/full", O_RDWR) : memory_file(0);
	state_file = memory_file(STATE_BYTES);
	loop = pthread_self();
	if (setjmp(killed)) {
		restart();
	} else {
		assert_int_equal(worker_begin(WABED_ADD_STATE), 0);
	}
	run();
	return 0;
}

static int teardown(void **state)
{
	struct wabed_message done;

	kill_in = 0;
	served_remove(worker.domains, 77);
	for (int i = 0; i < 3000 && worker.domains; i++) {
		worker_step(&worker, 10);
	}
	assert_null(worker.domains);
	assert_true(told(WABED_DONE, &done));
	assert_int_equal(done.sequence, 77);
	assert_int_equal(guest->mapped, 0);
	for (int i = 0; i < PORTS; i++) {
		assert_false(guest->bound[i]);
	}
	assert_null(worker.round_first);
	close(worker.control.fd);
	worker_fini(&worker);
	close(control);
	close(tap);
	close(tap_inner);
	close(guest->event_fd);
	close(state_file);
	close(disk_file);
	close(log_file);
	free(guest);
	return 0;
}

static void the_store_describes_the_domain(void **state)
{
	assert_string_equal(get("name"), "nine");
	assert_string_equal(get("domid"), "9");
	assert_string_equal(get("memory/target"), "65536");
	assert_string_equal(get("cpu/0/availability"), "online");
	assert_string_equal(get("wabe/argv/0"), "/bin/echo");
	assert_string_equal(get("wabe/argv/1"), "hello");
	assert_string_equal(get("wabe/argv/2"), "ENOENT");
	assert_string_equal(get("wabe/user"), "7:7");
	assert_string_equal(get("wabe/net/ip"), "10.0.0.2/24");
	assert_string_equal(get("wabe/root"), "xvda");
	assert_int_equal(strlen(get("wabe/seed")), 64);
	assert_string_equal(get("device/vbd/51712/backend"),
			    "/local/domain/0/backend/vbd/9/51712");
	assert_string_equal(get("/local/domain/0/backend/vbd/9/51712/state"),
			    "2");
	assert_string_equal(get("device/vif/0/mac"), "00:16:3e:01:02:03");
	assert_string_equal(put(0, "wabe/argv/0", "x"), "EACCES");
	assert_string_equal(
	    put(0, "/local/domain/0/backend/vbd/9/51712/state", "4"), "EACCES");
}

static void the_creator_hears_of_state_and_exit(void **state)
{
	struct wabed_message m;

	assert_string_equal(put(0, "wabe/state", "running"), "OK");
	assert_true(told(WABED_NOTE, &m));
	assert_string_equal(m.path, "wabe/state");
	assert_string_equal(put(0, "wabe/exit", "code nonsense"), "OK");
	assert_false(told(WABED_EXIT, &m));
	assert_string_equal(put(0, "wabe/exit", "signal 9"), "OK");
	assert_true(told(WABED_EXIT, &m));
	assert_int_equal(m.kind, WABED_EXIT_SIGNAL);
	assert_int_equal(m.value, 9);
}

// --- disk -------------------------------------------------------------------

static blkif_front_ring_t front;

static void disk_start(void)
{
	const char *tx;
	uint32_t id;

	memset(guest->page[DISK_PAGE], 0, 4096);
	XEN_FRONT_RING_INIT(&front, (blkif_sring_t *)guest->page[DISK_PAGE],
			    4096);
	do { // as every client of a store does
		tx = ask(XS_TRANSACTION_START, 0, "", 1);
		id = atoi(tx);
		put(id, "device/vbd/51712/ring-ref", "2");
		put(id, "device/vbd/51712/event-channel", "3");
		put(id, "device/vbd/51712/protocol", "x86_64-abi");
		put(id, "device/vbd/51712/state", "3");
	} while (strcmp(ask(XS_TRANSACTION_END, id, "T", 2), "OK"));
	assert_string_equal(get("/local/domain/0/backend/vbd/9/51712/state"),
			    "4");
	assert_string_equal(get("/local/domain/0/backend/vbd/9/51712/sectors"),
			    "2048");
	put(0, "device/vbd/51712/state", "4");
}

static int disk_do(blkif_request_t request)
{
	static uint64_t id = 1000;
	blkif_response_t response;

	request.id = ++id;
	*RING_GET_REQUEST(&front, front.req_prod_pvt) = request;
	front.req_prod_pvt++;
	RING_PUSH_REQUESTS(&front);
	notify(DISK_PORT);
	for (int i = 0; i < 200 && !XEN_RING_NR_UNCONSUMED_RESPONSES(&front);
	     i++) {
		run();
	}
	assert_int_equal(XEN_RING_NR_UNCONSUMED_RESPONSES(&front), 1);
	response = *RING_GET_RESPONSE(&front, front.rsp_cons);
	front.rsp_cons++;
	assert_int_equal(response.id, id);
	assert_int_equal(response.operation, request.operation);
	return response.status;
}

static void disk_reads_and_writes(void **state)
{
	blkif_request_t r = {
	    .operation = BLKIF_OP_WRITE, .nr_segments = 2, .sector_number = 8};

	disk_start();
	memset(guest->page[DATA_PAGE], 'a', 4096);
	memset(guest->page[DATA_PAGE + 1], 'b', 4096);
	r.seg[0] = (struct blkif_request_segment){DATA_PAGE, 0, 7};
	r.seg[1] = (struct blkif_request_segment){DATA_PAGE + 1, 2, 3};
	for (int i = 0; i < 100; i++) { // around the ring
		assert_int_equal(disk_do(r), BLKIF_RSP_OKAY);
	}
	r.operation = BLKIF_OP_READ;
	r.sector_number = 15;
	r.nr_segments = 1;
	r.seg[0] = (struct blkif_request_segment){DATA_PAGE + 2, 1, 2};
	assert_int_equal(disk_do(r), BLKIF_RSP_OKAY);
	assert_int_equal(guest->page[DATA_PAGE + 2][511], 0);
	assert_int_equal(guest->page[DATA_PAGE + 2][512], 'a');
	assert_int_equal(guest->page[DATA_PAGE + 2][1024], 'b');
	assert_int_equal(guest->page[DATA_PAGE + 2][1536], 0);
	r.operation = BLKIF_OP_FLUSH_DISKCACHE;
	r.nr_segments = 0;
	assert_int_equal(disk_do(r), BLKIF_RSP_OKAY);
	assert_true(guest->told[DISK_PORT] > 0);
}

static void disk_refuses_nonsense(void **state)
{
	blkif_request_t r = {.operation = BLKIF_OP_READ, .nr_segments = 1};

	disk_start();
	r.seg[0] = (struct blkif_request_segment){DATA_PAGE, 0, 7};
	r.sector_number = 2041;
	assert_int_equal(disk_do(r), BLKIF_RSP_ERROR);
	r.sector_number = UINT64_MAX;
	assert_int_equal(disk_do(r), BLKIF_RSP_ERROR);
	r.sector_number = UINT64_MAX / 512 + 1;
	assert_int_equal(disk_do(r), BLKIF_RSP_ERROR);
	r.sector_number = 0;
	r.seg[0].last_sect = 8;
	assert_int_equal(disk_do(r), BLKIF_RSP_ERROR);
	r.seg[0] = (struct blkif_request_segment){DATA_PAGE, 5, 4};
	assert_int_equal(disk_do(r), BLKIF_RSP_ERROR);
	r.seg[0] = (struct blkif_request_segment){100000, 0, 0};
	assert_int_equal(disk_do(r), BLKIF_RSP_ERROR);
	r.nr_segments = 12;
	assert_int_equal(disk_do(r), BLKIF_RSP_ERROR);
	r.nr_segments = 0;
	assert_int_equal(disk_do(r), BLKIF_RSP_ERROR);
	r.operation = 200;
	assert_int_equal(disk_do(r), BLKIF_RSP_EOPNOTSUPP);
	r.operation = BLKIF_OP_INDIRECT;
	assert_int_equal(disk_do(r), BLKIF_RSP_EOPNOTSUPP);
	// still a disk
	r.operation = BLKIF_OP_READ;
	r.nr_segments = 1;
	r.seg[0] = (struct blkif_request_segment){DATA_PAGE, 0, 7};
	assert_int_equal(disk_do(r), BLKIF_RSP_OKAY);
}

static void read_only_disk_is_not_written(void **state)
{
	blkif_request_t r = {.operation = BLKIF_OP_WRITE, .nr_segments = 1};
	char byte = 'x';

	disk_start();
	assert_string_equal(get("/local/domain/0/backend/vbd/9/51712/info"),
			    "4");
	memset(guest->page[DATA_PAGE], 'w', 4096);
	r.seg[0] = (struct blkif_request_segment){DATA_PAGE, 0, 7};
	assert_int_equal(disk_do(r), BLKIF_RSP_ERROR);
	assert_int_equal(pread(disk_file, &byte, 1, 0), 1);
	assert_int_equal(byte, 0);
}

static void disk_ring_overflow_loses_the_disk_alone(void **state)
{
	struct wabed_message lost;

	disk_start();
	front.sring->req_prod += 33;
	notify(DISK_PORT);
	assert_true(told(WABED_LOST, &lost));
	assert_string_equal(lost.path, "vbd/51712");
	assert_string_equal(get("/local/domain/0/backend/vbd/9/51712/state"),
			    "6");
	// no way back
	put(0, "device/vbd/51712/state", "1");
	put(0, "device/vbd/51712/state", "3");
	assert_string_equal(get("/local/domain/0/backend/vbd/9/51712/state"),
			    "6");
	assert_false(guest->bound[DISK_PORT]);
	assert_true(guest->bound[CONSOLE_PORT]);
	assert_string_equal(get("name"), "nine");
}

static void disk_closes_and_comes_again(void **state)
{
	blkif_request_t r = {.operation = BLKIF_OP_FLUSH_DISKCACHE};

	for (int i = 0; i < 3; i++) {
		disk_start();
		assert_int_equal(disk_do(r), BLKIF_RSP_OKAY);
		put(0, "device/vbd/51712/state", "5");
		assert_string_equal(
		    get("/local/domain/0/backend/vbd/9/51712/state"), "5");
		put(0, "device/vbd/51712/state", "6");
		assert_string_equal(
		    get("/local/domain/0/backend/vbd/9/51712/state"), "6");
		assert_int_equal(guest->mapped, 2);
		put(0, "device/vbd/51712/state", "1");
		assert_string_equal(
		    get("/local/domain/0/backend/vbd/9/51712/state"), "2");
	}
}

static void disk_without_ring_is_lost(void **state)
{
	struct wabed_message lost;

	put(0, "device/vbd/51712/ring-ref", "99999");
	put(0, "device/vbd/51712/event-channel", "3");
	put(0, "device/vbd/51712/state", "3");
	assert_true(told(WABED_LOST, &lost));
	assert_string_equal(get("name"), "nine");
}

// Removal with requests under way: nothing is used after it is freed.
static void removal_waits_for_requests(void **state)
{
	blkif_request_t r = {.operation = BLKIF_OP_READ, .nr_segments = 1};

	disk_start();
	r.seg[0] = (struct blkif_request_segment){DATA_PAGE, 0, 7};
	for (int i = 0; i < 32; i++) {
		*RING_GET_REQUEST(&front, front.req_prod_pvt) = r;
		front.req_prod_pvt++;
	}
	RING_PUSH_REQUESTS(&front);
	guest->pending[DISK_PORT] = true;
	event_raise(guest);
	worker_step(&worker, 0);
}

// --- network ----------------------------------------------------------------

static netif_tx_front_ring_t tx_ring;
static netif_rx_front_ring_t rx;

static void net_start(void)
{
	XEN_FRONT_RING_INIT(&tx_ring, (netif_tx_sring_t *)guest->page[TX_PAGE],
			    4096);
	XEN_FRONT_RING_INIT(&rx, (netif_rx_sring_t *)guest->page[RX_PAGE],
			    4096);
	put(0, "device/vif/0/tx-ring-ref", "3");
	put(0, "device/vif/0/rx-ring-ref", "4");
	put(0, "device/vif/0/event-channel", "4");
	put(0, "device/vif/0/request-rx-copy", "1");
	put(0, "device/vif/0/state", "4");
	assert_string_equal(get("/local/domain/0/backend/vif/9/0/state"), "4");
}

static void tx_put(uint16_t id, uint32_t gref, uint16_t offset, uint16_t size,
		   uint16_t flags)
{
	*RING_GET_REQUEST(&tx_ring, tx_ring.req_prod_pvt) =
	    (netif_tx_request_t){
		.gref = gref,
		.offset = offset,
		.flags = flags,
		.id = id,
		.size = size,
	    };
	tx_ring.req_prod_pvt++;
}

static int tx_answer(uint16_t id)
{
	netif_tx_response_t r;

	assert_true(XEN_RING_NR_UNCONSUMED_RESPONSES(&tx_ring) > 0);
	r = *RING_GET_RESPONSE(&tx_ring, tx_ring.rsp_cons);
	tx_ring.rsp_cons++;
	if (r.status != NETIF_RSP_NULL) {
		assert_int_equal(r.id, id);
	}
	return r.status;
}

// A TCP frame of our own address in page DATA_PAGE.
static void frame_make(void)
{
	char *f = guest->page[DATA_PAGE];

	memset(f, 0, 4096);
	memcpy(f, "\xff\xff\xff\xff\xff\xff\x00\x16\x3e\x01\x02\x03\x08\x00",
	       14);
	f[14] = 0x45;
	f[14 + 9] = 6;
	f[14 + 20 + 12] = 0x50;
	memset(f + 54, 'd', 4042);
}

static void packets_go_out(void **state)
{
	struct virtio_net_hdr header;
	char got[70000];
	ssize_t n;

	net_start();
	frame_make();
	tx_put(1, DATA_PAGE, 0, 60, 0);
	RING_PUSH_REQUESTS(&tx_ring);
	notify(NET_PORT);
	n = recv(tap, got, sizeof(got), MSG_DONTWAIT);
	assert_int_equal(n, 70);
	assert_memory_equal(got + 10, guest->page[DATA_PAGE], 60);
	assert_int_equal(tx_answer(1), NETIF_RSP_OKAY);
	// in three pieces, to be cut, its checksum left out
	memset(guest->page[DATA_PAGE + 1], 'e', 4096);
	tx_put(2, DATA_PAGE, 0, 1000 + 2000 + 96,
	       NETTXF_more_data | NETTXF_extra_info | NETTXF_csum_blank |
		   NETTXF_data_validated);
	memset(RING_GET_REQUEST(&tx_ring, tx_ring.req_prod_pvt), 0,
	       sizeof(netif_tx_request_t));
	((netif_extra_info_t *)RING_GET_REQUEST(&tx_ring, tx_ring.req_prod_pvt))
	    ->type = XEN_NETIF_EXTRA_TYPE_GSO;
	((netif_extra_info_t *)RING_GET_REQUEST(&tx_ring, tx_ring.req_prod_pvt))
	    ->u.gso.size = 1448;
	((netif_extra_info_t *)RING_GET_REQUEST(&tx_ring, tx_ring.req_prod_pvt))
	    ->u.gso.type = XEN_NETIF_GSO_TYPE_TCPV4;
	tx_ring.req_prod_pvt++;
	tx_put(3, DATA_PAGE + 1, 100, 2000, NETTXF_more_data);
	tx_put(4, DATA_PAGE + 1, 4000, 96, 0);
	RING_PUSH_REQUESTS(&tx_ring);
	notify(NET_PORT);
	n = recv(tap, got, sizeof(got), MSG_DONTWAIT);
	assert_int_equal(n, 10 + 3096);
	memcpy(&header, got, sizeof(header));
	assert_int_equal(header.gso_type, VIRTIO_NET_HDR_GSO_TCPV4);
	assert_int_equal(header.gso_size, 1448);
	assert_int_equal(header.csum_start, 34);
	assert_int_equal(header.csum_offset, 16);
	assert_int_equal(header.hdr_len, 54);
	assert_int_equal(got[10 + 999], 'd');
	assert_int_equal(got[10 + 1000], 'e');
	assert_int_equal(tx_answer(2), NETIF_RSP_OKAY);
	assert_int_equal(tx_answer(0), NETIF_RSP_NULL);
	assert_int_equal(tx_answer(3), NETIF_RSP_OKAY);
	assert_int_equal(tx_answer(4), NETIF_RSP_OKAY);
}

static void packets_refused_are_not_sent(void **state)
{
	char got[4096];

	net_start();
	frame_make();
	tx_put(1, DATA_PAGE, 0, 10, 0); // no frame
	tx_put(2, 70000, 0, 60, 0);	// no such page
	RING_PUSH_REQUESTS(&tx_ring);
	notify(NET_PORT);
	assert_int_equal(tx_answer(1), NETIF_RSP_ERROR);
	assert_int_equal(tx_answer(2), NETIF_RSP_ERROR);
	guest->page[DATA_PAGE][11] = 9; // another's address
	tx_put(3, DATA_PAGE, 0, 60, 0);
	RING_PUSH_REQUESTS(&tx_ring);
	notify(NET_PORT);
	assert_int_equal(tx_answer(3), NETIF_RSP_OKAY);
	assert_int_equal(recv(tap, got, sizeof(got), MSG_DONTWAIT), -1);
}

// One that speaks for a neighbour could have what is meant for that.
static void an_interface_speaks_for_its_address(void **state)
{
	static const char arp[] = "\x08\x06\x00\x01\x08\x00\x06\x04\x00\x02"
				  "\x00\x16\x3e\x01\x02\x03\x0a\x57\x00\x09";
	static const struct {
		int at;
		char is;
		bool sent;
	} changes[] = {
	    {0, '\xff', true},	 // nothing
	    {28, 0, true},	 // asks whether it is free
	    {31, 8, false},	 // another's address
	    {27, 4, false},	 // another's hardware address
	    {17, 1, false},	 // not of IPv4
	    {12, '\x86', false}, // no protocol of this network's
	};
	char *f = guest->page[DATA_PAGE], got[4096];
	uint16_t id = 1;

	net_start();
	frame_make();
	for (int i = 0; i < 2; i++) { // IPv4
		memcpy(f + 26, "\x0a\x57\x00\x08", 4);
		f[29] += i;
		tx_put(id++, DATA_PAGE, 0, 60, 0);
		RING_PUSH_REQUESTS(&tx_ring);
		notify(NET_PORT);
		assert_int_equal(recv(tap, got, sizeof(got), MSG_DONTWAIT),
				 i ? 70 : -1);
	}
	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		memcpy(f + 12, arp, sizeof(arp) - 1);
		f[changes[i].at] = changes[i].is;
		if (changes[i].at == 28) {
			memset(f + 28, 0, 4);
		}
		tx_put(id++, DATA_PAGE, 0, 60, 0);
		RING_PUSH_REQUESTS(&tx_ring);
		notify(NET_PORT);
		assert_int_equal(recv(tap, got, sizeof(got), MSG_DONTWAIT),
				 changes[i].sent ? 70 : -1);
	}
	tx_put(id, DATA_PAGE, 0, 30, 0); // ARP, cut off
	RING_PUSH_REQUESTS(&tx_ring);
	notify(NET_PORT);
	assert_int_equal(recv(tap, got, sizeof(got), MSG_DONTWAIT), -1);
}

static void packets_come_in(void **state)
{
	char frame[10 + 200] = {VIRTIO_NET_HDR_F_NEEDS_CSUM};

	net_start();
	memset(frame + 10, 'q', 200);
	// no buffer yet: it waits
	assert_int_equal(send(tap, frame, sizeof(frame), 0), 210);
	run();
	assert_int_equal(XEN_RING_NR_UNCONSUMED_RESPONSES(&rx), 0);
	for (int i = 0; i < 8; i++) {
		*RING_GET_REQUEST(&rx, rx.req_prod_pvt) = (netif_rx_request_t){
		    .id = i,
		    .gref = DATA_PAGE + i,
		};
		rx.req_prod_pvt++;
	}
	RING_PUSH_REQUESTS(&rx);
	notify(NET_PORT);
	assert_int_equal(send(tap, frame, sizeof(frame), 0), 210);
	run();
	assert_int_equal(XEN_RING_NR_UNCONSUMED_RESPONSES(&rx), 2);
	assert_int_equal(RING_GET_RESPONSE(&rx, 0)->status, 200);
	assert_int_equal(RING_GET_RESPONSE(&rx, 1)->id, 1);
	assert_int_equal(RING_GET_RESPONSE(&rx, 1)->flags,
			 NETRXF_csum_blank | NETRXF_data_validated);
	assert_int_equal(guest->page[DATA_PAGE][199], 'q');
	assert_int_equal(guest->page[DATA_PAGE][200], 0);
	assert_true(guest->told[NET_PORT] > 0);
}

static void broken_packets_lose_the_interface(void **state)
{
	struct wabed_message lost;

	net_start();
	frame_make();
	tx_put(1, DATA_PAGE, 0, 100, NETTXF_more_data); // no end
	RING_PUSH_REQUESTS(&tx_ring);
	notify(NET_PORT);
	assert_true(told(WABED_LOST, &lost));
	assert_string_equal(lost.path, "vif/0");
	assert_string_equal(get("/local/domain/0/backend/vif/9/0/state"), "6");
	assert_string_equal(get("name"), "nine");
}

static void a_piece_across_its_page_loses_the_interface(void **state)
{
	struct wabed_message lost;

	net_start();
	tx_put(1, DATA_PAGE, 4090, 60, 0);
	RING_PUSH_REQUESTS(&tx_ring);
	notify(NET_PORT);
	assert_true(told(WABED_LOST, &lost));
}

static void receive_ring_overflow_loses_the_interface(void **state)
{
	struct wabed_message lost;

	net_start();
	rx.sring->req_prod += 257;
	notify(NET_PORT);
	assert_true(told(WABED_LOST, &lost));
}

// --- console ----------------------------------------------------------------

static void print(const char *text)
{
	struct xencons_interface *c = (void *)guest->page[CONSOLE_PAGE];

	while (*text) {
		c->out[MASK_XENCONS_IDX(c->out_prod++, c->out)] = *text++;
	}
	notify(CONSOLE_PORT);
	run();
}

static void console_goes_to_log_and_clients(void **state)
{
	struct xencons_interface *c = (void *)guest->page[CONSOLE_PAGE];
	char got[300] = "";
	int pair[2];

	print("hello\n");
	assert_int_equal(pread(log_file, got, sizeof(got), 0), 6);
	assert_string_equal(got, "hello\n");
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(console_attach(worker.domains, pair[1], 1000), 0);
	print("again\n");
	memset(got, 0, sizeof(got));
	assert_int_equal(recv(pair[0], got, sizeof(got), MSG_DONTWAIT), 12);
	assert_string_equal(got, "hello\nagain\n");
	assert_int_equal(send(pair[0], "typed", 5, 0), 5);
	run();
	assert_int_equal(c->in_prod, 5);
	assert_memory_equal(c->in, "typed", 5);
	// more than the guest takes: it waits in the socket
	for (int i = 0; i < 40; i++) {
		send(pair[0], got, 100, MSG_DONTWAIT);
	}
	run();
	assert_int_equal(c->in_prod, 1024);
	c->in_cons = 1024;
	notify(CONSOLE_PORT);
	assert_int_equal(c->in_prod, 2048);
	close(pair[0]);
	c->in_cons = c->in_prod;
	notify(CONSOLE_PORT);
	c->in_cons = c->in_prod;
	notify(CONSOLE_PORT);
	run();
	assert_null(worker.domains->console.clients[0]);
}

static void a_client_may_go_before_its_tail(void **state)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(console_attach(worker.domains, pair[1], 1000), 0);
	close(pair[0]);
	run();
}

static void log_is_bounded_and_keeps_the_newest(void **state)
{
	struct stat info;
	char line[1025], last[32];

	for (int i = 0; i < 150; i++) {
		snprintf(line, sizeof(line), "%1022d\n", i);
		print(line);
	}
	for (int i = 0; i < 50; i++) {
		run();
	}
	fstat(log_file, &info);
	assert_true(info.st_size <= 1 << 16);
	assert_true(info.st_size > 1 << 14);
	assert_int_equal(pread(log_file, last, 5, info.st_size - 5), 5);
	assert_memory_equal(last, " 149\n", 5);
}

// A guest that prints on, on a full disk, does not fill dom0's own log.
static void a_full_disk_is_told_once(void **state)
{
	int told_file = memory_file(0), before = dup(2);
	char text[4096] = "", *line = text;
	int lines = 0;

	fflush(stderr);
	dup2(told_file, 2);
	for (int i = 0; i < 20; i++) {
		print("words\n");
		run();
	}
	fflush(stderr);
	dup2(before, 2);
	close(before);
	assert_true(pread(told_file, text, sizeof(text) - 1, 0) > 0);
	close(told_file);
	while ((line = strstr(line, "cannot be written"))) {
		lines++;
		line++;
	}
	assert_int_equal(lines, 1);
}

static void lying_console_indices_lose_the_console(void **state)
{
	struct xencons_interface *c = (void *)guest->page[CONSOLE_PAGE];
	struct wabed_message lost;

	c->out_prod = c->out_cons + 2049;
	notify(CONSOLE_PORT);
	assert_true(told(WABED_LOST, &lost));
	assert_string_equal(lost.path, "console");
	assert_string_equal(get("name"), "nine");
}

// --- sessions of `wabe exec` -------------------------------------------------

enum { EXEC_PAGE = 40, EXEC_PORT = 9 };

// A session that the guest has answered; the client's end of it.
static int exec_start(struct exec_ring **ring)
{
	unsigned int sequence;
	char answer[64];
	int pair[2];

	put(0, "wabe/state", "running");
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	assert_int_equal(exec_open(worker.domains, pair[1]), 0);
	assert_int_equal(sscanf(get("wabe/exec/0"), "open %u", &sequence), 1);
	*ring = (void *)guest->page[EXEC_PAGE];
	memset(*ring, 0, sizeof(**ring));
	snprintf(answer, sizeof(answer), "%u %d %d", sequence + 1, EXEC_PAGE,
		 EXEC_PORT);
	put(0, "wabe/exec/0/ring", answer); // of another session: ignored
	assert_false(guest->bound[EXEC_PORT]);
	snprintf(answer, sizeof(answer), "%u %d %d", sequence, EXEC_PAGE,
		 EXEC_PORT);
	put(0, "wabe/exec/0/ring", answer);
	assert_true(guest->bound[EXEC_PORT]);
	return pair[0];
}

static void exec_says(struct exec_ring *ring, const char *text)
{
	for (; *text; text++) {
		ring->from_guest[ring->from_guest_prod++ % EXEC_FROM_GUEST] =
		    *text;
	}
	notify(EXEC_PORT);
}

static void exec_carries_both_ways(void **state)
{
	struct exec_ring *ring;
	char big[3000], got[4096];
	int fd;

	assert_int_equal(exec_open(worker.domains, dup(0)), EAGAIN);
	fd = exec_start(&ring);
	exec_says(ring, "output");
	assert_int_equal(recv(fd, got, sizeof(got), 0), 6);
	assert_memory_equal(got, "output", 6);
	// more than the ring takes: it comes in parts, all of it
	memset(big, 'i', sizeof(big));
	assert_int_equal(send(fd, big, sizeof(big), 0), sizeof(big));
	for (int i = 0; i < 3; i++) {
		run();
		assert_int_equal(ring->to_guest_prod - ring->to_guest_cons,
				 i < 2 ? EXEC_TO_GUEST
				       : sizeof(big) - 2 * EXEC_TO_GUEST);
		ring->to_guest_cons = ring->to_guest_prod;
		notify(EXEC_PORT);
	}
	// the end, with words still in the ring
	ring->guest_closed = 1;
	exec_says(ring, "last");
	assert_int_equal(recv(fd, got, sizeof(got), 0), 4);
	assert_int_equal(recv(fd, got, sizeof(got), 0), 0);
	assert_string_equal(get("wabe/exec/0"), "closed");
	assert_false(guest->bound[EXEC_PORT]);
	close(fd);
}

static void agent_gone(void)
{
	unsigned int sequence;
	char text[32];

	assert_int_equal(sscanf(get("wabe/exec/0"), "open %u", &sequence), 1);
	snprintf(text, sizeof(text), "gone %u", sequence);
	put(0, "wabe/exec/0/ring", text);
}

static void exec_ends_with_either_side(void **state)
{
	struct exec_ring *ring;
	int mapped = guest->mapped, fd = exec_start(&ring), pair[2];
	char got[16];

	close(fd); // the client
	run();
	assert_int_equal(ring->host_closed, 1);
	assert_string_equal(get("wabe/exec/0"), "closed");
	fd = exec_start(&ring);
	put(0, "wabe/exec/0/ring", "gone 7"); // an agent of another session
	run();
	assert_int_equal(recv(fd, got, sizeof(got), 0), -1);
	agent_gone();
	run();
	assert_int_equal(recv(fd, got, sizeof(got), 0), 0);
	close(fd);
	// an agent that dies before it has answered
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	assert_int_equal(exec_open(worker.domains, pair[1]), 0);
	agent_gone();
	assert_int_equal(recv(pair[0], got, sizeof(got), 0), 0);
	close(pair[0]);
	fd = exec_start(&ring);
	ring->from_guest_prod = EXEC_FROM_GUEST + 1; // a lie
	notify(EXEC_PORT);
	assert_int_equal(recv(fd, got, sizeof(got), 0), 0);
	close(fd);
	fd = exec_start(&ring);
	ring->to_guest_cons = 5; // another
	notify(EXEC_PORT);
	assert_int_equal(recv(fd, got, sizeof(got), 0), 0);
	close(fd);
	assert_int_equal(guest->mapped, mapped);
}

static void exec_has_so_many_sessions(void **state)
{
	int fds[EXEC_SESSIONS], pair[2];

	put(0, "wabe/state", "running");
	for (int i = 0; i < EXEC_SESSIONS; i++) {
		socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
		assert_int_equal(exec_open(worker.domains, pair[1]), 0);
		fds[i] = pair[0];
	}
	assert_int_equal(exec_open(worker.domains, dup(0)), EBUSY);
	close(fds[3]);
	run();
	socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
	assert_int_equal(exec_open(worker.domains, pair[1]), 0);
	fds[3] = pair[0];
	for (int i = 0; i < EXEC_SESSIONS; i++) {
		close(fds[i]);
	}
}

// What Linux wrote may be seen only after it read our index, the old one, and
// told us nothing (xenstore-glue/ring.c): at the latest when it is interrupted.
static uint32_t late_prod;
static void prod_comes(struct guest *g, uint32_t port)
{
	struct xenstore_domain_interface *s = (void *)g->page[STORE_PAGE];

	s->req_prod = late_prod;
}

static void a_request_that_is_seen_late_is_taken(void **state)
{
	struct xenstore_domain_interface *s = (void *)guest->page[STORE_PAGE];
	char message[WIRE_MESSAGE_MAX];
	size_t n = wire_build(message, XS_READ, 1, 0, "name", 5);

	late_prod = s->req_prod;
	for (size_t i = 0; i < 2 * n; i++) {
		s->req[MASK_XENSTORE_IDX(late_prod++)] = message[i % n];
	}
	s->req_prod += n;
	guest->hears = prod_comes;
	notify(STORE_PORT);
	assert_int_equal(s->req_cons, late_prod);
	assert_int_equal(s->rsp_prod - s->rsp_cons,
			 2 * (sizeof(struct xsd_sockmsg) + strlen("nine")));
}

static void answer_goes(struct guest *g, uint32_t port)
{
	struct xenstore_domain_interface *s = (void *)g->page[STORE_PAGE];

	s->rsp_cons = s->rsp_prod;
}

static void room_that_is_seen_late_is_filled(void **state)
{
	struct xenstore_domain_interface *s = (void *)guest->page[STORE_PAGE];
	char message[WIRE_MESSAGE_MAX], value[STORE_MAX_VALUE] = "";
	size_t n = wire_build(message, XS_READ, 1, 0, "data/x", 7);
	uint32_t before = s->rsp_prod;

	assert_int_equal(store_set_bytes(&worker.domains->store.store, "data/x",
					 value, sizeof(value), true),
			 0);
	for (size_t i = 0; i < n; i++) {
		s->req[MASK_XENSTORE_IDX(s->req_prod++)] = message[i];
	}
	guest->hears = answer_goes;
	notify(STORE_PORT);
	assert_int_equal(s->rsp_prod - before,
			 sizeof(struct xsd_sockmsg) + STORE_MAX_VALUE);
}

static void a_lying_store_ring_ends_the_store(void **state)
{
	struct xenstore_domain_interface *s = (void *)guest->page[STORE_PAGE];
	struct wabed_message gone;

	s->req_prod = s->req_cons + 1025;
	notify(STORE_PORT);
	assert_true(told(WABED_GONE, &gone));
	assert_int_equal(gone.domid, 9);
}

// --- the program ------------------------------------------------------------

static void program_talk(int fd)
{
	struct wabed_message m = {.version = WABED_VERSION,
				  .type = WABED_STATS,
				  .sequence = 5,
				  .domid = 3};

	assert_int_equal(recv(fd, &m, sizeof(m), 0), sizeof(m));
	assert_int_equal(m.type, WABED_READY);
	m = (struct wabed_message){.version = WABED_VERSION,
				   .type = WABED_STATS,
				   .sequence = 5,
				   .domid = 3};
	assert_int_equal(send(fd, &m, sizeof(m), 0), sizeof(m));
	assert_int_equal(recv(fd, &m, sizeof(m), 0), sizeof(m));
	assert_int_equal(m.type, WABED_DONE);
	assert_int_equal(m.sequence, 5);
	assert_int_equal(m.error, ESRCH);
}

// ADD with files that are no Xen devices: refused, and the worker lives.
static void program_add(int fd)
{
	struct wabed_message m = {.version = WABED_VERSION,
				  .type = WABED_ADD,
				  .sequence = 6,
				  .domid = 3,
				  .add = {.name = "x", .uuid = "u"}};
	int fds[3] = {open("/dev/null", O_RDWR), open("/dev/null", O_RDWR),
		      memory_file(0)};
	struct iovec part = {&m, sizeof(m)};
	char rights[CMSG_SPACE(sizeof(fds))];
	struct msghdr header = {.msg_iov = &part,
				.msg_iovlen = 1,
				.msg_control = rights,
				.msg_controllen = sizeof(rights)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&header);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(c), fds, sizeof(fds));
	assert_int_equal(sendmsg(fd, &header, 0), sizeof(m));
	assert_int_equal(recv(fd, &m, sizeof(m), 0), sizeof(m));
	assert_int_equal(m.type, WABED_DONE);
	assert_int_equal(m.sequence, 6);
	assert_int_not_equal(m.error, 0);
	for (int i = 0; i < 3; i++) {
		close(fds[i]);
	}
}

// The worker is the only child of the process we started.
static pid_t worker_of(pid_t supervisor)
{
	char path[64], text[32] = "";
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", supervisor,
		 supervisor);
	fd = open(path, O_RDONLY);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0) {
		text[0] = 0;
	}
	close(fd);
	return atoi(text);
}

static void ask_program(int fd)
{
	struct wabed_message m = {.version = WABED_VERSION,
				  .type = WABED_STATS,
				  .sequence = 50,
				  .domid = 3};

	assert_int_equal(send(fd, &m, sizeof(m), 0), sizeof(m));
	assert_int_equal(recv(fd, &m, sizeof(m), 0), sizeof(m));
	assert_int_equal(m.sequence, 50);
	assert_int_equal(m.error, ESRCH);
}

static void the_program_runs_confined(void **state)
{
	int pair[2], status;
	char line[256];
	bool filtered = false;
	FILE *file;
	pid_t pid, worker_pid;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	pid = fork();
	if (!pid) {
		dup2(pair[1], 3);
		for (int i = 4; i < 64; i++) {
			close(i);
		}
		execl(WORKER_PROGRAM, "wabed-worker", NULL);
		_exit(99);
	}
	close(pair[1]);
	program_talk(pair[0]);
	program_add(pair[0]);
	worker_pid = worker_of(pid);
	assert_true(worker_pid > 0);
	snprintf(line, sizeof(line), "/proc/%d/status", worker_pid);
	file = fopen(line, "r");
	while (fgets(line, sizeof(line), file)) {
		if (!strncmp(line, "Seccomp:", 8)) {
			filtered = atoi(line + 8) == 2;
		}
		if (!strncmp(line, "Uid:", 4) && !getuid()) {
			assert_int_equal(atoi(line + 4), 65534);
		}
	}
	fclose(file);
	assert_true(filtered);
	for (int i = 0; i < 20; i++) { // whenever it is killed, another comes
		ask_program(pair[0]);
		worker_pid = worker_of(pid);
		if (worker_pid > 0) {
			kill(worker_pid, SIGKILL);
		}
		ask_program(pair[0]);
	}
	close(pair[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

// What a worker under its filter gets for a call: false: it is killed for it.
static bool confined_may(void (*call)(void))
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		rights_drop(65534, 65534);
		confine();
		call();
		syscall(SYS_exit_group, 0); // no sanitizer has a word
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) ? WTERMSIG(status) == SIGSYS
					: status == 0);
	return !WIFSIGNALED(status);
}

static pid_t test_pid;

static void signal_another(void)
{
	syscall(SYS_tgkill, test_pid, test_pid, 0);
}

static void signal_itself(void)
{
	syscall(SYS_tgkill, getpid(), gettid(), 0);
}

// Then F_SETSIG, and data that comes, would send it any signal.
static void signals_for_another(void)
{
	syscall(SYS_fcntl, 0, F_SETOWN, test_pid);
}

static void file_flags(void)
{
	syscall(SYS_fcntl, 0, F_SETFL, syscall(SYS_fcntl, 0, F_GETFL));
}

// Workers of other partitions run as the same user.
static void a_confined_worker_sends_others_no_signals(void **state)
{
	test_pid = getpid();
	assert_true(confined_may(signal_itself));
	assert_true(confined_may(file_flags));
	assert_false(confined_may(signal_another));
	assert_false(confined_may(signals_for_another));
}

// A driver's life, with the worker killed at one point of it. Returns false if
// it came to its end before that.
static bool life_with_a_kill(void)
{
	blkif_request_t r = {.operation = BLKIF_OP_WRITE, .nr_segments = 1};
	uint32_t id;
	bool killed_it;

	setup(NULL);
	assert_string_equal(ask(XS_WATCH, 0, "device\0token", 13), "OK");
	do {
		id = atoi(ask(XS_TRANSACTION_START, 0, "", 1));
		put(id, "data/inside", "yes");
	} while (strcmp(ask(XS_TRANSACTION_END, id, "T", 2), "OK"));
	assert_string_equal(get("data/inside"), "yes");
	disk_start();
	for (int i = 0; i < 8; i++) {
		memset(guest->page[DATA_PAGE], 'A' + i, 4096);
		r.operation = BLKIF_OP_WRITE;
		r.sector_number = i * 8;
		r.seg[0] = (struct blkif_request_segment){DATA_PAGE, 0, 7};
		assert_int_equal(disk_do(r), BLKIF_RSP_OKAY);
		r.operation = BLKIF_OP_READ;
		r.seg[0].gref = DATA_PAGE + 1;
		assert_int_equal(disk_do(r), BLKIF_RSP_OKAY);
		assert_memory_equal(guest->page[DATA_PAGE],
				    guest->page[DATA_PAGE + 1], 4096);
	}
	net_start();
	frame_make();
	tx_put(1, DATA_PAGE, 0, 60, 0);
	RING_PUSH_REQUESTS(&tx_ring);
	notify(NET_PORT);
	run();
	assert_int_equal(tx_answer(1), NETIF_RSP_OKAY);
	print("words\n");
	put(0, "device/vbd/51712/state", "6");
	assert_string_equal(get("/local/domain/0/backend/vbd/9/51712/state"),
			    "6");
	assert_string_equal(put(0, "wabe/exit", "code 3"), "OK");
	killed_it = !kill_in && !stores_left;
	stores_left = 0;
	teardown(NULL);
	return killed_it;
}

// What a killed worker leaves in memory is not ours to count.
void __lsan_disable(void);
void __lsan_enable(void);

static void a_kill_at_any_point_is_not_noticed(void **state)
{
	int at = 0;

	__lsan_disable();
	do {
		kill_in = ++at;
	} while (life_with_a_kill());
	__lsan_enable();
	assert_true(at > 40);
	fprintf(stderr, "# killed at %d points\n", at - 1);
}

// An answer stands where its request stood: half written it is neither.
static void a_kill_between_answers_is_not_noticed(void **state)
{
	static const int rings[] = {DISK_PAGE, TX_PAGE};

	__lsan_disable();
	for (size_t i = 0; i < 2; i++) {
		int at = 0;

		do {
			stores_watch(rings[i], ++at);
		} while (life_with_a_kill());
		assert_true(at > 4);
		fprintf(stderr, "# killed at %d stores\n", at - 1);
	}
	__lsan_enable();
}

// A session's end in the middle of a transaction's: what follows it there is
// saved, too, or the next worker would take it for answered.
static void a_session_ends_within_a_transaction(void **state)
{
	unsigned int sequence;
	char text[32];
	int pair[2];

	__lsan_disable();
	setup(NULL);
	put(0, "wabe/state", "running");
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(exec_open(worker.domains, pair[1]), 0);
	assert_int_equal(sscanf(get("wabe/exec/0"), "open %u", &sequence), 1);
	snprintf(text, sizeof(text), "gone %u", sequence);
	assert_string_equal(ask(XS_WATCH, 0, "data\0t", 7), "OK");
	assert_string_equal(ask(XS_TRANSACTION_START, 0, "", 1), "1");
	put(1, "wabe/exec/0/ring", text);
	put(1, "data/x", "y");
	assert_string_equal(ask(XS_TRANSACTION_END, 1, "T", 2), "OK");
	restart(); // the other is as good as killed
	assert_string_equal(get("data/x"), "y");
	assert_string_equal(get("name"), "nine");
	close(pair[0]);
	teardown(NULL);
	__lsan_enable();
}

static int setup_bound_net(void **state)
{
	int status;

	net_bound = true;
	status = setup(state);
	net_bound = false;
	return status;
}

static int setup_full_log(void **state)
{
	int status;

	log_full = true;
	status = setup(state);
	log_full = false;
	return status;
}

static int setup_small_log(void **state)
{
	log_bytes = 1 << 16;
	setup(state);
	log_bytes = 0;
	return 0;
}

static int setup_read_only(void **state)
{
	disk_flags = 1;
	setup(state);
	disk_flags = 0;
	return 0;
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(the_store_describes_the_domain),
	    CASE(the_creator_hears_of_state_and_exit),
	    CASE(disk_reads_and_writes),
	    CASE(disk_refuses_nonsense),
	    cmocka_unit_test_setup_teardown(read_only_disk_is_not_written,
					    setup_read_only, teardown),
	    CASE(disk_ring_overflow_loses_the_disk_alone),
	    CASE(disk_closes_and_comes_again),
	    CASE(disk_without_ring_is_lost),
	    CASE(removal_waits_for_requests),
	    CASE(packets_go_out),
	    CASE(packets_refused_are_not_sent),
	    cmocka_unit_test_setup_teardown(an_interface_speaks_for_its_address,
					    setup_bound_net, teardown),
	    CASE(packets_come_in),
	    CASE(broken_packets_lose_the_interface),
	    CASE(a_piece_across_its_page_loses_the_interface),
	    CASE(receive_ring_overflow_loses_the_interface),
	    CASE(console_goes_to_log_and_clients),
	    CASE(a_client_may_go_before_its_tail),
	    cmocka_unit_test_setup_teardown(log_is_bounded_and_keeps_the_newest,
					    setup_small_log, teardown),
	    cmocka_unit_test_setup_teardown(a_full_disk_is_told_once,
					    setup_full_log, teardown),
	    CASE(lying_console_indices_lose_the_console),
	    CASE(exec_carries_both_ways),
	    CASE(exec_ends_with_either_side),
	    CASE(exec_has_so_many_sessions),
	    cmocka_unit_test(a_kill_at_any_point_is_not_noticed),
	    cmocka_unit_test(a_kill_between_answers_is_not_noticed),
	    cmocka_unit_test(a_session_ends_within_a_transaction),
	    CASE(a_request_that_is_seen_late_is_taken),
	    CASE(room_that_is_seen_late_is_filled),
	    CASE(a_lying_store_ring_ends_the_store),
	    cmocka_unit_test(the_program_runs_confined),
	    cmocka_unit_test(a_confined_worker_sends_others_no_signals),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
