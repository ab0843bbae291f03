// SPDX-License-Identifier: MIT
// libwabe: micro-domains, one container workload alone in each. This header is
// the manual.
//
// A micro-domain is described by a struct wabe_spec, which is also a flattened
// device tree (toolstack/spec.md). The creator, a daemon in dom0, makes domains
// from descriptions and looks after them; a struct wabe is a connection to it.
//
// Every fallible function takes `struct wabe_error *err` last and returns < 0
// after filling it; on failure nothing half-made is left. Nothing here exits,
// prints or keeps global state. A struct wabe is for one thread at a time; any
// number of threads may have one each.
#ifndef WABE_H
#define WABE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

// One line: what went wrong, with which file or option. code: an errno, or 0.
struct wabe_error {
	int code;
	char text[508];
};

// --- Descriptions -----------------------------------------------------------

enum { WABE_MAX_DISKS = 16, WABE_MAX_NETS = 8, WABE_NAME_BYTES = 64 };

struct wabe_disk {
	char *path;	       // an image file or block device in dom0
	char *mode;	       // "r" or "w"
	char *dev;	       // what the guest calls it: "xvda"
	char *mount;	       // where the guest's init mounts it (ext4)
	uint64_t byte_rate;    // bytes a second at most; 0: no limit
	uint64_t request_rate; // requests a second
};

struct wabe_net {
	char *bridge;  // "wabe0"
	char *mac;     // "00:16:3e:xx:xx:xx"
	char *ip;      // "10.87.0.2/16"
	char *gateway; // "10.87.0.1"
	char *dns;
	char *tap;	    // the interface in dom0
	uint64_t byte_rate; // bytes a second each way at most; 0: no limit
};

// Strings are NULL where not given; lists end with NULL. All of it belongs to
// the description and is freed with it: allocate with malloc or strdup.
struct wabe_spec {
	char *name, *uuid, *partition;
	uint64_t memory_kib;
	uint32_t vcpus;
	char *kernel, *cmdline, *initrd; // files in dom0, and its command line
	char **argv, **env;
	char *cwd, *user, *hostname, *stop_signal;
	char *image;	  // the image's name, for showing and for `rmi`
	bool read_only;	  // no writable layer over the root
	char **ports;	  // "HOST:GUEST", published on dom0's addresses
	char *restart;	  // "no", "on-failure[:N]", "always"
	uint32_t log_kib; // most its log holds
	struct wabe_disk disks[WABE_MAX_DISKS];
	struct wabe_net nets[WABE_MAX_NETS];
	uint32_t disk_count, net_count;
};

// An empty description; never NULL.
struct wabe_spec *wabe_spec_new(void);
void wabe_spec_free(struct wabe_spec *spec);
// From a file: device tree source or blob.
int wabe_spec_read(struct wabe_spec **out, const char *path,
		   struct wabe_error *err);
// From a blob in memory; from source text. `where` names it in errors.
int wabe_spec_parse(struct wabe_spec **out, const void *fdt, size_t bytes,
		    const char *where, struct wabe_error *err);
int wabe_spec_parse_text(struct wabe_spec **out, const char *text,
			 const char *where, struct wabe_error *err);
// To a blob (to be freed).
int wabe_spec_blob(const struct wabe_spec *spec, void **fdt, size_t *bytes,
		   struct wabe_error *err);
// As device tree source.
void wabe_spec_print(const struct wabe_spec *spec, FILE *to);

// --- Domains ----------------------------------------------------------------

struct wabe;

#define WABE_SOCKET "/run/wabe/creator.sock"

// Connect to the creator; NULL: $WABE_SOCKET or WABE_SOCKET.
int wabe_open(struct wabe **out, const char *socket, struct wabe_error *err);
void wabe_close(struct wabe *w);

enum wabe_state {
	WABE_PAUSED,
	WABE_RUNNING,	 // its kernel runs
	WABE_EXITED,	 // no domain any more; how it ended is kept
	WABE_RESTARTING, // it has ended and will be started again
};
enum wabe_end {
	WABE_END_NONE,	 // it runs
	WABE_END_CODE,	 // the workload returned: value
	WABE_END_SIGNAL, // the workload was killed by a signal: value
	WABE_END_DOWN,	 // the guest powered off without saying more
	WABE_END_CRASH,	 // the guest's kernel crashed
	WABE_END_DESTROYED,
};

struct wabe_info {
	char name[WABE_NAME_BYTES];
	char uuid[40];
	char image[128];
	char ip[32];
	uint32_t domid; // meaningless once it has exited
	uint32_t state; // enum wabe_state
	uint32_t end;	// enum wabe_end
	uint32_t value;
	uint32_t vcpus;
	uint32_t lost; // devices shut because the guest broke their protocol
	uint32_t restarts;
	uint64_t memory_kib; // what it has now
	uint64_t cpu_ns;
	int64_t created; // seconds since 1970
};

