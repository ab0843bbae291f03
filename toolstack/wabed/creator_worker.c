// SPDX-License-Identifier: MIT
// Workers: started one a partition, told what to serve, listened to. See
// proto.h for what is said.
#define _GNU_SOURCE
#include "creator.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xen/grant_table.h>
#include <xen/sys/evtchn.h>

#define NOBODY 65534
#define ANSWER_MS 10000
#define LINES_LOGGED 32 // of one micro-domain's worker about it
// More than the socket holds at a time: what was there is taken, and whoever
// goes on talking waits for the next turn.
#define TURN_PACKETS 2048

void log_path(const struct record *r, char path[256])
{
	snprintf(path, 256, CREATOR_LOGS "/%s.log", r->info.name);
}

// --- Starting ---------------------------------------------------------------

// In the child: nothing but the socket. The worker gives up root by itself,
// once it has said what it lacks.
static void worker_exec(int fd)
{
	const struct passwd *user = getpwnam("wabe");
	char path[4096], uid[16], gid[16];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 16);
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (n < 0 || dup2(fd, WABED_CONTROL_FD) < 0) {
		_exit(127);
	}
	path[n] = 0;
	strcat(path, "-worker");
	close_range(WABED_CONTROL_FD + 1, ~0u, 0);
	snprintf(uid, sizeof(uid), "%u", user ? user->pw_uid : NOBODY);
	snprintf(gid, sizeof(gid), "%u", user ? user->pw_gid : NOBODY);
	execl(path, "wabed-worker", "--uid", uid, "--gid", gid, (char *)NULL);
	_exit(127);
}

// Its domains are ended by the next sweep.
static void worker_lost(struct creator *c, struct worker *w)
{
	if (w->fd >= 0) {
		c->hurry = true;
		creator_log("worker %d (%s) is gone", (int)w->pid,
			    w->partition);
		close(w->fd);
		w->fd = -1;
	}
}

static long worker_receive(struct creator *c, struct worker *w, int wait_ms)
{
	struct pollfd p = {w->fd, POLLIN, 0};
	long n;

	if (poll(&p, 1, wait_ms) <= 0) {
		return 0;
	}
	n = packet_receive(w->fd, c->packet, sizeof(c->packet), NULL, NULL, 0);
	if (n < (long)sizeof(struct wabed_message) ||
	    ((struct wabed_message *)c->packet)->version != WABED_VERSION) {
		worker_lost(c, w);
		return -1;
	}
	return n;
}

// The creator's end never waits for room: it asks one thing at a time, so only
// a worker that does not read what it is asked has none.
int worker_pair(int pair[2], struct wabe_error *err)
{
	int room = 4 * WABED_MAX_PACKET;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) ||
	    fcntl(pair[0], F_SETFL, O_NONBLOCK)) {
		return error_set(err, errno, "worker");
	}
	for (int i = 0; i < 2; i++) {
		setsockopt(pair[i], SOL_SOCKET, SO_SNDBUFFORCE, &room,
			   sizeof(room));
	}
	return 0;
}

static void worker_kill(const struct worker *w)
{
	if (w->pid > 0) {
		kill(w->pid, SIGKILL);
		waitpid(w->pid, NULL, 0);
	}
}

static int worker_start(struct creator *c, const char *partition,
			struct worker **out, struct wabe_error *err)
{
	struct worker *w;
	int pair[2];

	if (worker_pair(pair, err)) {
		return -1;
	}
	w = calloc(1, sizeof(*w));
	if (!w) {
		abort();
	}
	snprintf(w->partition, sizeof(w->partition), "%s", partition);
	w->fd = pair[0];
	w->pid = fork();
	if (!w->pid) {
		worker_exec(pair[1]);
	}
	close(pair[1]);
	if (w->pid < 0 || worker_receive(c, w, ANSWER_MS) <= 0 ||
	    ((struct wabed_message *)c->packet)->type != WABED_READY) {
		if (w->fd >= 0) {
			close(w->fd);
		}
		worker_kill(w);
		free(w);
		return error_set(err, 0,
				 "wabed-worker does not start (is it "
				 "beside wabed?)");
	}
	w->next = c->workers;
	c->workers = w;
	*out = w;
	return 0;
}

