// SPDX-License-Identifier: MIT
// The rooms of a micro-domain's init.
#ifndef WABE_INIT_H
#define WABE_INIT_H

#include <sys/types.h>

// network.c: address, route, name resolution, hostname. What is not asked for
// is left alone; what cannot be done is said on the console.
void network_up(void);
// workload.c: the image's command in a process of its own. Its pid, or -1.
pid_t workload_start(void);
// entropy.c: give the kernel the seed that came with the domain.
void seed_entropy(void);

#endif