enum {
	WABE_CREATE_PAUSED = 1,	  // do not start it yet
	WABE_CREATE_ATTACHED = 2, // destroy it when this connection closes
	WABE_CREATE_REMOVE = 4,	  // forget it once it has exited
};

// Make a domain and start it. Names are given if there is none, as are uuid and
// network addresses; *info tells.
int wabe_create(struct wabe *w, const struct wabe_spec *spec,
		unsigned int flags, struct wabe_info *info,
		struct wabe_error *err);
// One that was attached hangs on no connection any more.
int wabe_release(struct wabe *w, const char *name, struct wabe_error *err);
// A domain is named by its name, its domain id or the start of its uuid.
int wabe_pause(struct wabe *w, const char *name, struct wabe_error *err);
int wabe_unpause(struct wabe *w, const char *name, struct wabe_error *err);
// Send the workload a signal.
int wabe_kill(struct wabe *w, const char *name, unsigned int signal,
	      struct wabe_error *err);
// Send its stop signal. It will not be restarted.
int wabe_stop(struct wabe *w, const char *name, struct wabe_error *err);
// Ask the guest to power off or reboot, as `xl shutdown` does: "poweroff",
// "reboot". One that reboots is made anew with the same name and addresses.
int wabe_shutdown(struct wabe *w, const char *name, const char *how,
		  struct wabe_error *err);
// End it now. It stays listed as exited.
int wabe_destroy(struct wabe *w, const char *name, struct wabe_error *err);
// Forget an exited one, its log too.
int wabe_remove(struct wabe *w, const char *name, struct wabe_error *err);
int wabe_info(struct wabe *w, const char *name, struct wabe_info *info,
	      struct wabe_error *err);
// Its description as it was made (names and addresses filled in).
int wabe_inspect(struct wabe *w, const char *name, struct wabe_spec **out,
		 struct wabe_error *err);
// Wait until it has exited.
int wabe_wait(struct wabe *w, const char *name, struct wabe_info *info,
	      struct wabe_error *err);
// Give memory back, or take it again: at most what it was made with.
int wabe_memory(struct wabe *w, const char *name, uint64_t kib,
		struct wabe_error *err);

struct wabe_vcpu {
	uint32_t number, cpu; // cpu: where it is or was last
	bool online, blocked, running;
	uint64_t cpu_ns;
	uint64_t affinity[4]; // processors it may use, as bits
};
// Its vCPUs (*list to be freed).
int wabe_vcpus(struct wabe *w, const char *name, struct wabe_vcpu **list,
	       size_t *count, struct wabe_error *err);

// What its worker has counted.
struct wabe_stats {
	uint64_t store_nodes, store_bytes, store_watches, store_requests;
	uint64_t console_bytes, console_dropped;
	uint64_t disk_requests, disk_read_bytes, disk_written_bytes,
	    disk_errors;
	uint64_t net_rx_packets, net_rx_bytes, net_rx_dropped; // to the guest
	uint64_t net_tx_packets, net_tx_bytes, net_tx_dropped; // from it
};
int wabe_stats(struct wabe *w, const char *name, struct wabe_stats *stats,
	       struct wabe_error *err);

struct wabe_host {
	char hypervisor[64]; // "4.17.4"
	char capabilities[128];
	uint32_t extension; // version of Wabe's own calls; 0: not there
	uint32_t cpus, domains, exited;
	uint64_t cpu_khz, memory_kib, free_kib;
};
int wabe_host(struct wabe *w, struct wabe_host *host, struct wabe_error *err);
// The hypervisor's messages (*text to be freed); `clear`: and forget them.
int wabe_dmesg(struct wabe *w, bool clear, char **text, size_t *bytes,
	       struct wabe_error *err);

// All of them (*list to be freed).
int wabe_list(struct wabe *w, struct wabe_info **list, size_t *count,
	      struct wabe_error *err);
// From now on this connection hears of every micro-domain that is made, paused,
// unpaused, restarted or ends, and is for nothing else. One that does not
// listen for long is closed.
int wabe_events(struct wabe *w, struct wabe_error *err);
// Wait for the next such event: the micro-domain as it is now.
int wabe_event(struct wabe *w, struct wabe_info *info, struct wabe_error *err);
// A descriptor that shows what the guest prints, the last `bytes` of its log
// first; what is written to it is typed at the guest.
int wabe_console(struct wabe *w, const char *name, uint64_t bytes,
		 struct wabe_error *err);
// A descriptor of the log, to be read.
int wabe_log(struct wabe *w, const char *name, struct wabe_error *err);

// --- Commands in a running micro-domain --------------------------------------