int worker_get(struct creator *c, const char *partition, struct worker **out,
	       struct wabe_error *err)
{
	partition = partition ? partition : "default";
	for (struct worker *w = c->workers; w; w = w->next) {
		if (w->fd >= 0 && !strcmp(w->partition, partition)) {
			*out = w;
			return 0;
		}
	}
	return worker_start(c, partition, out, err);
}

// Dead ones that nothing refers to any more.
void workers_reap(struct creator *c)
{
	for (struct worker **at = &c->workers; *at;) {
		struct worker *w = *at;

		if (w->fd < 0 && !w->domains) {
			*at = w->next;
			worker_kill(w);
			free(w);
		} else {
			at = &w->next;
		}
	}
}

// --- What it says unasked ---------------------------------------------------

static void loss_log(struct record *r, const struct wabed_message *m,
		     const char *text, size_t bytes)
{
	struct wabe_error line; // one, whatever the text

	error_set(&line, 0, "lost %.*s: %.*s", WABED_MAX_PATH, m->path,
		  (int)bytes, text);
	creator_log("%s: %s", r->info.name, line.text);
}

// Of its own micro-domains only: a guest may have taken the worker over.
static void worker_said(struct creator *c, const struct worker *w,
			const struct wabed_message *m, const char *text,
			size_t bytes)
{
	struct record *r = m->domid < DOMIDS ? c->by_domid[m->domid] : NULL;

	if (!r || r->worker != w) {
		return;
	}
	switch (m->type) {
	case WABED_EXIT:
		r->info.end = m->kind == WABED_EXIT_SIGNAL ? WABE_END_SIGNAL
							   : WABE_END_CODE;
		r->info.value = m->value & 0xff;
		c->hurry |= c->changes < 0;
		break;
	case WABED_LOST:
		r->info.lost++;
		if (r->told++ < LINES_LOGGED) {
			loss_log(r, m, text, bytes);
		}
		break;
	case WABED_GONE:
		if (r->told++ < LINES_LOGGED) {
			creator_log("%s: lost its store: ended", r->info.name);
		}
		xc_domain_shutdown(c->machine.xch, r->info.domid,
				   SHUTDOWN_crash);
		c->hurry = true;
		break;
	default:
		break;
	}
}

static void packet_said(struct creator *c, const struct worker *w, long n)
{
	// The text is cut where the packet ends, whatever the head says.
	worker_said(c, w, (const struct wabed_message *)c->packet,
		    c->packet + sizeof(struct wabed_message),
		    (size_t)n - sizeof(struct wabed_message));
}

void worker_serve(struct creator *c, struct worker *w)
{
	long n;

	for (unsigned int i = 0; i < TURN_PACKETS && w && w->fd >= 0 &&
				 (n = worker_receive(c, w, 0)) > 0;
	     i++) {
		packet_said(c, w, n);
	}
}

// --- Asking -----------------------------------------------------------------

static int worker_call(struct creator *c, struct worker *w,
		       struct wabed_message *m, const void *body, size_t bytes,
		       const int *fds, unsigned int fd_count,
		       struct wabe_error *err)
{
	const struct wabed_message *answer = (const void *)c->packet;
	uint64_t now = now_ms(), until = now + ANSWER_MS;

	m->version = WABED_VERSION;
	m->sequence = ++w->sequence ? w->sequence : ++w->sequence;
	if (w->fd < 0 ||
	    packet_send(w->fd, m, sizeof(*m), body, bytes, fds, fd_count) < 0) {
		worker_lost(c, w);
		return error_set(err, 0, "the worker died");
	}
	for (;; now = now_ms()) {
		long n =
		    now < until ? worker_receive(c, w, (int)(until - now)) : 0;

		if (n <= 0) {
			// One that does not answer serves nobody.
			kill(w->pid, SIGKILL);
			worker_lost(c, w);
			return error_set(err, 0, "the worker does not answer");
		}
		if (answer->sequence == m->sequence) {
			return answer->error
				   ? error_set(err, abs(answer->error),
					       "the worker refuses")
				   : 0;
		}
		packet_said(c, w, n);
	}
}

static int file_open(const char *what, const char *path, int flags, int *fds,
		     unsigned int *count, struct wabe_error *err)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	if (fd < 0) {
		return error_set(err, errno, "%s %s", what, path);
	}
	fds[(*count)++] = fd;
	return 0;
}

