// SPDX-License-Identifier: MIT
// The states a device goes through with the guest's driver, by the store
// (xen/io/xenbus.h). Each side has a node `state` and looks at the other's:
//
//	guest: Initialising   we: InitWait    (our features are published)
//	guest: Initialised or Connected       (its rings are named)
//	                      we: Connected
//	guest: Closing        we: Closing     (rings let go)
//	guest: Closed         we: Closed
//	guest: Initialising again: from InitWait on
//
// A device the guest broke is Closed and stays so.
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xen/io/xenbus.h>

#include "worker.h"

// A node below `folder`, or the folder itself (node ""). `ours`: the guest may
// not write it. Where a worker goes on from another's state the nodes are
// there.
static void node_set(struct backend *backend, const char *folder,
		     const char *node, bool ours, const char *format,
		     va_list args)
{
	struct store *store = &backend->served->store.store;
	char path[96], value[128];

	if (backend->served->restoring) {
		return;
	}
	vsnprintf(value, sizeof(value), format, args);
	snprintf(path, sizeof(path), "%s%s%s", folder, *node ? "/" : "", node);
	if (ours) {
		store_set(store, path, value);
	} else {
		store_set_bytes(store, path, value, strlen(value), true);
	}
}

void backend_publish(struct backend *backend, const char *node,
		     const char *format, ...)
{
	va_list args;

	va_start(args, format);
	node_set(backend, backend->back, node, true, format, args);
	va_end(args);
}

void backend_tell(struct backend *backend, const char *node, const char *format,
		  ...)
{
	va_list args;

	va_start(args, format);
	node_set(backend, backend->front, node, true, format, args);
	va_end(args);
}

bool backend_front_number(const struct backend *backend, const char *node,
			  uint64_t max, uint64_t *number)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/%s", backend->front, node);
	return store_get_number(&backend->served->store.store, path, max,
				number);
}

static void state_set(struct backend *backend, int state)
{
	if (backend->state == state) {
		return;
	}
	backend->state = state;
	backend_publish(backend, "state", "%d", state);
	channel_queue(&backend->served->store.channel);
}

// The guest's nodes are its own: it may write them all. Ours are read-only to
// it, and nothing of the device's configuration is ever read from them.
static void front_set(struct backend *backend, const char *node,
		      const char *format, ...)
{
	va_list args;

	va_start(args, format);
	node_set(backend, backend->front, node, false, format, args);
	va_end(args);
}

void backend_init(struct backend *backend, const struct backend_kind *kind,
		  struct served *served, uint32_t handle)
{
	*backend = (struct backend){
	    .kind = kind,
	    .served = served,
	    .handle = handle,
	    .channel.port = -1,
	};
	snprintf(backend->front, sizeof(backend->front), "device/%s/%u",
		 kind->name, handle);
	snprintf(backend->back, sizeof(backend->back),
		 "/local/domain/%u/backend/%s/%u/%u", served->host, kind->name,
		 served->peer.domid, handle);
	front_set(backend, "", "%s", "");
	front_set(backend, "backend", "%s", backend->back);
	front_set(backend, "backend-id", "%u", served->host);
	front_set(backend, "handle", "%u", handle);
	front_set(backend, "state", "%d", XenbusStateInitialising);
	backend_publish(backend, "frontend", "%s/%s", served->store.store.home,
			backend->front);
	backend_publish(backend, "frontend-id", "%u", served->peer.domid);
	backend_publish(backend, "online", "1");
	backend_publish(backend, "handle", "%u", handle);
}

void backend_start(struct backend *backend)
{
	state_set(backend, XenbusStateInitWait);
}

// NULL, or why not. A state saved with `connected` and no port says that a
// port may have been bound (state.c).
static const char *rings_take(struct backend *backend)
{
	const char *why = backend->kind->parse(backend);

	if (why) {
		return why;
	}
	state_save(backend->served);
	if (!backend->kind->attach(backend)) {
		return "its rings cannot be mapped";
	}
	return channel_bind(&backend->channel, backend->served,
			    backend->remote_port, backend->kind->turn)
		   ? NULL
		   : "its event channel cannot be bound";
}

static void backend_connect(struct backend *backend)
{
	const char *why;

	if (backend->state != XenbusStateInitWait || backend->leaving) {
		return;
	}
	backend->connected = true;
	why = rings_take(backend);
	if (why) {
		backend_lose(backend, why);
		return;
	}
	state_set(backend, XenbusStateConnected);
}

// Let go of the rings, now or when the last job is back; then go to `state`.
static void backend_disconnect(struct backend *backend, int state)
{
	backend->wanted = state;
	if (!backend->connected) {
		state_set(backend, state);
	} else if (!backend->leaving) {
		backend->leaving = true;
		channel_unbind(&backend->channel);
		if (backend->kind->detach(backend)) {
			backend_disconnected(backend);
		}
	}
}

void backend_disconnected(struct backend *backend)
{
	backend->connected = backend->leaving = false;
	state_set(backend, backend->wanted);
	// The guest may have gone on meanwhile.
	backend_front_changed(backend);
}

void backend_lose(struct backend *backend, const char *why)
{
	char device[32];

	if (backend->lost) {
		return;
	}
	backend->lost = true;
	snprintf(device, sizeof(device), "%s/%u", backend->kind->name,
		 backend->handle);
	served_lost(backend->served, device, why);
	backend_disconnect(backend, XenbusStateClosed);
}

void backend_close(struct backend *backend)
{
	channel_unbind(&backend->channel);
	backend->kind->detach(backend);
}

void backend_check(struct backend *backend)
{
	if (backend->check) {
		backend->check = false;
		backend_front_changed(backend);
	}
}

void backend_front_changed(struct backend *backend)
{
	uint64_t state;

	if (backend->lost) {
		return;
	}
	if (!backend_front_number(backend, "state", XenbusStateReconfigured,
				  &state)) {
		state = XenbusStateClosed;
	}
	switch (state) {
	case XenbusStateInitialising:
		if (backend->connected) {
			// A new driver without a word from the old one.
			backend_disconnect(backend, XenbusStateInitWait);
		} else {
			state_set(backend, XenbusStateInitWait);
		}
		break;
	case XenbusStateInitialised:
	case XenbusStateConnected:
		backend_connect(backend);
		break;
	case XenbusStateClosing:
		backend_disconnect(backend, XenbusStateClosing);
		break;
	case XenbusStateClosed:
		backend_disconnect(backend, XenbusStateClosed);
		break;
	}
}
