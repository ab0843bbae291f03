// SPDX-License-Identifier: MIT
// A connection to the creator: one request at a time, answered before the
// call returns.
#define _GNU_SOURCE
#include "client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int wabe_open(struct wabe **out, const char *socket_path,
	      struct wabe_error *err)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int room = 4 * CREATOR_PACKET_MAX;
	struct wabe *w;

	if (!socket_path) {
		socket_path = getenv("WABE_SOCKET");
	}
	if (!socket_path) {
		socket_path = WABE_SOCKET;
	}
	if (strlen(socket_path) >= sizeof(to.sun_path)) {
		return error_set(err, ENAMETOOLONG, "%s", socket_path);
	}
	strcpy(to.sun_path, socket_path);
	w = calloc(1, sizeof(*w));
	if (!w || !(w->packet = malloc(CREATOR_PACKET_MAX))) {
		abort();
	}
	w->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (w->fd < 0 || connect(w->fd, (struct sockaddr *)&to, sizeof(to))) {
		error_set(err, errno,
			  "no creator at %s (start wabed, or run as root)",
			  socket_path);
		wabe_close(w);
		return -1;
	}
	setsockopt(w->fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	*out = w;
	return 0;
}

void wabe_close(struct wabe *w)
{
	if (w) {
		if (w->fd >= 0) {
			close(w->fd);
		}
		free(w->packet);
		free(w);
	}
}

// The next reply; *fd (or NULL) takes its descriptor.
static int reply_receive(struct wabe *w, struct creator_reply *reply, int *fd,
			 struct wabe_error *err)
{
	unsigned int fds = fd ? 1 : 0;
	long n;

	if (fd) {
		*fd = -1;
	}
	n = packet_receive(w->fd, w->packet, CREATOR_PACKET_MAX, fd, &fds, 0);
	if (n < (long)sizeof(*reply)) {
		return error_set(err, n < 0 ? errno : 0, "the creator is gone");
	}
	memcpy(reply, w->packet, sizeof(*reply));
	w->used = (size_t)n - sizeof(*reply);
	if (reply->version != CREATOR_VERSION) {
		return error_set(err, EPROTO,
				 "the creator is of another version");
	}
	if (reply->status < 0) {
		*err = reply->error;
		err->text[sizeof(err->text) - 1] = 0;
		return -1;
	}
	return 0;
}

static int request_send(struct wabe *w, struct creator_request *request,
			const char *name, const void *body, size_t bytes,
			struct wabe_error *err)
{
	request->version = CREATOR_VERSION;
	if (name) {
		if (strlen(name) >= sizeof(request->name)) {
			return error_set(err, 0,
					 "%s: a name has at most %zu letters",
					 name, sizeof(request->name) - 1);
		}
		strcpy(request->name, name);
	}
	if (packet_send(w->fd, request, sizeof(*request), body, bytes, NULL,
			0) < 0) {
		return error_set(err, errno, "speaking to the creator");
	}
	return 0;
}

int client_call(struct wabe *w, struct creator_request *request,
		const char *name, struct creator_reply *reply, int *fd,
		struct wabe_error *err)
{
	return request_send(w, request, name, NULL, 0, err)
		   ? -1
		   : reply_receive(w, reply, fd, err);
}

static int call_plain(struct wabe *w, enum creator_verb verb, const char *name,
		      struct wabe_info *info, struct wabe_error *err)
{
	struct creator_request request = {.verb = verb};
	struct creator_reply reply;

	if (client_call(w, &request, name, &reply, NULL, err)) {
		return -1;
	}
	if (info) {
		*info = reply.info;
	}
	return 0;
}

static int call_fd(struct wabe *w, enum creator_verb verb, const char *name,
		   uint64_t bytes, struct wabe_error *err)
{
	struct creator_request request = {.verb = verb, .bytes = bytes};
	struct creator_reply reply;
	int fd = -1;

	if (client_call(w, &request, name, &reply, &fd, err)) {
		return -1;
	}
	return fd >= 0 ? fd : error_set(err, EPROTO, "%s", name);
}

int wabe_create(struct wabe *w, const struct wabe_spec *spec,
		unsigned int flags, struct wabe_info *info,
		struct wabe_error *err)
{
	struct creator_request request = {.verb = CREATOR_CREATE,
					  .flags = flags};
	CLEANUP_FREE void *blob = NULL;
	struct creator_reply reply;
	size_t bytes = 0;

