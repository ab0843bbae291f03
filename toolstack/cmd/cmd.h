// SPDX-License-Identifier: MIT
// The command `wabe`: a function a verb, listed in main.c. A verb gets its
// arguments with argv[0] its own name and returns the exit status.
#ifndef WABE_CMD_H
#define WABE_CMD_H

#include <getopt.h>
#include <sys/types.h>
#include <wabe.h>

#include "error.h"

// Exit statuses. `run` gives the workload's own, or RUN_FAILED.
enum { EXIT_OK, EXIT_FAILED, EXIT_USAGE, RUN_FAILED = 125 };

typedef int cmd_fn(int argc, char **argv);
cmd_fn cmd_run, cmd_create, cmd_spec, cmd_list, cmd_info, cmd_inspect,
    cmd_destroy, cmd_pause, cmd_unpause, cmd_stop, cmd_shutdown, cmd_wait,
    cmd_kill, cmd_exec, cmd_reboot, cmd_top, cmd_vcpu_list, cmd_mem_set,
    cmd_stats, cmd_dmesg, cmd_volume, cmd_events, cmd_partition, cmd_logs,
    cmd_console, cmd_images, cmd_import, cmd_rm, cmd_rmi;

// "wabe VERB: text" on stderr; returns EXIT_FAILED.
int cmd_error(const char *verb, const struct wabe_error *err);
// What is wrong with an option's value and what to say, on stderr; returns
// EXIT_USAGE. `option` is empty for a word that is none's.
int cmd_wrong(const char *verb, const char *option, const char *value,
	      const char *want);
// How to use the verb, on stderr; returns EXIT_USAGE.
int cmd_usage(const char *verb);
// A connection; false after saying why not.
bool cmd_open(const char *verb, struct wabe **w);
// Run fn for each name in argv[1...]; all are tried.
typedef int name_fn(struct wabe *w, const char *name, struct wabe_error *err);
int cmd_each(int argc, char **argv, name_fn *fn);

// figures.c: "0-3,7", or "all" of `count` processors; what the machine is.
void cmd_cpus_text(const uint64_t cpus[4], uint32_t count, char text[256]);
int host_print(struct wabe *w, struct wabe_error *err);

// How a workload ended, as a status of the shell's kind.
int cmd_end_status(const struct wabe_info *info);
// The same in words.
void cmd_end_text(const struct wabe_info *info, char text[64]);
// "64", "64M", "1G", "65536K" -> KiB; 0: not such a thing.
uint64_t cmd_memory(const char *text);
#define CMD_MEMORY "say 64M or 1G"
// "10", "0.5"; < 0: not such a thing.
double cmd_seconds(const char *text);
int cmd_signal(const char *text); // "TERM", "SIGTERM", "15"; < 0: none

// console.c: stdin and stdout to and from a console until it closes, or, if
// `keys`, until ^]. `plain`: lines end as the workload wrote them, without the
// terminal's CR. Returns true if the user left with ^].
bool console_carry(int fd, bool keys, bool plain);
bool write_all(int fd, const char *p, ssize_t n);
// No echo, no line editing. False: not a terminal. As it was again: also at
// exit(), but not at _exit().
bool terminal_raw(void);
void terminal_restore(void);

#endif
