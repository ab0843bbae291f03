// SPDX-License-Identifier: MIT
// The devices every PC has had, as dom0's user space reaches them.
//
//   dev_legacy rtc COUNT   the clock interrupts COUNT times, each second
//   dev_legacy pit         the timer's channel 2 counts down at its rate
//   dev_legacy kept        ports the hypervisor keeps read as all ones
//   dev_legacy granted     a process uses the ports that ioperm() gave it, and
//                          no others
#include <fcntl.h>
#include <linux/rtc.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
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

// in: a port, by the instruction. 1: it did; 0: refused (SIGSEGV).
static sigjmp_buf refused;

static void on_refusal(int signal)
{
	siglongjmp(refused, 1);
}

static int try(uint16_t port)
{
	uint8_t value;

	if (sigsetjmp(refused, 1)) {
		return 0;
	}
	asm volatile("inb %1, %0" : "=a"(value) : "d"(port));
	return 1;
}

static int granted(void)
{
	uint8_t month = 0xff;
	int before, during, beside, after;

	signal(SIGSEGV, on_refusal);
	before = try(0x71);
	if (ioperm(0x70, 2, 1)) {
		perror("ioperm");
		return 1;
	}
	during = try(0x71);
	beside = try(0x6f) + try(0x72);
	if (during) { // the clock's month
		asm volatile("outb %0, $0x70" : : "a"((uint8_t)8));
		asm volatile("inb $0x71, %0" : "=a"(month));
	}
	ioperm(0x70, 2, 0);
	after = try(0x71);
	printf("before %d, granted %d, beside %d, after %d, month %x\n", before,
	       during, beside, after, month);
	return before || !during || beside || after || !month || month > 0x12;
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
	if (strcmp(verb, "granted") == 0) {
		return granted();
	}
	return strcmp(verb, "kept") == 0 ? kept() : 2;
}
