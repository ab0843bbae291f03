// SPDX-License-Identifier: MIT
// Work on memory, with every byte checked afterwards. For dom0:
//   stress fill MIB SECONDS    touch more than there is; read it all back,
//   twice stress storm SECONDS N     N threads change their maps and fork
//   stress files DIR SECONDS   maps of files, shared and private
// Prints what went wrong first; status 0: nothing did.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096ul

static time_t end;

static void fail(const char *what)
{
	fprintf(stderr, "stress: %s (errno %d)\n", what, errno);
	_exit(1);
}

static int more(void)
{
	return time(NULL) < end;
}

static uint64_t next(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static char *map(size_t pages)
{
	char *at = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED) {
		fail("mmap");
	}
	return at;
}

// A page says which it is, at its start, in the middle and at its end.
static void mark(char *page, uint64_t what)
{
	((uint64_t *)page)[0] = what;
	((uint64_t *)page)[255] = what * 31;
	((uint64_t *)page)[511] = ~what;
}

static void check(const char *page, uint64_t what, const char *where)
{
	const uint64_t *p = (const uint64_t *)page;

	if (p[0] != what || p[255] != what * 31 || p[511] != ~what) {
		fprintf(stderr, "stress: %s: %p has %lx %lx %lx, not %lx\n",
			where, page, p[0], p[255], p[511], what);
		_exit(1);
	}
}

static void check_empty(const char *page, const char *where)
{
	for (size_t i = 0; i < PAGE / 8; i++) {
		if (((const uint64_t *)page)[i]) {
			fprintf(stderr, "stress: %s: %p is not empty\n", where,
				page);
			_exit(1);
		}
	}
}

// --- fill -------------------------------------------------------------------
static void fill(size_t pages)
{
	char *at = map(pages);
	uint64_t seed = 88172645463325252ull;

	for (size_t i = 0; i < pages; i++) {
		mark(at + i * PAGE, i + 1);
	}
	for (size_t i = 0; i < pages; i++) {
		check(at + i * PAGE, i + 1, "fill, in order");
	}
	for (size_t n = 0; n < pages / 64; n++) {
		size_t i = next(&seed) % pages;

		check(at + i * PAGE, i + 1, "fill, any order");
	}
	munmap(at, pages * PAGE);
}

// --- storm ------------------------------------------------------------------
#define SPAN 64ul

static void maps_once(uint64_t *seed)
{
	char *at = map(SPAN), *to;
	uint64_t key = next(seed);
	size_t cut = 1 + next(seed) % (SPAN - 1);

	for (size_t i = 0; i < SPAN; i++) {
		mark(at + i * PAGE, key + i);
	}
	if (mprotect(at, cut * PAGE, PROT_READ)) {
		fail("mprotect");
	}
	for (size_t i = 0; i < SPAN; i++) {
		check(at + i * PAGE, key + i, "mprotect");
	}
	if (mprotect(at, SPAN * PAGE, PROT_NONE) ||
	    mprotect(at, SPAN * PAGE, PROT_READ | PROT_WRITE)) {
		fail("mprotect back");
	}
	to = mremap(at, SPAN * PAGE, 4 * SPAN * PAGE, MREMAP_MAYMOVE);
	if (to == MAP_FAILED) {
		fail("mremap");
	}
	for (size_t i = 0; i < SPAN; i++) {
		check(to + i * PAGE, key + i, "mremap");
	}
	check_empty(to + (SPAN + cut) * PAGE, "mremap's new part");
	madvise(to, cut * PAGE, MADV_DONTNEED);
	check_empty(to + (cut - 1) * PAGE, "MADV_DONTNEED");
	madvise(to + cut * PAGE, (SPAN - cut) * PAGE,
		next(seed) & 1 ? MADV_FREE : MADV_COLD);
	mark(to + (SPAN - 1) * PAGE, key);
	check(to + (SPAN - 1) * PAGE, key, "MADV_FREE and written");
	munmap(to + cut * PAGE, PAGE);
	munmap(to, 4 * SPAN * PAGE);
}

