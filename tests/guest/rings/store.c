// SPDX-License-Identifier: MIT
// A store client: one request at a time, polled.
#include "rings.h"

#include <xen/io/xs_wire.h>

enum { TRIES = 2000000 };

static struct xenstore_domain_interface *ring(void)
{
	return mfn_to_virt(start_info->store_mfn);
}

static void bytes_put(const void *from, size_t bytes)
{
	struct xenstore_domain_interface *r = ring();
	const char *data = from;

	while (bytes--) {
		r->req[MASK_XENSTORE_IDX(r->req_prod)] = *data++;
		__atomic_store_n(&r->req_prod, r->req_prod + 1,
				 __ATOMIC_RELEASE);
	}
}

static bool bytes_take(void *to, size_t bytes)
{
	struct xenstore_domain_interface *r = ring();
	char *data = to;

	for (int tries = TRIES; bytes && tries; tries--) {
		if (__atomic_load_n(&r->rsp_prod, __ATOMIC_ACQUIRE) ==
		    r->rsp_cons) {
			wait_some();
			continue;
		}
		*data++ = r->rsp[MASK_XENSTORE_IDX(r->rsp_cons)];
		__atomic_store_n(&r->rsp_cons, r->rsp_cons + 1,
				 __ATOMIC_RELEASE);
		bytes--;
	}
	return !bytes;
}

static const char *request(u32 type, const char *path, const char *value)
{
	static char payload[XENSTORE_PAYLOAD_MAX + 1];
	struct xsd_sockmsg head = {
	    .type = type,
	    .len = (u32)(strlen(path) + 1 + (value ? strlen(value) : 0)),
	};

	bytes_put(&head, sizeof(head));
	bytes_put(path, strlen(path) + 1);
	bytes_put(value, value ? strlen(value) : 0);
	event_send(start_info->store_evtchn);
	if (!bytes_take(&head, sizeof(head)) ||
	    head.len > XENSTORE_PAYLOAD_MAX || !bytes_take(payload, head.len)) {
		return NULL;
	}
	payload[head.len] = 0;
	event_send(start_info->store_evtchn);
	return head.type == type ? payload : NULL;
}

const char *store_read(const char *path)
{
	return request(XS_READ, path, NULL);
}

bool store_write(const char *path, const char *value)
{
	return request(XS_WRITE, path, value);
}

bool store_write_number(const char *path, u32 value)
{
	char text[12], *at = text + sizeof(text);

	*--at = 0;
	do {
		*--at = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	return store_write(path, at);
}

bool store_await(const char *path, const char *value)
{
	for (int tries = 0; tries < 20000; tries++) {
		const char *now = store_read(path);

		if (now && !strcmp(now, value)) {
			return true;
		}
		wait_some();
	}
	return false;
}

// More in the ring than it can hold.
void store_break(void)
{
	ring()->req_prod = ring()->req_cons + 5 * XENSTORE_RING_SIZE;
	event_send(start_info->store_evtchn);
}
