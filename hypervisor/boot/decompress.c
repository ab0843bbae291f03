// SPDX-License-Identifier: MIT
// A kernel's payload, unpacked by liblzma, zlib or libzstd. The last four bytes
// of every payload are the unpacked size: gzip has them itself, Linux appends
// them to the other formats.
#include <wabe/dom0.h>
#include <wabe/lib.h>

#define LZMA_MANUAL_HEADERS
#define _LIBC_LIMITS_H_ // the libraries want no more than the compiler's
#define Z_SOLO
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#define MIB (1ull << 20)
#define UNPACKED_MAX (512 * MIB)

// zlib's "window of 32 KiB, gzip header".
#define GZIP_WINDOW (15 + 16)

// Check types an XZ stream may name: what kernels are packed with. (The others
// of liblzma want its constructors run.)
#define XZ_CHECK_BYTE 7
#define XZ_CHECK_NONE 0
#define XZ_CHECK_CRC32 1

static const char *unpack_xz(struct bytes in, u8 *out, u64 out_bytes, u64 *got)
{
	u64 memory = UNPACKED_MAX;
	size_t in_at = 0, out_at = 0;
	u8 check = in.data[XZ_CHECK_BYTE];
	lzma_ret result;

	if (check != XZ_CHECK_NONE && check != XZ_CHECK_CRC32) {
		return "its XZ data has a checksum other than CRC32";
	}
	result = lzma_stream_buffer_decode(&memory, 0, NULL, in.data, &in_at,
					   in.bytes, out, &out_at, out_bytes);
	*got = out_at;
	if (result == LZMA_MEM_ERROR || result == LZMA_MEMLIMIT_ERROR) {
		return "its XZ dictionary is larger than 48 MiB";
	}
	return result == LZMA_OK ? NULL : "its XZ data is corrupt";
}

static const char *unpack_gzip(struct bytes in, u8 *out, u64 out_bytes,
			       u64 *got)
{
	z_stream z = {
	    .next_in = (u8 *)(uintptr_t)in.data,
	    .avail_in = (u32)in.bytes,
	    .next_out = out,
	    .avail_out = (u32)out_bytes,
	};

	if (inflateInit2(&z, GZIP_WINDOW) != Z_OK) {
		return "zlib does not start";
	}
	if (inflate(&z, Z_FINISH) != Z_STREAM_END) {
		return "its gzip data is corrupt";
	}
	*got = z.total_out;
	return NULL;
}

static const char *unpack_zstd(struct bytes in, u8 *out, u64 out_bytes,
			       u64 *got)
{
	size_t packed = ZSTD_findFrameCompressedSize(in.data, in.bytes);
	size_t result;

	if (ZSTD_isError(packed)) {
		return "its zstd data is corrupt";
	}
	result = ZSTD_decompress(out, out_bytes, in.data, packed);
	if (ZSTD_isError(result)) {
		return "its zstd data is corrupt";
	}
	*got = result;
	return NULL;
}

static const struct format {
	const char *magic;
	u32 magic_bytes;
	u64 arena_bytes;
	const char *(*unpack)(struct bytes, u8 *, u64, u64 *);
} formats[] = {
    // XZ: the dictionary (Debian's kernels: 32 MiB) and some tables.
    {"\xfd\x37zXZ\0", 6, 49 * MIB, unpack_xz},
    {"\x1f\x8b\x08", 3, MIB, unpack_gzip},
    {"\x28\xb5\x2f\xfd", 4, MIB, unpack_zstd},
};

static const struct format *format_find(struct bytes payload)
{
	for (u32 i = 0; i < ARRAY_SIZE(formats); i++) {
		if (payload.bytes > formats[i].magic_bytes &&
		    memcmp(payload.data, formats[i].magic,
			   formats[i].magic_bytes) == 0) {
			return &formats[i];
		}
	}
	return NULL;
}

u64 payload_unpacked_bytes(struct bytes payload)
{
	u32 bytes;

	memcpy(&bytes, payload.data + payload.bytes - 4, sizeof(bytes));
	return bytes > UNPACKED_MAX ? 0 : bytes;
}

u64 payload_arena_bytes(struct bytes payload)
{
	const struct format *format = format_find(payload);

	return format ? format->arena_bytes : 0;
}

// The libraries' SSE code wants the stack aligned as the ABI says; make sure.
__attribute__((force_align_arg_pointer)) const char *
payload_unpack(struct bytes payload, u8 *out, u64 out_bytes, u64 *got)
{
	const struct format *format = format_find(payload);

	if (!format) {
		return "it is packed in a format other than XZ, gzip and zstd";
	}
	return format->unpack(payload, out, out_bytes, got);
}
