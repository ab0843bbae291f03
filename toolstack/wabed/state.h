// SPDX-License-Identifier: MIT
// The size of the file a domain's state is kept in; sparse, most of it never
// touched.
#ifndef WABED_STATE_H
#define WABED_STATE_H

#include "worker.h"

enum { STATE_BYTES = 4 << 20 };

#endif
