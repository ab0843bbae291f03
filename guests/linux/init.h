// SPDX-License-Identifier: MIT
// The rooms of a micro-domain's init.
#ifndef WABE_INIT_H
#define WABE_INIT_H

#include <sys/types.h>

#include "../../toolstack/wabed/exec_proto.h"

// init.c: say what could not be done and end.
void fail(const char *what, const char *name) __attribute__((noreturn));
// mounts.c, in this order: the kernel's file systems; the workload's root at
// /newroot; the first into the second, which is entered; its volumes; at last
// what of the kernel's it may not read or write.
void mount_kernel(void);
void mount_root(void);
void mount_inside(void);
void volumes_mount(void);
void paths_restrict(void);
// network.c: address, route, name resolution, hostname. What is not asked for
// is left alone; what cannot be done is said on the console.
void network_up(void);
// workload.c: the image's command in a process of its own. Its pid, or -1.
pid_t workload_start(void);
// Become a command as the workload's user with its rights; what is NULL is as
// it is for the workload. `env` comes over its environment.
void workload_exec(char **argv, char **env, const char *cwd, const char *user)
    __attribute__((noreturn));
// exec.c: start and end agents as the store says; an agent's process is gone.
void sessions_look(void);
void session_reaped(pid_t pid);
// agent.c: serve a session, in a process of its own.
void agent_run(unsigned int slot, unsigned int sequence)
    __attribute__((noreturn));
// entropy.c: give the kernel the seed that came with the domain.
void seed_entropy(void);

#endif
