// SPDX-License-Identifier: MIT
// Published ports: a process per micro-domain accepts on dom0's addresses and
// carries bytes to the guest's. It has no rights and only its sockets, and
// works where no packet filter does.
#define _GNU_SOURCE
#include "creator.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PORTS_MAX 32
#define CONNECTIONS_MAX 128
#define NOBODY 65534

struct forward {
	int listener;
	uint16_t guest_port;
};

static int port_listen(const char *text, struct forward *f,
		       struct wabe_error *err)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	unsigned int host, guest;
	int on = 1;
	char rest;

	if (sscanf(text, "%u:%u%c", &host, &guest, &rest) != 2 || !host ||
	    host > 65535 || !guest || guest > 65535) {
		return error_set(err, 0, "port \"%s\": say HOST:GUEST", text);
	}
	at.sin_port = htons((uint16_t)host);
	f->guest_port = (uint16_t)guest;
	// Who came may have gone when it is accepted: that is not waited for.
	f->listener =
	    socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (f->listener < 0) {
		return error_set(err, errno, "port %s", text);
	}
	setsockopt(f->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(f->listener, (struct sockaddr *)&at, sizeof(at)) ||
	    listen(f->listener, 64)) {
		error_set(err, errno, "port %s", text);
		close(f->listener);
		return -1;
	}
	return 0;
}

// One way until its end; false if there is no more to come.
static bool carry_some(int from, int to)
{
	char buf[65536];
	ssize_t n = read(from, buf, sizeof(buf));

	for (ssize_t done = 0, k; done < n; done += k) {
		k = write(to, buf + done, (size_t)(n - done));
		if (k <= 0) {
			return false;
		}
	}
	if (n <= 0) {
		shutdown(to, SHUT_WR);
	}
	return n > 0;
}

// Each way has a process, so that none waits for the other's reader.
static void carry(int a, struct in_addr guest, uint16_t port)
{
	struct sockaddr_in to = {
	    .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = guest};
	int b = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pid_t back;

	if (b < 0 || connect(b, (struct sockaddr *)&to, sizeof(to))) {
		_exit(1);
	}
	back = fork();
	if (back < 0) {
		_exit(1);
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (back ? carry_some(a, b) : carry_some(b, a)) {
	}
	if (back) {
		waitpid(back, NULL, 0);
	}
	_exit(0);
}

// A connection does not hold the ports: they are free for the next one as soon
// as the forwarder has gone.
static void listeners_close(const struct forward *f, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		close(f[i].listener);
	}
}

static void forward_serve(const struct forward *f, unsigned int count,
			  struct in_addr guest)
{
	struct pollfd p[PORTS_MAX];
	unsigned int running = 0;
	pid_t self = getpid();

	for (unsigned int i = 0; i < count; i++) {
		p[i] = (struct pollfd){f[i].listener, POLLIN, 0};
	}
	for (;;) {
		int n = poll(p, count, 1000);

		while (running && waitpid(-1, NULL, WNOHANG) > 0) {
			running--;
		}
		for (unsigned int i = 0; n > 0 && i < count; i++) {
			pid_t child;
			int fd;

			if (!p[i].revents || running >= CONNECTIONS_MAX) {
				continue;
			}
			fd = accept4(p[i].fd, NULL, NULL, SOCK_CLOEXEC);
			child = fd < 0 ? -1 : fork();
			if (!child) {
				prctl(PR_SET_PDEATHSIG, SIGKILL);
				if (getppid() != self) {
					_exit(1); // it was too late for that
				}
				listeners_close(f, count);
				carry(fd, guest, f[i].guest_port);
			}
			running += child > 0;
			close(fd);
		}
		if (running >= CONNECTIONS_MAX) {
			usleep(10000);
		}
	}
}

// In the child: only the listeners stay, moved to 3 onwards.
static void forward_confine(struct forward *f, unsigned int count)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	// Out of the way first: one may stand where another comes to be.
	for (unsigned int i = 0; i < count; i++) {
		f[i].listener = fcntl(f[i].listener, F_DUPFD, 3 + PORTS_MAX);
	}
	for (unsigned int i = 0; i < count; i++) {
		f[i].listener = dup2(f[i].listener, 3 + (int)i);
		if (f[i].listener < 0) {
			_exit(126);
		}
	}
	close_range(3 + count, ~0u, 0);
	if (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
	    setresuid(NOBODY, NOBODY, NOBODY)) {
		_exit(126);
	}
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

int forward_start(struct record *r, struct wabe_error *err)
{
	struct forward f[PORTS_MAX];
	struct in_addr guest = {htonl(r->address[0])};
	unsigned int count = 0;
	int status = 0;

	if (!r->spec->ports || !r->spec->ports[0]) {
		return 0;
	}
	if (!r->address[0]) {
		return error_set(err, 0,
				 "ports: the domain has no address on "
				 "the bridge");
	}
	for (char **p = r->spec->ports; *p && !status; p++) {
		if (count == PORTS_MAX) {
			status =
			    error_set(err, 0, "ports: at most %d", PORTS_MAX);
		} else {
			status = port_listen(*p, &f[count], err);
			count += !status;
		}
	}
	r->forwarder = status ? 0 : fork();
	if (!status && !r->forwarder) {
		forward_confine(f, count);
		forward_serve(f, count, guest);
	}
	listeners_close(f, count);
	return status;
}

void forward_stop(struct record *r)
{
	if (r->forwarder > 0) {
		kill(r->forwarder, SIGKILL);
		waitpid(r->forwarder, NULL, 0);
		r->forwarder = 0;
	}
}