	if (wabe_spec_blob(spec, &blob, &bytes, err) ||
	    request_send(w, &request, NULL, blob, bytes, err) ||
	    reply_receive(w, &reply, NULL, err)) {
		return -1;
	}
	if (info) {
		*info = reply.info;
	}
	return 0;
}

int wabe_release(struct wabe *w, const char *name, struct wabe_error *err)
{
	return call_plain(w, CREATOR_RELEASE, name, NULL, err);
}
int wabe_pause(struct wabe *w, const char *name, struct wabe_error *err)
{
	return call_plain(w, CREATOR_PAUSE, name, NULL, err);
}
int wabe_unpause(struct wabe *w, const char *name, struct wabe_error *err)
{
	return call_plain(w, CREATOR_UNPAUSE, name, NULL, err);
}
int wabe_destroy(struct wabe *w, const char *name, struct wabe_error *err)
{
	return call_plain(w, CREATOR_DESTROY, name, NULL, err);
}
int wabe_remove(struct wabe *w, const char *name, struct wabe_error *err)
{
	return call_plain(w, CREATOR_REMOVE, name, NULL, err);
}
int wabe_info(struct wabe *w, const char *name, struct wabe_info *info,
	      struct wabe_error *err)
{
	return call_plain(w, CREATOR_INFO, name, info, err);
}
int wabe_wait(struct wabe *w, const char *name, struct wabe_info *info,
	      struct wabe_error *err)
{
	return call_plain(w, CREATOR_WAIT, name, info, err);
}
int wabe_events(struct wabe *w, struct wabe_error *err)
{
	return call_plain(w, CREATOR_EVENTS, NULL, NULL, err);
}

int wabe_event(struct wabe *w, struct wabe_info *info, struct wabe_error *err)
{
	struct creator_reply reply;

	if (reply_receive(w, &reply, NULL, err)) {
		return -1;
	}
	*info = reply.info;
	return 0;
}

int wabe_console(struct wabe *w, const char *name, uint64_t bytes,
		 struct wabe_error *err)
{
	return call_fd(w, CREATOR_CONSOLE, name, bytes, err);
}
int wabe_log(struct wabe *w, const char *name, struct wabe_error *err)
{
	return call_fd(w, CREATOR_LOG, name, 0, err);
}

int session_open(struct wabe *w, const char *name, struct wabe_error *err)
{
	return call_fd(w, CREATOR_EXEC, name, 0, err);
}

int wabe_stop(struct wabe *w, const char *name, struct wabe_error *err)
{
	return call_plain(w, CREATOR_STOP, name, NULL, err);
}

int wabe_kill(struct wabe *w, const char *name, unsigned int signal,
	      struct wabe_error *err)
{
	struct creator_request request = {.verb = CREATOR_KILL,
					  .value = signal};
	struct creator_reply reply;

	return client_call(w, &request, name, &reply, NULL, err);
}

int wabe_shutdown(struct wabe *w, const char *name, const char *how,
		  struct wabe_error *err)
{
	struct creator_request request = {.verb = CREATOR_SHUTDOWN};
	struct creator_reply reply;

	snprintf(request.argument, sizeof(request.argument), "%s", how);
	return client_call(w, &request, name, &reply, NULL, err);
}

int wabe_inspect(struct wabe *w, const char *name, struct wabe_spec **out,
		 struct wabe_error *err)
{
	struct creator_request request = {.verb = CREATOR_INSPECT};
	struct creator_reply reply;

	if (client_call(w, &request, name, &reply, NULL, err)) {
		return -1;
	}
	return wabe_spec_parse(out, w->packet + sizeof(reply), w->used, name,
			       err);
}

int wabe_list(struct wabe *w, struct wabe_info **list, size_t *count,
	      struct wabe_error *err)
{
	struct creator_request request = {.verb = CREATOR_LIST};
	CLEANUP_FREE struct wabe_info *all = NULL;
	struct creator_reply reply;
	size_t n = 0;

	if (request_send(w, &request, NULL, NULL, 0, err)) {
		return -1;
	}
	do {
		struct wabe_info *more;

		if (reply_receive(w, &reply, NULL, err)) {
			return -1;
		}
		if (reply.count * sizeof(*all) > w->used) {
			return error_set(err, EPROTO, "list");
		}
		more = realloc(all, (n + reply.count + 1) * sizeof(*all));
		if (!more) {
			abort();
		}
		all = more;
		memcpy(all + n, w->packet + sizeof(reply),
		       reply.count * sizeof(*all));
		n += reply.count;
	} while (reply.count);
	*count = n;
	*list = STEAL(all);
	return 0;
}
