// SPDX-License-Identifier: MIT
// wabe list, info, inspect.
#define _GNU_SOURCE
#include "cmd.h"

#include <json.h>
#include <stdlib.h>
#include <string.h>

static void text_add(json_object *o, const char *name, const char *value)
{
	if (*value) {
		json_object_object_add(o, name, json_object_new_string(value));
	}
}

static void number_add(json_object *o, const char *name, uint64_t value)
{
	json_object_object_add(o, name, json_object_new_uint64(value));
}

static json_object *info_json(const struct wabe_info *i)
{
	static const char *const states[] = {"paused", "running", "exited",
					     "restarting"};
	static const char *const ends[] = {"",	   "code",  "signal",
					   "down", "crash", "destroyed"};
	json_object *o = json_object_new_object();

	text_add(o, "name", i->name);
	text_add(o, "uuid", i->uuid);
	text_add(o, "image", i->image);
	text_add(o, "ip", i->ip);
	text_add(o, "state", states[i->state & 3]);
	if (i->state <= WABE_RUNNING) {
		number_add(o, "domid", i->domid);
	} else {
		text_add(o, "end",
			 ends[i->end <= WABE_END_DESTROYED ? i->end : 0]);
		number_add(o, "value", i->value);
		number_add(o, "status", (uint64_t)cmd_end_status(i));
	}
	number_add(o, "vcpus", i->vcpus);
	number_add(o, "memory_kib", i->memory_kib);
	number_add(o, "cpu_ns", i->cpu_ns);
	number_add(o, "lost_devices", i->lost);
	number_add(o, "restarts", i->restarts);
	number_add(o, "created", (uint64_t)i->created);
	return o;
}

static void json_print(json_object *o)
{
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY |
						   JSON_C_TO_STRING_SPACED));
	json_object_put(o);
}

static void line_print(const struct wabe_info *i)
{
	char state[64], domid[16] = "-";

	cmd_end_text(i, state);
	if (i->state <= WABE_RUNNING) {
		snprintf(domid, sizeof(domid), "%u", i->domid);
	}
	printf("%-24s %5s %6lu %5u  %-12s %-15s %8.1f  %s\n", i->name, domid,
	       i->memory_kib / 1024, i->vcpus, state, *i->ip ? i->ip : "-",
	       (double)i->cpu_ns / 1e9, i->image);
}

int cmd_list(int argc, char **argv)
{
	bool all = false, quiet = false, json = false;
	CLEANUP_FREE struct wabe_info *list = NULL;
	struct wabe_error err;
	json_object *array;
	size_t count = 0;
	struct wabe *w;
	int option, status;

	optind = 1;
	while ((option = getopt(argc, argv, "aql")) != -1) {
		all |= option == 'a';
		quiet |= option == 'q';
		json |= option == 'l';
		if (option == '?') {
			return cmd_usage(argv[0]);
		}
	}
	if (optind < argc) {
		return cmd_usage(argv[0]);
	}
	if (!cmd_open(argv[0], &w)) {
		return EXIT_FAILED;
	}
	status = wabe_list(w, &list, &count, &err);
	wabe_close(w);
	if (status) {
		return cmd_error(argv[0], &err);
	}
	if (!quiet && !json) {
		printf("%-24s %5s %6s %5s  %-12s %-15s %8s  %s\n", "Name", "ID",
		       "Mem", "VCPUs", "State", "Address", "Time(s)", "Image");
	}
	array = json_object_new_array();
	for (size_t i = 0; i < count; i++) {
		if (!all && !json && list[i].state == WABE_EXITED) {
			continue;
		}
		if (json) {
			json_object_array_add(array, info_json(&list[i]));
		} else if (quiet) {
			puts(list[i].name);
		} else {
			line_print(&list[i]);
		}
	}
	if (json) {
		json_print(json_object_get(array));
	}
	json_object_put(array);
	return EXIT_OK;
}

static int info_one(struct wabe *w, const char *name, struct wabe_error *err)
{
	struct wabe_info info;

	if (wabe_info(w, name, &info, err)) {
		return -1;
	}
	json_print(info_json(&info));
	return 0;
}

int cmd_info(int argc, char **argv)
{
	struct wabe_error err;
	struct wabe *w;
	int status;

	if (argc == 1) {
		if (!cmd_open(argv[0], &w)) {
			return EXIT_FAILED;
		}
		status = host_print(w, &err);
		wabe_close(w);
		return status ? cmd_error(argv[0], &err) : EXIT_OK;
	}
	return cmd_each(argc, argv, info_one);
}

static int inspect_one(struct wabe *w, const char *name, struct wabe_error *err)
{
	struct wabe_spec *spec = NULL;

	if (wabe_inspect(w, name, &spec, err)) {
		return -1;
	}
	wabe_spec_print(spec, stdout);
	wabe_spec_free(spec);
	return 0;
}

int cmd_inspect(int argc, char **argv)
{
	return cmd_each(argc, argv, inspect_one);
}

// A line of JSON an event, until the creator ends.
int cmd_events(int argc, char **argv)
{
	struct wabe_info info;
	struct wabe_error err;
	struct wabe *w;
	int status;

	if (argc > 1) {
		return cmd_usage(argv[0]);
	}
	if (!cmd_open(argv[0], &w)) {
		return EXIT_FAILED;
	}
	status = wabe_events(w, &err);
	while (!status && !(status = wabe_event(w, &info, &err))) {
		json_object *o = info_json(&info);

		puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
		fflush(stdout);
		json_object_put(o);
	}
	wabe_close(w);
	return cmd_error(argv[0], &err);
}
