// SPDX-License-Identifier: MIT
// What of a domain outlives this process: kept in a memfd that the supervisor
// holds, in two slots. A save fills the slot not in use, then makes it the one
// in use with a single store, so that a kill at any point leaves a whole one.
//
// It holds the store, the local ports, and how far each device is. What is in
// a device's ring is in the guest's memory. Nothing in it is trusted when it is
// read: a worker that a guest took over may have written it.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xen/io/xenbus.h>

#include "../../xenstore-glue/snapshot.h"
#include "state.h"

enum { STATE_VERSION = 1 };

struct saved_device {
	int32_t state, wanted, port;
	uint32_t gref[2];
	bool connected, leaving, lost;
};

struct saved {
	int32_t store_port, console_port;
	bool console_lost, exit_told;
	struct wabed_stats stats;
	struct saved_device disk[WABED_MAX_DISKS], net[WABED_MAX_NETS];
	uint32_t snapshot_bytes; // follow
};

// The file: this, then the slots. It is written and not mapped: a mapping's
// page tables would be more than what is in it.
struct head {
	uint32_t version;
	uint32_t in_use; // 0: none yet
};

enum { SLOT_ROOM = STATE_BYTES / 2 - sizeof(struct head) };

// A slot on its way. The loop has one thread, so there is one; of it as much is
// touched as is used.
static _Alignas(8) char slot[SLOT_ROOM];

static off_t slot_at(uint32_t number)
{
	return sizeof(struct head) + (number - 1) * (off_t)SLOT_ROOM;
}

int state_open(struct served *served, int fd)
{
	struct head head;

	if (pread(fd, &head, sizeof(head), 0) != sizeof(head)) {
		close(fd);
		return EIO;
	}
	served->state_fd = fd;
	served->state_slot =
	    head.version == STATE_VERSION && head.in_use <= 2 ? head.in_use : 0;
	return 0;
}

void state_close(struct served *served)
{
	if (served->state_fd >= 0) {
		close(served->state_fd);
		served->state_fd = -1;
	}
}

bool state_exists(const struct served *served)
{
	return served->state_fd >= 0 && served->state_slot;
}

static struct saved_device device_saved(const struct backend *backend)
{
	return (struct saved_device){
	    .state = backend->state,
	    .wanted = backend->wanted,
	    .port = backend->channel.port,
	    .gref = {backend->gref[0], backend->gref[1]},
	    .connected = backend->connected,
	    .leaving = backend->leaving,
	    .lost = backend->lost,
	};
}

// No memory for it: the next process goes on from the state before, which is
// whole.
static void state_write(int fd, const void *data, size_t bytes, off_t at)
{
	if (pwrite(fd, data, bytes, at) != (ssize_t)bytes) {
		abort();
	}
}

void state_save(struct served *served)
{
	struct head head = {STATE_VERSION, served->state_slot == 1 ? 2 : 1};
	struct saved *saved = (struct saved *)slot;

	served->store.store.dirty = false;
	if (served->state_fd < 0) {
		return;
	}
	memset(saved, 0, sizeof(*saved));
	saved->store_port = served->store.channel.port;
	saved->console_port = served->console.channel.port;
	saved->console_lost = served->console.lost;
	saved->exit_told = served->exit_told;
	saved->stats = served->stats;
	for (uint32_t i = 0; i < served->disk_count; i++) {
		saved->disk[i] = device_saved(disk_backend(served->disks[i]));
	}
	for (uint32_t i = 0; i < served->net_count; i++) {
		saved->net[i] = device_saved(net_backend(served->nets[i]));
	}
	saved->snapshot_bytes =
	    snapshot_save(&served->store.store, &served->store.ring,
			  slot + sizeof(*saved), SLOT_ROOM - sizeof(*saved));
	state_write(served->state_fd, slot,
		    sizeof(*saved) + saved->snapshot_bytes,
		    slot_at(head.in_use));
	state_write(served->state_fd, &head, sizeof(head), 0);
	served->state_slot = head.in_use;
}

// --- restore ----------------------------------------------------------------

static bool saved_read(const struct served *served, struct saved *saved)
{
	return pread(served->state_fd, saved, sizeof(*saved),
		     slot_at(served->state_slot)) == sizeof(*saved) &&
	       saved->snapshot_bytes <= SLOT_ROOM - sizeof(*saved);
}

static bool store_read(struct served *served, uint32_t bytes)
{
	struct store_service *service = &served->store;

	return pread(served->state_fd, slot, bytes,
		     slot_at(served->state_slot) + sizeof(struct saved)) ==
		   (ssize_t)bytes &&
	       snapshot_restore(&service->store, &service->ring, slot, bytes);
}

// Ports a killed process may have bound without saying which: those not known.
static void ports_forget(struct served *served, const struct saved *saved)
{
	int keep[2 + WABED_MAX_DISKS + WABED_MAX_NETS], count = 0;

	keep[count++] = saved->store_port;
	keep[count++] = saved->console_port;
	for (int i = 0; i < WABED_MAX_DISKS; i++) {
		keep[count++] = saved->disk[i].port;
	}
	for (int i = 0; i < WABED_MAX_NETS; i++) {
		keep[count++] = saved->net[i].port;
	}
	served->peer.ops->reset_ports(&served->peer, keep, count);
}

bool state_restore_store(struct served *served)
{
	struct saved saved;

	if (!saved_read(served, &saved) ||
	    !store_read(served, saved.snapshot_bytes)) {
		return false;
	}
	served->exit_told = saved.exit_told;
	served->stats = saved.stats;
	served->console.lost = saved.console_lost;
	if (saved.store_port > 0) {
		channel_adopt(&served->store.channel, served, saved.store_port,
			      store_turn);
	}
	if (saved.console_port > 0) {
		channel_adopt(&served->console.channel, served,
			      saved.console_port, console_turn);
	}
	return true;
}

static void device_restore(struct backend *backend,
			   const struct saved_device *saved)
{
	backend->state = saved->state;
	backend->wanted = saved->wanted;
	backend->lost = saved->lost;
	backend->gref[0] = saved->gref[0];
	backend->gref[1] = saved->gref[1];
	backend->check = true; // the guest may have gone on
	if (!saved->connected) {
		return;
	}
	if (saved->leaving) {
		// Its last jobs died with the process.
		backend_publish(backend, "state", "%d", saved->wanted);
		backend->state = saved->wanted;
	} else if (saved->port > 0 && backend->kind->attach(backend)) {
		backend->connected = true;
		channel_adopt(&backend->channel, backend->served, saved->port,
			      backend->kind->turn);
	} else if (!saved->lost) {
		// Killed while it connected: once more.
		backend->state = XenbusStateInitWait;
	}
}

void state_restore_devices(struct served *served)
{
	struct saved saved;
	bool unsure = execs_forget(served);

	if (!saved_read(served, &saved)) {
		return; // the store was read from it just now
	}
	for (uint32_t i = 0; i < served->disk_count; i++) {
		unsure |= saved.disk[i].connected && saved.disk[i].port <= 0;
	}
	for (uint32_t i = 0; i < served->net_count; i++) {
		unsure |= saved.net[i].connected && saved.net[i].port <= 0;
	}
	if (unsure) {
		ports_forget(served, &saved);
	}
	for (uint32_t i = 0; i < served->disk_count; i++) {
		device_restore(disk_backend(served->disks[i]), &saved.disk[i]);
	}
	for (uint32_t i = 0; i < served->net_count; i++) {
		device_restore(net_backend(served->nets[i]), &saved.net[i]);
	}
}
