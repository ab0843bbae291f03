// SPDX-License-Identifier: MIT
// A name server behind dom0, alone on a network of its own (an interface of
// the kernel's tun): who asks it from a micro-domain comes through dom0's NAT.
//
//   names INTERFACE NAME ADDRESS
//
// It answers whom it is asked by, as long as packets come to port 53 of any
// address there: NAME has ADDRESS, no other name is known. Each question is a
// line: who asks (an address), the name, the type's number.
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { TYPE_A = 1, HEAD = 12, NO_SUCH_NAME = 3 };

struct packet {
	struct iphdr ip; // without options, as Linux sends it
	struct udphdr udp;
	uint8_t dns[1472];
};

static uint16_t checksum(const uint16_t *words, int count)
{
	uint32_t sum = 0;

	while (count--) {
		sum += *words++;
	}
	sum = (sum & 0xffff) + (sum >> 16);
	return ~(sum + (sum >> 16));
}

// The question's name as text; returns where its type stands, 0: malformed.
static size_t name_read(const uint8_t *dns, size_t bytes, char text[256])
{
	size_t at = HEAD, n = 0;

	while (at < bytes && dns[at]) {
		size_t length = dns[at++];

		if (length > 63 || at + length >= bytes || n + length > 253) {
			return 0;
		}
		memcpy(text + n, dns + at, length);
		n += length;
		text[n++] = '.';
		at += length;
	}
	text[n ? n - 1 : 0] = 0;
	return at + 5 <= bytes ? at + 1 : 0;
}

// The question becomes its answer; how long that is.
static size_t answer(uint8_t *dns, size_t at, bool known, in_addr_t address)
{
	static const uint8_t record[12] = {0xc0, HEAD, 0, TYPE_A, 0, 1,
					   0,	 0,    0, 60,	  0, 4};
	bool told = known && !dns[at] && dns[at + 1] == TYPE_A;

	dns[2] = 0x84 | (dns[2] & 1); // an answer, and who should know
	dns[3] = 0x80 | (known ? 0 : NO_SUCH_NAME);
	memset(dns + 6, 0, 6);
	dns[7] = told;
	at += 4;
	if (told) {
		memcpy(dns + at, record, sizeof(record));
		memcpy(dns + at + sizeof(record), &address, 4);
		at += sizeof(record) + 4;
	}
	return at;
}

static void turn_round(struct packet *p, size_t dns_bytes)
{
	uint32_t from = p->ip.saddr;
	uint16_t port = p->udp.source;

	p->ip.saddr = p->ip.daddr;
	p->ip.daddr = from;
	p->udp.source = p->udp.dest;
	p->udp.dest = port;
	p->udp.len = htons(sizeof(p->udp) + dns_bytes);
	p->udp.check = 0; // none, which UDP allows
	p->ip.tot_len = htons(sizeof(p->ip) + sizeof(p->udp) + dns_bytes);
	p->ip.ttl = 64;
	p->ip.check = 0;
	p->ip.check = checksum((uint16_t *)&p->ip, sizeof(p->ip) / 2);
}

static void serve(int fd, const char *name, in_addr_t address)
{
	static _Alignas(8) struct packet p;
	char asked[256];
	ssize_t n;

	while ((n = read(fd, &p, sizeof(p))) > 0) {
		size_t bytes = n - offsetof(struct packet, dns);
		size_t at = 0;

		if (n > (ssize_t)offsetof(struct packet, dns) + HEAD &&
		    p.ip.version == 4 && p.ip.ihl == 5 &&
		    p.ip.protocol == IPPROTO_UDP && p.udp.dest == htons(53)) {
			at = name_read(p.dns, bytes, asked);
		}
		if (!at || at + 4 + 16 > sizeof(p.dns)) {
			continue;
		}
		printf("%s %s %d\n", inet_ntoa((struct in_addr){p.ip.saddr}),
		       asked, p.dns[at + 1]);
		bytes = answer(p.dns, at, !strcasecmp(asked, name), address);
		turn_round(&p, bytes);
		n = offsetof(struct packet, dns) + bytes;
		if (write(fd, &p, n) != n) {
			perror("names");
		}
	}
}

int main(int argc, char **argv)
{
	struct ifreq tun = {.ifr_flags = IFF_TUN | IFF_NO_PI};
	int fd = open("/dev/net/tun", O_RDWR);

	if (argc != 4) {
		fputs("usage: names INTERFACE NAME ADDRESS\n", stderr);
		return 2;
	}
	strncpy(tun.ifr_name, argv[1], IFNAMSIZ - 1);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &tun)) {
		perror("names");
		return 1;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	serve(fd, argv[2], inet_addr(argv[3]));
	return 1;
}
