// SPDX-License-Identifier: MIT
// wabe vcpu-list, mem-set, stats, dmesg, and info of the machine.
#define _GNU_SOURCE
#include "cmd.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// --- vcpu-list --------------------------------------------------------------

static bool is_set(const uint64_t cpus[4], uint32_t i)
{
	return cpus[i / 64] >> i % 64 & 1;
}

void cmd_cpus_text(const uint64_t cpus[4], uint32_t count, char text[256])
{
	size_t n = 0;
	uint32_t missing = 0, end;

	for (uint32_t i = 0; i < count && i < 256; i++) {
		missing += !is_set(cpus, i);
	}
	strcpy(text, missing ? "" : "all");
	for (uint32_t i = 0; missing && i < 256 && n < 230; i++) {
		if (!is_set(cpus, i)) {
			continue;
		}
		for (end = i; end < 255 && is_set(cpus, end + 1); end++) {
		}
		n += (size_t)sprintf(text + n, end > i ? "%s%u-%u" : "%s%u",
				     n ? "," : "", i, end);
		i = end;
	}
}

static int vcpus_print(struct wabe *w, const struct wabe_info *info,
		       uint32_t cpus, struct wabe_error *err)
{
	CLEANUP_FREE struct wabe_vcpu *list = NULL;
	size_t count = 0;

	if (wabe_vcpus(w, info->name, &list, &count, err)) {
		return -1;
	}
	for (size_t i = 0; i < count; i++) {
		const struct wabe_vcpu *v = &list[i];
		char affinity[256], cpu[16] = "-";

		cmd_cpus_text(v->affinity, cpus, affinity);
		if (v->online) {
			snprintf(cpu, sizeof(cpu), "%u", v->cpu);
		}
		printf("%-24s %5u %5u %5s   %c%c%c %9.1f  %s\n", info->name,
		       info->domid, v->number, cpu, v->running ? 'r' : '-',
		       v->blocked ? 'b' : '-', v->online ? '-' : 'p',
		       (double)v->cpu_ns / 1e9, affinity);
	}
	return 0;
}

// What the words say (an id, how a uuid begins) become names. They stay until
// the program's end.
static int names_find(struct wabe *w, int argc, char **argv,
		      struct wabe_error *err)
{
	struct wabe_info one;

	for (int i = 1; i < argc; i++) {
		if (wabe_info(w, argv[i], &one, err)) {
			return -1;
		}
		argv[i] = strdup(one.name);
	}
	return 0;
}

static bool is_named(const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], name)) {
			return true;
		}
	}
	return argc < 2;
}

static int vcpu_list(struct wabe *w, int argc, char **argv,
		     struct wabe_error *err)
{
	CLEANUP_FREE struct wabe_info *list = NULL;
	struct wabe_host host;
	size_t count = 0;

	if (names_find(w, argc, argv, err) || wabe_host(w, &host, err) ||
	    wabe_list(w, &list, &count, err)) {
		return -1;
	}
	printf("%-24s %5s %5s %5s %5s %9s  %s\n", "Name", "ID", "VCPU", "CPU",
	       "State", "Time(s)", "Affinity");
	for (size_t i = 0; i < count; i++) {
		if (list[i].state <= WABE_RUNNING &&
		    is_named(list[i].name, argc, argv) &&
		    vcpus_print(w, &list[i], host.cpus, err)) {
			return -1;
		}
	}
	return 0;
}

int cmd_vcpu_list(int argc, char **argv)
{
	struct wabe_error err;
	struct wabe *w;
	int status;

	if (!cmd_open(argv[0], &w)) {
		return EXIT_FAILED;
	}
	status = vcpu_list(w, argc, argv, &err);
	wabe_close(w);
	return status ? cmd_error(argv[0], &err) : EXIT_OK;
}

// --- mem-set ----------------------------------------------------------------

int cmd_mem_set(int argc, char **argv)
{
	uint64_t kib = argc == 3 ? cmd_memory(argv[2]) : 0;
	struct wabe_error err;
	struct wabe *w;
	int status;

	if (!kib) {
		return argc == 3 ? cmd_wrong(argv[0], "", argv[2], CMD_MEMORY)
				 : cmd_usage(argv[0]);
	}
	if (!cmd_open(argv[0], &w)) {
		return EXIT_FAILED;
	}
	status = wabe_memory(w, argv[1], kib, &err);
	wabe_close(w);
	return status ? cmd_error(argv[0], &err) : EXIT_OK;
}

// --- stats ------------------------------------------------------------------

struct sample {
	struct wabe_info info;
	struct wabe_stats stats;
};

