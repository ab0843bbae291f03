// SPDX-License-Identifier: MIT
// `wabe exec`: a command started in a running micro-domain.
//
// A session is a stream of bytes each way between `wabe exec` (libwabe) and an
// agent that the guest's init starts for it. The worker carries the bytes and
// does not look at them. How they meet:
//
//   worker  writes wabe/exec/N = "open SEQUENCE" (N: 0 to EXEC_SESSIONS - 1)
//   init    starts an agent, which grants a page (struct exec_ring), makes a
//           port and writes wabe/exec/N/ring = "SEQUENCE GREF PORT"
//   worker  maps and binds; bytes flow
//   init    writes wabe/exec/N/ring = "gone SEQUENCE" when an agent has died
//   either  sets its `closed`; the worker writes wabe/exec/N = "closed"
//
// A worker's death ends the sessions it carried, and nothing else.
#ifndef WABED_EXEC_PROTO_H
#define WABED_EXEC_PROTO_H

#include <stdint.h>

enum { EXEC_SESSIONS = 8 };
enum { EXEC_TO_GUEST = 1024, EXEC_FROM_GUEST = 2048 }; // powers of two

// One page. Indices run freely; each is written by one side only.
struct exec_ring {
	uint32_t to_guest_prod, to_guest_cons;
	uint32_t from_guest_prod, from_guest_cons;
	uint32_t guest_closed, host_closed;
	char to_guest[EXEC_TO_GUEST];
	char from_guest[EXEC_FROM_GUEST];
};

// The stream: frames, each a head and `bytes` more.
struct exec_frame {
	uint8_t type;
	uint8_t zero;
	uint16_t bytes; // at most EXEC_FRAME_MAX
};

enum { EXEC_FRAME_MAX = 1024, EXEC_REQUEST_MAX = 64 * 1024 };

// To the agent: what to start (words in parts: a part of all but the last one
// has type EXEC_PART), then START; then input, until INPUT_END.
enum exec_to_agent {
	EXEC_PART = 'p',      // more of the word whose last part follows
	EXEC_ARGV = 'a',      // a word of the command
	EXEC_ENV = 'e',	      // NAME=value, over the workload's own
	EXEC_CWD = 'c',	      // the workload's if not given
	EXEC_USER = 'u',      // "uid[:gid[,group...]]"; same
	EXEC_TERMINAL = 't',  // struct exec_size: on a terminal of this size
	EXEC_START = 's',     //
	EXEC_INPUT = 'i',     //
	EXEC_INPUT_END = 'x', //
	EXEC_RESIZE = 'w',    // struct exec_size
	EXEC_SIGNAL = 'k',    // one byte
};

// From the agent: STARTED, output, and one of the last two.
enum exec_from_agent {
	EXEC_STARTED = 'S',
	EXEC_OUTPUT = 'O',
	EXEC_ERRORS = 'E',
	EXEC_CODE = 'C',     // one byte
	EXEC_SIGNALLED = 'K' // one byte
};

struct exec_size {
	uint16_t rows, columns;
};

#endif
