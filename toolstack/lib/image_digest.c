// SPDX-License-Identifier: MIT
// Is a file what its digest says? OpenSSL's plain functions: one hash, nothing
// of its providers.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE (1 << 20)

static int file_hash(int fd, uint64_t total, const struct progress *p,
		     unsigned char hash[SHA256_DIGEST_LENGTH])
{
	CLEANUP_FREE char *piece = malloc(PIECE);
	uint64_t done = 0;
	SHA256_CTX context;
	ssize_t n;

	SHA256_Init(&context);
	while (piece && (n = read(fd, piece, PIECE)) > 0) {
		SHA256_Update(&context, piece, (size_t)n);
		done += (uint64_t)n;
		progress_tell(p, "checking", done, total);
	}
	SHA256_Final(hash, &context);
	return done == total ? 0 : -1;
}

int digest_check(const char *path, const char *digest, const struct progress *p,
		 struct wabe_error *err)
{
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	unsigned char hash[SHA256_DIGEST_LENGTH];
	char text[2 * SHA256_DIGEST_LENGTH + 1];
	struct stat st;

	if (strncmp(digest, "sha256:", 7)) {
		return error_set(err, 0, "%s: only sha256 is known", digest);
	}
	if (fd < 0 || fstat(fd, &st)) {
		return error_set(err, errno, "%s", path);
	}
	if (!S_ISREG(st.st_mode) ||
	    file_hash(fd, (uint64_t)st.st_size, p, hash)) {
		return error_set(err, EIO, "%s", path);
	}
	for (int i = 0; i < SHA256_DIGEST_LENGTH; i++) {
		snprintf(text + 2 * i, 3, "%02x", hash[i]);
	}
	return !strcmp(text, digest + 7)
		   ? 0
		   : error_set(err, EBADMSG,
			       "%s is damaged: it is not what its digest says",
			       path);
}