// Metrics of Prometheus' text format. `scale`: how many of ours make one.
static const struct metric {
	const char *name, *help;
	bool counter, info; // info: of struct wabe_info
	size_t offset;
	unsigned char bytes;
	double scale;
} metrics[] = {
#define INFO(metric_name, counted, field, by, text)            \
	{                                                      \
		"wabe_" metric_name, text, counted, true,      \
		    offsetof(struct wabe_info, field),         \
		    sizeof(((struct wabe_info *)0)->field), by \
	}
#define STAT(metric_name, counted, field, text)              \
	{                                                    \
		"wabe_" metric_name, text, counted, false,   \
		    offsetof(struct wabe_stats, field), 8, 1 \
	}
    INFO("cpu_seconds_total", true, cpu_ns, 1e9, "Processor time used."),
    INFO("memory_bytes", false, memory_kib, 1. / 1024, "Memory it has."),
    INFO("vcpus", false, vcpus, 1, "vCPUs it has."),
    INFO("restarts_total", true, restarts, 1, "Times it was made again."),
    INFO("devices_lost_total", true, lost, 1,
	 "Devices shut because the guest broke their protocol."),
    STAT("disk_requests_total", true, disk_requests, "Disk requests served."),
    STAT("disk_read_bytes_total", true, disk_read_bytes, "Read from disks."),
    STAT("disk_written_bytes_total", true, disk_written_bytes,
	 "Written to disks."),
    STAT("disk_errors_total", true, disk_errors, "Disk requests that failed."),
    STAT("network_receive_bytes_total", true, net_rx_bytes,
	 "Bytes to the guest."),
    STAT("network_receive_packets_total", true, net_rx_packets,
	 "Packets to the guest."),
    STAT("network_receive_dropped_total", true, net_rx_dropped,
	 "Packets to the guest that were dropped."),
    STAT("network_transmit_bytes_total", true, net_tx_bytes,
	 "Bytes from the guest."),
    STAT("network_transmit_packets_total", true, net_tx_packets,
	 "Packets from the guest."),
    STAT("network_transmit_dropped_total", true, net_tx_dropped,
	 "Packets from the guest that were dropped."),
    STAT("console_bytes_total", true, console_bytes, "Printed by the guest."),
    STAT("console_dropped_bytes_total", true, console_dropped,
	 "Printed and lost: its reader or disk was slow."),
    STAT("store_requests_total", true, store_requests,
	 "Messages from the guest on its store's ring."),
    STAT("store_nodes", false, store_nodes, "Nodes in its store."),
    STAT("store_bytes", false, store_bytes, "Bytes in its store."),
    STAT("store_watches", false, store_watches, "Watches on its store."),
};

static double metric_value(const struct metric *m, const struct sample *s)
{
	const char *base =
	    m->info ? (const char *)&s->info : (const char *)&s->stats;
	uint64_t value = 0;

	memcpy(&value, base + m->offset, m->bytes);
	return (double)value / m->scale;
}

static void metrics_print(const struct sample *samples, size_t count)
{
	for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++) {
		const struct metric *m = &metrics[i];

		printf("# HELP %s %s\n# TYPE %s %s\n", m->name, m->help,
		       m->name, m->counter ? "counter" : "gauge");
		for (size_t j = 0; j < count; j++) {
			printf("%s{name=\"%s\",uuid=\"%s\",image=\"%s\"} "
			       "%.15g\n",
			       m->name, samples[j].info.name,
			       samples[j].info.uuid, samples[j].info.image,
			       metric_value(m, &samples[j]));
		}
	}
}

// One that ends meanwhile is left out.
static size_t samples_take(struct wabe *w, const struct wabe_info *list,
			   size_t count, int argc, char **argv,
			   struct sample *samples)
{
	struct wabe_error err;
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		samples[n].info = list[i];
		n += list[i].state <= WABE_RUNNING &&
		     is_named(list[i].name, argc, argv) &&
		     !wabe_stats(w, list[i].name, &samples[n].stats, &err);
	}
	return n;
}

int cmd_stats(int argc, char **argv)
{
	CLEANUP_FREE struct wabe_info *list = NULL;
	CLEANUP_FREE struct sample *samples = NULL;
	struct wabe_error err;
	struct wabe *w;
	size_t count = 0;
	int status;

	if (!cmd_open(argv[0], &w)) {
		return EXIT_FAILED;
	}
	status = names_find(w, argc, argv, &err) ||
		 wabe_list(w, &list, &count, &err);
	samples = calloc(count + 1, sizeof(*samples));
	if (!status && samples) {
		count = samples_take(w, list, count, argc, argv, samples);
	}
	wabe_close(w);
	if (status) {
		return cmd_error(argv[0], &err);
	}
	metrics_print(samples, count);
	return EXIT_OK;
}

// --- The machine ------------------------------------------------------------

int cmd_dmesg(int argc, char **argv)
{
	bool clear = argc > 1 && !strcmp(argv[1], "-c");
	CLEANUP_FREE char *text = NULL;
	struct wabe_error err;
	struct wabe *w;
	size_t bytes = 0;
	int status;

	if (argc > 1 + clear) {
		return cmd_usage(argv[0]);
	}
	if (!cmd_open(argv[0], &w)) {
		return EXIT_FAILED;
	}
	status = wabe_dmesg(w, clear, &text, &bytes, &err);
	wabe_close(w);
	if (status) {
		return cmd_error(argv[0], &err);
	}
	write_all(1, text, (ssize_t)bytes);
	return EXIT_OK;
}

int host_print(struct wabe *w, struct wabe_error *err)
{
	struct wabe_host h;

	if (wabe_host(w, &h, err)) {
		return -1;
	}
	printf("hypervisor      : %s\n", h.hypervisor);
	printf("capabilities    : %s\n", h.capabilities);
	printf("extension       : ");
	printf(h.extension ? "%u\n" : "none (no partitions)\n", h.extension);
	printf("cpus            : %u\n", h.cpus);
	printf("cpu_mhz         : %lu\n", h.cpu_khz / 1000);
	printf("total_memory    : %lu MiB\n", h.memory_kib / 1024);
	printf("free_memory     : %lu MiB\n", h.free_kib / 1024);
	printf("micro_domains   : %u\n", h.domains);
	printf("exited          : %u\n", h.exited);
	return 0;
}
