// SPDX-License-Identifier: MIT
// Between the creator and the worker: starts the worker, and when it dies
// starts the next, which finds everything it needs to go on.
//
// It keeps, for each domain, the ADD as it came with its descriptors (so event
// ports stay bound and taps stay there), a memfd for the worker's state, and
// the console's clients; and the requests the worker has not answered yet.
// After a death it sends all that again, in order. It looks at the heads of
// messages and never at what a guest wrote.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "answers.h"
#include "packet_fds.h"
#include "state.h"
#include "supervisor.h"

enum { STRIKES = 10 };

// A request kept: to be sent again, or to be answered.
struct kept {
	struct kept *next;
	size_t bytes;
	int fds[WABED_MAX_FDS];
	int fd_count;
	struct wabed_message message; // and what follows
};

struct ward { // a domain
	struct ward *next;
	struct kept *add;
	int state;	// the memfd
	bool added;	// its ADD was answered
	bool restoring; // sent again, not answered yet
	int strikes;	// workers that died over it
	int clients[8]; // of its console, -1
};

struct supervisor {
	int creator, worker; // sockets
	pid_t pid;

	struct ward *wards;
	struct kept *pending, **pending_end; // in the order they came
	struct packet packet;
};

static void kept_free(struct kept *kept)
{
	for (int i = 0; i < kept->fd_count; i++) {
		close(kept->fds[i]);
	}
	free(kept);
}

// The packet's descriptors become the kept one's.
static struct kept *kept_create(struct packet *packet)
{
	struct kept *kept = malloc(sizeof(*kept) + packet->tail_bytes);

	if (!kept) {
		abort();
	}
	kept->next = NULL;
	kept->bytes = sizeof(kept->message) + packet->tail_bytes;
	kept->message = packet->message;
	memcpy(&kept->message + 1, packet->tail, packet->tail_bytes);
	kept->fd_count = packet->fd_count;
	memcpy(kept->fds, packet->fds, sizeof(kept->fds));
	packet->fd_count = 0;
	return kept;
}

static struct ward *ward_find(struct supervisor *s, uint32_t domid)
{
	struct ward *ward = s->wards;

	while (ward && ward->add->message.domid != domid) {
		ward = ward->next;
	}
	return ward;
}

static void ward_drop(struct supervisor *s, struct ward *ward)
{
	struct ward **at = &s->wards;

	while (*at != ward) {
		at = &(*at)->next;
	}
	*at = ward->next;
	for (int i = 0; i < 8; i++) {
		if (ward->clients[i] >= 0) {
			close(ward->clients[i]);
		}
	}
	close(ward->state);
	kept_free(ward->add);
	free(ward);
}

static struct ward *ward_create(struct supervisor *s, struct kept *add)
{
	struct ward *ward = calloc(1, sizeof(*ward));

	if (!ward) {
		abort();
	}
	ward->add = add;
	ward->state = memfd_create("wabed-state", MFD_CLOEXEC);
	if (ward->state < 0 || ftruncate(ward->state, STATE_BYTES)) {
		abort();
	}
	memset(ward->clients, -1, sizeof(ward->clients));
	ward->next = s->wards;
	s->wards = ward;
	return ward;
}

// Keep a client for the next worker; those that hung up make room.
static void client_keep(struct ward *ward, int fd)
{
	for (int i = 0; i < 8; i++) {
		struct pollfd p = {ward->clients[i], 0, 0};

		if (p.fd >= 0 && poll(&p, 1, 0) > 0) {
			close(p.fd);
			ward->clients[i] = -1;
		}
		if (ward->clients[i] < 0) {
			ward->clients[i] = fd;
			return;
		}
	}
	close(fd);
}

// --- to the worker ----------------------------------------------------------

