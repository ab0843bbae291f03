// SPDX-License-Identifier: MIT
// A domain's store: its first nodes, made from its description, and what
// happens when the guest writes to them.
#include <errno.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker.h"

enum { REQUESTS_A_TURN = 8 };

static void store_lose(struct served *served)
{
	struct wabed_message gone = {
	    .type = WABED_GONE,
	    .domid = served->peer.domid,
	};

	served->store.lost = true;
	served_lost(served, "store", "its ring makes no sense");
	control_send(served->worker, &gone, NULL, 0);
	channel_unbind(&served->store.channel);
}

// What the guest's writes mean to its devices. After the writes are saved, so
// that a process that follows this one comes by here too.
static void backends_check(struct served *served)
{
	for (uint32_t i = 0; i < served->disk_count; i++) {
		backend_check(disk_backend(served->disks[i]));
	}
	for (uint32_t i = 0; i < served->net_count; i++) {
		backend_check(net_backend(served->nets[i]));
	}
}

bool store_turn(struct channel *channel)
{
	struct served *served = channel->served;
	struct store_service *service = &served->store;
	struct store *store = &service->store;
	bool notify = false, more = false, alive;
	uint64_t dropped = store->events_dropped;

	alive = ring_take(&service->ring, store, REQUESTS_A_TURN, &more);
	if (store->dirty) {
		state_save(served);
	}
	backends_check(served);
	if (store->dirty) {
		state_save(served);
	}
	alive = alive && ring_publish(&service->ring, store, &notify);
	if (notify) {
		channel_notify(channel);
	}
	if (!dropped && store->events_dropped) {
		worker_log("domain %u does not read its watch events",
			   served->peer.domid);
	}
	if (!alive) {
		store_lose(served);
	}
	return alive && (more || ring_waits(&service->ring, store));
}

// --- what the guest wrote ---------------------------------------------------

static void note_send(struct served *served, const char *path,
		      const char *value)
{
	struct wabed_message note = {
	    .type = WABED_NOTE,
	    .domid = served->peer.domid,
	};

	// Too much to tell: what a guest says so fast is lost, and it alone
	// loses it.
	if (rate_wait(&served->notes, time_now()) ||
	    strlen(path) >= sizeof(note.path)) {
		return;
	}
	rate_take(&served->notes, 1);
	strcpy(note.path, path);
	control_send(served->worker, &note, value, strlen(value));
}

static void exit_send(struct served *served, const char *value)
{
	struct wabed_message message = {
	    .type = WABED_EXIT,
	    .domid = served->peer.domid,
	};
	bool code = !strncmp(value, "code ", 5);
	char *end;

	if (served->exit_told || (!code && strncmp(value, "signal ", 7))) {
		return;
	}
	value += code ? 5 : 7;
	message.kind = code ? WABED_EXIT_CODE : WABED_EXIT_SIGNAL;
	if (*value < '0' || *value > '9') {
		return;
	}
	message.value = strtoul(value, &end, 10) & 255;
	if (*end) {
		return;
	}
	served->exit_told = true;
	control_send(served->worker, &message, NULL, 0);
}

// Only a write to `state`, or the removal of what it stands in, moves a device.
static void device_changed(struct backend *backend, const char *path)
{
	size_t n = strlen(backend->front);

	if (path_is_below(backend->front, path) ||
	    (path_is_below(path, backend->front) &&
	     !strcmp(path + n, "/state"))) {
		backend->check = true;
	}
}

static void devices_changed(struct served *served, const char *path)
{
	for (uint32_t i = 0; i < served->disk_count; i++) {
		device_changed(disk_backend(served->disks[i]), path);
	}
	for (uint32_t i = 0; i < served->net_count; i++) {
		device_changed(net_backend(served->nets[i]), path);
	}
}

static void store_changed(void *context, const char *path)
{
	struct served *served = context;
	const char *home = served->store.store.home;
	const char *value;

	if (!path_is_below(path, home) || !path[strlen(home)]) {
		return;
	}
	path += strlen(home) + 1;
	if (path_is_below(path, "device")) {
		devices_changed(served, path);
		return;
	}
	value = store_get(&served->store.store, path);
	if (!value ||
	    (!path_is_below(path, "wabe") && !path_is_below(path, "control"))) {
		return;
	}
	if (!strncmp(path, "wabe/exec/", 10)) {
		exec_answered(served, path + 10, value);
		return;
	}
	if (!strcmp(path, "wabe/exit")) {
		exit_send(served, value);
	}
	note_send(served, path, value);
}

