// SPDX-License-Identifier: MIT
// What the creator and a worker say to each other. The worker inherits one
// end of a SOCK_SEQPACKET socket as descriptor 3 and has no other way to the
// outside; every descriptor it uses for a domain comes with ADD. So its
// seccomp filter allows no open at all.
//
// One packet is one message: struct wabed_message, then for ADD the FDT blob,
// for WRITE and NOTE a value. Descriptors ride along (SCM_RIGHTS). Both ends
// are built together: fields are in machine order and `version` must match.
//
// creator -> worker. Each is answered by one DONE with the same `sequence`
// and `error` 0 or an errno; after an error nothing of the request remains.
//
//   ADD      serve a domain. Descriptors, in this order:
//              /dev/xen/evtchn, opened for this domain alone and restricted:
//                struct ioctl_evtchn_restrict_domid r = { domid };
//                ioctl(fd, IOCTL_EVTCHN_RESTRICT_DOMID, &r);
//              /dev/xen/gntdev, opened for this domain alone
//              the console's log: O_RDWR, not O_APPEND (it is cut in place)
//              disk_count files or block devices (O_RDWR, or O_RDONLY)
//              net_count taps: IFF_TAP | IFF_NO_PI | IFF_VNET_HDR, O_NONBLOCK
//            The domain must exist with grant entries for its store and
//            console page and both ports unbound for backend_domid. The
//            worker binds the ports and maps the pages, then answers. Send it
//            before the domain is unpaused.
//   REMOVE   stop serving a domain and let go of everything of it. After the
//            DONE no page of the domain is mapped and no port is bound.
//   CONSOLE  one descriptor, an end of a SOCK_STREAM socketpair: receives what
//            the guest prints from now on (first the last `bytes` bytes of
//            the log) and what comes in is typed at the guest. A client that
//            does not read loses output; it never holds the guest up.
//   EXEC     one descriptor, of the same kind: the stream of a session with the
//            guest's init (exec_proto.h). EAGAIN: the guest has no init that
//            says it runs; EBUSY: EXEC_SESSIONS run.
//   WRITE    set a node of the guest's store, as dom0 would: `path` relative
//            to the guest's own directory ("control/shutdown"), then
//            value_bytes bytes. Watches of the guest fire. If value_bytes is
//            WABED_REMOVE, the node is removed.
//   STATS    answered by STATS (same sequence) instead of DONE.
//
// worker -> creator, unasked (sequence 0):
//
//   READY    the worker runs, is confined, and takes requests.
//   NOTE     the guest wrote a node below "wabe/" or "control/": path and
//            value. "wabe/state" "running" and the like arrive so.
//   EXIT     the guest wrote wabe/exit: "code N" or "signal N". `kind` says
//            which, `value` is N. Comes besides the NOTE.
//   LOST     the guest broke a device's protocol; that device is shut for
//            good. `path` names it ("store", "console", "vbd/51712", "vif/0")
//            and the text after the message says why, one line.
//   GONE     the worker is about to stop serving the domain by itself: its
//            store is lost. Send REMOVE.
#ifndef WABED_PROTO_H
#define WABED_PROTO_H

#include <stdint.h>

enum { WABED_VERSION = 1 };
enum { WABED_CONTROL_FD = 3 };
enum { WABED_MAX_DISKS = 16, WABED_MAX_NETS = 8, WABED_MAX_PATH = 128 };
enum { WABED_MAX_FDS = 4 + WABED_MAX_DISKS + WABED_MAX_NETS };
enum { WABED_MAX_PACKET = 192 * 1024 }; // message and blob; fits SO_SNDBUF
#define WABED_REMOVE UINT32_MAX

enum wabed_type {
	WABED_ADD = 1,
	WABED_REMOVE_DOMAIN,
	WABED_CONSOLE,
	WABED_WRITE,
	WABED_STATS,
	WABED_EXEC,

	WABED_READY = 64,
	WABED_DONE,
	WABED_NOTE,
	WABED_EXIT,
	WABED_LOST,
	WABED_GONE,
};

// The creator's ADD is plain. Between the creator and the worker stands a
// supervisor (supervisor.c) that hands the worker a memfd for its state as one
// more descriptor, and after a worker's death has the next one restore from it.
enum wabed_add_kind { WABED_ADD_PLAIN, WABED_ADD_STATE, WABED_ADD_RESTORE };

enum wabed_exit_kind { WABED_EXIT_CODE, WABED_EXIT_SIGNAL };

struct wabed_disk {
	uint32_t vdev;	    // 51712 is xvda, 51728 xvdb, ... (202 * 256 + 16 n)
	uint32_t read_only; // the guest sees a read-only disk
	uint64_t byte_rate; // bytes a second, 0: no limit
	uint64_t request_rate; // requests a second, 0: no limit
};

struct wabed_net {
	uint32_t handle; // 0 is eth0
	uint8_t mac[6];
	uint16_t mtu;	    // 0: 1500
	uint8_t ip[4];	    // the only address it may speak for; 0.0.0.0: any
	uint64_t byte_rate; // bytes a second each way, 0: no limit
};

struct wabed_add {
	uint32_t backend_domid;		   // where the worker runs, 0 for dom0
	uint32_t store_port, console_port; // the domain's ports
	uint32_t store_gref, console_gref; // GNTTAB_RESERVED_XENSTORE, _CONSOLE
	uint32_t disk_count, net_count;
	uint64_t memory_kib, memory_max_kib; // 0 max: the same
	uint32_t vcpus, vcpus_max;	     // 0 max: the same
	uint64_t log_bytes;		     // most the log holds, 0: 1 MiB
	uint32_t fdt_bytes; // the blob follows; toolstack/spec.md
	uint8_t seed[32]; // fresh randomness for the guest (wabe/seed, in hex)
	char name[64];
	char uuid[40];
	struct wabed_disk disks[WABED_MAX_DISKS];
	struct wabed_net nets[WABED_MAX_NETS];
};

struct wabed_stats {
	uint32_t store_nodes, store_bytes, store_watches;
	uint64_t store_requests;
	uint64_t console_bytes, console_dropped;
	uint64_t disk_requests, disk_read_bytes, disk_written_bytes,
	    disk_errors;
	uint64_t net_rx_packets, net_rx_bytes, net_rx_dropped; // to the guest
	uint64_t net_tx_packets, net_tx_bytes, net_tx_dropped; // from it
};

struct wabed_message {
	uint32_t version; // WABED_VERSION
	uint32_t type;	  // enum wabed_type
	uint32_t sequence;
	uint32_t domid;
	int32_t error;	      // DONE
	uint32_t kind, value; // EXIT: enum wabed_exit_kind; ADD: wabed_add_kind
	uint32_t value_bytes; // WRITE, NOTE, LOST: bytes after the message
	uint64_t bytes;	      // CONSOLE: how much of the log to show first
	char path[WABED_MAX_PATH];
	union {
		struct wabed_add add;
		struct wabed_stats stats;
	};
};

#endif
