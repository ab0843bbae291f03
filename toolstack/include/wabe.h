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
	char *path; // an image file or block device in dom0
	char *mode; // "r" or "w"
	char *dev;  // what the guest calls it: "xvda"
};

struct wabe_net {
	char *bridge;  // "wabe0"
	char *mac;     // "00:16:3e:xx:xx:xx"
	char *ip;      // "10.87.0.2/16"
	char *gateway; // "10.87.0.1"
	char *dns;
	char *tap; // the interface in dom0
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
	char *image;	// the image's name, for showing and for `rmi`
	bool read_only; // no writable layer over the root
	char **ports;	// "HOST:GUEST", published on dom0's addresses
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
	WABE_RUNNING, // its kernel runs
	WABE_EXITED,  // no domain any more; how it ended is kept
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
	uint64_t memory_kib;
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
// A domain is named by its name, its domain id or the start of its uuid.
int wabe_pause(struct wabe *w, const char *name, struct wabe_error *err);
int wabe_unpause(struct wabe *w, const char *name, struct wabe_error *err);
// Send the workload a signal.
int wabe_kill(struct wabe *w, const char *name, unsigned int signal,
	      struct wabe_error *err);
// Ask the guest to power off or reboot, as `xl shutdown` does: "poweroff".
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
// All of them (*list to be freed).
int wabe_list(struct wabe *w, struct wabe_info **list, size_t *count,
	      struct wabe_error *err);
// A descriptor that shows what the guest prints, the last `bytes` of its log
// first; what is written to it is typed at the guest.
int wabe_console(struct wabe *w, const char *name, uint64_t bytes,
		 struct wabe_error *err);
// A descriptor of the log, to be read.
int wabe_log(struct wabe *w, const char *name, struct wabe_error *err);

// --- Images -----------------------------------------------------------------

#define WABE_IMAGES "/var/lib/wabe/images"

struct wabe_image {
	char name[128];
	uint64_t bytes;
	int64_t created;
};

// NULL for `store`: $WABE_IMAGES or WABE_IMAGES.
// Import an OCI image layout (folder or tar archive) or docker-archive. NULL
// for `name`: as the image says.
int wabe_image_import(const char *store, const char *from, const char *name,
		      struct wabe_image *out, struct wabe_error *err);
int wabe_image_list(const char *store, struct wabe_image **list, size_t *count,
		    struct wabe_error *err);
int wabe_image_remove(const char *store, const char *name,
		      struct wabe_error *err);
// Put the image's root, command, environment, user ... into a description
// that has none of its own. An argv it has is the arguments of the entrypoint,
// if `entrypoint`, else the whole command.
int wabe_image_apply(const char *store, const char *name,
		     struct wabe_spec *spec, bool entrypoint,
		     struct wabe_error *err);

#ifdef __cplusplus
}
#endif

#endif