static int disk_open(const struct wabe_disk *d, struct wabed_disk *to, int *fds,
		     unsigned int *count, struct wabe_error *err)
{
	bool writable = *d->mode == 'w';
	struct stat st;

	// A pipe is not waited for: it is refused.
	if (file_open("disk", d->path,
		      O_NONBLOCK | (writable ? O_RDWR : O_RDONLY), fds, count,
		      err)) {
		return -1;
	}
	if (fstat(fds[*count - 1], &st) ||
	    !(S_ISREG(st.st_mode) || S_ISBLK(st.st_mode))) {
		return error_set(err, 0,
				 "disk %s: neither file nor block "
				 "device",
				 d->path);
	}
	to->vdev = 202u * 256 + 16u * (uint32_t)(d->dev[3] - 'a');
	// A writer is alone: two, or one and readers, would ruin what is on it.
	// The lock is the open file's, and goes when the worker lets go of it.
	if (flock(fds[*count - 1], LOCK_NB | (writable ? LOCK_EX : LOCK_SH))) {
		return error_set(err, EBUSY,
				 "disk %s is in use (wabe list; a disk that "
				 "one writes is for it alone)",
				 d->path);
	}
	if (fstat(fds[*count - 1], &st) || !st.st_nlink) {
		return error_set(err, ENOENT, "disk %s", d->path);
	}
	to->read_only = !writable;
	to->byte_rate = d->byte_rate;
	to->request_rate = d->request_rate;
	return 0;
}

static int channels_open(const struct record *r, int *fds, unsigned int *count,
			 struct wabe_error *err)
{
	struct ioctl_evtchn_restrict_domid restrict_to = {
	    (domid_t)r->info.domid};
	char log[256];

	log_path(r, log);
	if (file_open("device", "/dev/xen/evtchn", O_RDWR, fds, count, err)) {
		return -1;
	}
	if (ioctl(fds[0], IOCTL_EVTCHN_RESTRICT_DOMID, &restrict_to)) {
		return error_set(err, errno, "/dev/xen/evtchn");
	}
	return file_open("device", "/dev/xen/gntdev", O_RDWR, fds, count,
			 err) ||
		       file_open("log", log,
				 O_RDWR | O_CREAT |
				     (r->info.restarts ? 0 : O_TRUNC),
				 fds, count, err)
		   ? -1
		   : 0;
}

static void add_fill(struct wabed_add *add, const struct record *r,
		     const struct domain *d)
{
	add->store_port = d->store_port;
	add->console_port = d->console_port;
	add->store_gref = GNTTAB_RESERVED_XENSTORE;
	add->console_gref = GNTTAB_RESERVED_CONSOLE;
	add->disk_count = r->spec->disk_count;
	add->net_count = r->spec->net_count;
	add->memory_kib = r->spec->memory_kib;
	add->vcpus = r->spec->vcpus;
	add->log_bytes = (uint64_t)r->spec->log_kib * 1024;
	if (getrandom(add->seed, sizeof(add->seed), 0) < 0) {
		abort();
	}
	snprintf(add->name, sizeof(add->name), "%s", r->info.name);
	snprintf(add->uuid, sizeof(add->uuid), "%s", r->info.uuid);
}

// Of "a.b.c.d/len"; what is none stays 0.0.0.0.
static void address_bytes(const char *text, uint8_t to[4])
{
	char address[INET_ADDRSTRLEN];

	snprintf(address, sizeof(address), "%.*s", (int)strcspn(text, "/"),
		 text);
	inet_pton(AF_INET, address, to);
}

static int nets_fill(struct wabed_add *add, const struct record *r, int *fds,
		     unsigned int *count, struct wabe_error *err)
{
	for (uint32_t i = 0; i < add->net_count; i++) {
		uint8_t *m = add->nets[i].mac;
		int fd = fcntl(r->taps[i], F_DUPFD_CLOEXEC, 3);

		if (sscanf(r->spec->nets[i].mac,
			   "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", m, m + 1, m + 2,
			   m + 3, m + 4, m + 5) != 6 ||
		    fd < 0) {
			return error_set(err, 0, "mac \"%s\"",
					 r->spec->nets[i].mac);
		}
		if (r->spec->nets[i].ip) {
			address_bytes(r->spec->nets[i].ip, add->nets[i].ip);
		}
		add->nets[i].handle = i;
		add->nets[i].byte_rate = r->spec->nets[i].byte_rate;
		fds[(*count)++] = fd;
	}
	return 0;
}

