// SPDX-License-Identifier: MIT
// The creator beside workers that guests took over, and clients that hang: no
// one of them speaks for others' micro-domains or keeps the creator from its
// work. The rest of the creator is not here: functions of this file stand for
// it.
#define _GNU_SOURCE
#include "creator.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct creator *c;
static uint64_t clock_ms, clock_step; // now_ms(), and how it goes on
static uint32_t shut_down[8], shutdowns;
static int echo = -1; // a shutdown is answered by another GONE there
static char logged[1024];
static unsigned int lines;

// --- in place of the rest ----------------------------------------------------

uint64_t now_ms(void)
{
	return clock_ms += clock_step;
}

void creator_log(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(logged, sizeof(logged), fmt, ap);
	va_end(ap);
	lines++;
}

static void say(int fd, uint32_t type, uint32_t domid, uint32_t sequence)
{
	struct wabed_message m = {.version = WABED_VERSION,
				  .type = type,
				  .sequence = sequence,
				  .domid = domid};

	assert_int_equal(send(fd, &m, sizeof(m), MSG_DONTWAIT), sizeof(m));
}

int xc_domain_shutdown(xc_interface *xch, uint32_t domid, int reason)
{
	shut_down[shutdowns++ % 8] = domid;
	if (echo >= 0 && shutdowns < 20000) {
		say(echo, WABED_GONE, domid, 0);
	}
	return 0;
}

int record_create(struct creator *creator, struct wabe_spec *spec,
		  unsigned int flags, struct record **out,
		  struct wabe_error *err)
{
	return error_set(err, 0, "not here");
}

int record_state(struct creator *creator, struct record *r, bool paused,
		 struct wabe_error *err)
{
	return error_set(err, 0, "not here");
}

static unsigned int ended;

void record_end(struct creator *creator, struct record *r, enum wabe_end end,
		uint32_t value)
{
	r->owner = NULL;
	ended++;
}

void record_refresh(struct creator *creator, struct record *r)
{
}

void domains_sweep(struct creator *creator)
{
}

#define NOT_HERE(name)                                      \
	int name(struct request *q, struct wabe_error *err) \
	{                                                   \
		return error_set(err, 0, "not here");       \
	}
NOT_HERE(verb_memory)
NOT_HERE(verb_vcpus)
NOT_HERE(verb_stats)
NOT_HERE(verb_host)
NOT_HERE(verb_dmesg)
NOT_HERE(verb_partitions)
NOT_HERE(verb_partition)

// -----------------------------------------------------------------------------

static struct worker *worker_make(int *far)
{
	struct worker *w = calloc(1, sizeof(*w));
	struct wabe_error err;
	int pair[2];

	assert_int_equal(worker_pair(pair, &err), 0);
	w->fd = pair[0];
	w->pid = fork();
	if (!w->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pause();
		_exit(0);
	}
	w->next = c->workers;
	c->workers = w;
	*far = pair[1];
	return w;
}

static struct record *record_make(uint32_t domid, struct worker *w)
{
	struct wabe_spec *spec = calloc(1, sizeof(*spec));
	struct record *r;
	char name[16];

	snprintf(name, sizeof(name), "d%u", domid);
	spec->name = strdup(name);
	spec->uuid = strdup("00000000-0000-0000-0000-000000000000");
	r = record_add(c, spec);
	r->info.domid = domid;
	r->worker = w;
	c->by_domid[domid] = r;
	return r;
}

static int setup(void **state)
{
	c = calloc(1, sizeof(*c));
	clock_ms = clock_step = 0;
	shutdowns = lines = ended = 0;
	echo = -1;
	alarm(15); // a creator that hangs ends the program
	return 0;
}

static int teardown(void **state)
{
	while (c->workers) {
		struct worker *w = c->workers;

		c->workers = w->next;
		kill(w->pid, SIGKILL);
		waitpid(w->pid, NULL, 0);
		if (w->fd >= 0) {
			close(w->fd);
		}
		free(w);
	}
	while (c->records) {
		record_forget(c, c->records);
	}
	free(c);
	return 0;
}

static void a_worker_speaks_of_its_own_domains(void **state)
{
	int far, other;
	struct worker *w = worker_make(&far), *v = worker_make(&other);
	struct record *mine = record_make(1, w), *others = record_make(2, v);

	say(far, WABED_GONE, 2, 0);
	say(far, WABED_EXIT, 2, 0);
	say(far, WABED_LOST, 2, 0);
	say(far, WABED_GONE, DOMIDS, 0);
	worker_serve(c, w);
	assert_int_equal(shutdowns, 0);
	assert_int_equal(others->info.end, WABE_END_NONE);
	assert_int_equal(others->info.lost, 0);
	say(far, WABED_EXIT, 1, 0);
	say(far, WABED_GONE, 1, 0);
	worker_serve(c, w);
	assert_int_equal(mine->info.end, WABE_END_CODE);
	assert_int_equal(shutdowns, 1);
	assert_int_equal(shut_down[0], 1);
	close(far);
	close(other);
}