// false: the worker is dead; what is kept will be sent to the next.
static bool kept_send(struct supervisor *s, struct kept *kept, int extra,
		      uint32_t kind)
{
	struct wabed_message *m = &kept->message;
	int fds[WABED_MAX_FDS], count = kept->fd_count;

	memcpy(fds, kept->fds, count * sizeof(int));
	if (extra >= 0) {
		fds[count++] = extra;
		m->kind = kind;
	}
	return s->worker >= 0 &&
	       packet_send_fds(s->worker, m, kept->bytes, fds, count);
}

static bool ward_send(struct supervisor *s, struct ward *ward, uint32_t kind)
{
	return kept_send(s, ward->add, ward->state, kind);
}

// Clients see what is printed from now on; what they missed is in the log.
static void clients_send(struct supervisor *s, struct ward *ward)
{
	for (int i = 0; i < 8; i++) {
		struct wabed_message m = {
		    .version = WABED_VERSION,
		    .type = WABED_CONSOLE,
		    .domid = ward->add->message.domid,
		    .sequence = 0, // its answer goes nowhere
		};

		if (ward->clients[i] >= 0) {
			packet_send_fds(s->worker, &m, sizeof(m),
					&ward->clients[i], 1);
		}
	}
}

static void worker_child(struct supervisor *s, int fd)
{
	pid_t parent = getppid();

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent || dup2(fd, WABED_CONTROL_FD) < 0) {
		_exit(1);
	}
	close_range(WABED_CONTROL_FD + 1, ~0u, 0);
	prctl(PR_SET_NAME, "wabed-worker");
	_exit(worker_main());
}

// Start one and wait until it is ready.
static bool worker_start(struct supervisor *s)
{
	int pair[2], room = 4 * WABED_MAX_PACKET;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
		return false;
	}
	for (int i = 0; i < 2; i++) {
		setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	}
	s->pid = fork();
	if (!s->pid) {
		worker_child(s, pair[1]);
	}
	close(pair[1]);
	s->worker = pair[0];

	if (s->pid < 0 || packet_receive_fds(s->worker, &s->packet, 0) <= 0 ||
	    s->packet.message.type != WABED_READY) {
		close(s->worker);
		s->worker = -1;
		return false;
	}
	return true;
}

// Everything the next worker needs, in order.
static void worker_brief(struct supervisor *s)
{
	for (struct ward *w = s->wards; w; w = w->next) {
		w->restoring = true;
		ward_send(s, w, WABED_ADD_RESTORE);
		clients_send(s, w);
	}
	for (struct kept *k = s->pending; k; k = k->next) {
		if (k->message.type != WABED_ADD) {
			kept_send(s, k, -1, 0);
		}
	}
}

static void gone_tell(struct supervisor *s, uint32_t domid)
{
	struct wabed_message gone = {
	    .version = WABED_VERSION,
	    .type = WABED_GONE,
	    .domid = domid,
	};

	packet_send_fds(s->creator, &gone, sizeof(gone), NULL, 0);
}

// A domain that was being taken up when a worker died is suspect; after some
// such deaths it is given up, so that the others are served.
static void suspects_judge(struct supervisor *s)
{
	for (struct ward *w = s->wards, *next; w; w = next) {
		next = w->next;
		if (w->restoring && ++w->strikes >= STRIKES) {
			worker_log("domain %u is given up: workers die of it",
				   w->add->message.domid);
			gone_tell(s, w->add->message.domid);
			ward_drop(s, w);
		} else if (w->restoring) {
			break; // they are taken up in order
		}
	}
}

static void worker_died(struct supervisor *s)
{
	int status = 0;

	close(s->worker);
	s->worker = -1;
	kill(s->pid, SIGKILL);
	while (waitpid(s->pid, &status, 0) < 0 && errno == EINTR) {
	}
	worker_log("worker %d died (%s %d); the next takes over", (int)s->pid,
		   WIFSIGNALED(status) ? "signal" : "status",
		   WIFSIGNALED(status) ? WTERMSIG(status)
				       : WEXITSTATUS(status));
	suspects_judge(s);
	while (!worker_start(s)) {
		usleep(200 * 1000);
	}
	worker_brief(s);
}

