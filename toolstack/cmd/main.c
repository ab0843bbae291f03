// SPDX-License-Identifier: MIT
// wabe: micro-domains from the command line.
#define _GNU_SOURCE
#include "cmd.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct verb {
	const char *name;
	cmd_fn *run;
	const char *what; // one line
	const char *arguments;
	const char *more; // options
};

static const struct verb verbs[] = {
    {"run", cmd_run, "run an image in a micro-domain of its own",
     "[options] IMAGE [COMMAND [ARGUMENT...]]",
     "  -d              go on without it; print its name\n"
     "  -i              give it this standard input\n"
     "  -t              ... as a terminal; ^] leaves it running\n"
     "  --rm            forget it when it has exited\n"
     "  --name NAME     (made from the image's name)\n"
     "  -m MEMORY       64M, 1G; a plain number is MiB (64M)\n"
     "  -c N            vCPUs (1)\n"
     "  -e NAME=VALUE   environment; NAME alone takes it from here\n"
     "  -w FOLDER       where to start the command\n"
     "  -u USER         uid[:gid], numbers or names of the image\n"
     "  -h HOSTNAME     (its name)\n"
     "  -v VOLUME:/PATH[:ro]  mount a volume there; it is made if it is not\n"
     "                  there. VOLUME may be an image file or device, too\n"
     "  -v FILE:xvdb[:r]  an image file or device as a bare disk\n"
     "  -p HOST:GUEST   publish a TCP port\n"
     "  --restart WHEN  no, on-failure[:N], always (no)\n"
     "  --log-size S    most the log holds; then its older half goes (1M)\n"
     "  --net-rate R    bytes a second each way: 500K, 10M\n"
     "  --disk-rate R[,N]  bytes (and requests) a second, of each disk\n"
     "  --dns ADDRESS   (dom0's)\n"
     "  --entrypoint F  instead of the image's\n"
     "  --read-only     no writable layer over the root\n"
     "  --network none  no interface\n"
     "  --ip ADDRESS    one of the bridge's (the next that is free)\n"
     "  --partition P   where memory and processors come from\n"
     "  --kernel FILE --initrd FILE --cmdline WORDS\n"
     "Exit status: the command's; 128 + N if signal N ended it; 125 if wabe\n"
     "failed or the guest crashed.\n"},
    {"create", cmd_create, "make a micro-domain from a description",
     "[-p] [-c] [--name NAME] FILE.dts|FILE.dtb",
     "  -p              leave it paused\n"
     "  -c              then show its console until it ends\n"
     "  --name NAME     instead of the description's\n"},
    {"spec", cmd_spec, "print an image's description, or check a file's",
     "[run's options] IMAGE [COMMAND...] | FILE.dts|FILE.dtb", ""},
    {"list", cmd_list, "list micro-domains", "[-a] [-q] [-l]",
     "  -a              those that have exited, too\n"
     "  -q              names only\n"
     "  -l              all that is known, as JSON\n"},
    {"info", cmd_info, "show the machine; with names: those as JSON",
     "[NAME...]", ""},
    {"events", cmd_events, "print how each changes, a line of JSON each", "",
     ""},
    {"inspect", cmd_inspect, "print a micro-domain's description", "NAME", ""},
    {"destroy", cmd_destroy, "end micro-domains now", "NAME...", ""},
    {"pause", cmd_pause, "hold micro-domains still", "NAME...", ""},
    {"unpause", cmd_unpause, "let them go on", "NAME...", ""},
    {"stop", cmd_stop, "send the stop signal, then destroy",
     "[-t SECONDS] NAME...", "  -t SECONDS      how long to wait (10)\n"},
    {"shutdown", cmd_shutdown, "ask the guest's kernel to power off",
     "[-w] NAME...", "  -w              wait until it has\n"},
    {"reboot", cmd_reboot, "ask the guest's kernel to reboot; it is made anew",
     "NAME...", ""},
    {"wait", cmd_wait, "wait for the end; print the exit status", "NAME...",
     ""},
    {"kill", cmd_kill, "send the workload a signal", "[-s SIGNAL] NAME...",
     "  -s SIGNAL       TERM, SIGHUP, 9 ... (KILL)\n"},
    {"exec", cmd_exec, "run a command in a running micro-domain",
     "[options] NAME COMMAND [ARGUMENT...]",
     "  -i              give it this standard input\n"
     "  -t              on a terminal of its own\n"
     "  -e NAME=VALUE   environment, over the workload's\n"
     "  -w FOLDER       where to start it (the workload's)\n"
     "  -u USER         uid[:gid], numbers or names of the image\n"
     "Exit status: the command's; 128 + N if signal N ended it; 125 if wabe\n"
     "failed, 126 or 127 if the command cannot be started or is not there.\n"},
    {"logs", cmd_logs, "print what the console said", "[-f] NAME",
     "  -f              its last 32 KiB, and go on until it ends\n"},
    {"console", cmd_console, "use the console; ^] leaves it", "NAME", ""},
    {"top", cmd_top, "show who uses the machine; q leaves",
     "[-b] [-n ROUNDS] [-d SECONDS]",
     "  -b              print round after round, for a file\n"
     "  -n ROUNDS       then end\n"
     "  -d SECONDS      between rounds (1)\n"},
    {"vcpu-list", cmd_vcpu_list, "list vCPUs and where they run", "[NAME...]",
     ""},
    {"mem-set", cmd_mem_set, "give memory back, or take it again",
     "NAME MEMORY",
     "At most what it was made with. The guest does it, in its own time.\n"},
    {"stats", cmd_stats, "counters of each, in Prometheus' text format",
     "[NAME...]", ""},
    {"dmesg", cmd_dmesg, "the hypervisor's messages", "[-c]",
     "  -c              and forget them\n"},
    {"partition", cmd_partition, "shares of the machine",
     "[list] | create NAME -m MEMORY [-c CPUS] | resize NAME [-m MEMORY] "
     "[-c CPUS] | remove NAME",
     "  -m MEMORY       of the machine's, for its micro-domains alone\n"
     "  -c CPUS         0-1,3: the only processors they run on (all)\n"
     "Only on Wabe's hypervisor. `run --partition NAME` makes one in it.\n"},
    {"volume", cmd_volume, "make, list and remove volumes",
     "list | create NAME [SIZE] | remove NAME",
     "A volume is a file system of 1G if SIZE is not given; it takes no more\n"
     "room in dom0 than what is in it.\n"},
    {"images", cmd_images, "list images", "[-q]",
     "  -q              names only\n"},
    {"import", cmd_import, "take in an OCI image or docker archive",
     "FOLDER|FILE.tar [NAME]", ""},
    {"rm", cmd_rm, "forget exited micro-domains", "[-f] NAME...",
     "  -f              destroy those that run\n"},
    {"rmi", cmd_rmi, "remove images no micro-domain uses", "IMAGE...", ""},
};
#define VERBS (sizeof(verbs) / sizeof(verbs[0]))

