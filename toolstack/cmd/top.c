// SPDX-License-Identifier: MIT
// wabe top: who uses the machine, as xentop shows it: over and over on a
// terminal, or so many times (-b -n).
#define _GNU_SOURCE
#include "cmd.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct top {
	bool batch;
	int rounds; // 0: until q
	double seconds;
	struct wabe_info *before;
	size_t before_count;
	double before_at;
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

// Processor time in percent of one processor since the last look.
static double share(const struct top *t, const struct wabe_info *i, double at)
{
	for (size_t j = 0; j < t->before_count; j++) {
		const struct wabe_info *b = &t->before[j];

		if (!strcmp(b->uuid, i->uuid) && b->cpu_ns <= i->cpu_ns) {
			return (double)(i->cpu_ns - b->cpu_ns) / 1e7 /
			       (at - t->before_at);
		}
	}
	return 0;
}

static void head_print(struct wabe *w, size_t count)
{
	struct wabe_host h;
	struct wabe_error err;

	if (!wabe_host(w, &h, &err)) {
		printf("wabe top - hypervisor %s, %zu micro-domains\n",
		       h.hypervisor, count);
		printf("Mem: %luk total, %luk used, %luk free    CPUs: %u @ "
		       "%luMHz\n",
		       h.memory_kib, h.memory_kib - h.free_kib, h.free_kib,
		       h.cpus, h.cpu_khz / 1000);
	}
	printf("%-24s %-8s %9s %7s %9s %5s %8s %8s %8s %8s\n", "NAME", "STATE",
	       "CPU(sec)", "CPU(%)", "MEM(k)", "VCPUS", "NETTX(k)", "NETRX(k)",
	       "VBD_RD(k)", "VBD_WR(k)");
}

static void line_print(struct wabe *w, const struct top *t,
		       const struct wabe_info *i, double at)
{
	struct wabe_stats s = {0};
	struct wabe_error err;

	wabe_stats(w, i->name, &s, &err);
	printf("%-24s %-8s %9.1f %7.1f %9lu %5u %8lu %8lu %8lu %8lu\n", i->name,
	       i->state == WABE_PAUSED ? "paused" : "running",
	       (double)i->cpu_ns / 1e9, share(t, i, at), i->memory_kib,
	       i->vcpus, s.net_tx_bytes / 1024, s.net_rx_bytes / 1024,
	       s.disk_read_bytes / 1024, s.disk_written_bytes / 1024);
}

static int round_print(struct wabe *w, struct top *t, bool show,
		       struct wabe_error *err)
{
	struct wabe_info *list = NULL;
	size_t count = 0, live = 0;
	double at = now();

	if (wabe_list(w, &list, &count, err)) {
		return -1;
	}
	for (size_t i = 0; i < count; i++) {
		live += list[i].state <= WABE_RUNNING;
	}
	if (show) {
		if (!t->batch) {
			fputs("\033[H\033[2J", stdout);
		}
		head_print(w, live);
	}
	for (size_t i = 0; show && i < count; i++) {
		if (list[i].state <= WABE_RUNNING) {
			line_print(w, t, &list[i], at);
		}
	}
	fflush(stdout);
	free(t->before);
	t->before = list;
	t->before_count = count;
	t->before_at = at;
	return 0;
}

// Until the next round; true if the user is done.
static bool nap(const struct top *t)
{
	struct pollfd p = {t->batch ? -1 : 0, POLLIN, 0};
	char key;

	return poll(&p, 1, (int)(t->seconds * 1000)) > 0 &&
	       (read(0, &key, 1) != 1 || key == 'q' || key == 3);
}

static int top(struct wabe *w, struct top *t, struct wabe_error *err)
{
	int status = round_print(w, t, false, err);

	for (int round = 0; !status && (!t->rounds || round < t->rounds);
	     round++) {
		if (nap(t)) {
			break;
		}
		status = round_print(w, t, true, err);
	}
	free(t->before);
	return status;
}

int cmd_top(int argc, char **argv)
{
	struct top t = {.seconds = 1, .batch = !isatty(1) || !isatty(0)};
	struct wabe_error err;
	struct wabe *w;
	int option, status;

	optind = 1;
	while ((option = getopt(argc, argv, "bn:d:")) != -1) {
		if (option == '?') {
			return cmd_usage(argv[0]);
		}
		t.batch |= option == 'b';
		t.rounds = option == 'n' ? atoi(optarg) : t.rounds;
		t.seconds = option == 'd' ? cmd_seconds(optarg) : t.seconds;
		if ((option == 'n' && t.rounds < 1) || t.seconds <= 0) {
			return cmd_wrong(argv[0], option == 'n' ? "-n" : "-d",
					 optarg, "say a number over 0");
		}
	}
	if (!cmd_open(argv[0], &w)) {
		return EXIT_FAILED;
	}
	if (!t.batch) {
		terminal_raw();
	}
	status = top(w, &t, &err);
	terminal_restore();
	wabe_close(w);
	return status ? cmd_error(argv[0], &err) : EXIT_OK;
}