int worker_add(struct creator *c, struct record *r, const struct domain *d,
	       struct wabe_error *err)
{
	struct wabed_message m = {.type = WABED_ADD, .domid = d->domid};
	CLEANUP_FREE void *blob = NULL;
	int fds[WABED_MAX_FDS], status;
	unsigned int count = 0;
	size_t bytes = 0;

	add_fill(&m.add, r, d);
	status = wabe_spec_blob(r->spec, &blob, &bytes, err) ||
		 channels_open(r, fds, &count, err);
	m.add.fdt_bytes = (uint32_t)bytes;
	for (uint32_t i = 0; !status && i < m.add.disk_count; i++) {
		status = disk_open(&r->spec->disks[i], &m.add.disks[i], fds,
				   &count, err);
	}
	status = status || nets_fill(&m.add, r, fds, &count, err) ||
		 worker_call(c, r->worker, &m, blob, bytes, fds, count, err);
	for (unsigned int i = 0; i < count; i++) {
		close(fds[i]);
	}
	if (!status) {
		r->worker->domains++;
	}
	return status ? -1 : 0;
}

void worker_remove(struct creator *c, struct record *r)
{
	struct wabed_message m = {.type = WABED_REMOVE_DOMAIN,
				  .domid = r->info.domid};
	struct wabe_error err;

	if (r->worker->fd >= 0 &&
	    worker_call(c, r->worker, &m, NULL, 0, NULL, 0, &err)) {
		creator_log("%s: %s", r->info.name, err.text);
	}
	r->worker->domains--;
	r->worker = NULL;
}

// A stream whose one end the worker has; the other goes to the client.
static int stream_open(struct creator *c, struct record *r,
		       struct wabed_message *m, int *fd, struct wabe_error *err)
{
	int pair[2], status;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) {
		return error_set(err, errno, "stream");
	}
	status = worker_call(c, r->worker, m, NULL, 0, &pair[0], 1, err);
	close(pair[0]);
	if (status) {
		close(pair[1]);
		return -1;
	}
	*fd = pair[1];
	return 0;
}

int worker_console(struct creator *c, struct record *r, uint64_t bytes, int *fd,
		   struct wabe_error *err)
{
	struct wabed_message m = {
	    .type = WABED_CONSOLE, .domid = r->info.domid, .bytes = bytes};

	return stream_open(c, r, &m, fd, err);
}

int worker_session(struct creator *c, struct record *r, int *fd,
		   struct wabe_error *err)
{
	struct wabed_message m = {.type = WABED_EXEC, .domid = r->info.domid};

	return stream_open(c, r, &m, fd, err);
}

int worker_stats(struct creator *c, struct record *r, struct wabe_stats *out,
		 struct wabe_error *err)
{
	struct wabed_message m = {.type = WABED_STATS, .domid = r->info.domid};
	const struct wabed_stats *s =
	    &((const struct wabed_message *)(void *)c->packet)->stats;

	if (worker_call(c, r->worker, &m, NULL, 0, NULL, 0, err)) {
		return -1;
	}
	*out = (struct wabe_stats){
	    .store_nodes = s->store_nodes,
	    .store_bytes = s->store_bytes,
	    .store_watches = s->store_watches,
	    .store_requests = s->store_requests,
	    .console_bytes = s->console_bytes,
	    .console_dropped = s->console_dropped,
	    .disk_requests = s->disk_requests,
	    .disk_read_bytes = s->disk_read_bytes,
	    .disk_written_bytes = s->disk_written_bytes,
	    .disk_errors = s->disk_errors,
	    .net_rx_packets = s->net_rx_packets,
	    .net_rx_bytes = s->net_rx_bytes,
	    .net_rx_dropped = s->net_rx_dropped,
	    .net_tx_packets = s->net_tx_packets,
	    .net_tx_bytes = s->net_tx_bytes,
	    .net_tx_dropped = s->net_tx_dropped,
	};
	return 0;
}

int worker_write(struct creator *c, struct record *r, const char *path,
		 const char *value, struct wabe_error *err)
{
	struct wabed_message m = {.type = WABED_WRITE,
				  .domid = r->info.domid,
				  .value_bytes = (uint32_t)strlen(value)};

	snprintf(m.path, sizeof(m.path), "%s", path);
	return worker_call(c, r->worker, &m, value, strlen(value), NULL, 0,
			   err);
}