static const struct verb *verb_find(const char *name)
{
	for (unsigned int i = 0; i < VERBS; i++) {
		if (!strcmp(verbs[i].name, name)) {
			return &verbs[i];
		}
	}
	return NULL;
}

static void verb_help(const struct verb *v, FILE *to)
{
	fprintf(to, "usage: wabe %s %s\n%s.\n%s", v->name, v->arguments,
		v->what, v->more);
}

static void help(FILE *to)
{
	fprintf(to, "usage: wabe VERB ...\n"
		    "One container workload alone in each micro-domain.\n");
	for (unsigned int i = 0; i < VERBS; i++) {
		fprintf(to, "  %-10s %s\n", verbs[i].name, verbs[i].what);
	}
	fprintf(to, "wabe VERB --help tells more. A NAME is a name, a domain "
		    "id, or how a uuid begins.\n");
}

int cmd_error(const char *verb, const struct wabe_error *err)
{
	fprintf(stderr, "wabe %s: %s\n", verb, err->text);
	return EXIT_FAILED;
}

int cmd_wrong(const char *verb, const char *option, const char *value,
	      const char *want)
{
	fprintf(stderr, "wabe %s: %s%s%s: %s\n", verb, option,
		*option ? " " : "", value, want);
	return EXIT_USAGE;
}

