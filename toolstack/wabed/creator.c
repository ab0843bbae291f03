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
#include <sys/resource.h>
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

static void poll_add(struct creator *c, unsigned int *n, int fd)
{
	if (*n == c->poll_room) {
		c->poll_room = 2 * c->poll_room + 64;
		c->polls = realloc(c->polls, c->poll_room * sizeof(*c->polls));
		if (!c->polls) {
			abort();
		}
	}
	c->polls[(*n)++] = (struct pollfd){fd, POLLIN, 0};
}

// Everybody is listened to, in the order of the lists: nobody leaves these
// before their turn in creator_turn(), and who comes stands in front.
static unsigned int polls_fill(struct creator *c)
{
	unsigned int n = 0;

	poll_add(c, &n, c->listener);
	poll_add(c, &n, c->signals);
	poll_add(c, &n, c->changes);
	for (struct worker *w = c->workers; w; w = w->next) {
		poll_add(c, &n, w->fd);
	}
	for (struct client *client = c->clients; client;
	     client = client->next) {
		poll_add(c, &n, client->fd);
	}
	return n;
}

// Wait for something and serve it. The workers first: what they say of an end
// must be known before the end is seen.
static void creator_turn(struct creator *c)
{
	unsigned int n = polls_fill(c);

	if (poll(c->polls, n, patience(c)) < 0) {
		return;
	}
	n = 3;
	for (struct worker *w = c->workers; w; w = w->next) {
		if (c->polls[n++].revents) {
			worker_serve(c, w);
		}
	}
	if (c->polls[1].revents) {
		signals_take(c);
	}
	if (c->polls[2].revents) {
		domains_changed(c);
	}
	for (struct client *client = c->clients; client;
	     client = client->next) {
		if (c->polls[n++].revents && client->fd >= 0) {
			client_serve(c, client);
		}
	}
	if (c->polls[0].revents) {
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
	free(c->polls);
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

// Each interface and each client takes a descriptor.
static void files_raise(void)
{
	struct rlimit files;

	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
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
	files_raise();
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
