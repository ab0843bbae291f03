// SPDX-License-Identifier: MIT
// Published ports, when one forwarder follows another.
#define _GNU_SOURCE
#include "creator.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static struct sockaddr_in here(uint16_t port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
				    .sin_port = htons(port),
				    .sin_addr = {htonl(INADDR_LOOPBACK)}};
}

static int listener_make(uint16_t *port)
{
	struct sockaddr_in at = here(0);
	socklen_t bytes = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (void *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (void *)&at, &bytes), 0);
	*port = ntohs(at.sin_port);
	return fd;
}

// A client of a port that has reached the guest's listener.
static int connection_make(uint16_t port, int guest)
{
	struct sockaddr_in at = here(port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), inside;

	assert_int_equal(connect(fd, (void *)&at, sizeof(at)), 0);
	inside = accept(guest, NULL, NULL);
	assert_true(inside >= 0);
	close(inside);
	return fd;
}

// As when a guest reboots: connections of before are still under way.
static void a_port_is_free_when_its_forwarder_has_stopped(void **state)
{
	char port[32], *ports[] = {port, NULL};
	struct wabe_spec spec = {.ports = ports};
	struct record r = {.spec = &spec, .address = {INADDR_LOOPBACK}};
	uint16_t inside, outside;
	int guest = listener_make(&inside);
	struct wabe_error err;

	if (geteuid()) {
		skip(); // a forwarder gives up root
	}
	close(listener_make(&outside));
	snprintf(port, sizeof(port), "%u:%u", outside, inside);
	for (int i = 0; i < 40; i++) {
		int clients[8];

		if (forward_start(&r, &err)) {
			fail_msg("round %d: %s", i, err.text);
		}
		for (int j = 0; j < 8; j++) {
			clients[j] = connection_make(outside, guest);
		}
		forward_stop(&r);
		for (int j = 0; j < 8; j++) {
			close(clients[j]);
		}
	}
	close(guest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_port_is_free_when_its_forwarder_has_stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
