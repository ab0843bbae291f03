// SPDX-License-Identifier: MIT
// The network of micro-domains in dom0: a bridge, wabe0, with 10.87.0.1/16; a
// tap on it for each interface, named after its address; addresses given in
// turn.
#define _GNU_SOURCE
#include "creator.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <unistd.h>

#define BRIDGE "wabe0"
#define NETWORK 0x0a570000u // 10.87.0.0/16
#define PREFIX 16
#define GATEWAY (NETWORK | 1)
#define GATEWAY_MAC "\x00\x16\x3e\x57\x00\x01" // as a guest's would be

static void address_text(uint32_t address, char text[32])
{
	snprintf(text, 32, "%u.%u.%u.%u", address >> 24, address >> 16 & 255,
		 address >> 8 & 255, address & 255);
}

static int interface_address(int sock, const char *name, unsigned long what,
			     uint32_t address)
{
	struct ifreq req = {0};
	struct sockaddr_in *in = (struct sockaddr_in *)&req.ifr_addr;

	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", name);
	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htonl(address);
	return ioctl(sock, what, &req);
}

// A bridge takes the least address of its ports, and another as they come and
// go, so that guests would look for their gateway where it is no more.
static int bridge_mac(int sock)
{
	struct ifreq req = {.ifr_name = BRIDGE,
			    .ifr_hwaddr = {.sa_family = ARPHRD_ETHER}};

	memcpy(req.ifr_hwaddr.sa_data, GATEWAY_MAC, 6);
	return ioctl(sock, SIOCSIFHWADDR, &req);
}

// To the outside through dom0, if its kernel and tools can.
static void nat_start(void)
{
	CLEANUP_CLOSE int fd =
	    open("/proc/sys/net/ipv4/ip_forward", O_WRONLY | O_CLOEXEC);
	FILE *nft;

	if (fd < 0 || write(fd, "1", 1) != 1) {
		creator_log("no forwarding: micro-domains reach dom0 only");
		return;
	}
	nft = popen("nft -f - 2>/dev/null", "we");
	if (nft) {
		fputs("table ip wabe {}\ndelete table ip wabe\n"
		      "table ip wabe {\n"
		      " chain out { type nat hook postrouting priority 100;\n"
		      "  ip saddr 10.87.0.0/16 oifname != \"" BRIDGE
		      "\" masquerade\n }\n}\n",
		      nft);
		if (pclose(nft)) {
			creator_log("no nft here: micro-domains reach dom0 "
				    "only");
		}
	}
}

static int bridge_start(struct creator *c, int sock, struct wabe_error *err)
{
	if (c->network.ready) {
		return 0;
	}
	if (ioctl(sock, SIOCBRADDBR, BRIDGE) && errno != EEXIST) {
		return error_set(err, errno,
				 "bridge " BRIDGE " (is the kernel's module "
				 "bridge there?)");
	}
	interface_no_ipv6(BRIDGE);
	if (bridge_mac(sock) ||
	    interface_address(sock, BRIDGE, SIOCSIFADDR, GATEWAY) ||
	    interface_address(sock, BRIDGE, SIOCSIFNETMASK,
			      ~((1u << (32 - PREFIX)) - 1)) ||
	    interface_up(sock, BRIDGE)) {
		return error_set(err, errno, "bridge " BRIDGE);
	}
	nat_start();
	c->network.ready = true;
	c->network.taken[0] |= 3; // the network itself and dom0
	c->network.taken[65535 / 8] |= 0x80;
	return 0;
}

static bool address_take(struct network *n, uint32_t host)
{
	if (n->taken[host / 8] & 1 << host % 8) {
		return false;
	}
	n->taken[host / 8] |= (uint8_t)(1 << host % 8);
	return true;
}

static int address_next(struct network *n, uint32_t *host,
			struct wabe_error *err)
{
	for (uint32_t i = 0; i < 65536; i++) {
		*host = (n->next + i) & 65535;
		if (address_take(n, *host)) {
			n->next = *host + 1;
			return 0;
		}
	}
	return error_set(err, 0, "ip: no address free on " BRIDGE);
}