// A child changes what it inherits; the parent does too; neither sees it.
static void fork_once(uint64_t *seed)
{
	char *at = map(SPAN);
	uint64_t key = next(seed);
	int status;
	pid_t pid;

	for (size_t i = 0; i < SPAN; i++) {
		mark(at + i * PAGE, key + i);
	}
	pid = fork();
	if (pid < 0) {
		fail("fork");
	}
	for (size_t i = 0; i < SPAN; i += 2) {
		mark(at + i * PAGE, key + i + (pid ? 1000 : 2000));
	}
	for (size_t i = 0; i < SPAN; i++) {
		check(at + i * PAGE,
		      i & 1 ? key + i : key + i + (pid ? 1000 : 2000),
		      "copy on write");
	}
	if (!pid) {
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid || status) {
		fail("a child saw something else");
	}
	munmap(at, SPAN * PAGE);
}

static void *storm_thread(void *arg)
{
	uint64_t seed = 0x9e3779b97f4a7c15ull * ((uintptr_t)arg + 1);

	while (more()) {
		for (int i = 0; i < 16; i++) {
			maps_once(&seed);
		}
		fork_once(&seed);
	}
	return NULL;
}

static void storm(int threads)
{
	pthread_t ids[threads];

	for (long i = 0; i < threads; i++) {
		if (pthread_create(&ids[i], NULL, storm_thread, (void *)i)) {
			fail("pthread_create");
		}
	}
	for (int i = 0; i < threads; i++) {
		pthread_join(ids[i], NULL);
	}
}

// --- files ------------------------------------------------------------------
static void files_once(const char *dir, uint64_t *seed)
{
	char name[256];
	uint64_t key = next(seed), word;
	char *shared, *own;
	int fd;

	snprintf(name, sizeof(name), "%s/stress.%d", dir, getpid());
	fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || ftruncate(fd, SPAN * PAGE)) {
		fail("file");
	}
	shared =
	    mmap(NULL, SPAN * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	own =
	    mmap(NULL, SPAN * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (shared == MAP_FAILED || own == MAP_FAILED) {
		fail("map of a file");
	}
	for (size_t i = 0; i < SPAN; i++) {
		mark(shared + i * PAGE, key + i);
		check(own + i * PAGE, key + i, "private map before its write");
	}
	for (size_t i = 0; i < SPAN; i += 3) {
		mark(own + i * PAGE, ~key);
	}
	msync(shared, SPAN * PAGE, MS_SYNC);
	for (size_t i = 0; i < SPAN; i++) {
		if (pread(fd, &word, 8, i * PAGE) != 8 || word != key + i) {
			fail("a file is not what its map says");
		}
		mark(shared + i * PAGE, key + i + 1);
		check(own + i * PAGE, i % 3 ? key + i + 1 : ~key,
		      "private map");
	}
	if (ftruncate(fd, PAGE)) {
		fail("truncate");
	}
	check(shared, key + 1, "after the file was cut");
	munmap(shared, SPAN * PAGE);
	munmap(own, SPAN * PAGE);
	close(fd);
	unlink(name);
}

int main(int argc, char **argv)
{
	uint64_t seed = 1234567891011ull;

	if (argc != 4) {
		return 2;
	}
	if (!strcmp(argv[1], "fill")) {
		end = time(NULL) + atoi(argv[3]);
		do {
			fill(strtoul(argv[2], NULL, 10) << 8);
		} while (more());
	} else if (!strcmp(argv[1], "storm")) {
		end = time(NULL) + atoi(argv[2]);
		storm(atoi(argv[3]));
	} else {
		end = time(NULL) + atoi(argv[3]);
		do {
			files_once(argv[2], &seed);
		} while (more());
	}
	return 0;
}