int cmd_usage(const char *verb)
{
	verb_help(verb_find(verb), stderr);
	return EXIT_USAGE;
}

bool cmd_open(const char *verb, struct wabe **w)
{
	struct wabe_error err;

	if (wabe_open(w, NULL, &err)) {
		cmd_error(verb, &err);
		return false;
	}
	return true;
}

int cmd_each(int argc, char **argv, name_fn *fn)
{
	int status = EXIT_OK;
	struct wabe *w;

	if (argc < 2) {
		return cmd_usage(argv[0]);
	}
	if (!cmd_open(argv[0], &w)) {
		return EXIT_FAILED;
	}
	for (int i = 1; i < argc; i++) {
		struct wabe_error err;

		if (fn(w, argv[i], &err)) {
			status = cmd_error(argv[0], &err);
		}
	}
	wabe_close(w);
	return status;
}

int cmd_end_status(const struct wabe_info *info)
{
	switch (info->end) {
	case WABE_END_CODE:
		return (int)info->value;
	case WABE_END_SIGNAL:
		return 128 + (int)info->value;
	case WABE_END_DOWN:
		return 0;
	case WABE_END_DESTROYED:
		return 128 + SIGKILL;
	default:
		return RUN_FAILED;
	}
}

void cmd_end_text(const struct wabe_info *info, char text[64])
{
	static const char *const words[] = {
	    [WABE_END_NONE] = "running",
	    [WABE_END_DOWN] = "powered off",
	    [WABE_END_CRASH] = "crashed",
	    [WABE_END_DESTROYED] = "destroyed",
	};

	if (info->state == WABE_PAUSED) {
		snprintf(text, 64, "paused");
	} else if (info->state == WABE_RESTARTING) {
		snprintf(text, 64, "restarting");
	} else if (info->state == WABE_RUNNING) {
		snprintf(text, 64, "running");
	} else if (info->end == WABE_END_CODE) {
		snprintf(text, 64, "exited %u", info->value);
	} else if (info->end == WABE_END_SIGNAL) {
		snprintf(text, 64, "signal %u", info->value);
	} else {
		snprintf(text, 64, "%s",
			 info->end <= WABE_END_DESTROYED ? words[info->end]
							 : "?");
	}
}

uint64_t cmd_memory(const char *text)
{
	char *end;
	uint64_t n = strtoull(text, &end, 10);

	if (end == text || n > 1ull << 40 ||
	    (*end && end[1] && end[1] != 'b' && end[1] != 'B')) {
		return 0;
	}
	switch (*end | 32) {
	case 'k':
		return n;
	case ' ': // nothing
	case 'm':
		return n << 10;
	case 'g':
		return n << 20;
	default:
		return 0;
	}
}

double cmd_seconds(const char *text)
{
	char *end;
	double n = strtod(text, &end);

	return *text && !*end && n >= 0 && n < 1e6 ? n : -1;
}

int cmd_signal(const char *text)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (*text && !*end) {
		return n > 0 && n <= 64 ? (int)n : -1;
	}
	if (!strncasecmp(text, "SIG", 3)) {
		text += 3;
	}
	for (int i = 1; i < 32; i++) {
		if (!strcasecmp(text, sigabbrev_np(i))) {
			return i;
		}
	}
	return -1;
}

int main(int argc, char **argv)
{
	const struct verb *v;

	if (argc < 2) {
		help(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") ||
	    !strcmp(argv[1], "help")) {
		help(stdout);
		return EXIT_OK;
	}
	v = verb_find(argv[1]);
	if (!v) {
		fprintf(stderr,
			"wabe: %s: no such verb (wabe --help lists "
			"them)\n",
			argv[1]);
		return EXIT_USAGE;
	}
	if (argc > 2 && !strcmp(argv[2], "--help")) {
		verb_help(v, stdout);
		return EXIT_OK;
	}
	return v->run(argc - 1, argv + 1);
}