// --- the first nodes --------------------------------------------------------

struct filler {
	struct store *store;
	int error;
};

static void fill(struct filler *f, const char *path, const char *value)
{
	if (!f->error) {
		f->error = store_set(f->store, path, value);
	}
}

static void fill_number(struct filler *f, const char *path, uint64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
	fill(f, path, text);
}

static void fill_guests(struct filler *f, const char *path)
{
	if (!f->error) {
		f->error = store_set_bytes(f->store, path, "", 0, true);
	}
}

// A property that is one string.
static void fill_text(struct filler *f, const void *fdt, int node,
		      const char *property, const char *path)
{
	const char *text = fdt_stringlist_get(fdt, node, property, 0, NULL);

	if (text && *text) {
		fill(f, path, text);
	}
}

static void fill_list(struct filler *f, const void *fdt, int node,
		      const char *property, const char *directory)
{
	int count = fdt_stringlist_count(fdt, node, property);
	char path[64];

	fill(f, directory, "");
	for (int i = 0; i < count; i++) {
		const char *text =
		    fdt_stringlist_get(fdt, node, property, i, NULL);

		snprintf(path, sizeof(path), "%s/%d", directory, i);
		fill(f, path, text ? text : "");
	}
}

// What the guest's init reads to start the workload (guests/linux/init.c).
static void fill_workload(struct filler *f, const struct wabed_add *add,
			  const void *fdt)
{
	int work = fdt_path_offset(fdt, "/wabe-domain/workload");
	int devices = fdt_path_offset(fdt, "/wabe-domain/devices");
	char seed[2 * sizeof(add->seed) + 1];
	int node;

	fill(f, "wabe", "");
	fill(f, "wabe/hostname", add->name);
	fill(f, "wabe/root", add->disk_count ? "xvda" : "initrd");
	if (work >= 0) {
		fill_list(f, fdt, work, "argv", "wabe/argv");
		fill_list(f, fdt, work, "env", "wabe/env");
		fill_text(f, fdt, work, "cwd", "wabe/cwd");
		fill_text(f, fdt, work, "user", "wabe/user");
		fill_text(f, fdt, work, "hostname", "wabe/hostname");
		fill_text(f, fdt, work, "stop-signal", "wabe/stop-signal");
		fill(f, "wabe/readonly",
		     fdt_getprop(fdt, work, "read-only", NULL) ? "1" : "0");
	}
	fdt_for_each_subnode(node, fdt, devices)
	{
		if (!strncmp(fdt_get_name(fdt, node, NULL), "net@0", 6)) {
			fill_text(f, fdt, node, "ip", "wabe/net/ip");
			fill_text(f, fdt, node, "gateway", "wabe/net/gateway");
			fill_text(f, fdt, node, "dns", "wabe/net/dns");
		}
	}
	for (size_t i = 0; i < sizeof(add->seed); i++) {
		sprintf(seed + 2 * i, "%02x", add->seed[i]);
	}
	if (!f->error) { // the guest wipes it
		f->error = store_set_bytes(f->store, "wabe/seed", seed,
					   sizeof(seed) - 1, true);
	}
	fill_guests(f, "wabe/state");
	fill_guests(f, "wabe/exit");
	fill_guests(f, "wabe/signal");
	fill_guests(f, "wabe/out");
}

// Disks that the guest's init mounts: wabe/mount/xvdb = "w /data".
static void fill_mounts(struct filler *f, const void *fdt)
{
	int devices = fdt_path_offset(fdt, "/wabe-domain/devices"), node;

	fdt_for_each_subnode(node, fdt, devices)
	{
		const char *mount =
		    fdt_stringlist_get(fdt, node, "mount", 0, NULL);
		const char *dev = fdt_stringlist_get(fdt, node, "dev", 0, NULL);
		const char *mode =
		    fdt_stringlist_get(fdt, node, "mode", 0, NULL);
		char path[32], text[1024];

		if (mount && dev) {
			snprintf(path, sizeof(path), "wabe/mount/%.8s", dev);
			snprintf(text, sizeof(text), "%c %s",
				 mode && *mode == 'w' ? 'w' : 'r', mount);
			fill(f, path, text);
		}
	}
}