// The log is dom0's, and no guest's.
static void losses_are_a_line_each_and_so_many(void **state)
{
	struct {
		struct wabed_message head;
		char text[16];
	} m = {{.version = WABED_VERSION, .type = WABED_LOST, .domid = 1},
	       "x\n\x1b[2Jforged"};
	int far;
	struct worker *w = worker_make(&far);
	struct record *r = record_make(1, w);

	strcpy(m.head.path, "vbd\n/1");
	for (int i = 0; i < 100; i++) {
		assert_int_equal(send(far, &m, sizeof(m), 0), sizeof(m));
		worker_serve(c, w);
	}
	assert_int_equal(r->info.lost, 100);
	assert_in_range(lines, 1, 50);
	assert_string_equal(logged, "d1: lost vbd?/1: x??[2Jforged");
	close(far);
}

static void a_turn_ends_though_a_worker_goes_on(void **state)
{
	int far;
	struct worker *w = worker_make(&far);

	record_make(1, w);
	echo = far;
	say(far, WABED_GONE, 1, 0);
	worker_serve(c, w);
	assert_in_range(shutdowns, 1, 5000);
	assert_in_range(lines, 1, 50);
	close(far);
}

// It says much, and what it was asked for after its time.
static void a_worker_that_chatters_does_not_answer(void **state)
{
	struct wabe_error err;
	int far;
	struct worker *w = worker_make(&far);
	struct record *r = record_make(1, w);

	for (int i = 0; i < 100; i++) {
		say(far, WABED_NOTE, 1, 0);
	}
	say(far, WABED_DONE, 1, 1);
	clock_step = 1000;
	assert_int_equal(worker_write(c, r, "control/shutdown", "x", &err), -1);
	assert_int_equal(w->fd, -1);
	close(far);
}

// It answers what it has not read.
static void a_worker_that_does_not_read_is_given_up(void **state)
{
	struct wabe_error err;
	uint32_t calls = 0;
	int far;
	struct worker *w = worker_make(&far);
	struct record *r = record_make(1, w);

	do {
		say(far, WABED_DONE, 1, ++calls);
	} while (calls < 100000 &&
		 !worker_write(c, r, "control/shutdown", "x", &err));
	assert_in_range(calls, 2, 99999);
	assert_int_equal(w->fd, -1);
	close(far);
}

static void a_name_is_free_and_not_the_daemons(void **state)
{
	struct wabe_spec *spec = calloc(1, sizeof(*spec));
	struct wabe_error err;

	record_make(1, NULL);
	spec->name = strdup("d1");
	assert_int_equal(record_name(c, spec, &err), -1);
	assert_non_null(strstr(err.text, "d1 is taken"));
	strcpy(spec->name, "d2");
	assert_int_equal(record_name(c, spec, &err), 0);
	free(spec->name);
	spec->name = strdup("wabed"); // its log is /var/log/wabe/wabed.log
	assert_int_equal(record_name(c, spec, &err), -1);
	wabe_spec_free(spec);
}

// Its id may be another process's once it is waited for.
static void a_dead_worker_is_waited_for_where_it_is_killed(void **state)
{
	int far, status;
	struct worker *w = worker_make(&far);
	pid_t pid = w->pid;

	kill(pid, SIGTERM);
	close(w->fd);
	w->fd = -1;
	workers_reap(c);
	assert_null(c->workers);
	assert_int_equal(waitpid(pid, &status, WNOHANG), -1);
	close(far);
}

// The client's end of a connection.
static int client_make(void)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	socklen_t bytes = sizeof(at);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	c->listener = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	assert_int_equal(bind(c->listener, (void *)&at, sizeof(sa_family_t)),
			 0); // a name that the kernel chooses
	assert_int_equal(listen(c->listener, 1), 0);
	assert_int_equal(getsockname(c->listener, (void *)&at, &bytes), 0);
	assert_int_equal(connect(fd, (void *)&at, bytes), 0);
	client_accept(c);
	close(c->listener);
	return fd;
}

static void a_client_that_does_not_read_is_let_go(void **state)
{
	struct creator_request request = {.version = CREATOR_VERSION,
					  .verb = CREATOR_LIST};
	int fd = client_make();

	for (uint32_t i = 1; i < 3000; i++) {
		record_make(i, NULL);
	}
	assert_int_equal(send(fd, &request, sizeof(request), 0),
			 sizeof(request));
	client_serve(c, c->clients);
	client_serve(c, c->clients); // its end
	assert_int_equal(c->clients->fd, -1);
	clients_sweep(c);
	assert_null(c->clients);
	close(fd);
}

