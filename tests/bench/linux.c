// SPDX-License-Identifier: MIT
// What a Linux process sees: how many instructions common operations take,
// kernel and hypervisor together. Run as dom0's only busy process in a QEMU
// that counts instructions as time; a TSC tick is then an instruction.
// Prints `linux NAME;MEDIAN` for each; tests/bench/plugin.c writes a row for
// each in the same order.
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096
#define MOST 2000
#define MARK(n) asm volatile("nopl 0x5741420" #n "(%%rax)" ::: "memory")

static uint64_t start, sample[MOST], empty;
static unsigned int count;

static inline uint64_t ticks(void)
{
	uint32_t low, high;

	asm volatile("rdtsc" : "=a"(low), "=d"(high)::"memory");
	return low | (uint64_t)high << 32;
}

static inline __attribute__((always_inline)) void begin(void)
{
	MARK(1);
	start = ticks();
}

static inline __attribute__((always_inline)) void end(void)
{
	uint64_t stop = ticks();

	MARK(2);
	sample[count++] = stop - start;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void row(const char *name)
{
	MARK(3);
	qsort(sample, count, sizeof(sample[0]), compare);
	if (!name) {
		empty = sample[count / 2];
	} else {
		printf("linux %s;%lu\n", name, sample[count / 2] - empty);
	}
	count = 0;
}

static void check(int holds, const char *what)
{
	if (!holds) {
		perror(what);
		exit(1);
	}
}

static char *pages(size_t n)
{
	char *at = mmap(NULL, n * PAGE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	check(at != MAP_FAILED, "mmap");
	madvise(at, n * PAGE, MADV_NOHUGEPAGE);
	return at;
}

static void measure_calls(void)
{
	int zero = open("/dev/zero", O_RDONLY);
	char byte;

	check(zero >= 0, "/dev/zero");
	for (int i = 0; i < 1000; i++) {
		begin();
		end();
	}
	row(NULL);
	for (int i = 0; i < 1000; i++) {
		begin();
		syscall(SYS_getppid);
		end();
	}
	row("getppid");
	for (int i = 0; i < 1000; i++) {
		begin();
		(void)!read(zero, &byte, 1);
		end();
	}
	row("read 1 byte");
	close(zero);
}

static void signal_ignore(int number)
{
}

static void measure_signal(void)
{
	pid_t self = getpid();

	signal(SIGUSR1, signal_ignore);
	for (int i = 0; i < 1000; i++) {
		begin();
		kill(self, SIGUSR1);
		end();
	}
	row("signal to self");
}

static void measure_memory(void)
{
	char *at = pages(2048);

	memset(at, 1, 32 * PAGE); // page tables there, the rest untouched
	for (int i = 32; i < 1032; i++) {
		begin();
		at[i * PAGE] = 1;
		end();
	}
	row("first touch of a page");
	for (int i = 0; i < 1000; i++) {
		begin();
		mprotect(at + 16 * PAGE, PAGE,
			 i & 1 ? PROT_READ | PROT_WRITE : PROT_READ);
		end();
	}
	row("mprotect of a page");
	munmap(at, 2048 * PAGE);
	for (int i = 0; i < 300; i++) {
		begin();
		at = mmap(NULL, 65536, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
		munmap(at, 65536);
		end();
	}
	row("mmap and unmap 64 KiB, populated");
}

static void measure_fork(void)
{
	static char *const args[] = {"nothing", NULL};

	for (int i = 0; i < 100; i++) {
		begin();
		pid_t child = fork();
		if (!child) {
			_exit(0);
		}
		waitpid(child, NULL, 0);
		end();
	}
	row("fork and exit");
	for (int i = 0; i < 100; i++) {
		begin();
		pid_t child = fork();
		if (!child) {
			execv("/wabe/nothing", args);
			_exit(1);
		}
		waitpid(child, NULL, 0);
		end();
	}
	row("fork and exec");
}

static void measure_pipe(void)
{
	int there[2], back[2];
	char byte = 0;
	pid_t child;

	check(!pipe(there) && !pipe(back), "pipe");
	child = fork();
	if (!child) {
		close(there[1]);
		while (read(there[0], &byte, 1) == 1) {
			(void)!write(back[1], &byte, 1);
		}
		_exit(0);
	}
	close(there[0]);
	for (int i = 0; i < 500; i++) {
		begin();
		(void)!write(there[1], &byte, 1);
		(void)!read(back[0], &byte, 1);
		end();
	}
	close(there[1]);
	waitpid(child, NULL, 0);
	row("pipe ping-pong");
}

static char *fault_page;

static void fault_handle(int number)
{
	mprotect(fault_page, PAGE, PROT_READ | PROT_WRITE);
}

static void measure_fault(void)
{
	fault_page = pages(3) + PAGE;
	memset(fault_page - PAGE, 1, 3 * PAGE);
	signal(SIGSEGV, fault_handle);
	for (int i = 0; i < 500; i++) {
		mprotect(fault_page, PAGE, PROT_NONE);
		begin();
		*(volatile char *)fault_page = 1;
		end();
	}
	row("SIGSEGV, mprotect, retry");
}

int main(void)
{
	memset(sample, 1, sizeof(sample));
	measure_calls();
	measure_signal();
	measure_memory();
	measure_fork();
	measure_pipe();
	measure_fault();
	return 0;
}
