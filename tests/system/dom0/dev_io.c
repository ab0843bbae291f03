// SPDX-License-Identifier: MIT
// Reads and writes a disk past the page cache, every sector saying what it
// should hold, so that a request lost, torn or misdirected is seen.
//
//   dev_io fill FILE MIB          make a disk
//   dev_io check FILE             every sector is what someone wrote there
//   dev_io work DISK COUNT JOBS   COUNT random requests by each of JOBS
//                                 processes: reads of the first half, writes
//                                 and reads of a zone of its own in the second
//   dev_io one DISK COUNT         COUNT reads, one after the other
//   dev_io storm DISK COUNT       COUNT times 64 reads at once, by AIO
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECTOR 512
#define WORDS (SECTOR / 8)
#define SECTORS_MAX 64	// of a request
#define LOST_SECONDS 20 // a request that takes longer never ends
#define DEPTH 64

static const char *name;

static void die(const char *what, uint64_t sector)
{
	fprintf(stderr, "%s: %s at sector %lu\n", name, what, sector);
	exit(1);
}

static void lost(int signal)
{
	static const char text[] = "a request is lost\n";

	(void)signal;
	if (write(2, text, sizeof(text) - 1)) {
	}
	_exit(1);
}

static uint64_t mix(uint64_t x)
{
	x ^= x >> 31;
	x *= 0x9e3779b97f4a7c15;
	x ^= x >> 29;
	x *= 0xbf58476d1ce4e5b9;
	return x ^ x >> 32;
}

// A sector: its number, the generation of its writing, and noise of both.
static void sector_make(uint64_t *w, uint64_t sector, uint64_t generation)
{
	w[0] = sector;
	w[1] = generation;
	for (int i = 2; i < WORDS; i++) {
		w[i] = mix(sector * WORDS + i) + generation * i;
	}
}

// generation ~0: any.
static void sector_check(const uint64_t *w, uint64_t sector,
			 uint64_t generation)
{
	uint64_t want[WORDS];

	if (generation == ~0ull) {
		generation = w[1];
	}
	sector_make(want, sector, generation);
	if (memcmp(want, w, SECTOR)) {
		fprintf(stderr, "is sector %lu generation %lu\n", w[0], w[1]);
		die("wrong data", sector);
	}
}

static int disk_open(int flags, uint64_t *sectors)
{
	int fd = open(name, flags);
	struct stat st;
	uint64_t bytes = 0;

	if (fd < 0 || fstat(fd, &st)) {
		perror(name);
		exit(1);
	}
	if (S_ISBLK(st.st_mode)) {
		ioctl(fd, BLKGETSIZE64, &bytes);
	} else {
		bytes = st.st_size;
	}
	*sectors = bytes / SECTOR;
	return fd;
}

static void *buffer_new(size_t bytes)
{
	void *p;

	if (posix_memalign(&p, 4096, bytes)) {
		exit(1);
	}
	return p;
}

static void transfer(int fd, bool out, void *data, uint64_t first, uint64_t n)
{
	ssize_t done;

	alarm(LOST_SECONDS);
	done = out ? pwrite(fd, data, n * SECTOR, first * SECTOR)
		   : pread(fd, data, n * SECTOR, first * SECTOR);
	if (done != (ssize_t)(n * SECTOR)) {
		die(out ? "cannot write" : "cannot read", first);
	}
	alarm(0);
}

static void fill(uint64_t mib)
{
	FILE *f = fopen(name, "w");
	uint64_t w[WORDS];

	for (uint64_t s = 0; f && s < mib << 20 >> 9; s++) {
		sector_make(w, s, 0);
		if (fwrite(w, SECTOR, 1, f) != 1) {
			die("cannot write", s);
		}
	}
	if (!f || fclose(f)) {
		die("cannot make it", 0);
	}
}

static void check(void)
{
	uint64_t sectors, w[WORDS];
	int fd = disk_open(O_RDONLY, &sectors);

	for (uint64_t s = 0; s < sectors; s++) {
		transfer(fd, false, w, s, 1);
		sector_check(w, s, s < sectors / 2 ? 0 : ~0ull);
	}
}

static void read_some(int fd, uint64_t *data, uint64_t first, uint64_t n)
{
	transfer(fd, false, data, first, n);
	for (uint64_t i = 0; i < n; i++) {
		sector_check(data + i * WORDS, first + i, 0);
	}
}