static void fill_memory(struct filler *f, const struct wabed_add *add)
{
	uint64_t max =
	    add->memory_max_kib ? add->memory_max_kib : add->memory_kib;
	uint32_t vcpus_max = add->vcpus_max ? add->vcpus_max : add->vcpus;
	char path[48];

	fill(f, "memory", "");
	fill_number(f, "memory/target", add->memory_kib);
	fill_number(f, "memory/static-max", max);
	fill(f, "cpu", "");
	for (uint32_t i = 0; i < vcpus_max && i < 128; i++) {
		snprintf(path, sizeof(path), "cpu/%u/availability", i);
		fill(f, path, i < add->vcpus ? "online" : "offline");
	}
}

// What `xl` puts into every guest's directory, and its drivers look for.
static void fill_common(struct filler *f, struct served *served,
			const struct wabed_add *add)
{
	static const char *const guests[] = {
	    "control/shutdown",
	    "control/feature-poweroff",
	    "control/feature-reboot",
	    "control/feature-suspend",
	    "control/feature-halt",
	    "control/sysrq",
	    "control/feature-sysrq",
	    "device/suspend/event-channel",
	    "data",
	    "drivers",
	    "feature",
	    "attr",
	    "error",
	};
	char vm[64], path[80];

	snprintf(vm, sizeof(vm), "/vm/%s", add->uuid);
	fill(f, vm, "");
	fill(f, "vm", vm);
	snprintf(path, sizeof(path), "%s/uuid", vm);
	fill(f, path, add->uuid);
	snprintf(path, sizeof(path), "%s/name", vm);
	fill(f, path, add->name);
	fill(f, "name", add->name);
	fill_number(f, "domid", served->peer.domid);
	fill(f, "control", "");
	fill(f, "control/platform-feature-multiprocessor-suspend", "1");
	fill(f, "control/platform-feature-xs_reset_watches", "1");
	fill(f, "device", "");
	for (size_t i = 0; i < sizeof(guests) / sizeof(*guests); i++) {
		fill_guests(f, guests[i]);
	}
	fill_number(f, "store/port", add->store_port);
	fill_number(f, "console/port", add->console_port);
	fill(f, "console/type", "xenconsoled");
}

int store_fill(struct served *served, const struct wabed_add *add,
	       const void *fdt)
{
	struct filler f = {.store = &served->store.store};

	// Trees from before version 16 libfdt's own check does not survive.
	if (add->fdt_bytes && (add->fdt_bytes < 40 || fdt_version(fdt) < 16 ||
			       fdt_check_full(fdt, add->fdt_bytes))) {
		return EINVAL;
	}
	fill(&f, "/local/domain", "");
	fill(&f, served->store.store.home, "");
	fill_common(&f, served, add);
	fill_memory(&f, add);
	if (add->fdt_bytes) {
		fill_workload(&f, add, fdt);
		fill_mounts(&f, fdt);
	}
	return f.error;
}

int store_open(struct served *served, const struct wabed_add *add,
	       const void *fdt)
{
	struct store_service *service = &served->store;
	int error;

	store_init(&service->store, served->peer.domid, served->host);
	service->store.context = served;
	service->store.changed = store_changed;
	service->page = served->peer.ops->map(&served->peer, add->store_gref);
	if (!service->page) {
		return errno ? errno : EIO;
	}
	ring_init(&service->ring, service->page);
	if (served->restoring) {
		return state_restore_store(served) ? 0 : EPROTO;
	}
	error = store_fill(served, add, fdt);
	if (error) {
		return error;
	}
	return channel_bind(&service->channel, served, add->store_port,
			    store_turn)
		   ? 0
		   : EIO;
}

void store_close(struct served *served)
{
	struct store_service *service = &served->store;

	if (!service->store.domid) {
		return;
	}
	channel_unbind(&service->channel);
	if (service->page) {
		served->peer.ops->unmap(&served->peer, service->page);
		service->page = NULL;
	}
	store_fini(&service->store);
	service->store.domid = 0;
}
