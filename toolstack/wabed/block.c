// SPDX-License-Identifier: MIT
// A disk: the back end of xen/io/blkif.h over a file or block device.
//
// The loop copies a request out of the ring once and gives the copy to the
// pool. A thread reads the file into its own buffer and copies that into the
// guest's pages by grant (or the other way round): no page of the guest is
// ever mapped but the ring. Responses go out in the order of the requests, so
// that after a restart what is between the ring's indices is exactly what has
// still to be done.
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xen/xen.h>
#include <xen/io/ring.h>
#include <xen/io/blkif.h>

#include "answers.h"
#include "worker.h"

enum {
	SECTOR = 512,
	SLOTS = __CONST_RING_SIZE(blkif, PEER_PAGE),
	SEGMENTS = BLKIF_MAX_SEGMENTS_PER_REQUEST,
	DISK_THREADS = 2, // of the pool's, at a time
};

_Static_assert(SEGMENTS *PEER_PAGE <= POOL_SCRATCH, "scratch");

struct request {
	struct job job;
	struct disk *disk;
	uint64_t id;
	uint8_t operation;
	bool busy, finished;
	int16_t status;
	uint64_t sector;
	uint32_t bytes;
	uint8_t segment_count;
	struct peer_copy segment[SEGMENTS]; // local: set by the thread
};

struct disk {
	struct backend backend;
	int fd;
	bool read_only;
	uint64_t sectors;
	struct rate byte_rate, request_rate;
	struct job_queue queue;
	volatile struct blkif_sring *ring;
	uint32_t req_cons, rsp_prod;
	struct request request[SLOTS]; // by ring index
};

struct backend *disk_backend(struct disk *disk)
{
	return &disk->backend;
}

bool disk_busy(const struct disk *disk)
{
	return disk->queue.count;
}

static struct disk *disk_of(struct backend *backend)
{
	return (struct disk *)((char *)backend -
			       offsetof(struct disk, backend));
}

// --- in a thread ------------------------------------------------------------

static bool file_read(int fd, char *to, size_t bytes, off_t at)
{
	while (bytes) {
		ssize_t n = pread(fd, to, bytes, at);

		if (n <= 0 && !(n < 0 && errno == EINTR)) {
			return false;
		}
		n = n < 0 ? 0 : n;
		to += n;
		at += n;
		bytes -= n;
	}
	return true;
}

static bool file_write(int fd, const char *from, size_t bytes, off_t at)
{
	while (bytes) {
		ssize_t n = pwrite(fd, from, bytes, at);

		if (n <= 0 && !(n < 0 && errno == EINTR)) {
			return false;
		}
		n = n < 0 ? 0 : n;
		from += n;
		at += n;
		bytes -= n;
	}
	return true;
}

static bool request_run(struct request *request, char *buffer)
{
	struct disk *disk = request->disk;
	struct peer *peer = &disk->backend.served->peer;
	off_t at = request->sector * SECTOR;
	char *local = buffer;

	for (int i = 0; i < request->segment_count; i++) {
		request->segment[i].local = local;
		local += request->segment[i].bytes;
	}
	switch (request->operation) {
	case BLKIF_OP_READ:
		return file_read(disk->fd, buffer, request->bytes, at) &&
		       !peer->ops->copy(peer, request->segment,
					request->segment_count, true);
	case BLKIF_OP_WRITE:
		return !peer->ops->copy(peer, request->segment,
					request->segment_count, false) &&
		       file_write(disk->fd, buffer, request->bytes, at);
	default:
		return !fdatasync(disk->fd);
	}
}

static void request_job(struct job *job, void *scratch)
{
	struct request *request = (struct request *)job;

	request->status =
	    request_run(request, scratch) ? BLKIF_RSP_OKAY : BLKIF_RSP_ERROR;
}

// --- on the loop ------------------------------------------------------------

static const struct ring_kind ring_kind = RING_KIND(blkif);

// Publish what is finished, as far as nothing before it is missing.
static void responses_publish(struct disk *disk)
{
	struct request *request = &disk->request[disk->rsp_prod % SLOTS];
	struct backend *backend = &disk->backend;
	uint32_t from = disk->rsp_prod, count = 0;
	blkif_response_t answers[SLOTS];

	while (request->finished) {
		blkif_response_t *answer = &answers[count++];

		memset(answer, 0, sizeof(*answer)); // no padding of ours
		answer->id = request->id;
		answer->operation = request->operation;
		answer->status = request->status;
		request->finished = request->busy = false;
		request = &disk->request[++disk->rsp_prod % SLOTS];
	}
	if (count) {
		answers_publish(&backend->channel, &ring_kind, backend->gref[0],
				disk->ring, from, answers, count);
	}
}

