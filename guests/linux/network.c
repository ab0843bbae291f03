// SPDX-License-Identifier: MIT
// Network of a micro-domain: one interface, its address given at start.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <net/route.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "init.h"
#include "store.h"

static void say(const char *what)
{
	fprintf(stderr, "wabe-init: network: %s: %s\n", what, strerror(errno));
}

static bool write_plain(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	if (!f) {
		return false;
	}
	fputs(text, f);
	fclose(f);
	return true;
}

// A file below /etc, whether the image has it or not. Over a root that cannot
// be written it is mounted; an import sees to it that there is something to
// mount it on.
static void write_file(const char *name, const char *text)
{
	char path[64], here[64];

	mkdir("/etc", 0755);
	snprintf(path, sizeof(path), "/etc/%s", name);
	snprintf(here, sizeof(here), "/dev/shm/.wabe-%s", name);
	if (write_plain(path, text)) {
		return;
	}
	if (!write_plain(here, text) ||
	    mount(here, path, NULL, MS_BIND, NULL)) {
		say(path);
	}
	unlink(here);
}

static int interface_up(int s, const char *name)
{
	struct ifreq r = {0};

	strncpy(r.ifr_name, name, IFNAMSIZ - 1);
	if (ioctl(s, SIOCGIFFLAGS, &r)) {
		return -1;
	}
	r.ifr_flags |= IFF_UP | IFF_RUNNING;
	return ioctl(s, SIOCSIFFLAGS, &r);
}

static int set_address(int s, int request, struct in_addr address)
{
	struct ifreq r = {0};
	struct sockaddr_in *in = (struct sockaddr_in *)(void *)&r.ifr_addr;

	strcpy(r.ifr_name, "eth0");
	in->sin_family = AF_INET;
	in->sin_addr = address;
	return ioctl(s, (unsigned long)request, &r);
}

static int set_gateway(int s, const char *gateway)
{
	struct rtentry r = {.rt_flags = RTF_UP | RTF_GATEWAY};
	struct sockaddr_in *to = (struct sockaddr_in *)(void *)&r.rt_gateway;

	((struct sockaddr_in *)(void *)&r.rt_dst)->sin_family = AF_INET;
	((struct sockaddr_in *)(void *)&r.rt_genmask)->sin_family = AF_INET;
	to->sin_family = AF_INET;
	return inet_pton(AF_INET, gateway, &to->sin_addr) == 1
		   ? ioctl(s, SIOCADDRT, &r)
		   : -1;
}

// "a.b.c.d/len" onto eth0. The interface appears when its back end does.
static void address_up(int s, char *cidr)
{
	char *slash = strchr(cidr, '/');
	int prefix = slash ? atoi(slash + 1) : 32;
	struct in_addr address, mask;

	if (slash) {
		*slash = 0;
	}
	if (prefix < 1 || prefix > 32 ||
	    inet_pton(AF_INET, cidr, &address) != 1) {
		errno = EINVAL;
		say(cidr);
		return;
	}
	mask.s_addr = htonl(~0u << (32 - prefix));
	for (unsigned int i = 0;
	     i < 300 && set_address(s, SIOCSIFADDR, address); i++) {
		usleep(10000);
	}
	// The network is IPv4's; without this each guest that starts is heard
	// by all others, whom that wakes.
	write_plain("/proc/sys/net/ipv6/conf/eth0/disable_ipv6", "1");
	if (set_address(s, SIOCSIFNETMASK, mask) || interface_up(s, "eth0")) {
		say("eth0");
	}
}

static void names_up(const char *ip)
{
	char *hostname = store_read("wabe/hostname", NULL);
	char *dns = store_read("wabe/net/dns", NULL);
	char text[512];

	if (hostname && *hostname) {
		if (sethostname(hostname, strlen(hostname))) {
			say("hostname");
		}
		snprintf(text, sizeof(text),
			 "127.0.0.1 localhost\n::1 localhost\n%s %s\n",
			 ip ? ip : "127.0.1.1", hostname);
		write_file("hosts", text);
		snprintf(text, sizeof(text), "%s\n", hostname);
		write_file("hostname", text);
	}
	if (dns && *dns) {
		snprintf(text, sizeof(text), "nameserver %s\n", dns);
		write_file("resolv.conf", text);
	}
	free(hostname);
	free(dns);
}

void network_up(void)
{
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char *ip = store_read("wabe/net/ip", NULL);
	char *gateway = store_read("wabe/net/gateway", NULL);

	interface_up(s, "lo");
	if (ip && *ip) {
		address_up(s, ip);
		if (gateway && *gateway && set_gateway(s, gateway)) {
			say("gateway");
		}
	}
	names_up(ip && *ip ? ip : NULL);
	free(ip);
	free(gateway);
	close(s);
}
