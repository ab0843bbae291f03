// SPDX-License-Identifier: MIT
// Taps. The creator holds every one open, so that it outlives a worker, and
// goes with the creator, so that none is left behind.
#define _GNU_SOURCE
#include "creator.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "file.h"

int interface_up(int sock, const char *name)
{
	struct ifreq req = {0};

	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", name);
	if (ioctl(sock, SIOCGIFFLAGS, &req)) {
		return -1;
	}
	req.ifr_flags |= IFF_UP;
	return ioctl(sock, SIOCSIFFLAGS, &req);
}

void interface_no_ipv6(const char *name)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6",
		 name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd >= 0) {
		(void)!write(fd, "1", 1);
		close(fd);
	}
}

// Not the queue an interface has by default: a tap has one of its own, so
// nothing would ever wait in that, for 68 KiB. Where it cannot be had so, the
// tap does with it.
static void tap_no_queue(unsigned int index)
{
	struct {
		struct nlmsghdr head;
		struct tcmsg tc;
		struct rtattr kind;
		char name[sizeof("noqueue")];
	} m = {
	    .head = {.nlmsg_len = sizeof(m),
		     .nlmsg_type = RTM_NEWQDISC,
		     .nlmsg_flags =
			 NLM_F_REQUEST | NLM_F_CREATE | NLM_F_REPLACE},
	    .tc = {.tcm_ifindex = (int)index, .tcm_parent = TC_H_ROOT},
	    .kind = {.rta_len = RTA_LENGTH(sizeof(m.name)),
		     .rta_type = TCA_KIND},
	    .name = "noqueue",
	};
	CLEANUP_CLOSE int fd =
	    socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd >= 0) {
		(void)!send(fd, &m, sizeof(m), 0);
	}
}

static int tap_make(int fd, const char *name, struct wabe_error *err)
{
	struct ifreq req = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};

	if (fd < 0) {
		return error_set(err, errno,
				 "/dev/net/tun (is the kernel's module tun "
				 "there?)");
	}
	if (strlen(name) >= IFNAMSIZ) {
		return error_set(err, 0, "tap %s: at most 15 letters", name);
	}
	strcpy(req.ifr_name, name);
	return ioctl(fd, TUNSETIFF, &req)
		   ? error_set(err, errno, "tap %s", name)
		   : 0;
}

int tap_open(const struct wabe_net *net, int sock, int *out,
	     struct wabe_error *err)
{
	CLEANUP_CLOSE int fd =
	    open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	struct ifreq req = {0};

	if (tap_make(fd, net->tap, err)) {
		return -1;
	}
	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", net->bridge);
	req.ifr_ifindex = (int)if_nametoindex(net->tap);
	tap_no_queue((unsigned int)req.ifr_ifindex);
	// What dom0 has to say to its guests goes through the bridge.
	interface_no_ipv6(net->tap);
	if (ioctl(sock, SIOCBRADDIF, &req) || interface_up(sock, net->tap)) {
		return error_set(err, errno, "bridge %s", net->bridge);
	}
	*out = fd;
	fd = -1;
	return 0;
}
