// SPDX-License-Identifier: MIT
// A noisy tenant does not starve another of the same worker: neither with a
// disk ring that is always full nor with a stream of packets; and a limit is
// kept without holding up who has none.
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "../fuzz/guests.h"

#include <cmocka.h>

enum { NOISY = 1, QUIET = 2, DATA_PAGE = 8, SLOTS = 32, TX_SLOTS = 256 };

static struct blkif_sring *disk_of(int domid)
{
	return (void *)guests[domid - 1].page[DISK_PAGE];
}

static struct netif_tx_sring *tx_of(int domid)
{
	return (void *)guests[domid - 1].page[TX_PAGE];
}

static void tell(int domid, int port)
{
	guests[domid - 1].pending[port] = true;
	event_raise(&guests[domid - 1]);
}

// As many reads as the ring takes, or one.
static void disk_fill(int domid, bool one)
{
	struct blkif_sring *r = disk_of(domid);

	while (r->req_prod - r->rsp_prod < (one ? 1 : SLOTS)) {
		r->ring[r->req_prod % SLOTS].req =
		    (struct blkif_request){.operation = BLKIF_OP_READ,
					   .nr_segments = 1,
					   .seg = {{DATA_PAGE, 0, 7}}};
		r->req_prod++;
	}
	tell(domid, DISK_PORT);
}

static void net_fill(int domid, bool one)
{
	struct netif_tx_sring *r = tx_of(domid);

	while (r->req_prod - r->rsp_prod < (one ? 1 : TX_SLOTS)) {
		r->ring[r->req_prod % TX_SLOTS].req =
		    (struct netif_tx_request){.gref = DATA_PAGE, .size = 1000};
		r->req_prod++;
	}
	tell(domid, NET_PORT);
}

static void taps_drain(void)
{
	char frame[2048];

	for (int i = 0; i < GUESTS; i++) {
		while (recv(guests[i].tap, frame, sizeof(frame), MSG_DONTWAIT) >
		       0) {
		}
	}
}

static void start(uint64_t request_rate, uint64_t byte_rate)
{
	assert_int_equal(worker_init(&worker, -1), 0);
	guest_start(NOISY, request_rate, byte_rate);
	guest_start(QUIET, 0, 0);
	for (int domid = NOISY; domid <= QUIET; domid++) {
		uint8_t frame[12] = {1, 1, 1, 1, 1, 1, 0, 0x16, 0x3e, 1, 2, 3};

		memcpy(guests[domid - 1].page[DATA_PAGE], frame, 12);
		devices_connect(served_find(&worker, (uint16_t)domid));
	}
}

static int stop(void **state)
{
	for (int domid = NOISY; domid <= QUIET; domid++) {
		served_remove(served_find(&worker, (uint16_t)domid), 1);
	}
	for (int i = 0; i < 1000 && worker.domains; i++) {
		worker_step(&worker, 1);
	}
	assert_null(worker.domains);
	worker_fini(&worker);
	for (int i = 0; i < GUESTS; i++) {
		close(guests[i].event_fd);
		close(guests[i].log);
		close(guests[i].tap);
	}
	return 0;
}

// How many of 100 answers to the quiet one take longer than noise in its place
// allows. Not none: a busy host lets the thread that reads for the quiet one
// stand still now and then.
static unsigned noise_beyond_its_own(void)
{
	uint32_t before = disk_of(NOISY)->rsp_prod, more = 0;

	for (uint32_t done = 0; done < 100; done++) {
		uint32_t noise = disk_of(NOISY)->rsp_prod;

		disk_fill(QUIET, true);
		for (int i = 0; disk_of(QUIET)->rsp_prod == done; i++) {
			assert_true(i < 10000);
			disk_fill(NOISY, false);
			worker_step(&worker, 1);
		}
		noise = disk_of(NOISY)->rsp_prod - noise;
		more += noise > 3 * SLOTS;
	}
	assert_true(disk_of(NOISY)->rsp_prod > before);
	return more;
}

static void a_full_disk_ring_delays_another_by_no_more_than_itself(void **state)
{
	start(0, 0);
	// Its own 32 may stand before, and those it adds meanwhile: 3 * SLOTS.
	assert_in_range(noise_beyond_its_own(), 0, 10);
}

static void a_stream_of_packets_delays_another_by_few_batches(void **state)
{
	start(0, 0);
	for (uint32_t done = 0; done < 100; done++) {
		uint32_t noise = tx_of(NOISY)->rsp_prod;

		net_fill(QUIET, true);
		for (int i = 0; tx_of(QUIET)->rsp_prod == done; i++) {
			assert_true(i < 10000);
			net_fill(NOISY, false);
			worker_step(&worker, 1);
			taps_drain();
		}
		assert_true(tx_of(NOISY)->rsp_prod - noise <= 20 * 64);
	}
	assert_true(tx_of(NOISY)->rsp_prod > 0);
}

static void a_disk_limit_is_kept_and_holds_up_no_one_else(void **state)
{
	uint64_t begin, passed;
	uint32_t others = 0;

	start(200, 0);
	begin = time_now();
	do {
		disk_fill(NOISY, false);
		disk_fill(QUIET, false);
		worker_step(&worker, 1);
		others = disk_of(QUIET)->rsp_prod;
		passed = time_now() - begin;
	} while (passed < 500000000);
	// 200 a second, and a tenth of a second's worth at once.
	assert_true(disk_of(NOISY)->rsp_prod <=
		    200 * passed / 1000000000 + 200 / 10 + 2);
	assert_true(disk_of(NOISY)->rsp_prod >= 50);
	assert_true(others > 4 * disk_of(NOISY)->rsp_prod);
}

static void a_network_limit_is_kept_and_holds_up_no_one_else(void **state)
{
	uint64_t begin, passed;

	start(0, 1000000); // 1,000 packets of 1,000 bytes
	begin = time_now();
	do {
		net_fill(NOISY, false);
		net_fill(QUIET, false);
		worker_step(&worker, 1);
		taps_drain();
		passed = time_now() - begin;
	} while (passed < 500000000);
	// The bucket may go below zero by one batch (of 32).
	assert_true(tx_of(NOISY)->rsp_prod <=
		    1000 * passed / 1000000000 + 100 + 64);
	assert_true(tx_of(NOISY)->rsp_prod >= 200);
	assert_true(tx_of(QUIET)->rsp_prod > 2 * tx_of(NOISY)->rsp_prod);
}

#define CASE(f) cmocka_unit_test_teardown(f, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(a_full_disk_ring_delays_another_by_no_more_than_itself),
	    CASE(a_stream_of_packets_delays_another_by_few_batches),
	    CASE(a_disk_limit_is_kept_and_holds_up_no_one_else),
	    CASE(a_network_limit_is_kept_and_holds_up_no_one_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
