// SPDX-License-Identifier: MIT
// Fuzz layers: an archive is unpacked into an empty folder twice, as a layer
// over itself. A thread does it, with that folder as its root, as the import's
// child has. Needs root, as the import does.
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>

#include "../../toolstack/lib/image_layer.c"

static char folder[] = "/dev/shm/wabe-fuzz-XXXXXX";
static sem_t begin, end;
static int archive = -1; // the memfd to unpack

static void *unpack_thread(void *unused)
{
	struct wabe_error err;

	if (unshare(CLONE_FS) || chroot(folder) || chdir("/")) {
		perror("fuzz layer");
		_exit(1);
	}
	umask(0);
	for (;;) {
		sem_wait(&begin);
		for (int i = 0; i < 2; i++) {
			lseek(archive, 0, SEEK_SET);
			*err.text = 0;
			if (unpack_here(archive, &err) && !*err.text) {
				abort();
			}
		}
		sem_post(&end);
	}
	return NULL;
}

static void remove_folder(void)
{
	struct wabe_error ignored;

	tree_remove(folder, &ignored);
}

static void prepare(void)
{
	pthread_t thread;

	if (archive >= 0) {
		return;
	}
	archive = memfd_create("archive", 0);
	if (archive < 0 || !mkdtemp(folder) || sem_init(&begin, 0, 0) ||
	    sem_init(&end, 0, 0) ||
	    pthread_create(&thread, NULL, unpack_thread, NULL)) {
		abort();
	}
	atexit(remove_folder);
}

static void folder_clear(void)
{
	folder_empty(folder);
	if (chmod(folder, 0700)) {
		abort(); // it was taken away: something leads out
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	prepare();
	if (ftruncate(archive, 0) ||
	    pwrite(archive, data, size, 0) != (ssize_t)size) {
		abort();
	}
	sem_post(&begin);
	sem_wait(&end);
	folder_clear();
	return 0;
}
