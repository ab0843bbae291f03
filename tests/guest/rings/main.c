// SPDX-License-Identifier: MIT
// Claim: a guest that writes nonsense into its rings gets errors as long as
// what it says can be answered, then loses the device, one after the other:
// disk, network, console, and with its store itself. Run as a micro-domain
// with a disk and an interface, beside another that must not notice
// (tests/system/wabe_proof.sh).
#include "rings.h"

#include <xen/io/blkif.h>
#include <xen/io/console.h>
#include <xen/io/netif.h>
#include <xen/io/ring.h>

#define VBD "device/vbd/51712/"
#define VIF "device/vif/0/"

enum { DISK_REF = 8, TX_REF, RX_REF, DATA_REF, BAD_REF = 400 };

static struct blkif_sring *disk;
static struct netif_tx_sring *tx;
static struct netif_rx_sring *rx;
static u32 disk_port, net_port;
static char disk_back[128], net_back[128]; // their states

static void *page_granted(u32 ref)
{
	void *page = page_alloc();

	grant_give(ref, 0, virt_to_mfn(page), false);
	return page;
}

static void back_find(const char *node, char path[128])
{
	const char *back = store_read(node);
	size_t n = back ? strlen(back) : 0;

	if (!back || n > 100) {
		PANIC("no %s", node);
	}
	memcpy(path, back, n);
	memcpy(path + n, "/state", 7);
}

static void disk_connect(void)
{
	disk = page_granted(DISK_REF);
	page_granted(DATA_REF);
	disk->req_event = disk->rsp_event = 1;
	disk_port = (u32)event_alloc_unbound(DOMID_SELF, 0);
	store_write_number(VBD "ring-ref", DISK_REF);
	store_write_number(VBD "event-channel", disk_port);
	store_write(VBD "state", "3");
	back_find(VBD "backend", disk_back);
	ok(store_await(disk_back, "4"), "the disk is connected");
}

static void net_connect(void)
{
	tx = page_granted(TX_REF);
	rx = page_granted(RX_REF);
	net_port = (u32)event_alloc_unbound(DOMID_SELF, 0);
	store_write_number(VIF "tx-ring-ref", TX_REF);
	store_write_number(VIF "rx-ring-ref", RX_REF);
	store_write_number(VIF "event-channel", net_port);
	store_write(VIF "request-rx-copy", "1");
	store_write(VIF "state", "4");
	back_find(VIF "backend", net_back);
	ok(store_await(net_back, "4"), "the interface is connected");
}

// One request; its status, or 1 if there is no answer.
static int disk_ask(struct blkif_request request)
{
	u32 prod = disk->req_prod;

	memcpy(&disk->ring[prod % 32].req, &request, sizeof(request));
	__atomic_store_n(&disk->req_prod, prod + 1, __ATOMIC_RELEASE);
	event_send(disk_port);
	for (int tries = 0; tries < 5000000; tries++) {
		if (__atomic_load_n(&disk->rsp_prod, __ATOMIC_ACQUIRE) ==
		    prod + 1) {
			return disk->ring[prod % 32].rsp.status;
		}
		wait_some();
	}
	return 1;
}

static void disk_attack(void)
{
	struct blkif_request r = {.operation = BLKIF_OP_READ,
				  .nr_segments = 1,
				  .seg = {{DATA_REF, 0, 7}}};

	printf("a read: %d\n", disk_ask(r));
	r.seg[0].gref = BAD_REF;
	ok(disk_ask(r) == BLKIF_RSP_ERROR, "a grant that is none: an error");
	r.seg[0] = (struct blkif_request_segment){DATA_REF, 7, 0};
	ok(disk_ask(r) == BLKIF_RSP_ERROR, "a piece backwards: an error");
	r.seg[0] = (struct blkif_request_segment){DATA_REF, 0, 255};
	ok(disk_ask(r) == BLKIF_RSP_ERROR, "a piece of two pages: an error");
	r.seg[0] = (struct blkif_request_segment){DATA_REF, 0, 7};
	r.sector_number = ~0UL;
	ok(disk_ask(r) == BLKIF_RSP_ERROR, "a sector too far: an error");
	r.sector_number = 0;
	r.nr_segments = 255;
	ok(disk_ask(r) == BLKIF_RSP_ERROR, "255 pieces: an error");
	r.nr_segments = 1;
	r.operation = BLKIF_OP_WRITE;
	ok(disk_ask(r) == BLKIF_RSP_ERROR,
	   "writing what is read-only: an error");
	r.operation = 77;
	ok(disk_ask(r) == BLKIF_RSP_EOPNOTSUPP, "operation 77: not supported");
	disk->req_prod += 1000;
	event_send(disk_port);
	ok(store_await(disk_back, "6"),
	   "a full ring and more: the disk is lost");
}

static void net_attack(void)
{
	struct netif_tx_request r = {.gref = BAD_REF, .size = 60};

	memcpy(&tx->ring[0].req, &r, sizeof(r));
	__atomic_store_n(&tx->req_prod, 1, __ATOMIC_RELEASE);
	event_send(net_port);
	for (int tries = 0; tries < 200000 && !tx->rsp_prod; tries++) {
		wait_some();
	}
	ok(tx->ring[0].rsp.status == NETIF_RSP_ERROR,
	   "a packet nowhere: an error");
	r = (struct netif_tx_request){
	    .gref = TX_REF, .offset = 4000, .size = 2000};
	memcpy(&tx->ring[1].req, &r, sizeof(r));
	__atomic_store_n(&tx->req_prod, 2, __ATOMIC_RELEASE);
	event_send(net_port);
	ok(store_await(net_back, "6"),
	   "a packet across its page: the interface is lost");
}

static void console_attack(void)
{
	struct xencons_interface *c = mfn_to_virt(start_info->console.domU.mfn);

	__atomic_store_n(&c->out_prod, c->out_cons + 100000, __ATOMIC_RELEASE);
	event_send(start_info->console.domU.evtchn);
}

int guest_main(void)
{
	if (is_dom0()) {
		printf("a guest for a worker\n");
		return 0;
	}
	grant_init();
	disk_connect();
	net_connect();
	disk_attack();
	net_attack();
	printf("now console and store\n");
	for (int i = 0; i < 10000; i++) {
		wait_some(); // until that is read
	}
	console_attack();
	for (int i = 0; i < 10000; i++) {
		wait_some();
	}
	store_break();
	for (;;) {
		wait_some(); // until the end
	}
}
