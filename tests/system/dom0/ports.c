// SPDX-License-Identifier: MIT
// Holds so many of dom0's event channels, so that others get high ones:
//
//   ports COUNT
//
// It says "held" when it has them, and has them until it is killed.
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <xen/xen.h>
#include <xen/evtchn.h>

int main(int argc, char **argv)
{
	struct ioctl_evtchn_bind_unbound_port bind = {.remote_domain = 0};
	int fd = open("/dev/xen/evtchn", O_RDWR);

	for (int count = argc > 1 ? atoi(argv[1]) : 0; count > 0; count--) {
		if (ioctl(fd, IOCTL_EVTCHN_BIND_UNBOUND_PORT, &bind) < 0) {
			perror("ports");
			return 1;
		}
	}
	puts("held");
	fflush(stdout);
	for (;;) {
		pause();
	}
}
