// SPDX-License-Identifier: MIT
// wabed-worker: started by the creator with its control socket as descriptor
// 3. Ends when the creator closes that. It is two processes, neither of them
// root: a supervisor that keeps descriptors, and the worker it starts.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif

#include "supervisor.h"
#include "worker.h"

enum { NOBODY = 65534 };

static unsigned option(int argc, char **argv, const char *name)
{
	for (int i = 1; i + 1 < argc; i++) {
		if (!strcmp(argv[i], name)) {
			return strtoul(argv[i + 1], NULL, 10);
		}
	}
	return NOBODY;
}

// In a build with sanitizers, when the last domain is gone. A worker has no
// end at which they would look for leaks by themselves: it is killed.
static void leaks_look(const struct worker *worker)
{
#ifdef __SANITIZE_ADDRESS__
	static bool served;

	if (served && !worker->domains) {
		__lsan_do_recoverable_leak_check();
	}
	served = worker->domains;
#endif
}

int worker_main(void)
{
	static struct worker worker;
	struct wabed_message ready = {.type = WABED_READY};
	int error;

	error = worker_init(&worker, WABED_CONTROL_FD);
	if (error) {
		worker_log("cannot start: %s", strerror(error));
		return 1;
	}
	confine();
	control_send(&worker, &ready, NULL, 0);
	while (!worker.ending) {
		worker_step(&worker, -1);
		leaks_look(&worker);
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--help")) {
		printf("wabed-worker [--uid N] [--gid N]: started by wabed\n");
		return 0;
	}
	signal(SIGPIPE, SIG_IGN);
	setvbuf(stderr, NULL, _IONBF, 0);
	rights_drop(option(argc, argv, "--uid"), option(argc, argv, "--gid"));
	return supervise(WABED_CONTROL_FD);
}
