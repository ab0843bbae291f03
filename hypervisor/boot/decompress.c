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

// zlib's "window of 32 KiB, gzip header".
#define GZIP_WINDOW (15 + 16)

// Check types an XZ stream may name: what kernels are packed with. (The others
// of liblzma want its constructors run.)
#define XZ_CHECK_BYTE 7
#define XZ_CHECK_NONE 0
#define XZ_CHECK_CRC32 1

static const char *unpack_xz(struct bytes in, u8 *out, u64 out_bytes, u64 *got)
{
	u64 memory = PAYLOAD_UNPACKED_MAX;
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

static const struct packing packings[] = {
    // XZ: the dictionary (Debian's kernels: 32 MiB) and some tables.
    {"\xfd\x37zXZ\0", 6, 49 * MIB, unpack_xz},
    {"\x1f\x8b\x08", 3, MIB, unpack_gzip},
    {"\x28\xb5\x2f\xfd", 4, MIB, unpack_zstd},
};

const struct packing *payload_packing(struct bytes payload, u64 *out_bytes)
{
	u32 bytes;

	memcpy(&bytes, payload.data + payload.bytes - 4, sizeof(bytes));
	*out_bytes = bytes;
	for (u32 i = 0; i < ARRAY_SIZE(packings); i++) {
		const struct packing *p = &packings[i];

		if (payload.bytes > p->magic_bytes &&
		    !memcmp(payload.data, p->magic, p->magic_bytes)) {
			return p;
		}
	}
	return NULL;
}

// The libraries' SSE code wants the stack aligned as the ABI says; make sure.
__attribute__((force_align_arg_pointer)) const char *
payload_unpack(const struct packing *p, struct bytes payload, u8 *out,
	       u64 out_bytes, u64 *got)
{
	return p->unpack(payload, out, out_bytes, got);
}
