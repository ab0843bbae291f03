// SPDX-License-Identifier: MIT
// wabed: the creator's beginning, loop and end.
#define _GNU_SOURCE
#include "creator.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "file.h"

#define SWEEP_MS 200
#define HURRY_MS 10

void creator_log(const char *fmt, ...)
{
	char stamp[32];
	time_t now = time(NULL);
	struct tm tm;
	va_list ap;

	strftime(stamp, sizeof(stamp), "%F %T", gmtime_r(&now, &tm));
	fprintf(stderr, "%s wabed: ", stamp);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

// One creator at a time, wherever it listens: it ends what is noted in
// CREATOR_LIVE, which would be the other's.
static int lock_take(struct wabe_error *err)
{
	int fd = open(CREATOR_RUN "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0) {
		return error_set(err, errno, CREATOR_RUN "/lock");
	}
	// Held until this process ends, however it does.
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		close(fd);
		return error_set(err, 0,
				 "a creator runs already (" CREATOR_RUN
				 "/lock is its)");
	}
	return 0;
}

static int listener_open(struct creator *c, const char *path,
			 struct wabe_error *err)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(at.sun_path)) {
		return error_set(err, ENAMETOOLONG, "%s", path);
	}
	strcpy(at.sun_path, path);
	unlink(path); // one that was killed leaves it
	c->listener =
	    socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	umask(0177);
	if (c->listener < 0 ||
	    bind(c->listener, (struct sockaddr *)&at, sizeof(at)) ||
	    listen(c->listener, 64)) {
		return error_set(err, errno, "%s", path);
	}
	umask(022);
	return 0;
}

static int signals_open(struct creator *c, struct wabe_error *err)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	c->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return c->signals < 0 ? error_set(err, errno, "signals") : 0;
}

static void signals_take(struct creator *c)
{
	struct signalfd_siginfo info;

	// Children stay to be waited for by whoever started them: until then
	// their ids are nobody else's.
	while (read(c->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo != SIGCHLD) {
			c->leaving = true;
		}
	}
}

static bool any_live(const struct creator *c)
{
	for (const struct worker *w = c->workers; w; w = w->next) {
		if (w->domains) {
			return true;
		}
	}
	return false;
}

// How long to sleep at most: -1: until something comes.
static int patience(const struct creator *c)
{
	if (c->hurry) {
		return HURRY_MS;
	}
	return c->restarting || (c->changes < 0 && any_live(c)) ? SWEEP_MS : -1;
}

// Wait for something and serve it. The workers first: what they say of an end
// must be known before the end is seen.
static void creator_turn(struct creator *c)
{
	struct pollfd p[512] = {{c->listener, POLLIN, 0},
				{c->signals, POLLIN, 0},
				{c->changes, POLLIN, 0}};
	struct worker *workers[128];
	struct client *clients[381];
	unsigned int n = 3, nw = 0, nc = 0;

	for (struct worker *w = c->workers; w && nw < 128; w = w->next) {
		workers[nw++] = w;
		p[n++] = (struct pollfd){w->fd, POLLIN, 0};
	}
	for (struct client *k = c->clients; k && nc < 381; k = k->next) {
		clients[nc++] = k;
		p[n++] = (struct pollfd){k->fd, POLLIN, 0};
	}
	if (poll(p, n, patience(c)) < 0) {
		return;
	}
	for (unsigned int i = 0; i < nw; i++) {
		if (p[3 + i].revents) {
			worker_serve(c, workers[i]);
		}
	}
	if (p[1].revents) {
		signals_take(c);
	}
	if (p[2].revents) {
		domains_changed(c);
	}
	for (unsigned int i = 0; i < nc; i++) {
		if (p[3 + nw + i].revents && clients[i]->fd >= 0) {
			client_serve(c, clients[i]);
		}
	}
	if (p[0].revents) {
		client_accept(c);
	}
}

uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void creator_loop(struct creator *c)
{
	uint64_t last = 0;

	while (!c->leaving) {
		uint64_t now;

		creator_turn(c);
		now = now_ms();
		if ((c->hurry || c->restarting ||
		     (c->changes < 0 && any_live(c))) &&
		    now - last >= (c->hurry ? HURRY_MS : SWEEP_MS)) {
			domains_sweep(c);
			restarts_run(c);
			last = now;
		}
		clients_sweep(c);
	}
}

static void creator_end(struct creator *c, const char *path)
{
	unlink(path);
	for (struct record *r = c->records, *after; r; r = after) {
		after = r->next;
		if (r->info.state != WABE_EXITED) {
			r->stopping = true;
			record_end(c, r, WABE_END_DESTROYED, 0);
		}
	}
	while (c->records) {
		record_forget(c, c->records);
	}
	while (c->workers) {
		struct worker *w = c->workers;

		c->workers = w->next;
		if (w->fd >= 0) {
			close(w->fd);
		}
		free(w);
	}
	clients_end(c);
	machine_close(&c->machine);
}

// Leave the terminal; the parent returns when the socket is there.
static int detach(int ready, struct wabe_error *err)
{
	CLEANUP_CLOSE int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	CLEANUP_CLOSE int log =
	    open(CREATOR_LOGS "/wabed.log",
		 O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

	if (null < 0 || log < 0) {
		return error_set(err, errno, CREATOR_LOGS "/wabed.log");
	}
	setsid();
	dup2(null, 0);
	dup2(null, 1);
	dup2(log, 2);
	if (write(ready, "", 1) != 1) {
		return error_set(err, errno, "detach");
	}
	close(ready);
	return 0;
}

static int creator_open(struct creator *c, const char *path,
			struct wabe_error *err)
{
	if (folder_make(CREATOR_RUN, err) || lock_take(err) ||
	    folder_make(CREATOR_LIVE, err) || folder_make(CREATOR_LOGS, err) ||
	    machine_open(&c->machine, err)) {
		return -1;
	}
	if (signals_open(c, err) || listener_open(c, path, err)) {
		machine_close(&c->machine);
		return -1;
	}
	return 0;
}

static int creator_run(const char *path, int ready, struct wabe_error *err)
{
	struct creator *c = calloc(1, sizeof(*c));
	int error;

	if (!c) {
		abort();
	}
	error = creator_open(c, path, err);
	if (!error) {
		c->changes = changes_watch(&c->machine);
		live_adopt(c);
		mirror_partitions(&c->machine);
		error = ready >= 0 ? detach(ready, err) : 0;
		if (!error) {
			creator_loop(c);
		}
		creator_end(c, path);
	}
	free(c);
	return error;
}

// The parent of a detaching creator: 0 when it is ready.
static int detached_wait(int ready, pid_t child)
{
	char byte;
	int status;

	if (read(ready, &byte, 1) == 1) {
		return 0;
	}
	waitpid(child, &status, 0);
	return 1;
}

static const char usage[] =
    "usage: wabed [-d] [-s SOCKET]\n"
    "The privileged daemon that makes micro-domains and starts the workers\n"
    "that serve them. Ends its micro-domains when it ends.\n"
    "  -d         into the background once it is ready\n"
    "  -s SOCKET  where to listen (" WABE_SOCKET ")\n";

int main(int argc, char **argv)
{
	const char *path = WABE_SOCKET;
	struct wabe_error err = {0};
	int option, ready[2] = {-1, -1};
	bool detached = false;
	pid_t child;

	while ((option = getopt(argc, argv, "ds:h")) != -1) {
		switch (option) {
		case 'd':
			detached = true;
			break;
		case 's':
			path = optarg;
			break;
		default:
			fputs(usage, option == 'h' ? stdout : stderr);
			return option == 'h' ? 0 : 2;
		}
	}
	if (detached && !pipe2(ready, O_CLOEXEC)) {
		child = fork();
		if (child) {
			close(ready[1]);
			return detached_wait(ready[0], child);
		}
		close(ready[0]);
	}
	if (creator_run(path, ready[1], &err)) {
		fprintf(stderr, "wabed: %s\n", err.text);
		return 1;
	}
	return 0;
}
