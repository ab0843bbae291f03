// SPDX-License-Identifier: MIT
// Fuzz the worker from a guest's side: its rings (store, console, disk,
// network) and its nodes. The guest is an array of pages in this process. The
// input is a program: each step writes somewhere into a page, or sets an index
// of a ring, or a node, and then raises an event. Whatever it does, the worker
// goes on, and a second domain's console is served after it.
#include "guests.h"

// --- one input --------------------------------------------------------------

static void run(void)
{
	struct served *s;
	int rounds = 50;
	bool busy = true;

	while (busy && rounds--) {
		worker_step(&worker, 0);
		busy = worker.round_first;
		for (s = worker.domains; s; s = s->next) {
			for (uint32_t i = 0; i < s->disk_count; i++) {
				busy |= disk_busy(s->disks[i]);
			}
		}
	}
}

// One step: kind, where, length, bytes.
static void step(struct served *s, struct guest *g, uint8_t kind, uint8_t where,
		 const uint8_t *data, size_t bytes)
{
	static const char *const nodes[] = {
	    "device/vbd/51712/state", "device/vif/0/state",
	    "device/vbd/51712/ring-ref", "device/vif/0/tx-ring-ref",
	    "device/vbd/51712/event-channel"};
	size_t at = (where & 15) * 256u;
	char frame[64] = {0};

	switch (kind & 7) {
	case 0: // an index: the first words of a ring's page
		at = (where & 3) * 4u;
		/* fall through */
	case 1:
	case 2:
		bytes = bytes < 4096 - at ? bytes : 4096 - at;
		memcpy(g->page[kind >> 3 & 7] + at, data, bytes);
		break;
	case 3: // a request where the producer is, and one more of them
		if (bytes <= sizeof(union blkif_sring_entry)) {
			struct blkif_sring *r = (void *)g->page[DISK_PAGE];

			memcpy(&r->ring[r->req_prod++ % 32], data, bytes);
		}
		break;
	case 4:
		if (bytes <= sizeof(union netif_tx_sring_entry)) {
			struct netif_tx_sring *r = (void *)g->page[TX_PAGE];

			memcpy(&r->ring[r->req_prod++ % 256], data, bytes);
			return; // several make a packet
		}
		break;
	case 5:
		if (bytes <= sizeof(union netif_rx_sring_entry)) {
			struct netif_rx_sring *r = (void *)g->page[RX_PAGE];

			memcpy(&r->ring[r->req_prod++ % 256], data, bytes);
		}
		break;
	case 6:
		if (bytes) {
			node_set(s, nodes[where % 5], data[0]);
			backend_front_changed(disk_backend(s->disks[0]));
			backend_front_changed(net_backend(s->nets[0]));
		}
		break;
	case 7:
		memcpy(frame, data, bytes < 64 ? bytes : 64);
		(void)!write(g->tap, frame, sizeof(frame));
		break;
	}
	for (int port = STORE_PORT; port <= NET_PORT; port++) {
		g->pending[port] = true;
	}
	event_raise(g);
	run();
}

static void neighbour_check(void)
{
	struct guest *g = &guests[1];
	struct xencons_interface *c = (void *)g->page[CONSOLE_PAGE];
	char text[4] = {0};

	memcpy(c->out, "well", 4);
	c->out_prod = 4;
	g->pending[CONSOLE_PORT] = true;
	event_raise(g);
	for (int i = 0; i < 2000 && pread(g->log, text, 4, 0) != 4; i++) {
		worker_step(&worker, 1);
	}
	if (memcmp(text, "well", 4)) {
		abort();
	}
}

static void guests_end(void)
{
	for (int i = 0; i < GUESTS; i++) {
		served_remove(served_find(&worker, i + 1), 1);
	}
	for (int i = 0; i < 1000 && worker.domains; i++) {
		worker_step(&worker, 1);
	}
	for (int i = 0; i < GUESTS; i++) {
		if (worker.domains || guests[i].mapped) {
			abort();
		}
		close(guests[i].event_fd);
		close(guests[i].log);
		close(guests[i].tap);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct served *s;

	if (!worker.pool && worker_init(&worker, -1)) {
		abort();
	}
	guest_start(1, 0, 0);
	guest_start(2, 0, 0);
	s = served_find(&worker, 1);
	devices_connect(s);
	run();
	while (size >= 3) {
		size_t bytes = data[2] < size - 3 ? data[2] : size - 3;

		step(s, &guests[0], data[0], data[1], data + 3, bytes);
		data += 3 + bytes;
		size -= 3 + bytes;
	}
	neighbour_check();
	guests_end();
	return 0;
}
