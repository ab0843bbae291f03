// SPDX-License-Identifier: MIT
// The image store: a folder an image, with
//   root.erofs   its root, what all its micro-domains mount
//   config.json  how to start it, as OCI's image configuration says
//   passwd group of the image, to make numbers of names
// An import works in a folder beside, which takes its place by a rename.
#ifndef WABE_LIB_IMAGE_H
#define WABE_LIB_IMAGE_H

#include "error.h"

// Whom to tell how far an import is.
struct progress {
	wabe_progress *tell; // or NULL
	void *data;
};
static inline void progress_tell(const struct progress *p, const char *what,
				 uint64_t done, uint64_t total)
{
	if (p && p->tell) {
		p->tell(p->data, what, done, total);
	}
}

// image_digest.c: a file against "sha256:...".
int digest_check(const char *path, const char *digest, const struct progress *p,
		 struct wabe_error *err);

// Folders of the store that are no image (yet, or any more) begin so.
#define IMAGE_WORK ".import-"

const char *image_store(const char *store);
// "nginx:1.22" stands as it is; a "/" becomes "+".
int image_folder(const char *store, const char *name, char path[4096],
		 struct wabe_error *err);

// image_layer.c: unpack `count` layers, in order, into the empty folder root;
// pack a folder as erofs.
int layers_unpack(char *const *layers, size_t count, const char *root,
		  const struct progress *p, struct wabe_error *err);
int archive_unpack(const char *archive, const char *folder,
		   const struct progress *p, struct wabe_error *err);
int root_pack(const char *root, const char *erofs, struct wabe_error *err);

// user.c: "name[:group]" or numbers -> "uid:gid[,group...]" by the image's
// passwd and group files (to be freed).
int user_resolve(const char *folder, const char *user, char **out,
		 struct wabe_error *err);

#endif