// The address given, or the next one; what follows from it.
static int address_give(struct creator *c, struct wabe_net *net,
			uint32_t *address, struct wabe_error *err)
{
	struct in_addr given = {0};
	char text[32];
	uint32_t host = 0;

	if (net->ip) {
		snprintf(text, sizeof(text), "%s", net->ip);
		text[strcspn(text, "/")] = 0;
		if (inet_pton(AF_INET, text, &given) != 1) {
			return error_set(
			    err, 0, "ip \"%s\": say 10.87.1.2 or 10.87.1.2/16",
			    net->ip);
		}
		if ((ntohl(given.s_addr) & 0xffff0000u) != NETWORK) {
			return 0;
		}
		host = ntohl(given.s_addr) & 0xffff;
		if (!address_take(&c->network, host)) {
			return error_set(err, 0, "ip %s is taken", net->ip);
		}
	} else if (address_next(&c->network, &host, err)) {
		return -1;
	}
	*address = NETWORK | host;
	if (!net->ip || !strchr(net->ip, '/')) {
		free(net->ip);
		address_text(*address, text);
		if (asprintf(&net->ip, "%s/%d", text, PREFIX) < 0) {
			abort();
		}
	}
	if (!net->gateway) {
		address_text(GATEWAY, text);
		net->gateway = strdup(text);
	}
	return 0;
}

// The first of dom0's name servers that guests can reach: IPv4, and not dom0
// itself.
static char *dns_find(void)
{
	struct in_addr unused;
	FILE *f = fopen("/etc/resolv.conf", "re");
	char line[256], server[64];
	char *found = NULL;

	while (f && !found && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "nameserver %63s", server) == 1 &&
		    strncmp(server, "127.", 4) &&
		    inet_pton(AF_INET, server, &unused) == 1) {
			found = strdup(server);
		}
	}
	if (f) {
		fclose(f);
	}
	return found;
}

// After the address; on a bridge of others, where there is none, by chance.
static void names_give(struct wabe_net *net, uint32_t address)
{
	uint32_t id = 0x570000 | (address & 0xffff);

	if (!address && getrandom(&id, sizeof(id), 0) != sizeof(id)) {
		abort();
	}
	if (!net->mac &&
	    asprintf(&net->mac, "00:16:3e:%02x:%02x:%02x", id >> 16 & 255,
		     id >> 8 & 255, id & 255) < 0) {
		abort();
	}
	if (!net->dns) {
		net->dns = dns_find();
	}
	if (!net->tap &&
	    asprintf(&net->tap, address ? "wabe-%04x" : "wabe-%06x",
		     id & (address ? 0xffff : 0xffffff)) < 0) {
		abort();
	}
}

int network_up(struct creator *c, struct record *r, struct wabe_error *err)
{
	CLEANUP_CLOSE int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	for (uint32_t i = 0; i < r->spec->net_count; i++) {
		struct wabe_net *net = &r->spec->nets[i];

		if (r->taps[i] >= 0) {
			continue; // from before a restart
		}
		if (!net->bridge) {
			net->bridge = strdup(BRIDGE);
		}
		if (!strcmp(net->bridge, BRIDGE) &&
		    (bridge_start(c, sock, err) ||
		     address_give(c, net, &r->address[i], err))) {
			return -1;
		}
		names_give(net, r->address[i]);
		if (tap_open(net, sock, &r->taps[i], err)) {
			return -1;
		}
	}
	return 0;
}

void network_down(struct creator *c, struct record *r)
{
	for (uint32_t i = 0; i < WABE_MAX_NETS; i++) {
		uint32_t host = r->address[i] & 0xffff;

		if (r->taps[i] >= 0) {
			close(r->taps[i]);
			r->taps[i] = -1;
		}
		if (r->address[i]) {
			c->network.taken[host / 8] &=
			    (uint8_t) ~(1 << host % 8);
			r->address[i] = 0;
		}
	}
}