static void ring_release(struct disk *disk)
{
	struct peer *peer = &disk->backend.served->peer;

	if (disk->ring) {
		peer->ops->unmap(peer, (void *)disk->ring);
		disk->ring = NULL;
	}
}

static void request_done(struct job *job)
{
	struct request *request = (struct request *)job;
	struct disk *disk = request->disk;
	struct served *served = disk->backend.served;

	served->stats.disk_errors += request->status != BLKIF_RSP_OKAY;
	request->finished = true;
	if (served->leaving) {
		served_check_end(served);
	} else if (disk->backend.leaving) {
		if (!disk->queue.count) {
			ring_release(disk);
			backend_disconnected(&disk->backend);
		}
	} else {
		responses_publish(disk);
		channel_queue(&disk->backend.channel);
	}
}

static bool segments_take(struct disk *disk, struct request *request,
			  const blkif_request_t *from)
{
	if (!from->nr_segments || from->nr_segments > SEGMENTS) {
		return false;
	}
	request->segment_count = from->nr_segments;
	for (int i = 0; i < from->nr_segments; i++) {
		const struct blkif_request_segment *s = &from->seg[i];

		if (s->first_sect > s->last_sect ||
		    s->last_sect >= PEER_PAGE / SECTOR) {
			return false;
		}
		request->segment[i] = (struct peer_copy){
		    .gref = s->gref,
		    .offset = s->first_sect * SECTOR,
		    .bytes = (s->last_sect - s->first_sect + 1) * SECTOR,
		};
		request->bytes += request->segment[i].bytes;
	}
	return from->sector_number <= disk->sectors &&
	       request->bytes / SECTOR <= disk->sectors - from->sector_number;
}

// What a request asks for, from our copy of it. BLKIF_RSP_OKAY: can be done.
static int request_take(struct disk *disk, struct request *request,
			const blkif_request_t *from)
{
	struct wabed_stats *stats = &disk->backend.served->stats;

	request->disk = disk;
	request->id = from->id;
	request->operation = from->operation;
	request->sector = from->sector_number;
	request->bytes = request->segment_count = 0;
	request->busy = true;
	request->finished = false;
	stats->disk_requests++;
	switch (from->operation) {
	case BLKIF_OP_READ:
		if (!segments_take(disk, request, from)) {
			return BLKIF_RSP_ERROR;
		}
		stats->disk_read_bytes += request->bytes;
		return BLKIF_RSP_OKAY;
	case BLKIF_OP_WRITE:
		if (disk->read_only || !segments_take(disk, request, from)) {
			return BLKIF_RSP_ERROR;
		}
		stats->disk_written_bytes += request->bytes;
		return BLKIF_RSP_OKAY;
	case BLKIF_OP_FLUSH_DISKCACHE:
		return BLKIF_RSP_OKAY;
	default:
		return BLKIF_RSP_EOPNOTSUPP;
	}
}

static void request_start(struct disk *disk)
{
	struct request *request = &disk->request[disk->req_cons % SLOTS];
	blkif_request_t copy;
	int status;

	memcpy(&copy, (void *)&disk->ring->ring[disk->req_cons % SLOTS].req,
	       sizeof(copy));
	__asm__ volatile("" : "+m"(copy)); // it is a copy from here on
	disk->req_cons++;
	status = request_take(disk, request, &copy);
	rate_take(&disk->request_rate, 1);
	rate_take(&disk->byte_rate, request->bytes);
	if (status != BLKIF_RSP_OKAY) {
		disk->backend.served->stats.disk_errors++;
		request->status = status;
		request->finished = true;
		return;
	}
	request->job = (struct job){.run = request_job, .done = request_done};
	pool_submit(disk->backend.served->worker->pool, &disk->queue,
		    &request->job);
}

// How many requests wait, as the guest says; -1 if that cannot be.
static int requests_waiting(struct disk *disk)
{
	uint32_t prod = disk->ring->req_prod;

	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (prod - disk->rsp_prod > SLOTS ||
	    prod - disk->rsp_prod < disk->req_cons - disk->rsp_prod) {
		return -1;
	}
	return prod - disk->req_cons;
}

