// SPDX-License-Identifier: MIT
// Messages of the store protocol: a header (xen/io/xs_wire.h) and up to 4096
// bytes of payload.
#ifndef GLUE_WIRE_H
#define GLUE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WIRE_PAYLOAD_MAX = 4096, WIRE_HEADER_BYTES = 16 };
enum { WIRE_MESSAGE_MAX = WIRE_HEADER_BYTES + WIRE_PAYLOAD_MAX };

// A message taken from the wire: nothing of it is read there again.
struct wire_message {
	uint32_t type, request, transaction, bytes;
	char payload[WIRE_PAYLOAD_MAX + 1]; // a 0 stands after `bytes` bytes
};

// How many bytes the message that starts at `data` has in all, as far as its
// first `have` bytes tell: 16 while the header is incomplete; 0 if it can never
// be a message (its payload is too long).
size_t wire_bytes_needed(const void *data, size_t have);
// Take a complete message apart.
void wire_parse(struct wire_message *message, const void *data);
// Put one together; returns its bytes. `bytes` is at most WIRE_PAYLOAD_MAX.
size_t wire_build(char out[WIRE_MESSAGE_MAX], uint32_t type, uint32_t request,
		  uint32_t transaction, const void *payload, size_t bytes);

// The payload's strings, each ended by a 0: returns how many there are, at
// most `max` stored; -1 when the last one has no end.
int wire_strings(const struct wire_message *message, const char **string,
		 int max);
// "ENOENT" for ENOENT; "EINVAL" for what the protocol has no word for.
const char *wire_error_name(int error);

#endif
