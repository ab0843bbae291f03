// SPDX-License-Identifier: MIT
// The fake machine under ops.c.
#ifndef MODEL_HOST_H
#define MODEL_HOST_H

#include "../fake/fake.h"

#include <wabe/grant.h>

extern u64 host_differences; // all that were told to machine_differs()
extern bool host_quiet;	     // without a word
extern bool host_traces;     // each result is said

#endif
