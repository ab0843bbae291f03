// SPDX-License-Identifier: MIT
// The compressed payload of a bzImage.
#ifndef WABE_LIB_UNPACK_H
#define WABE_LIB_UNPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

bool bzimage_is(const uint8_t *file, size_t bytes);
// Unpack into fresh memory (*out, to be freed). gzip, XZ and zstd payloads.
int bzimage_unpack(const uint8_t *file, size_t bytes, uint8_t **out,
		   size_t *out_bytes, struct wabe_error *err);

#endif
