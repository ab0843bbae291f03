// SPDX-License-Identifier: MIT
// Linux's bzImage: real-mode setup code with a header in its second sector,
// then the protected-mode part, within which the packed vmlinux lies.
// Layout as Documentation/arch/x86/boot.rst tells it.
#include <wabe/dom0.h>
#include <wabe/lib.h>

#define SETUP_SECTS 0x1f1    // u8; 0 means 4
#define HEADER_MAGIC 0x202   // "HdrS"
#define HEADER_VERSION 0x206 // u16
#define PAYLOAD_OFFSET 0x248 // u32, from the protected-mode part
#define PAYLOAD_BYTES 0x24c  // u32
#define HEADER_END 0x250
#define VERSION_WITH_PAYLOAD 0x208

static u32 read_u32(const u8 *p)
{
	u32 v;

	memcpy(&v, p, sizeof(v));
	return v;
}

bool bzimage_is(struct bytes file)
{
	return file.bytes >= HEADER_END &&
	       memcmp(file.data + HEADER_MAGIC, "HdrS", 4) == 0;
}

const char *bzimage_payload(struct bytes file, struct bytes *payload)
{
	u32 version = read_u32(file.data + HEADER_VERSION) & 0xffff;
	u32 sectors = file.data[SETUP_SECTS];
	u64 start, bytes;

	if (version < VERSION_WITH_PAYLOAD) {
		return "this bzImage is too old (boot protocol below 2.08)";
	}
	start = (sectors ? sectors + 1 : 5) * 512ull +
		read_u32(file.data + PAYLOAD_OFFSET);
	bytes = read_u32(file.data + PAYLOAD_BYTES);
	if (start > file.bytes || bytes > file.bytes - start || bytes < 16) {
		return "the bzImage is cut short";
	}
	payload->data = file.data + start;
	payload->bytes = bytes;
	return NULL;
}
