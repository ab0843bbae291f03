// SPDX-License-Identifier: MIT
// The devices every PC has had, as dom0's user space reaches them.
//
//   dev_legacy rtc COUNT   the clock interrupts COUNT times, each second
//   dev_legacy pit         the timer's channel 2 counts down at its rate
//   dev_legacy kept        ports the hypervisor keeps read as all ones
#include <fcntl.h>
#include <linux/rtc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define PIT_HZ 1193182

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static int rtc(unsigned long count)
{
	int fd = open("/dev/rtc0", O_RDONLY);
	unsigned long data;
	double start = now(), took;

	if (fd < 0 || ioctl(fd, RTC_UIE_ON, 0)) {
		perror("/dev/rtc0");
		return 1;
	}
	for (unsigned long i = 0; i < count; i++) {
		alarm(5);
		if (read(fd, &data, sizeof(data)) != sizeof(data)) {
			perror("read");
			return 1;
		}
	}
	ioctl(fd, RTC_UIE_OFF, 0);
	took = now() - start;
	printf("%lu seconds in %.2f s\n", count, took);
	return took < 0.9 * (count - 1) || took > count + 3;
}

static int ports;

static uint8_t in(uint16_t port)
{
	uint8_t value = 0;

	if (pread(ports, &value, 1, port) != 1) {
		perror("/dev/port");
		exit(1);
	}
	return value;
}

static void out(uint16_t port, uint8_t value)
{
	if (pwrite(ports, &value, 1, port) != 1) {
		perror("/dev/port");
		exit(1);
	}
}

// Channel 2, gate on, speaker off, mode 0: counts down from 65535 once.
static int pit(void)
{
	double start, took;
	unsigned count;

	out(0x61, (in(0x61) & ~2) | 1);
	out(0x43, 0xb0);
	out(0x42, 0xff);
	out(0x42, 0xff);
	start = now();
	usleep(20000);
	out(0x43, 0x80);
	took = now() - start;
	count = in(0x42);
	count |= in(0x42) << 8;
	printf("counted %u in %.4f s\n", 65535 - count, took);
	if (took > 0.05) {
		return 0; // it has come round: nothing to compare
	}
	return (65535 - count) < PIT_HZ * took * 0.8 ||
	       (65535 - count) > PIT_HZ * (took + 0.005) * 1.2;
}

static int kept(void)
{
	static const uint16_t list[] = {0x20, 0x21,  0xa0,  0xa1,
					0x40, 0x3f8, 0x3fd, 0x4d0};
	int bad = 0;

	for (unsigned i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		out(list[i], 0);
		if (in(list[i]) != 0xff) {
			printf("port %x reads %x\n", list[i], in(list[i]));
			bad = 1;
		}
	}
	return bad;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";

	ports = open("/dev/port", O_RDWR);
	if (strcmp(verb, "rtc") == 0 && argc == 3) {
		return rtc(strtoul(argv[2], NULL, 0));
	}
	if (strcmp(verb, "pit") == 0) {
		return pit();
	}
	return strcmp(verb, "kept") == 0 ? kept() : 2;
}