// --- what comes -------------------------------------------------------------

static void from_creator(struct supervisor *s)
{
	struct kept *kept = kept_create(&s->packet);
	struct ward *ward = ward_find(s, kept->message.domid);

	if (kept->message.type == WABED_ADD && !ward) {
		struct kept *request = malloc(sizeof(*request));

		if (!request) {
			abort();
		}
		*request = (struct kept){.message = kept->message,
					 .bytes = sizeof(request->message)};
		ward = ward_create(s, kept);
		kept = request; // only to be answered
		ward_send(s, ward, WABED_ADD_STATE);
	} else {
		kept_send(s, kept, -1, 0);
	}
	*s->pending_end = kept;
	s->pending_end = &kept->next;
}

static struct kept *pending_take(struct supervisor *s, uint32_t sequence)
{
	struct kept **at = &s->pending, *kept;

	while (*at && (*at)->message.sequence != sequence) {
		at = &(*at)->next;
	}
	kept = *at;
	if (kept) {
		*at = kept->next;
		if (!kept->next) {
			s->pending_end = at;
		}
	}
	return kept;
}

// An ADD was answered, the creator's or ours.
static void ward_answered(struct supervisor *s, struct ward *ward, int error)
{
	bool again = ward->added;

	ward->restoring = false;
	ward->strikes = 0;
	ward->added = true;
	if (error) {
		if (again) {
			gone_tell(s, ward->add->message.domid);
		}
		ward_drop(s, ward);
	}
}

// An answer: true if the creator waits for it.
static bool answer_take(struct supervisor *s, const struct wabed_message *m)
{
	struct ward *ward = ward_find(s, m->domid);
	struct kept *kept;

	if (m->sequence && ward && ward->add->message.sequence == m->sequence &&
	    (ward->restoring || !ward->added)) {
		ward_answered(s, ward, m->error);
	}
	kept = m->sequence ? pending_take(s, m->sequence) : NULL;
	if (!kept) {
		return false;
	}
	ward = ward_find(s, m->domid);
	if (kept->message.type == WABED_REMOVE_DOMAIN && ward) {
		ward_drop(s, ward);
	}
	if (kept->message.type == WABED_CONSOLE && !m->error && ward &&
	    kept->fd_count == 1) {
		client_keep(ward, kept->fds[0]);
		kept->fd_count = 0;
	}
	kept_free(kept);
	return true;
}

static void from_worker(struct supervisor *s)
{
	const struct wabed_message *m = &s->packet.message;
	bool pass = true;

	if (m->type == WABED_DONE || m->type == WABED_STATS) {
		pass = answer_take(s, m);
	}
	if (pass) {
		packet_send_fds(s->creator, m,
				sizeof(*m) + s->packet.tail_bytes, NULL, 0);
	}
}

int supervise(int creator)
{
	static struct supervisor s;

	s.creator = creator;
	s.pending_end = &s.pending;
	prctl(PR_SET_NAME, "wabed-supervise");
	answers_share();
	if (!worker_start(&s)) {
		return 1;
	}
	packet_send_fds(creator, &s.packet.message, sizeof(s.packet.message),
			NULL, 0);
	for (;;) {
		struct pollfd p[2] = {{creator, POLLIN, 0},
				      {s.worker, POLLIN, 0}};

		if (poll(p, 2, -1) < 0) {
			continue;
		}
		if (p[1].revents) {
			if (packet_receive_fds(s.worker, &s.packet, 0) > 0) {
				from_worker(&s);
			} else {
				worker_died(&s);
			}
			packet_close(&s.packet);
			continue;
		}
		if (p[0].revents) {
			if (packet_receive_fds(creator, &s.packet, 0) <= 0) {
				kill(s.pid, SIGKILL);
				return 0;
			}
			from_creator(&s);
			packet_close(&s.packet);
		}
	}
}
