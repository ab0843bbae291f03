// SPDX-License-Identifier: MIT
// Parse and build store messages.
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <xen/io/xs_wire.h>

#include "wire.h"

_Static_assert(sizeof(struct xsd_sockmsg) == WIRE_HEADER_BYTES, "header");
_Static_assert(XENSTORE_PAYLOAD_MAX == WIRE_PAYLOAD_MAX, "payload");

size_t wire_bytes_needed(const void *data, size_t have)
{
	struct xsd_sockmsg header;

	if (have < sizeof(header)) {
		return sizeof(header);
	}
	memcpy(&header, data, sizeof(header));
	return header.len > WIRE_PAYLOAD_MAX ? 0 : sizeof(header) + header.len;
}

void wire_parse(struct wire_message *message, const void *data)
{
	struct xsd_sockmsg header;

	memcpy(&header, data, sizeof(header));
	message->type = header.type;
	message->request = header.req_id;
	message->transaction = header.tx_id;
	message->bytes = header.len;
	memcpy(message->payload, (const char *)data + sizeof(header),
	       header.len);
	message->payload[header.len] = 0;
}

size_t wire_build(char out[WIRE_MESSAGE_MAX], uint32_t type, uint32_t request,
		  uint32_t transaction, const void *payload, size_t bytes)
{
	struct xsd_sockmsg header = {
	    .type = type,
	    .req_id = request,
	    .tx_id = transaction,
	    .len = bytes,
	};

	memcpy(out, &header, sizeof(header));
	if (bytes) {
		memcpy(out + sizeof(header), payload, bytes);
	}
	return sizeof(header) + bytes;
}

int wire_strings(const struct wire_message *message, const char **string,
		 int max)
{
	const char *at = message->payload, *end = at + message->bytes;
	int count = 0;

	if (message->bytes && end[-1]) {
		return -1;
	}
	while (at < end) {
		if (count < max) {
			string[count] = at;
		}
		count++;
		at += strlen(at) + 1;
	}
	return count;
}

const char *wire_error_name(int error)
{
	for (size_t i = 0; i < sizeof(xsd_errors) / sizeof(*xsd_errors); i++) {
		if (xsd_errors[i].errnum == error) {
			return xsd_errors[i].errstring;
		}
	}
	return "EINVAL";
}