static bool disk_turn(struct channel *channel)
{
	struct disk *disk =
	    (struct disk *)((char *)channel -
			    offsetof(struct disk, backend.channel));
	int waiting = requests_waiting(disk);
	bool worked = waiting > 0;

	if (!waiting) {
		disk->ring->req_event = disk->req_cons + 1;
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		waiting = requests_waiting(disk);
	}
	for (; waiting > 0; waiting--) {
		uint64_t now = time_now();
		uint64_t a = rate_wait(&disk->byte_rate, now);
		uint64_t b = rate_wait(&disk->request_rate, now);

		if (a || b) {
			channel_sleep(channel, a > b ? a : b);
			responses_publish(disk);
			return false;
		}
		request_start(disk);
	}
	if (waiting < 0) {
		backend_lose(&disk->backend, "its ring holds more than it can");
		return false;
	}
	responses_publish(disk);
	return worked; // until a look finds nothing and asks for an event
}

static const char *disk_parse(struct backend *backend)
{
	char path[64];
	const char *protocol;
	uint64_t gref, port;

	snprintf(path, sizeof(path), "%s/protocol", backend->front);
	protocol = store_get(&backend->served->store.store, path);
	if (protocol && strcmp(protocol, "x86_64-abi")) {
		return "its protocol is not x86_64-abi";
	}
	if (!backend_front_number(backend, "ring-ref", UINT32_MAX, &gref) ||
	    !backend_front_number(backend, "event-channel", UINT32_MAX,
				  &port)) {
		return "it names no ring or event channel";
	}
	backend->gref[0] = gref;
	backend->remote_port = port;
	return NULL;
}

// What stands between the ring's indices has still to be done.
static bool disk_attach(struct backend *backend)
{
	struct disk *disk = disk_of(backend);
	struct peer *peer = &backend->served->peer;

	disk->ring = peer->ops->map(peer, backend->gref[0]);
	if (!disk->ring) {
		return false;
	}
	disk->req_cons = disk->rsp_prod =
	    answers_resume(peer, &ring_kind, backend->gref[0], disk->ring);
	memset(disk->request, 0, sizeof(disk->request));
	return true;
}

static bool disk_detach(struct backend *backend)
{
	struct disk *disk = disk_of(backend);

	if (disk->queue.count) {
		return false;
	}
	ring_release(disk);
	return true;
}

static const struct backend_kind vbd = {
    .name = "vbd",
    .turn = disk_turn,
    .parse = disk_parse,
    .attach = disk_attach,
    .detach = disk_detach,
};

static void disk_publish(struct disk *disk)
{
	struct backend *b = &disk->backend;

	backend_publish(b, "type", "phy");
	backend_publish(b, "device-type", "disk");
	backend_publish(b, "mode", "%s", disk->read_only ? "r" : "w");
	backend_publish(b, "removable", "0");
	backend_publish(b, "bootable", "1");
	backend_publish(b, "info", "%d", disk->read_only ? VDISK_READONLY : 0);
	backend_publish(b, "sectors", "%llu",
			(unsigned long long)disk->sectors);
	backend_publish(b, "sector-size", "%d", SECTOR);
	backend_publish(b, "physical-sector-size", "%d", SECTOR);
	backend_publish(b, "feature-flush-cache", "%d", !disk->read_only);
	backend_publish(b, "feature-barrier", "0");
	backend_publish(b, "feature-persistent", "0");
}

int disk_open(struct served *served, const struct wabed_disk *config, int fd)
{
	struct disk *disk = calloc(1, sizeof(*disk));
	off_t bytes = lseek(fd, 0, SEEK_END);
	uint64_t now = time_now();

	if (!disk) {
		abort();
	}
	served->disks[served->disk_count++] = disk;
	disk->fd = fd;

	disk->queue.max_running = DISK_THREADS;
	disk->read_only = config->read_only;
	backend_init(&disk->backend, &vbd, served, config->vdev);
	if (bytes < SECTOR) {
		return bytes < 0 ? errno : EINVAL;
	}
	disk->sectors = bytes / SECTOR;
	rate_init(&disk->byte_rate, config->byte_rate, 64 * 1024, now);
	rate_init(&disk->request_rate, config->request_rate, 1, now);
	backend_tell(&disk->backend, "virtual-device", "%u", config->vdev);
	backend_tell(&disk->backend, "device-type", "disk");
	disk_publish(disk);
	backend_start(&disk->backend);
	return 0;
}

void disk_free(struct disk *disk)
{
	ring_release(disk);
	close(disk->fd);
	free(disk);
}
