// SPDX-License-Identifier: MIT
// A fresh domain has no noise of its own: the toolstack sends a seed.
#include <fcntl.h>
#include <linux/random.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "init.h"
#include "store.h"

#define SEED_BYTES 64

void seed_entropy(void)
{
	struct {
		struct rand_pool_info info;
		unsigned char bytes[SEED_BYTES];
	} seed = {.info = {.entropy_count = 0}};
	char *hex = store_read("wabe/seed", NULL);
	int n = 0, fd;

	while (hex && n < SEED_BYTES &&
	       sscanf(hex + 2 * n, "%2hhx", &seed.bytes[n]) == 1) {
		n++;
	}
	free(hex);
	seed.info.buf_size = n;
	seed.info.entropy_count = 8 * n;
	fd = open("/dev/random", O_RDWR | O_CLOEXEC);
	if (fd >= 0 && n) {
		ioctl(fd, RNDADDENTROPY, &seed);
	}
	if (fd >= 0) {
		close(fd);
	}
	explicit_bzero(&seed, sizeof(seed));
	store_write("wabe/seed", "");
}
