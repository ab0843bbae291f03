// SPDX-License-Identifier: MIT
// wabe images, import, rmi.
#define _GNU_SOURCE
#include "cmd.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

int cmd_images(int argc, char **argv)
{
	bool quiet = argc > 1 && !strcmp(argv[1], "-q");
	CLEANUP_FREE struct wabe_image *list = NULL;
	struct wabe_error err;
	size_t count = 0;

	if (argc > 1 + quiet) {
		return cmd_usage(argv[0]);
	}
	if (wabe_image_list(NULL, &list, &count, &err)) {
		return cmd_error(argv[0], &err);
	}
	if (!quiet) {
		printf("%-40s %9s  %s\n", "Image", "MiB", "Imported");
	}
	for (size_t i = 0; i < count; i++) {
		char when[32];
		time_t t = list[i].created;
		struct tm tm;

		strftime(when, sizeof(when), "%F %T", localtime_r(&t, &tm));
		if (quiet) {
			puts(list[i].name);
		} else {
			printf("%-40s %9.1f  %s\n", list[i].name,
			       (double)list[i].bytes / (1 << 20), when);
		}
	}
	return EXIT_OK;
}

// One line, over and over, on a terminal.
static void progress_show(void *data, const char *what, uint64_t done,
			  uint64_t total)
{
	if (total) {
		fprintf(stderr, "\r\033[K%s %s: %lu of %lu MiB",
			(const char *)data, what, done >> 20, total >> 20);
	} else {
		fprintf(stderr, "\r\033[K%s %s", (const char *)data, what);
	}
}

int cmd_import(int argc, char **argv)
{
	struct wabe_image image;
	struct wabe_error err;
	bool show = isatty(2);
	int status;

	if (argc < 2 || argc > 3) {
		return cmd_usage(argv[0]);
	}
	status = wabe_image_import(NULL, argv[1], argc > 2 ? argv[2] : NULL,
				   show ? progress_show : NULL, argv[1], &image,
				   &err);
	if (show) {
		fputs("\r\033[K", stderr);
	}
	if (status) {
		return cmd_error(argv[0], &err);
	}
	printf("%s\n", image.name);
	return EXIT_OK;
}

// The micro-domain that uses an image, or NULL.
static const struct wabe_info *user_of(const struct wabe_info *list,
				       size_t count, const char *image)
{
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(list[i].image, image)) {
			return &list[i];
		}
	}
	return NULL;
}

static int remove_one(struct wabe *w, const char *name, struct wabe_error *err)
{
	CLEANUP_FREE struct wabe_info *list = NULL;
	const struct wabe_info *user;
	size_t count = 0;

	if (wabe_list(w, &list, &count, err)) {
		return -1;
	}
	user = user_of(list, count, name);
	if (user) {
		return error_set(err, 0, "%s is used by %s (wabe rm -f %s)",
				 name, user->name, user->name);
	}
	return wabe_image_remove(NULL, name, err);
}

int cmd_rmi(int argc, char **argv)
{
	return cmd_each(argc, argv, remove_one);
}