// argv and env end with NULL; env, cwd and user may be NULL: as the workload
// has them. user: "uid[:gid[,group...]]".
struct wabe_exec {
	char *const *argv, *const *env;
	const char *cwd, *user;
	bool terminal;
	uint16_t rows, columns; // of the terminal
};

// Start a command beside the workload, with its rights. The guest must be one
// with Wabe's own init; one that is still starting is waited for. Returns a
// descriptor of the session: to be polled, and closed, which hangs the command
// up.
int wabe_exec(struct wabe *w, const char *name, const struct wabe_exec *what,
	      struct wabe_error *err);

enum wabe_said {
	WABE_SAID_OUTPUT, // data
	WABE_SAID_ERRORS, // data
	WABE_SAID_CODE,	  // it returned: value
	WABE_SAID_SIGNAL, // it was killed by a signal: value
};
struct wabe_exec_said {
	enum wabe_said what;
	unsigned int value;
	size_t bytes;
	char data[1024];
};

// Wait for what comes next. After CODE or SIGNAL nothing does.
int wabe_exec_hear(int fd, struct wabe_exec_said *said, struct wabe_error *err);
// Input of any length; none: no more will come. These three may be called while
// another thread hears.
int wabe_exec_input(int fd, const void *data, size_t bytes,
		    struct wabe_error *err);
int wabe_exec_resize(int fd, uint16_t rows, uint16_t columns,
		     struct wabe_error *err);
int wabe_exec_signal(int fd, unsigned int signal, struct wabe_error *err);

// --- Partitions -------------------------------------------------------------

// A share of the machine, where a hypervisor has them; the first one,
// "default", has what no other has.
struct wabe_partition_info {
	char name[16];
	uint32_t id, domains;
	uint64_t memory_kib, free_kib;
	uint64_t own_kib; // of it, what the hypervisor keeps for its domains
	uint64_t cpus[4]; // as bits
};
// cpus: no bit: every processor (create), or as it is (resize, where 0 KiB
// also means that).
int wabe_partition_create(struct wabe *w, const char *name, uint64_t kib,
			  const uint64_t cpus[4], struct wabe_error *err);
int wabe_partition_resize(struct wabe *w, const char *name, uint64_t kib,
			  const uint64_t cpus[4], struct wabe_error *err);
// It must be empty.
int wabe_partition_remove(struct wabe *w, const char *name,
			  struct wabe_error *err);
// All of them (*list to be freed).
int wabe_partitions(struct wabe *w, struct wabe_partition_info **list,
		    size_t *count, struct wabe_error *err);

// --- Images -----------------------------------------------------------------

#define WABE_IMAGES "/var/lib/wabe/images"

struct wabe_image {
	char name[128];
	uint64_t bytes;
	int64_t created;
};

// NULL for `store`: $WABE_IMAGES or WABE_IMAGES.
// Told now and then during long work: what is done, and how much of it.
typedef void wabe_progress(void *data, const char *what, uint64_t done,
			   uint64_t total);
// Import an OCI image layout (folder or tar archive) or docker-archive. NULL
// for `name`: as the image says. Every blob must be what its digest says.
// `progress` may be NULL.
int wabe_image_import(const char *store, const char *from, const char *name,
		      wabe_progress *progress, void *data,
		      struct wabe_image *out, struct wabe_error *err);
int wabe_image_list(const char *store, struct wabe_image **list, size_t *count,
		    struct wabe_error *err);
int wabe_image_remove(const char *store, const char *name,
		      struct wabe_error *err);
// "name[:group]" or numbers, by the image's passwd and group -> "uid:gid,...",
// to be freed.
int wabe_image_user(const char *store, const char *name, const char *user,
		    char **out, struct wabe_error *err);
// Put the image's root, command, environment, user ... into a description
// that has none of its own. An argv it has is the arguments of the entrypoint,
// if `entrypoint`, else the whole command.
int wabe_image_apply(const char *store, const char *name,
		     struct wabe_spec *spec, bool entrypoint,
		     struct wabe_error *err);

// --- Volumes ----------------------------------------------------------------

#define WABE_VOLUMES "/var/lib/wabe/volumes" // or $WABE_VOLUMES
#define WABE_VOLUME_KIB (1024 * 1024)

struct wabe_volume {
	char name[128];
	uint64_t bytes, used; // size, and what it takes in dom0
};

int wabe_volume_create(const char *name, uint64_t kib, struct wabe_error *err);
// Not while a micro-domain has it.
int wabe_volume_remove(const char *name, struct wabe_error *err);
int wabe_volume_list(struct wabe_volume **list, size_t *count,
		     struct wabe_error *err);
// The file it is, there or not.
int wabe_volume_path(const char *name, char path[4096], struct wabe_error *err);

#ifdef __cplusplus
}
#endif

#endif