static void a_client_goes(int fd)
{
	close(fd);
	client_serve(c, c->clients);
	clients_sweep(c);
	assert_null(c->clients);
}

static void a_domain_goes_with_its_client_unless_released(void **state)
{
	struct creator_request release = {
	    .version = CREATOR_VERSION, .verb = CREATOR_RELEASE, .name = "d1"};
	struct record *r = record_make(1, NULL);
	int fd = client_make();

	r->owner = c->clients;
	a_client_goes(fd);
	assert_int_equal(ended, 1);
	fd = client_make();
	r->owner = c->clients;
	assert_int_equal(send(fd, &release, sizeof(release), 0),
			 sizeof(release));
	client_serve(c, c->clients);
	a_client_goes(fd);
	assert_int_equal(ended, 1);
}

// --- published ports ---------------------------------------------------------

static int loopback(uint16_t *port, bool listening)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_port = htons(*port),
				 .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t bytes = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (listening) {
		assert_int_equal(bind(fd, (void *)&at, sizeof(at)), 0);
		assert_int_equal(listen(fd, 8), 0);
		getsockname(fd, (void *)&at, &bytes);
		*port = ntohs(at.sin_port);
	} else if (connect(fd, (void *)&at, sizeof(at))) {
		close(fd);
		return -1;
	}
	return fd;
}

// A guest's server: what comes is written back before more is read.
static pid_t echo_start(int listener)
{
	pid_t pid = fork();
	char buf[65536];
	ssize_t n;
	int fd;

	if (pid) {
		return pid;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		while ((n = read(fd, buf, sizeof(buf))) > 0 &&
		       write(fd, buf, (size_t)n) == n) {
		}
		close(fd);
	}
	_exit(0);
}

// Much more than all sockets on the way hold, read only as it comes back.
static void carried(int fd)
{
	enum { BYTES = 64 << 20 };
	static char buf[1 << 20];
	pid_t writer = fork();
	size_t got = 0;
	ssize_t n;

	if (!writer) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (size_t sent = 0; sent < BYTES; sent += sizeof(buf)) {
			if (write(fd, buf, sizeof(buf)) != sizeof(buf)) {
				break;
			}
		}
		shutdown(fd, SHUT_WR);
		_exit(0);
	}
	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		got += (size_t)n;
	}
	waitpid(writer, NULL, 0);
	assert_int_equal(got, BYTES);
}

static void every_published_port_is_served_both_ways(void **state)
{
	enum { PORTS = 32 };
	struct record *r = record_make(1, NULL);
	char **ports = calloc(PORTS + 1, sizeof(*ports));
	uint16_t guest = 0, host[PORTS] = {0};
	struct wabe_error err;
	int fd, held[PORTS];
	pid_t server;

	if (geteuid()) {
		skip(); // it gives up root
	}
	fd = loopback(&guest, true);
	server = echo_start(fd);
	close(fd);
	for (int i = 0; i < PORTS; i++) {
		held[i] = loopback(&host[i], true);
		assert_true(asprintf(&ports[i], "%u:%u", host[i], guest) > 0);
	}
	for (int i = 0; i < PORTS; i++) {
		close(held[i]); // not before: no port comes twice
	}
	r->spec->ports = ports;
	r->address[0] = INADDR_LOOPBACK;
	assert_int_equal(forward_start(r, &err), 0);
	for (int i = 0; i < PORTS; i++) {
		fd = loopback(&host[i], false);
		assert_true(fd >= 0);
		assert_int_equal(write(fd, "x", 1), 1);
		assert_int_equal(shutdown(fd, SHUT_WR), 0);
		assert_int_equal(read(fd, &(char){0}, 1), 1);
		close(fd);
	}
	fd = loopback(&host[0], false);
	carried(fd);
	close(fd);
	forward_stop(r);
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	    TEST(a_worker_speaks_of_its_own_domains),
	    TEST(losses_are_a_line_each_and_so_many),
	    TEST(a_turn_ends_though_a_worker_goes_on),
	    TEST(a_worker_that_chatters_does_not_answer),
	    TEST(a_worker_that_does_not_read_is_given_up),
	    TEST(a_name_is_free_and_not_the_daemons),
	    TEST(a_dead_worker_is_waited_for_where_it_is_killed),
	    TEST(a_client_that_does_not_read_is_let_go),
	    TEST(a_domain_goes_with_its_client_unless_released),
	    TEST(every_published_port_is_served_both_ways),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