static void rewrite_some(int fd, uint64_t *data, uint64_t first, uint64_t n,
			 uint64_t generation)
{
	for (uint64_t i = 0; i < n; i++) {
		sector_make(data + i * WORDS, first + i, generation);
	}
	transfer(fd, true, data, first, n);
	memset(data, 0x55, n * SECTOR);
	transfer(fd, false, data, first, n);
	for (uint64_t i = 0; i < n; i++) {
		sector_check(data + i * WORDS, first + i, generation);
	}
}

static void job(uint64_t count, uint64_t zone, uint64_t zones)
{
	uint64_t sectors;
	int fd = disk_open(O_RDWR | O_DIRECT, &sectors);
	uint64_t half = sectors / 2, own = half / zones;
	uint64_t *data = buffer_new(SECTORS_MAX * SECTOR);
	unsigned seed = (unsigned)zone + 1;

	for (uint64_t i = 0; i < count; i++) {
		uint64_t n = 1 + rand_r(&seed) % SECTORS_MAX;

		if (i % 3) {
			read_some(fd, data, rand_r(&seed) % (half - n), n);
		} else {
			rewrite_some(fd, data,
				     half + zone * own +
					 rand_r(&seed) % (own - n),
				     n, i + 1);
		}
	}
}

static void work(uint64_t count, uint64_t jobs)
{
	int status, bad = 0;

	for (uint64_t zone = 0; zone < jobs; zone++) {
		if (fork() == 0) {
			job(count, zone, jobs);
			exit(0);
		}
	}
	while (wait(&status) > 0) {
		bad |= status;
	}
	if (bad) {
		exit(1);
	}
}

static void one(uint64_t count)
{
	uint64_t sectors;
	int fd = disk_open(O_RDONLY | O_DIRECT, &sectors);
	uint64_t *data = buffer_new(SECTOR);

	for (uint64_t i = 0; i < count; i++) {
		read_some(fd, data, mix(i) % (sectors / 2), 1);
	}
}

static void storm(uint64_t count)
{
	uint64_t sectors;
	int fd = disk_open(O_RDONLY | O_DIRECT, &sectors);
	uint64_t *data = buffer_new(DEPTH * SECTOR);
	struct iocb cb[DEPTH], *list[DEPTH];
	struct io_event events[DEPTH];
	aio_context_t context = 0;

	syscall(SYS_io_setup, DEPTH, &context);
	for (uint64_t i = 0; i < count; i++) {
		alarm(LOST_SECONDS);
		memset(cb, 0, sizeof(cb));
		for (int n = 0; n < DEPTH; n++) {
			cb[n].aio_lio_opcode = IOCB_CMD_PREAD;
			cb[n].aio_fildes = fd;
			cb[n].aio_buf = (uintptr_t)(data + n * WORDS);
			cb[n].aio_nbytes = SECTOR;
			cb[n].aio_offset =
			    mix(i * DEPTH + n) % (sectors / 2) * SECTOR;
			list[n] = &cb[n];
		}
		if (syscall(SYS_io_submit, context, DEPTH, list) != DEPTH ||
		    syscall(SYS_io_getevents, context, DEPTH, DEPTH, events,
			    NULL) != DEPTH) {
			die("AIO failed", 0);
		}
		for (int n = 0; n < DEPTH; n++) {
			sector_check(data + n * WORDS,
				     cb[n].aio_offset / SECTOR, 0);
		}
		alarm(0);
	}
}

int main(int argc, char **argv)
{
	const char *verb = argc > 2 ? argv[1] : "";
	uint64_t a = argc > 3 ? strtoull(argv[3], NULL, 0) : 0;
	uint64_t b = argc > 4 ? strtoull(argv[4], NULL, 0) : 1;

	name = argv[2];
	signal(SIGALRM, lost);
	if (strcmp(verb, "fill") == 0) {
		fill(a);
	} else if (strcmp(verb, "check") == 0) {
		check();
	} else if (strcmp(verb, "work") == 0) {
		work(a, b);
	} else if (strcmp(verb, "one") == 0) {
		one(a);
	} else if (strcmp(verb, "storm") == 0) {
		storm(a);
	} else {
		return 2;
	}
	return 0;
}
