// SPDX-License-Identifier: MIT
// dom0's kernel: from the boot module to its place in dom0's memory.
//
// Linux's bzImage is real-mode setup code with a header in its second sector,
// then the protected-mode part, within which the packed vmlinux lies. Layout as
// Documentation/arch/x86/boot.rst tells it.
#include <wabe/dom0.h>
#include <wabe/lib.h>

#define SETUP_SECTS 0x1f1    // u8; 0 means 4
#define HEADER_MAGIC 0x202   // "HdrS"
#define HEADER_VERSION 0x206 // u16
#define PAYLOAD_OFFSET 0x248 // u32, from the protected-mode part
#define PAYLOAD_BYTES 0x24c  // u32
#define HEADER_END 0x250
#define VERSION_WITH_PAYLOAD 0x208
#define PAYLOAD_LEAST 64 // shorter than any packed kernel

static const char *bzimage_payload(struct bytes file, struct bytes *payload)
{
	u64 start = (file.data[SETUP_SECTS] ? file.data[SETUP_SECTS] : 4) + 1;
	u32 offset, bytes;
	u16 version;

	memcpy(&version, file.data + HEADER_VERSION, sizeof(version));
	memcpy(&offset, file.data + PAYLOAD_OFFSET, sizeof(offset));
	memcpy(&bytes, file.data + PAYLOAD_BYTES, sizeof(bytes));
	start = start * 512 + offset;
	if (version < VERSION_WITH_PAYLOAD) {
		return "this bzImage is too old (boot protocol below 2.08)";
	}
	if (start > file.bytes || bytes > file.bytes - start ||
	    bytes < PAYLOAD_LEAST) {
		return "the bzImage is cut short";
	}
	*payload = (struct bytes){file.data + start, bytes};
	return NULL;
}

// Unpack `payload` into scratch memory.
static struct bytes unpack(struct dom0_builder *b, struct bytes payload)
{
	u64 out_bytes, got = 0;
	const struct packing *p = payload_packing(payload, &out_bytes);
	const char *why;
	u8 *out;

	if (!p) {
		dom0_refuse(
		    "the kernel",
		    "it is packed in a format other than XZ, gzip and zstd");
	}
	if (!out_bytes || out_bytes > PAYLOAD_UNPACKED_MAX) {
		dom0_refuse("the kernel", "its unpacked size makes no sense");
	}
	out = dom0_scratch(b, out_bytes);
	shim_start(dom0_scratch(b, p->arena_bytes), p->arena_bytes);
	why = payload_unpack(p, payload, out, out_bytes, &got);
	shim_stop();
	if (why) {
		dom0_refuse("the kernel", why);
	}
	return (struct bytes){out, got};
}

void dom0_kernel_read(struct dom0_builder *b)
{
	struct bytes file = b->kernel_module;
	const char *why = NULL;

	if (file.bytes >= HEADER_END &&
	    !memcmp(file.data + HEADER_MAGIC, "HdrS", 4)) {
		why = bzimage_payload(file, &file);
		if (!why && memcmp(file.data, "\177ELF", 4)) {
			file = unpack(b, file);
		}
	}
	if (!why) {
		why = elf_read(file, &b->kernel);
	}
	if (why) {
		dom0_refuse("the kernel", why);
	}
}

void dom0_kernel_load(const struct dom0_builder *b)
{
	for (u32 i = 0; i < b->kernel.segment_count; i++) {
		const struct kernel_segment *s = &b->kernel.segments[i];

		dom0_write(b, s->paddr, s->data, s->file_bytes);
		dom0_write(b, s->paddr + s->file_bytes, NULL,
			   s->bytes - s->file_bytes);
	}
}
