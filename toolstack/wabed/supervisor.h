// SPDX-License-Identifier: MIT
// The two processes of wabed-worker.
#ifndef WABED_SUPERVISOR_H
#define WABED_SUPERVISOR_H

// Serve the creator at this socket through workers until it closes.
int supervise(int creator);
// A worker: confined, it serves descriptor WABED_CONTROL_FD until that closes.
int worker_main(void);

#endif
