// SPDX-License-Identifier: MIT
// Small files, whole.
#ifndef WABE_LIB_FILE_H
#define WABE_LIB_FILE_H

#include "error.h"

// Read a file of at most `max` bytes into fresh memory, with a zero behind it.
int file_read(const char *path, size_t max, char **out, size_t *bytes,
	      struct wabe_error *err);
// Write it whole or not at all (a new file takes the old one's place).
int file_write(const char *path, const void *data, size_t bytes,
	       struct wabe_error *err);
// Make a folder and those above it.
int folder_make(const char *path, struct wabe_error *err);
// Remove a folder with all in it, or a file. A missing one is fine.
int tree_remove(const char *path, struct wabe_error *err);

#endif
